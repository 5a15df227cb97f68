//! A provider's figures.

use super::core::{Core, Host};
use super::gate::Gate;
use super::lane::Lane;
use super::tenants;
use crate::state::Phase;
use crate::stats::{
    LaneSnapshot, LimiterSnapshot, ProviderSnapshot, QueueSnapshot, RecordSnapshot, WorkerSnapshot,
};

impl Core {
    /// All figures of the provider; the ledger is coherent (S12), the levels are those of the moment.
    pub(super) fn snapshot(&self) -> ProviderSnapshot {
        let host = self.host();
        let ledger = host.stats.ledger();
        let uptime = host.clock.now().saturating_duration_since(host.born_at);
        ProviderSnapshot {
            name: host.name.to_string(),
            state: host.life.state().name().to_owned(),
            uptime_seconds: uptime.as_secs_f64(),
            workers: workers(&host.lanes[0]),
            blocking_workers: workers(&host.lanes[1]),
            queue: self.queue(),
            lanes: lanes(host),
            tenants: host.tenants.snapshot(),
            limiter: host.gate.as_ref().map(Gate::snapshot),
            breaker: host.circuit_snapshot(),
            keys: host.keys(),
            records: RecordSnapshot { capacity: self.capacity() as u64, free: self.free() as u64 },
            ledger,
            wait: host.stats.wait(),
            run: host.stats.run(),
        }
    }

    fn queue(&self) -> QueueSnapshot {
        let served = || self.host().lanes.iter().filter(|lane| lane.is_served());
        let slots = served().map(|lane| lane.queue.len() as u64).sum::<u64>();
        let live = self.tickets(|phase| phase == Phase::Queued).len() as u64;
        let depth = live.min(slots);
        QueueSnapshot {
            depth,
            capacity: served().map(|lane| lane.queue.capacity() as u64).sum(),
            dead_slots: slots - depth,
        }
    }
}

/// The lanes, of async and of blocking jobs together.
fn lanes(host: &Host) -> Vec<LaneSnapshot> {
    let served = || host.lanes.iter().filter(|lane| lane.is_served()).map(|lane| &lane.queue);
    let lane = |(id, (name, weight))| LaneSnapshot {
        name,
        weight,
        slots: served().map(|queue| queue.len_of(id) as u64).sum(),
        capacity: served().map(|queue| queue.capacity_of(id) as u64).sum(),
    };
    let named = tenants::lane_names(&host.config).zip(tenants::weights(&host.config));
    host.lanes[0].queue.lanes().zip(named).map(lane).collect()
}

impl Gate {
    fn snapshot(&self) -> LimiterSnapshot {
        let (limit, in_flight) = self.figures();
        LimiterSnapshot { limit: limit.into(), in_flight: in_flight.into() }
    }
}

fn workers(lane: &Lane) -> WorkerSnapshot {
    WorkerSnapshot {
        configured_min: lane.range.min as u64,
        configured_max: lane.range.max as u64,
        spawned: lane.spawned(),
        busy: lane.busy(),
        idle: lane.queue.consumers().idle() as u64,
        zombie: lane.zombies(),
    }
}

//! Which lane a job waits in, and how many jobs a tenant may have.
//!
//! A job counts against its tenant's limit from the door until it has ended: until its outcome is decided, or,
//! if that happens while a worker holds it, until the worker has let it go. Exactly one of the two counts it
//! out: whoever decides a job that nobody else runs, else the worker that lost it. A submission that waits for
//! space does not count; one that is being tried at the door does, until it is let in or not.

use super::job::Options;
use super::rejected::Refusal;
use crate::code::Code;
use crate::config::{ProviderConfig, TenantConfig};
use crate::queue::{LaneId, LaneSpec};
use crate::stats::TenantSnapshot;
use crate::sync::CachePadded;
use crate::sync::atomic::{AtomicU64, Ordering};
use std::collections::HashMap;

/// The lanes of the priorities, each with its turns while all three have jobs (S21).
const PRIORITIES: [(&str, u64); 3] = [("high", 8), ("normal", 4), ("low", 1)];

/// The lanes of the priorities that a provider's queues have. Where no job waits (S16) there is one for all.
fn priorities(config: &ProviderConfig) -> &'static [(&'static str, u64)] {
    if config.queue_capacity == 0 {
        &PRIORITIES[LaneId::NORMAL.index()..][..1]
    } else {
        &PRIORITIES
    }
}

/// The lanes of a provider's queues.
pub(super) fn lanes(config: &ProviderConfig) -> Vec<LaneSpec> {
    let lane = |(capacity, weight)| LaneSpec { capacity, weight: weight as u32 };
    config.lane_capacities().into_iter().zip(weights(config)).map(lane).collect()
}

/// The weights of the lanes, in their order.
pub(super) fn weights(config: &ProviderConfig) -> impl Iterator<Item = u64> {
    let own = config.tenants.iter().filter_map(|tenant| tenant.weight);
    priorities(config).iter().map(|(_, weight)| *weight).chain(own.map(|weight| weight as u64))
}

/// The names of the lanes, in their order.
pub(super) fn lane_names(config: &ProviderConfig) -> impl Iterator<Item = String> {
    let own = config.tenants.iter().filter(|tenant| tenant.weight.is_some());
    let own = own.map(|tenant| format!("tenant:{}", tenant.name));
    priorities(config).iter().map(|(name, _)| (*name).to_owned()).chain(own)
}

/// The option that a lane's capacity comes from.
pub(super) fn capacity_name(lane: LaneId) -> &'static str {
    match lane {
        LaneId::HIGH => "queue_capacity_high",
        LaneId::NORMAL => "queue_capacity",
        LaneId::LOW => "queue_capacity_low",
        _ => "tenants.queue_capacity",
    }
}

/// The tenants of a provider's settings.
#[derive(Debug)]
pub(super) struct Tenants {
    /// Whether a job's lane depends on its priority and its tenant.
    has_lanes: bool,
    by_name: HashMap<String, Tenant>,
    limits: Box<[Limit]>,
}

#[derive(Clone, Copy, Debug)]
struct Tenant {
    lane: Option<LaneId>,
    /// The place of its limit.
    number: Option<u32>,
}

#[derive(Debug)]
struct Limit {
    name: String,
    most: u64,
    in_flight: CachePadded<AtomicU64>,
}

/// A job that counts against its tenant's limit. Dropped, it does no longer.
#[must_use]
#[derive(Debug)]
pub(super) struct Seat<'a> {
    tenants: &'a Tenants,
    number: Option<u32>,
}

impl Seat<'_> {
    /// Leaves it to the job's record to remember the limit.
    pub(super) fn keep(mut self) -> Option<u32> {
        self.number.take()
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.tenants.leave(self.number);
    }
}

impl Tenants {
    pub(super) fn new(config: &ProviderConfig) -> Self {
        let mut limits = Vec::new();
        let mut lanes = (0..).map_while(LaneId::own);
        let tenant = |tenant: &TenantConfig| {
            let lane = tenant.weight.and_then(|_| lanes.next());
            let number = tenant.max_in_flight.map(|most| {
                let in_flight = CachePadded::new(AtomicU64::new(0));
                let name = tenant.name.clone();
                limits.push(Limit { name, most: most as u64, in_flight });
                limits.len() as u32 - 1
            });
            (tenant.name.clone(), Tenant { lane, number })
        };
        let by_name = config.tenants.iter().map(tenant).collect();
        let has_lanes = config.queue_capacity > 0;
        Self { has_lanes, by_name, limits: limits.into() }
    }

    fn tenant(&self, options: &Options) -> Option<&Tenant> {
        let meta = options.meta.as_ref()?;
        self.by_name.get(&**meta.tenant.as_ref()?)
    }

    /// The lane of a job with these options.
    pub(super) fn lane_of(&self, options: &Options) -> LaneId {
        let Some(meta) = options.meta.as_ref().filter(|_| self.has_lanes) else {
            return LaneId::NORMAL;
        };
        match (self.tenant(options).and_then(|tenant| tenant.lane), meta.priority) {
            (Some(own), _) => own,
            (None, 1..) => LaneId::HIGH,
            (None, 0) => LaneId::NORMAL,
            (None, _) => LaneId::LOW,
        }
    }

    /// Counts a job in, unless its tenant has as many as it may.
    pub(super) fn enter(&self, options: &Options) -> Result<Seat<'_>, Refusal> {
        let number = self.tenant(options).and_then(|tenant| tenant.number);
        if let Some(Limit { most, in_flight, .. }) = self.limit(number) {
            let one_more = |jobs| (jobs < *most).then_some(jobs + 1);
            // ORDERING: Relaxed, both: a count that is its own bound.
            let entered = in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
            let refused = |_| Refusal::new(Code::LimitReached, "tenants.max_in_flight", *most);
            entered.map_err(refused)?;
        }
        Ok(Seat { tenants: self, number })
    }

    /// Counts a job out that counted against the limit of this number.
    pub(super) fn leave(&self, number: Option<u32>) {
        if let Some(limit) = self.limit(number) {
            // ORDERING: Relaxed: a count; whoever learns of the outcome learns of what came before it, and an
            // exchange reads the latest value.
            limit.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn limit(&self, number: Option<u32>) -> Option<&Limit> {
        self.limits.get(number? as usize)
    }

    /// The tenants that have a limit, in the order of the settings.
    pub(super) fn snapshot(&self) -> Vec<TenantSnapshot> {
        let limit = |limit: &Limit| TenantSnapshot {
            name: limit.name.clone(),
            // ORDERING: Relaxed: a figure.
            in_flight: limit.in_flight.load(Ordering::Relaxed),
            max_in_flight: limit.most,
        };
        self.limits.iter().map(limit).collect()
    }
}

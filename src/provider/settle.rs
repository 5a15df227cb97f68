//! The one place that counts and publishes an outcome, and the tick that ends jobs whose time is over.
//!
//! The tick of a provider sleeps until the earliest limit, or one period, whichever comes first, and not
//! at all while no job is in flight.

use super::core::{Core, Host, Jobs};
use super::job::Kind;
use super::worker;
use crate::exec::Ticked;
use crate::state::{Decided, LifeState, Phase, Ticket, Verdict};
use crate::stats::Count;
use crate::sync::atomic::Ordering;
use crate::time::{Deadline, Instant};
use std::time::Duration;

/// Outcomes that one tick gives at most; what is left comes with the next, at once.
const MOST_A_TICK: usize = 1024;
/// How close two ticks for short limits may follow each other.
const SHORTEST: Duration = Duration::from_millis(1);

impl Jobs {
    /// Counts and publishes the outcome that the caller decided, and wakes whoever has to know.
    pub(super) fn settle(&self, decided: Decided<'_, super::JobContext, Host>) {
        let host = self.host();
        let now = host.clock.now();
        let (started, limit) = (decided.phase() == Phase::Running, decided.exec_limit());
        let bereaved = decided.bereaved();
        let recorder = host.stats.recorder();
        if started && let Some(started_at) = decided.stamps(now).started_at {
            let run = now.saturating_duration_since(started_at);
            recorder.record_run(nanos(run));
            host.record_call(&decided, recorder, (run, limit), now);
        }
        if decided.phase() == Phase::Delayed {
            recorder.add(Count::DelayedReturned, 1);
            host.notify_circuit();
        }
        if let Some(runner) = bereaved {
            recorder.add(Count::Zombies, 1);
            let lane = host.lane_of(runner).0;
            lane.set_zombie(true);
            // An async worker that is not stuck drops the job at its next poll: the tick judges those.
            if lane.kind == Kind::Blocking {
                host.judge();
                host.staff();
            }
        }
        if let Some(outcome) = Count::outcome(decided.verdict().code()) {
            recorder.end(outcome, started);
        }
        if bereaved.is_none() {
            host.tenants.leave(decided.tenant());
        }
        self.count_panics(decided.publish(now));
        if let Some(runner) = bereaved {
            let (lane, number) = host.lane_of(runner);
            lane.queue.consumers().wake(number);
        }
        if !started {
            self.offer_dead_slots();
        }
        host.notify_drained();
    }

    /// Decides the job of `ticket` if it has no outcome yet; whether this call did.
    pub(super) fn end(
        &self,
        ticket: Ticket,
        verdict: Verdict,
        may: impl Fn(Phase) -> bool,
    ) -> bool {
        match self.decide(ticket, verdict, may) {
            Some(decided) => {
                self.settle(decided);
                true
            }
            None => false,
        }
    }

    /// Takes dead jobs off the heads of the queues; how many.
    pub(super) fn reap(&self) -> usize {
        let mut reaped = 0;
        for lane in self.host().lanes.iter().filter(|lane| lane.is_served()) {
            while let Some(index) = lane.queue.reap(|index| self.is_dead(index)) {
                self.count_panics(self.bury(index));
                reaped += 1;
            }
        }
        reaped
    }

    /// Counts panics that were caught in a job's drops.
    pub(super) fn count_panics(&self, panics: u32) {
        if panics > 0 {
            let provider = &*self.host().name;
            tracing::warn!(provider, panics, "a drop, a waker or a callback panicked");
            self.host().stats.add(Count::PanicsCaught, u64::from(panics));
        }
    }

    /// Makes sure that a tick comes when `deadline` passes, or within a period. A submitter has passed the
    /// fence of its push since the job was queued.
    pub(super) fn watch(&self, deadline: Deadline, now: Instant) {
        let host = self.host();
        let due = deadline.min(Deadline::after(now, host.period));
        if host.next_tick.lower(due) {
            host.ticker.request(due);
        }
    }
}

impl Ticked for Core {
    fn tick(&self, now: Instant) -> Deadline {
        let host = self.host();
        if !host.next_tick.take(now) {
            return host.next_tick.get();
        }
        host.judge();
        host.staff();
        host.fold_circuit(now);
        let mut ended = 0;
        let scan = self.scan(now, MOST_A_TICK, |decided| {
            ended += 1;
            self.settle(decided);
        });
        let zombies: u64 = host.lanes.iter().map(super::lane::Lane::zombies).sum();
        let dead = (scan.unburied as u64).saturating_sub(self.reap() as u64 + zombies);
        host.overload.look(now, dead, || host.stats.run());
        let scaling = host.scale(now);
        if scan.live == 0 && scan.unburied == 0 && ended == 0 {
            host.next_tick.lower(scaling);
            return scaling;
        }
        let earliest = if ended == MOST_A_TICK { SHORTEST.min(host.period) } else { host.period };
        let soonest = Deadline::after(now, SHORTEST);
        let next = if scan.next < soonest { soonest } else { scan.next };
        let next = next.min(Deadline::after(now, earliest));
        host.next_tick.lower(next);
        next
    }
}

impl Host {
    /// Draining, whoever waits for the end looks again.
    pub(super) fn notify_drained(&self) {
        if self.life.state().is_ending() {
            self.drained.notify(usize::MAX);
        }
    }

    /// Starts a spare for a zombie if jobs wait for one: nobody may come to submit another.
    fn staff(&self) {
        let lane = self.lane(Kind::Blocking);
        if lane.zombies() > 0
            && !lane.queue.is_empty()
            && let Some(core) = self.own.upgrade()
        {
            // Without a thread the jobs wait for those that there are.
            let _no_thread = worker::hire(&core, lane);
        }
    }

    /// Enters `Degraded` or `Ready` as health and zombies say. Of two that judge at once, the later one to
    /// change the state looks again, so that a verdict on an old count does not stay.
    pub(super) fn judge(&self) {
        loop {
            // ORDERING: Relaxed: a flag of its own.
            let healthy = self.healthy.load(Ordering::Relaxed);
            let well = healthy && !self.lanes.iter().any(super::lane::Lane::is_crippled);
            let next = match (self.life.state(), well) {
                (LifeState::Ready, false) => LifeState::Degraded,
                (LifeState::Degraded, true) => LifeState::Ready,
                _ => return,
            };
            if self.life.change(next).is_none() {
                return;
            }
            self.tell_of(next);
        }
    }
}

/// A duration in the nanoseconds of the statistics.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

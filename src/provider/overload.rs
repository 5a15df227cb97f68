//! What a provider does about more jobs than it can serve (S19): an estimate at its door, and CoDel at the heads
//! of its lanes.
//!
//! There is one estimate a provider: its service time is the median of all that ran of late, on workers of
//! either kind. Each lane of a queue has a CoDel of its own, for lanes wait differently by right: what a low
//! lane's jobs wait while the others are served says nothing of those.
//!
//! A submission that stands in line for space (`Block`) is not asked for its chances again when it is moved in:
//! it was asked when it came, and has no better place to go than the one that it waited for.

use super::batch::Arrivals;
use super::core::Host;
use super::job::{Kind, Options};
use super::rejected::Refusal;
use super::tenants;
use crate::code::Code;
use crate::config::ProviderConfig;
use crate::queue::LaneId;
use crate::state::{Chances, Codel, Estimate, Forecast, Sojourn};
use crate::stats::HistogramSnapshot;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::time::{Deadline, Instant};
use std::time::Duration;

/// How often the run times are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Half of the time that is looked back at.
const HALF: Duration = Duration::from_secs(5);

/// What one provider keeps for it.
#[derive(Debug)]
pub(super) struct Overload {
    estimate: Option<Estimate>,
    /// Of each kind of workers, one a lane; none where they are switched off.
    codels: [Box<[Codel]>; 2],
    /// Jobs that were dead in the queues at the last tick.
    dead: AtomicU64,
    past: Mutex<Past>,
}

impl Overload {
    pub(super) fn new(config: &ProviderConfig) -> Self {
        let limit = config.queue_timeout;
        let lanes = if config.overload.codel { tenants::lanes(config).len() } else { 0 };
        let codels = || (0..lanes).map(|_| Codel::new(limit)).collect();
        Self {
            estimate: config.overload.estimate.then(|| Estimate::new(limit)),
            codels: [codels(), codels()],
            dead: AtomicU64::new(0),
            past: Mutex::new(Past::default()),
        }
    }

    /// A worker took a live job that had `waited` from a lane, which holds no other if `is_last` says so.
    #[inline]
    pub(super) fn on_pop(
        &self,
        (kind, lane): (Kind, LaneId),
        waited: Duration,
        now: Instant,
        is_last: impl FnOnce() -> bool,
    ) -> Sojourn {
        match self.codels[kind as usize].get(lane.index()) {
            Some(codel) => codel.on_pop(waited, now, waited > codel.target() && is_last()),
            None => Sojourn::Keep,
        }
    }

    /// The tick found this many dead jobs in the queues. Now and then it looks at how long jobs ran.
    pub(super) fn look(&self, now: Instant, dead: u64, runs: impl FnOnce() -> HistogramSnapshot) {
        let Some(estimate) = &self.estimate else { return };
        // ORDERING: Relaxed: a figure.
        self.dead.store(dead, Ordering::Relaxed);
        let mut past = self.past.lock();
        if now >= past.look_at {
            past.look_at = now + LOOK;
            estimate.tell(past.median(now, runs()), now);
        }
    }
}

/// What had run by two instants of the past, so that what ran since the older one is what ran of late.
#[derive(Debug, Default)]
struct Past {
    look_at: Instant,
    older: HistogramSnapshot,
    newer: HistogramSnapshot,
    newer_at: Instant,
}

impl Past {
    /// The median of what ran in the last five to ten seconds.
    fn median(&mut self, now: Instant, runs: HistogramSnapshot) -> Option<Duration> {
        let age = now.saturating_duration_since(self.newer_at);
        if age > 2 * HALF {
            // Nothing was in flight meanwhile: what ran before is not of late, and since then nothing has.
            (self.older, self.newer, self.newer_at) = (runs.clone(), runs, now);
            return None;
        }
        let recent = runs.since(&self.older);
        if age >= HALF {
            self.older = std::mem::replace(&mut self.newer, runs);
            self.newer_at = now;
        }
        (recent.count() > 0).then(|| Duration::from_nanos(recent.p50()))
    }
}

impl Host {
    /// Refuses a job that could not start in time, for all that is known.
    pub(super) fn check_chances(
        &self,
        (kind, id): (Kind, LaneId),
        options: &Options,
        arrivals: &mut Arrivals<'_>,
    ) -> Result<(), Refusal> {
        let Some(estimate) = &self.overload.estimate else { return Ok(()) };
        let (now, lane) = (arrivals.now(), self.lane(kind));
        let patience = options.queue_timeout.unwrap_or(self.config.queue_timeout);
        let after = |limit| Deadline::after(now, limit);
        // Where jobs are short even a full lane is no reason to look at who is in it.
        let full = Chances {
            depth: lane.queue.capacity_of(id) as u64,
            workers: lane.able(),
            is_one_idle: false,
            queue_deadline: after(patience),
            deadline: options.deadline.map_or(Deadline::NEVER, after),
        };
        let is_cancelled = || options.token.as_ref().is_some_and(|token| token.is_cancelled());
        if estimate.fits(&full, now) || is_cancelled() {
            return Ok(());
        }
        // ORDERING: Relaxed: a figure.
        let dead = self.overload.dead.load(Ordering::Relaxed);
        let depth = (lane.queue.len_of(id) as u64).saturating_sub(dead);
        let chances = Chances { depth, is_one_idle: lane.is_one_idle(), ..full };
        let Forecast::Unmeetable { wait, left } = estimate.forecast(&chances, now) else {
            return Ok(());
        };
        let (limit, value) = match options.deadline {
            Some(deadline) if left < patience => ("deadline_ms", deadline),
            _ => ("queue_timeout_ms", patience),
        };
        let value = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
        let retry_after = wait.checked_sub(left).filter(|later| !later.is_zero());
        Err(Refusal { retry_after, ..Refusal::new(Code::DeadlineUnmeetable, limit, value) })
    }
}

#[cfg(test)]
mod tests {
    use super::Past;
    use crate::stats::Histogram;
    use crate::time::Instant;
    use std::time::Duration;

    /// What the tick is told each second while jobs of these lengths, in seconds, end in it.
    fn medians(start: u64, lengths: &[u64], past: &mut Past, runs: &Histogram) -> Vec<u64> {
        let tell = |(second, length): (u64, &u64)| {
            if *length > 0 {
                runs.record(length * 1_000_000_000);
            }
            let now = Instant::ZERO + Duration::from_secs(second);
            past.median(now, runs.snapshot()).map_or(0, |median| median.as_secs())
        };
        (start..).zip(lengths).map(tell).collect()
    }

    #[test]
    fn the_median_is_of_the_last_five_to_ten_seconds() {
        let (mut past, runs) = (Past::default(), Histogram::new());
        runs.record(u64::MAX);
        let first = medians(1, &[1; 9], &mut past, &runs);
        assert!(first[1..].iter().all(|&median| median == 1), "{first:?}");
        let then = medians(10, &[16; 12], &mut past, &runs);
        assert!(then[0] < 2 && then[10] >= 16, "{then:?}");
        assert!(then.is_sorted(), "{then:?}");
        assert_eq!(medians(22, &[0; 11], &mut past, &runs)[10], 0, "nothing has run of late");
    }

    #[test]
    fn what_ran_before_a_pause_is_not_of_late() {
        let (mut past, runs) = (Past::default(), Histogram::new());
        medians(1, &[8; 12], &mut past, &runs);
        let after = medians(1_000, &[1; 7], &mut past, &runs);
        assert_eq!(after, [0, 1, 1, 1, 1, 1, 1]);
    }
}

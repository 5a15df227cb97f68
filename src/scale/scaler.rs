//! When there should be more workers, or fewer.
//!
//! | figures | decision |
//! |---|---|
//! | every worker busy, jobs wait | grow by as many as wait |
//! | above the high mark, or responses are slow, and jobs wait or no worker is idle | grow by one in ten |
//! | below the low mark at every look for `idle_timeout` | shrink to what half the load leaves idle |
//!
//! Growing for jobs that wait is at once; for the high mark it is at most once in `hysteresis`, since new
//! workers need a moment to show. Shrinking is never sooner than `hysteresis` after the last change.

use crate::config::ScalingConfig;
use crate::time::Instant;
use std::time::Duration;

/// A provider's figures at one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Workers that have a job.
    pub busy: u32,
    /// Workers that there are, without zombies.
    pub spawned: u32,
    /// The fewest that there may be.
    pub min: u32,
    /// The most that there may be.
    pub max: u32,
    /// Jobs that wait.
    pub waiting: u32,
    /// Whether responses have become slow.
    pub is_slow: bool,
}

impl Load {
    /// Workers that may go when the load has been low for long.
    fn surplus(&self) -> u32 {
        // Half of what is left is busy: well between the two marks.
        self.spawned.saturating_sub(self.min.max(self.busy.saturating_mul(2)))
    }
}

/// What to do about the number of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Scale {
    /// Start this many.
    Grow(u32),
    /// Let this many idle ones go.
    Shrink(u32),
    /// Leave it.
    Hold,
}

/// Decides for one lane of one provider, look by look.
#[derive(Clone, Copy, Debug)]
pub struct Scaler {
    config: ScalingConfig,
    /// Since when the load has been low.
    low_since: Option<Instant>,
    changed: Option<Instant>,
}

impl Scaler {
    /// One that has not looked yet.
    pub fn new(config: ScalingConfig) -> Self {
        Self { config, low_since: None, changed: None }
    }

    /// What to do now. Whoever asks does it, or looks again.
    pub fn decide(&mut self, load: &Load, now: Instant) -> Scale {
        let decision = self.decided(load, now);
        if decision != Scale::Hold {
            (self.changed, self.low_since) = (Some(now), None);
        }
        decision
    }

    fn decided(&mut self, load: &Load, now: Instant) -> Scale {
        let Load { busy, spawned, min, max, waiting, is_slow } = *load;
        // The bounds come first: they may have changed.
        if spawned < min {
            return Scale::Grow(min - spawned);
        }
        if spawned > max {
            return Scale::Shrink(spawned - max);
        }
        let share = |percent: u32| u64::from(spawned) * u64::from(percent);
        let used = u64::from(busy) * 100;
        let is_low = used < share(self.config.shrink_below) && waiting == 0;
        self.low_since = if is_low { self.low_since.or(Some(now)) } else { None };
        if busy >= spawned && waiting > 0 {
            return grow(waiting, max - spawned);
        }
        let has_settled = self.is_past(self.changed, self.config.hysteresis, now, true);
        let is_high = used > share(self.config.grow_above) || is_slow && !is_low;
        if is_high && has_settled {
            return grow(spawned.div_ceil(10), max - spawned);
        }
        let is_idle = self.is_past(self.low_since, self.config.idle_timeout, now, false);
        match load.surplus() {
            idle if idle > 0 && is_idle && has_settled => Scale::Shrink(idle),
            _ => Scale::Hold,
        }
    }

    /// When workers become too many if the load stays what it was at the last look, which was at these figures.
    pub fn due(&self, load: &Load) -> Option<Instant> {
        let low_since = self.low_since.filter(|_| load.surplus() > 0)?;
        let idle = low_since + self.config.idle_timeout;
        Some(self.changed.map_or(idle, |changed| idle.max(changed + self.config.hysteresis)))
    }

    fn is_past(&self, since: Option<Instant>, time: Duration, now: Instant, never: bool) -> bool {
        since.map_or(never, |since| now.saturating_duration_since(since) >= time)
    }
}

fn grow(wanted: u32, room: u32) -> Scale {
    match wanted.min(room) {
        0 => Scale::Hold,
        workers => Scale::Grow(workers),
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{Load, Scale, Scaler};
    use crate::config::ProviderConfig;
    use crate::time::Instant;
    use std::time::Duration;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn scaler() -> Scaler {
        Scaler::new(ProviderConfig::default().scaling)
    }

    /// So many of twenty workers are busy, of ten to a hundred.
    fn busy(busy: u32) -> Load {
        Load { busy, spawned: 20, min: 10, max: 100, waiting: 0, is_slow: false }
    }

    #[test]
    fn workers_grow_for_jobs_that_wait_while_all_are_busy() {
        let waiting = |waiting| Load { waiting, ..busy(20) };
        assert_eq!(scaler().decide(&waiting(7), at(0)), Scale::Grow(7));
        assert_eq!(scaler().decide(&waiting(500), at(0)), Scale::Grow(80), "never above max");
        let mut scaler = scaler();
        assert_eq!(scaler.decide(&waiting(1), at(0)), Scale::Grow(1));
        assert_eq!(scaler.decide(&waiting(1), at(0)), Scale::Grow(1), "at once");
        let all = Load { spawned: 100, busy: 100, waiting: 5, ..busy(0) };
        assert_eq!(scaler.decide(&all, at(99)), Scale::Hold);
    }

    #[test]
    fn a_job_that_waits_beside_an_idle_worker_needs_no_new_one() {
        assert_eq!(scaler().decide(&Load { waiting: 5, ..busy(12) }, at(0)), Scale::Hold);
    }

    #[test]
    fn workers_grow_above_the_high_mark_and_no_faster_than_they_show() {
        let mut scaler = scaler();
        assert_eq!(scaler.decide(&busy(16), at(0)), Scale::Hold, "80 % is not above");
        assert_eq!(scaler.decide(&busy(17), at(0)), Scale::Grow(2));
        assert_eq!(scaler.decide(&busy(17), at(9)), Scale::Hold);
        assert_eq!(scaler.decide(&busy(17), at(10)), Scale::Grow(2));
    }

    #[test]
    fn slow_responses_ask_for_workers_unless_most_are_idle() {
        let slow = |n| Load { is_slow: true, ..busy(n) };
        assert_eq!(scaler().decide(&slow(10), at(0)), Scale::Grow(2));
        assert_eq!(scaler().decide(&slow(5), at(0)), Scale::Hold);
    }

    #[test]
    fn workers_shrink_when_use_stays_low_and_only_then() {
        let mut scaler = scaler();
        assert_eq!(scaler.decide(&busy(5), at(0)), Scale::Hold);
        assert_eq!(scaler.decide(&busy(5), at(59)), Scale::Hold);
        assert_eq!(scaler.decide(&busy(6), at(59)), Scale::Hold, "30 % is not below");
        assert_eq!(scaler.decide(&busy(3), at(60)), Scale::Hold);
        assert_eq!(scaler.decide(&busy(3), at(119)), Scale::Hold);
        assert_eq!(scaler.decide(&busy(3), at(120)), Scale::Shrink(10), "never below min");
        let large = Load { spawned: 100, ..busy(20) };
        assert_eq!(scaler.decide(&large, at(121)), Scale::Hold, "a new minute begins");
        assert_eq!(scaler.decide(&large, at(181)), Scale::Shrink(60));
    }

    #[test]
    fn the_next_look_is_due_when_a_low_load_has_lasted() {
        let mut scaler = scaler();
        assert_eq!(scaler.due(&busy(0)), None);
        let _hold = scaler.decide(&busy(0), at(5));
        assert_eq!(scaler.due(&busy(0)), Some(at(65)));
        let least = Load { spawned: 10, ..busy(0) };
        assert_eq!(scaler.due(&least), None, "nobody can go");
        let _hold = scaler.decide(&busy(20), at(6));
        assert_eq!(scaler.due(&busy(20)), None);
        let _hold = scaler.decide(&busy(0), at(7));
        assert_eq!(scaler.decide(&busy(0), at(67)), Scale::Shrink(10));
        assert_eq!(scaler.due(&busy(0)), None, "that has been dealt with");
        let none = Load { min: 0, spawned: 1, ..busy(0) };
        let _hold = scaler.decide(&none, at(70));
        assert_eq!(scaler.decide(&none, at(130)), Scale::Shrink(1), "the last one, if it may");
    }

    #[test]
    fn bounds_that_have_changed_are_kept_at_once() {
        assert_eq!(scaler().decide(&Load { spawned: 4, ..busy(0) }, at(0)), Scale::Grow(6));
        assert_eq!(scaler().decide(&Load { max: 15, ..busy(20) }, at(0)), Scale::Shrink(5));
    }

    #[test]
    fn whatever_the_figures_the_bounds_hold() {
        let mut state = 1_u64;
        let mut below = move |end: u32| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 20) as u32 % end
        };
        let mut scaler = scaler();
        let (mut spawned, mut now, mut changes) = (0, 0, 0);
        for _ in 0..10_000 {
            now += u64::from(below(30));
            let min = below(20);
            let max = min + below(50);
            let busy = below(spawned + 1) / (1 + below(4));
            let load = Load {
                busy,
                spawned,
                min,
                max,
                waiting: below(3) * below(40),
                is_slow: below(9) == 0,
            };
            match scaler.decide(&load, at(now)) {
                Scale::Grow(n) => spawned += n,
                Scale::Shrink(n) => spawned -= n,
                Scale::Hold => continue,
            }
            changes += 1;
            assert!((min..=max).contains(&spawned), "{load:?} became {spawned}");
        }
        assert!(changes > 1_000);
    }
}

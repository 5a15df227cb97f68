//! Whether a job that comes now can start in time (S19).
//!
//! Algorithm: Little's law. A job that finds `depth` others before it starts after about
//! `(depth + 1) * service / workers`; one that would start too late is refused at the door, where its
//! submitter still has the time to go elsewhere. The service time is the median of what ran in the last ten
//! seconds, told by the tick; the door reads one word. It is none until something has run, and halves with
//! every ten seconds (or twice its own length, if that is more) in which nothing was told.
//!
//! An estimate can be wrong, and one that refuses every job would never learn: so one job an interval is let
//! in as a *probe*. A worker without a job, or an empty lane, needs no estimate.
//!
//! Invariants: 1. without a service time, with an idle worker or an empty lane every job is let in. 2. Of all
//! who find the estimate against them in one interval exactly one is the probe: whoever's exchange moves the
//! probe's word on.
//!
//! Progress: wait-free.
//!
//! **Edges.** None: the words are figures. Models: `estimate_one_probe`.

use std::time::Duration;

use crate::sync::CachePadded;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::time::{Deadline, Instant};

/// How long what was told stays as it is.
const WINDOW: Duration = Duration::from_secs(10);
/// The word: microseconds above (for 76 hours), windows since the clock's origin below (for 21 years).
const STAMP_BITS: u32 = 26;
const LONGEST: u64 = u64::MAX >> STAMP_BITS;

/// What the door knows of one job's chances.
#[derive(Clone, Copy, Debug)]
pub struct Chances {
    /// Jobs that wait in the lane and are not dead.
    pub depth: u64,
    /// Workers that can take one: not the zombies.
    pub workers: u64,
    /// Whether one of the workers has nothing to do.
    pub is_one_idle: bool,
    /// When the job's queue wait ends.
    pub queue_deadline: Deadline,
    /// When the job must have ended.
    pub deadline: Deadline,
}

/// What the estimate says of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Forecast {
    /// It can start in time, for all that is known.
    Fits,
    /// It cannot, and is let in so that the estimate can be wrong.
    Probe,
    /// It cannot.
    Unmeetable {
        /// How long it would wait.
        wait: Duration,
        /// How long it may wait.
        left: Duration,
    },
}

/// The estimate of one provider's waits.
#[derive(Debug)]
pub struct Estimate {
    service: AtomicU64,
    /// When the next probe may be let in, in nanoseconds.
    probe: CachePadded<AtomicU64>,
    interval: Duration,
}

impl Estimate {
    /// An estimate that has seen nothing, with a probe every `interval`.
    pub fn new(interval: Duration) -> Self {
        let probe = CachePadded::new(AtomicU64::new(0));
        Self { service: AtomicU64::new(0), probe, interval }
    }

    /// Tells the median of what ran in the last ten seconds; `None` if nothing did.
    pub fn tell(&self, median: Option<Duration>, now: Instant) {
        let Some(median) = median else { return };
        let micros = u64::try_from(median.as_micros()).unwrap_or(LONGEST).min(LONGEST);
        let word = micros << STAMP_BITS | stamp(now);
        // ORDERING: Relaxed: a figure, told by one thread at a time.
        self.service.store(word, Ordering::Relaxed);
    }

    /// How long a job runs, as far as is known.
    pub fn service(&self, now: Instant) -> Option<Duration> {
        // ORDERING: Relaxed: a figure.
        let word = self.service.load(Ordering::Relaxed);
        let told = Duration::from_micros(word >> STAMP_BITS);
        let windows = stamp(now).saturating_sub(word & STAMPS).saturating_sub(1);
        if windows == 0 {
            return (!told.is_zero()).then_some(told);
        }
        let age = u128::from(windows) * WINDOW.as_nanos();
        let halves = age / WINDOW.max(told * 2).as_nanos();
        let left = u32::try_from(halves).ok().and_then(|halves| nanos(told).checked_shr(halves));
        left.filter(|&left| left > 0).map(Duration::from_nanos)
    }

    /// Whether a job with these chances is let in.
    pub fn forecast(&self, chances: &Chances, now: Instant) -> Forecast {
        match self.shortage(chances, now) {
            None => Forecast::Fits,
            Some(_) if self.is_probe(now) => Forecast::Probe,
            Some((wait, left)) => Forecast::Unmeetable { wait, left },
        }
    }

    /// Whether a job with these chances can start in time, for all that is known. Changes nothing.
    pub fn fits(&self, chances: &Chances, now: Instant) -> bool {
        self.shortage(chances, now).is_none()
    }

    /// How long a job would wait and how long it may, if that is too long.
    fn shortage(&self, chances: &Chances, now: Instant) -> Option<(Duration, Duration)> {
        if chances.depth == 0 || chances.is_one_idle {
            return None;
        }
        let service = self.service(now)?;
        let work = chances.depth.saturating_add(1).saturating_mul(nanos(service));
        let wait = Duration::from_nanos(work / chances.workers.max(1));
        let until = |deadline: Deadline| deadline.remaining(now).unwrap_or(Duration::MAX);
        let start_by = until(chances.deadline).saturating_sub(service);
        let left = until(chances.queue_deadline).min(start_by);
        (wait > left || chances.workers == 0).then_some((wait, left))
    }

    fn is_probe(&self, now: Instant) -> bool {
        // ORDERING: Relaxed: the exchange decides.
        let due = self.probe.load(Ordering::Relaxed);
        let next = (now + self.interval).as_nanos().max(due.saturating_add(1));
        // ORDERING: Relaxed, both: the one who moves the word on is the probe; it publishes nothing.
        let moved =
            || self.probe.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        due <= now.as_nanos() && moved()
    }
}

const STAMPS: u64 = (1 << STAMP_BITS) - 1;

fn stamp(now: Instant) -> u64 {
    (now.as_nanos() / nanos(WINDOW)).min(STAMPS)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{Chances, Estimate, Forecast};
    use crate::time::{Deadline, Instant};
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);
    const INTERVAL: Duration = Duration::from_secs(5);

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + SECOND * u32::try_from(seconds).unwrap()
    }

    /// Ten busy workers, a deadline ten seconds from `now`, and no limit of the queue's own.
    fn chances(depth: u64, now: Instant) -> Chances {
        let deadline = Deadline::after(now, 10 * SECOND);
        let queue_deadline = Deadline::NEVER;
        Chances { depth, workers: 10, is_one_idle: false, queue_deadline, deadline }
    }

    /// Jobs of two seconds, and the probe of the first interval gone.
    fn told() -> Estimate {
        let estimate = Estimate::new(INTERVAL);
        estimate.tell(Some(2 * SECOND), at(0));
        assert_eq!(estimate.forecast(&chances(1_000, at(0)), at(0)), Forecast::Probe);
        estimate
    }

    fn is_refused(estimate: &Estimate, chances: &Chances) -> bool {
        matches!(estimate.forecast(chances, at(0)), Forecast::Unmeetable { .. })
    }

    #[test]
    fn a_job_is_refused_when_it_could_not_start_in_time() {
        let estimate = told();
        // Eight seconds are left to wait: 40 jobs at five a second.
        assert_eq!(estimate.forecast(&chances(39, at(0)), at(0)), Forecast::Fits);
        let (wait, left) = (Duration::from_millis(8_200), 8 * SECOND);
        assert_eq!(
            estimate.forecast(&chances(40, at(0)), at(0)),
            Forecast::Unmeetable { wait, left }
        );
        let queue_deadline = Deadline::after(at(0), SECOND);
        assert!(!is_refused(&estimate, &Chances { queue_deadline, ..chances(4, at(0)) }));
        assert!(is_refused(&estimate, &Chances { queue_deadline, ..chances(5, at(0)) }));
    }

    #[test]
    fn nothing_is_refused_before_anything_has_run() {
        let estimate = Estimate::new(INTERVAL);
        assert_eq!(estimate.service(at(100)), None);
        estimate.tell(None, at(1));
        assert!(!is_refused(&estimate, &chances(u64::MAX, at(0))));
    }

    #[test]
    fn nothing_is_refused_while_a_worker_is_idle_or_the_lane_is_empty() {
        let estimate = told();
        let hopeless = Chances { deadline: Deadline::at(at(0)), ..chances(50, at(0)) };
        assert!(is_refused(&estimate, &hopeless));
        assert!(!is_refused(&estimate, &Chances { is_one_idle: true, ..hopeless }));
        assert!(!is_refused(&estimate, &Chances { depth: 0, ..hopeless }));
    }

    #[test]
    fn zombies_are_no_workers() {
        let estimate = told();
        assert!(!is_refused(&estimate, &chances(30, at(0))));
        assert!(is_refused(&estimate, &Chances { workers: 5, ..chances(30, at(0)) }));
        let never = Chances { deadline: Deadline::NEVER, ..chances(1, at(0)) };
        assert!(is_refused(&estimate, &Chances { workers: 0, ..never }), "nobody would take it");
    }

    #[test]
    fn the_estimate_never_refuses_for_ever() {
        let estimate = told();
        let mut probes = Vec::new();
        // No tick tells anything any more, and nothing ends: only probes are let in.
        for second in 0..=20 {
            estimate.tell(Some(2 * SECOND), at(second));
            for _ in 0..100 {
                match estimate.forecast(&chances(1_000, at(second)), at(second)) {
                    Forecast::Probe => probes.push(second),
                    Forecast::Fits => panic!("a thousand jobs do not fit"),
                    Forecast::Unmeetable { .. } => {}
                }
            }
        }
        assert_eq!(probes, [5, 10, 15, 20], "one an interval");
    }

    #[test]
    fn what_is_not_told_again_fades() {
        let estimate = Estimate::new(INTERVAL);
        let seconds = |now| estimate.service(at(now)).map_or(0.0, |time| time.as_secs_f64());
        estimate.tell(Some(4 * SECOND), at(5));
        assert_eq!([5, 19, 20, 30, 45].map(seconds), [4.0, 4.0, 2.0, 1.0, 0.5]);
        assert_eq!(seconds(1_000_000), 0.0);
        // A minute's job says nothing for a minute, and is no quicker for that.
        estimate.tell(Some(60 * SECOND), at(5));
        assert_eq!([65, 129, 130, 250].map(seconds), [60.0, 60.0, 30.0, 15.0]);
    }

    #[test]
    fn odd_figures_do_no_harm() {
        let estimate = Estimate::new(Duration::ZERO);
        estimate.tell(Some(Duration::MAX), Instant::from_nanos(u64::MAX));
        let last = Instant::from_nanos(u64::MAX);
        let deadline = Deadline::NEVER;
        let ever =
            Chances { depth: u64::MAX, queue_deadline: deadline, deadline, ..chances(1, last) };
        assert_eq!(estimate.forecast(&ever, last), Forecast::Fits, "a wait as long as time itself");
        let never = Chances { queue_deadline: Deadline::at(last), workers: 0, ..ever };
        assert_eq!(estimate.forecast(&never, last), Forecast::Probe);
        estimate.tell(Some(Duration::ZERO), at(0));
        assert_eq!(estimate.service(at(0)), None);
    }
}

//! Which of the jobs that waited too long are dropped when a worker takes them (S19).
//!
//! Algorithm: CoDel's idea (Nichols and Jacobson, RFC 8289) that a queue is *bad* when its wait stays above a
//! target for a whole interval, while a burst that drains within one is good; with the law of request queues
//! (Facebook's "controlled delay") instead of CoDel's own. CoDel drops one packet, then slowly more, because
//! a sender of packets backs off at the first loss. Callers do not; five times the load means that four of
//! five jobs must go at once. So while the queue is bad, every job past twice the target is dropped, and the
//! worker takes the first that is younger: it is served well inside its limits, and nothing that is served
//! was in vain. `docs/DESIGN.md` has the goodput of both laws.
//!
//! | state | meaning | next |
//! |---|---|---|
//! | `CALM` | the last job waited less than the target, or left an empty queue | `ABOVE`, by a longer wait |
//! | `ABOVE` since t | every wait since t was above the target | `CALM`; `BAD` one interval after t |
//! | `BAD` | jobs past twice the target are dropped | `RELIEVED`, by a wait below the target or an empty queue |
//! | `RELIEVED` until t | as calm, but it was bad a moment ago | `BAD`, by a wait above twice the target; `CALM` at t |
//!
//! `RELIEVED` is CoDel's memory of its last dropping: under a load that is just above the capacity a lucky
//! job now and then waits less than the target, and the queue must not get another interval to fill up.
//!
//! Invariants: 1. a job is dropped only if it waited more than twice the target, and left another in the
//! queue. 2. The word is written when the state changes and never else: a calm queue costs one load.
//!
//! Progress: lock-free; an exchange fails only when another worker has changed the state.
//!
//! **Edges.** None: the word publishes nothing, and times come with the call.
//! Models: `codel_enters_once`, `codel_leaves_once`.

use std::time::Duration;

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::time::Instant;

/// What becomes of a job that a worker took from the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Sojourn {
    /// It is run.
    Keep,
    /// It ends as `Dropped(codel)`; the worker takes the next one.
    Drop,
}

/// The state of one lane's queue.
#[derive(Debug)]
pub struct Codel {
    word: AtomicU64,
    target: Duration,
    interval: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Calm,
    Above { since: Instant },
    Bad,
    Relieved { until: Instant },
}

const TAG_BITS: u32 = 2;
/// Times of the word are cut to 62 bits: 146 years.
const LATEST: u64 = u64::MAX >> TAG_BITS;

impl State {
    const fn word(self) -> u64 {
        let (time, tag) = match self {
            Self::Calm => (0, 0),
            Self::Above { since } => (since.as_nanos(), 1),
            Self::Bad => (0, 2),
            Self::Relieved { until } => (until.as_nanos(), 3),
        };
        let time = if time < LATEST { time } else { LATEST };
        time << TAG_BITS | tag
    }

    const fn of(word: u64) -> Self {
        let time = Instant::from_nanos(word >> TAG_BITS);
        match word & 3 {
            0 => Self::Calm,
            1 => Self::Above { since: time },
            2 => Self::Bad,
            _ => Self::Relieved { until: time },
        }
    }
}

impl Codel {
    /// A calm queue whose jobs may wait for `limit`: the target is a tenth of it, the interval all of it.
    pub fn new(limit: Duration) -> Self {
        Self { word: AtomicU64::new(State::Calm.word()), target: limit / 10, interval: limit }
    }

    /// The wait that is good.
    pub fn target(&self) -> Duration {
        self.target
    }

    /// A worker took a job that had `waited`; `queue_is_empty` says that no other is behind it.
    #[inline]
    pub fn on_pop(&self, waited: Duration, now: Instant, queue_is_empty: bool) -> Sojourn {
        let is_above = waited > self.target && !queue_is_empty;
        // ORDERING: Relaxed: the word is all there is; nothing is read on the strength of it.
        let word = self.word.load(Ordering::Relaxed);
        if word == State::Calm.word() && !is_above {
            return Sojourn::Keep;
        }
        self.settle(word, waited, now, is_above)
    }

    /// Whether jobs are being dropped.
    pub fn is_bad(&self) -> bool {
        // ORDERING: Relaxed: a figure.
        self.word.load(Ordering::Relaxed) == State::Bad.word()
    }

    #[cold]
    fn settle(&self, mut word: u64, waited: Duration, now: Instant, is_above: bool) -> Sojourn {
        let is_old = is_above && waited > self.target * 2;
        loop {
            let state = State::of(word);
            let next = self.next(state, now, is_above, is_old).word();
            if next != word {
                // ORDERING: Relaxed, both: as the first load.
                let swapped =
                    self.word.compare_exchange(word, next, Ordering::Relaxed, Ordering::Relaxed);
                if let Err(found) = swapped {
                    word = found;
                    continue;
                }
            }
            let is_dropped = next == State::Bad.word() && is_old;
            return if is_dropped { Sojourn::Drop } else { Sojourn::Keep };
        }
    }

    fn next(&self, state: State, now: Instant, is_above: bool, is_old: bool) -> State {
        match state {
            State::Calm if is_above => State::Above { since: now },
            State::Above { since } if is_above => {
                let lasted = now.saturating_duration_since(since);
                if lasted >= self.interval { State::Bad } else { state }
            }
            State::Bad if is_above => State::Bad,
            State::Bad => State::Relieved { until: now + self.interval },
            State::Relieved { until } if now < until => {
                if is_old {
                    State::Bad
                } else {
                    state
                }
            }
            State::Relieved { .. } if is_above => State::Above { since: now },
            State::Calm | State::Above { .. } | State::Relieved { .. } => State::Calm,
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{Codel, Sojourn, State};
    use crate::time::Instant;
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_secs(10);

    fn at(seconds: f64) -> Instant {
        Instant::ZERO + Duration::from_secs_f64(seconds)
    }

    /// A job that waited this many seconds is taken at `now`, and others are behind it.
    fn pop(codel: &Codel, waited: f64, now: f64) -> Sojourn {
        codel.on_pop(Duration::from_secs_f64(waited), at(now), false)
    }

    fn bad() -> Codel {
        let codel = Codel::new(LIMIT);
        assert_eq!(pop(&codel, 1.5, 0.0), Sojourn::Keep);
        assert_eq!(pop(&codel, 9.0, 9.9), Sojourn::Keep);
        assert_eq!(pop(&codel, 2.1, 10.0), Sojourn::Drop);
        codel
    }

    #[test]
    fn waits_above_the_target_for_an_interval_make_the_queue_bad() {
        let codel = bad();
        assert!(codel.is_bad());
        assert_eq!(pop(&codel, 2.0, 10.1), Sojourn::Keep, "not past twice the target");
        assert_eq!(pop(&codel, 2.1, 10.2), Sojourn::Drop);
    }

    #[test]
    fn a_burst_that_drains_within_an_interval_loses_no_job() {
        let codel = Codel::new(LIMIT);
        for start in [0.0, 20.0, 40.0] {
            assert_eq!(pop(&codel, 8.0, start), Sojourn::Keep);
            assert_eq!(pop(&codel, 4.0, start + 9.9), Sojourn::Keep);
            assert_eq!(pop(&codel, 0.9, start + 9.95), Sojourn::Keep);
            assert_eq!(State::of(codel.word.load(super::Ordering::Relaxed)), State::Calm);
        }
    }

    #[test]
    fn the_last_job_of_a_queue_is_kept_however_long_it_waited() {
        let codel = bad();
        assert_eq!(codel.on_pop(LIMIT, at(11.0), true), Sojourn::Keep);
        assert!(!codel.is_bad());
    }

    #[test]
    fn a_queue_that_was_bad_a_moment_ago_is_bad_again_at_once() {
        let codel = bad();
        assert_eq!(pop(&codel, 0.5, 11.0), Sojourn::Keep);
        assert_eq!(pop(&codel, 1.9, 12.0), Sojourn::Keep);
        assert_eq!(pop(&codel, 2.1, 20.9), Sojourn::Drop);
        assert_eq!(pop(&codel, 0.5, 21.0), Sojourn::Keep);
        assert_eq!(pop(&codel, 2.1, 31.0), Sojourn::Keep, "an interval later it is not");
    }

    #[test]
    fn a_calm_queue_writes_nothing() {
        let codel = Codel::new(LIMIT);
        assert_eq!(codel.on_pop(Duration::from_secs(1), at(1.0), false), Sojourn::Keep);
        assert_eq!(codel.on_pop(LIMIT, at(2.0), true), Sojourn::Keep);
        assert_eq!(State::of(codel.word.load(super::Ordering::Relaxed)), State::Calm);
    }

    #[test]
    fn states_survive_the_way_through_the_word() {
        let t = at(1e6);
        for state in
            [State::Calm, State::Above { since: t }, State::Bad, State::Relieved { until: t }]
        {
            assert_eq!(State::of(state.word()), state);
        }
    }
}

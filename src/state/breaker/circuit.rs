//! The machine: door, acquisition, control, and what the tick does.
//!
//! The door ([`check`](CircuitBreaker::check)) only reads. A permit is taken at the start of each attempt
//! ([`acquire`](CircuitBreaker::acquire)) and carries the generation. No timer is needed: `Open` ends for the first
//! acquisition behind its end, and a `HalfOpen` that nobody decided is over at its end, whoever looks first and
//! however late: what follows is reckoned from that end. So a probe that never comes back costs its place for that
//! long and no longer, and an upstream with little traffic is asked again in time.
//!
//! The time open is `open × 2^level` and at most `open_max`, with jitter, and never ends before the instant that a
//! failure's `retry_after` named. The level grows when the breaker opens again out of `HalfOpen`, or out of a `Closed`
//! that was shorter than `calm`; it starts anew after a calm `Closed`, and when a `HalfOpen` ran out of time although
//! all its probes were good.
//!
//! Progress: lock-free. What is wait-free says so. Models: `breaker_half_open`, `breaker_dropped_probe`,
//! `breaker_given_back`, `breaker_stale`, `breaker_two_probes_decide`, `breaker_two_see_one_change`, `breaker_control`.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use super::permit::{BreakerPermit, Watch};
use super::row::Row;
use super::rules::{
    Acquired, BreakerFigures, BreakerRules, BreakerState, BreakerTransition, CallTotals,
    CircuitOpen, Recorded, Sample, SampleFate,
};
use super::stamp::{self, Stamp};
use super::window::{Sums, Window};
use super::word::{View, Word};
use crate::sync::CachePadded;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::time::{Deadline, Instant};

/// A circuit breaker (S23–S25).
///
/// ```
/// use bifrost::state::{BreakerRules, BreakerState, BreakerWindow, CallTotals, CircuitBreaker, Sample};
/// use bifrost::time::Instant;
/// use std::time::Duration;
///
/// let rules = BreakerRules {
///     window: BreakerWindow::Time(Duration::from_secs(10)),
///     min_calls: 20,
///     failure_rate: 50,
///     failures_in_row: 3,
///     slow_rate: 80,
///     open: Duration::from_secs(5),
///     open_max: Duration::from_secs(60),
///     jitter: 20,
///     calm: Duration::from_secs(60),
///     probes: 3,
///     probes_to_decide: 5,
///     half_open: Duration::from_secs(30),
/// };
/// let breaker = CircuitBreaker::new(rules, 7);
/// let now = Instant::from_nanos(1_000_000_000);
/// for _ in 0..3 {
///     let permit = breaker.acquire(now).permit.unwrap();
///     let failure = Sample::Failure { slow: false, retry_after: None };
///     let _ = permit.record(failure, now, CallTotals::default);
/// }
/// assert_eq!(breaker.state(), BreakerState::Open);
/// assert!(breaker.check(now).is_err());
/// ```
pub struct CircuitBreaker {
    word: CachePadded<Word>,
    /// When the state ends: `Open`, `HalfOpen`.
    until: Stamp,
    /// When a `Closed` has lasted long enough to forget the level.
    calm: Stamp,
    /// The latest instant, in nanoseconds, before which the upstream asked not to be called.
    not_before: AtomicU64,
    /// Written at failures, and at the first success behind one.
    row: CachePadded<Row>,
    window: Window,
    rules: BreakerRules,
    seed: u64,
}

impl CircuitBreaker {
    /// A closed breaker; `seed` draws the jitter.
    pub fn new(rules: BreakerRules, seed: u64) -> Self {
        let rules = rules.normal();
        Self {
            word: CachePadded::new(Word::new()),
            until: Stamp::new(),
            calm: Stamp::new(),
            not_before: AtomicU64::new(0),
            row: CachePadded::new(Row::new()),
            window: Window::new(rules.window),
            rules,
            seed,
        }
    }

    /// The state in the word: that of a time that is over stays there until somebody asks for a permit.
    pub fn state(&self) -> BreakerState {
        self.word.peek().state()
    }

    /// Whether a call could be made now: what a submission is refused by. Wait-free, and writes nothing.
    ///
    /// # Errors
    ///
    /// [`CircuitOpen`] if not.
    pub fn check(&self, now: Instant) -> Result<(), CircuitOpen> {
        let view = self.word.view();
        match view.state() {
            BreakerState::Closed | BreakerState::Disabled | BreakerState::MetricsOnly => Ok(()),
            BreakerState::ForcedOpen => Err(refusal(view, None)),
            BreakerState::Open => self.left(view, now).map_or(Ok(()), |end| {
                Err(refusal(view, Some(stamp::instant(end).saturating_duration_since(now))))
            }),
            BreakerState::HalfOpen if self.has_place(view) => Ok(()),
            BreakerState::HalfOpen => {
                self.left(view, now).map_or(Ok(()), |_| Err(refusal(view, None)))
            }
        }
    }

    /// A permit for one call, taken at its start.
    pub fn acquire(&self, now: Instant) -> Acquired<&Self> {
        Self::acquire_by(self, now)
    }

    /// As [`acquire`](Self::acquire), with a permit that holds the breaker in its own way, as an `Arc`.
    pub fn acquire_by<B: Deref<Target = Self>>(holder: B, now: Instant) -> Acquired<B> {
        let (admitted, transitions) = holder.admit(now);
        let permit =
            admitted.map(|(generation, watch)| BreakerPermit::new(holder, generation, watch));
        Acquired { permit, transitions }
    }

    fn admit(&self, now: Instant) -> (Result<(u32, Watch), CircuitOpen>, Changes) {
        let mut expired = None;
        loop {
            let view = self.word.view();
            let generation = view.generation();
            match view.state() {
                BreakerState::Closed | BreakerState::MetricsOnly => {
                    return (Ok((generation, Watch::Window)), [expired, None]);
                }
                BreakerState::Disabled => {
                    return (Ok((generation, Watch::Nothing)), [expired, None]);
                }
                BreakerState::ForcedOpen => return (Err(refusal(view, None)), [expired, None]),
                BreakerState::Open => {
                    if let Some(end) = self.left(view, now) {
                        let left = stamp::instant(end).saturating_duration_since(now);
                        return (Err(refusal(view, Some(left))), [expired, None]);
                    }
                    let to = view.next(BreakerState::HalfOpen, view.level()).with_probe();
                    let end = stamp::ceiling(now + self.rules.half_open);
                    self.until.raise(to.generation(), end);
                    if let Some(opened) = self.enter(view, to, now) {
                        return (Ok((to.generation(), Watch::Probe)), in_order(expired, opened));
                    }
                }
                BreakerState::HalfOpen => {
                    // Once a call: time that is passed in cannot run out twice.
                    if expired.is_none() && self.left(view, now).is_none() {
                        expired = self.expire(view, now);
                        continue;
                    }
                    if !self.has_place(view) {
                        return (Err(refusal(view, None)), [expired, None]);
                    }
                    if self.word.step(view, view.with_probe()) {
                        return (Ok((generation, Watch::Probe)), [expired, None]);
                    }
                }
            }
        }
    }

    /// Looks at the window, as every tick does while calls are made: slow calls, and failures whose successes have
    /// left the window, open the breaker here; a `HalfOpen` that is over is ended.
    pub fn fold(
        &self,
        now: Instant,
        totals: impl FnOnce() -> CallTotals,
    ) -> Option<BreakerTransition> {
        let view = self.word.view();
        match view.state() {
            BreakerState::HalfOpen if self.left(view, now).is_none() => self.expire(view, now),
            state if state.is_watched() => {
                let sums = self.window.look(view.generation(), now, totals);
                let opens = state == BreakerState::Closed && sums.are_bad(&self.rules);
                if opens { self.trip(view, now) } else { None }
            }
            _ => None,
        }
    }

    /// When the state ends by itself: the end of `Open`, when calls that wait can be tried, or of `HalfOpen`.
    pub fn next_change(&self) -> Deadline {
        let view = self.word.view();
        match view.state() {
            // Another thread is about to end it.
            BreakerState::Open | BreakerState::HalfOpen => self
                .until
                .of_begun(view.generation())
                .map_or(Deadline::at(Instant::ZERO), |end| Deadline::at(stamp::instant(end))),
            _ => Deadline::NEVER,
        }
    }

    /// Refuses every call until told otherwise.
    pub fn force_open(&self, now: Instant) -> BreakerTransition {
        self.command(BreakerState::ForcedOpen, now)
    }

    /// Lets every call pass unwatched.
    pub fn disable(&self, now: Instant) -> BreakerTransition {
        self.command(BreakerState::Disabled, now)
    }

    /// Lets every call pass, watched.
    pub fn metrics_only(&self, now: Instant) -> BreakerTransition {
        self.command(BreakerState::MetricsOnly, now)
    }

    /// Closes, and forgets every call and every opening before.
    pub fn reset(&self, now: Instant) -> BreakerTransition {
        // ORDERING: Relaxed: a failure at the same time may come before or after.
        self.not_before.store(0, Ordering::Relaxed);
        self.command(BreakerState::Closed, now)
    }

    fn command(&self, state: BreakerState, now: Instant) -> BreakerTransition {
        loop {
            let view = self.word.view();
            if let Some(done) = self.enter(view, view.next(state, 0), now) {
                return done;
            }
        }
    }

    /// What the breaker knows.
    pub fn figures(&self, now: Instant, totals: impl FnOnce() -> CallTotals) -> BreakerFigures {
        let view = self.word.view();
        let (state, generation) = (view.state(), view.generation());
        let sums = if state.is_watched() {
            self.window.look(generation, now, totals)
        } else {
            Sums::default()
        };
        BreakerFigures {
            state,
            generation,
            calls: sums.calls,
            failures: sums.failures,
            slow: sums.slow,
            failures_in_row: self.row.get(generation),
            probes: view.out(),
        }
    }

    /// The end of a state that has one, in milliseconds; `None` if it has come, or if another thread is about to
    /// enter the state that follows in time, which nothing but a command can keep it from: it has seen the end, or has
    /// the probe that decides for `Open`, without which nobody can close. Only those two raise the next instant.
    fn left(&self, view: View, now: Instant) -> Option<u64> {
        self.until.of_begun(view.generation()).filter(|end| stamp::reached(now) < *end)
    }

    fn has_place(&self, view: View) -> bool {
        let decided = view.ok() + view.fail();
        view.out() < self.rules.probes && view.out() + decided < self.rules.probes_to_decide
    }

    /// The only way into the next generation, whose instants were raised.
    fn enter(&self, from: View, to: View, at: Instant) -> Option<BreakerTransition> {
        self.word.enter(from, to).then(|| BreakerTransition {
            from: from.state(),
            to: to.state(),
            at,
            generation: to.generation(),
        })
    }

    /// Opens, counted from `at`.
    fn open(&self, from: View, level: u32, at: Instant) -> Option<BreakerTransition> {
        let to = from.next(BreakerState::Open, level);
        let end = at + self.rules.open_for(to.level(), self.seed, to.generation());
        // ORDERING: Relaxed: whoever opens for a failure has raised it itself.
        let not_before = Instant::from_nanos(self.not_before.load(Ordering::Relaxed));
        self.until.raise(to.generation(), stamp::ceiling(end.max(not_before)));
        self.enter(from, to, at)
    }

    /// `Closed` → `Open`.
    fn trip(&self, view: View, now: Instant) -> Option<BreakerTransition> {
        let calm = self.calm.of(view.generation()).is_none_or(|end| stamp::reached(now) >= end);
        self.open(view, if calm { 0 } else { view.level() + 1 }, now)
    }

    /// `HalfOpen` → `Open` at the end of its time.
    fn expire(&self, view: View, now: Instant) -> Option<BreakerTransition> {
        let level = match (view.out() + view.fail(), view.ok()) {
            (0, 0) => view.level(),
            (0, _) => 0,
            _ => view.level() + 1,
        };
        match self.until.of_begun(view.generation()) {
            Some(end) => self.open(view, level, stamp::instant(end)),
            // Another thread is about to, and has raised the instant.
            None => self.enter(view, view.next(BreakerState::Open, level), now),
        }
    }

    /// A call of the window, begun in `generation`.
    pub(super) fn record_call(
        &self,
        generation: u32,
        sample: Sample,
        now: Instant,
        totals: impl FnOnce() -> CallTotals,
    ) -> Recorded {
        let view = self.word.view();
        if view.generation() != generation {
            return STALE;
        }
        let mut transition = None;
        match sample {
            Sample::Success { slow } => {
                self.row.succeed(generation);
                self.window.succeed(generation, now, slow, totals);
            }
            Sample::Failure { slow, retry_after } => {
                self.leave_alone(now, retry_after);
                let sums = self.window.fail(generation, now, slow, totals);
                let row = self.row.fail(generation);
                let limit = self.rules.failures_in_row;
                let bad = sums.are_bad(&self.rules) || limit > 0 && row >= limit;
                if bad && view.state() == BreakerState::Closed {
                    transition = self.trip(view, now);
                }
            }
            Sample::Ignored => {}
        }
        Recorded { fate: SampleFate::Counted, transition }
    }

    /// A probe of `generation`.
    pub(super) fn record_probe(&self, generation: u32, sample: Sample, now: Instant) -> Recorded {
        let probed = |transition| Recorded { fate: SampleFate::Probed, transition };
        let mut decides = false;
        loop {
            let view = self.word.view();
            if view.generation() != generation {
                // Who saw the instant of a decision may have been faster to carry it out.
                return if decides { probed(None) } else { STALE };
            }
            if !decides && self.left(view, now).is_none() {
                match self.expire(view, now) {
                    None => continue,
                    transition => return Recorded { transition, ..STALE },
                }
            }
            if let Sample::Failure { retry_after, .. } = sample {
                self.leave_alone(now, retry_after);
            }
            let with = view.without_probe(sample);
            if self.rules.probes_are_bad(with.fail(), with.slow()) {
                decides = true;
                let transition = self.open(view, view.level() + 1, now);
                if transition.is_some() {
                    return probed(transition);
                }
            } else if with.ok() + with.fail() == self.rules.probes_to_decide {
                let transition = self.close(view, now);
                if transition.is_some() {
                    return probed(transition);
                }
            } else if self.word.step(view, with) {
                return probed(None);
            }
        }
    }

    /// `HalfOpen` → `Closed`.
    fn close(&self, view: View, now: Instant) -> Option<BreakerTransition> {
        let to = view.next(BreakerState::Closed, view.level());
        self.calm.raise(to.generation(), stamp::ceiling(now + self.rules.calm));
        self.enter(view, to, now)
    }

    /// Gives the place of a probe back.
    pub(super) fn release_probe(&self, generation: u32) {
        loop {
            let view = self.word.peek();
            if view.generation() != generation
                || self.word.step(view, view.without_probe(Sample::Ignored))
            {
                return;
            }
        }
    }

    /// The upstream asked to be left alone for so long.
    fn leave_alone(&self, now: Instant, time: Option<Duration>) {
        if let Some(time) = time {
            // ORDERING: Relaxed: a figure that only grows.
            self.not_before.fetch_max((now + time).as_nanos(), Ordering::Relaxed);
        }
    }
}

/// Two changes as a list.
fn in_order(first: Option<BreakerTransition>, then: BreakerTransition) -> Changes {
    if first.is_some() { [first, Some(then)] } else { [Some(then), None] }
}

type Changes = [Option<BreakerTransition>; 2];

const STALE: Recorded = Recorded { fate: SampleFate::Stale, transition: None };

fn refusal(view: View, retry_after: Option<Duration>) -> CircuitOpen {
    CircuitOpen { state: view.state(), retry_after }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = self.word.peek();
        f.debug_struct("CircuitBreaker")
            .field("state", &view.state())
            .field("generation", &view.generation())
            .finish_non_exhaustive()
    }
}

//! The breaker's word.
//!
//! ```text
//!  63                     32 31   26 25   20 19   14 13    8 7     3 2     0
//! +-------------------------+-------+-------+-------+-------+-------+-------+
//! |   generation (32 bits)  | slow  | fail  |  ok   |  out  | level | state |
//! +-------------------------+-------+-------+-------+-------+-------+-------+
//! ```
//!
//! | state | calls | next |
//! |---|---|---|
//! | `Closed` | all, watched | `Open` when the window or the row says so |
//! | `Open` | none before its end | `HalfOpen`, by the first acquisition behind its end |
//! | `HalfOpen` | `out` probes now, `ok`, `fail` (and `slow` among both) decided | `Closed`, `Open`; `Open` behind its end |
//! | `ForcedOpen`, `Disabled`, `MetricsOnly` | none, all, all | none by itself |
//!
//! Every state may be left for `Closed`, `ForcedOpen`, `Disabled` and `MetricsOnly` by command. `level` says how often
//! the time open was doubled; it outlives a `Closed` that is too short to forget it.
//!
//! Invariants:
//! 1. Each change of state is one exchange, by which the generation grows by one; who wins it reports it.
//! 2. `out + ok + fail ≤ probes_to_decide` and `out ≤ probes`: a place is taken by the exchange that checks this.
//! 3. The instants of a generation (`stamp`) are raised before the exchange that begins it: whoever sees the
//!    generation sees them.
//! 4. Within a generation a probe leaves `out` once: its permit is moved in, or dropped.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `breaker.enter` | `enter` | `view` | the instants of the generation |
//!
//! Progress: wait-free each; who loses an exchange looks again. Models: `breaker_half_open`, `breaker_instants`,
//! `breaker_two_see_one_change`.

use super::rules::{BreakerState, Sample};
use crate::sync::atomic::{AtomicU64, Ordering};

const FIELD: u64 = 0x3f;
const LEVEL_SHIFT: u32 = 3;
const OUT_SHIFT: u32 = 8;
const OK_SHIFT: u32 = 14;
const FAIL_SHIFT: u32 = 20;
const SLOW_SHIFT: u32 = 26;
const GENERATION_SHIFT: u32 = 32;

/// One consistent look at the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View(u64);

impl View {
    /// The most that a count of probes can be.
    pub(super) const MAX_PROBES: u32 = FIELD as u32;
    /// The most that the time open is doubled.
    const MAX_LEVEL: u32 = 31;

    pub(super) fn state(self) -> BreakerState {
        BreakerState::ALL[(self.0 & 7) as usize]
    }

    pub(super) fn generation(self) -> u32 {
        (self.0 >> GENERATION_SHIFT) as u32
    }

    pub(super) fn level(self) -> u32 {
        (self.0 >> LEVEL_SHIFT) as u32 & Self::MAX_LEVEL
    }

    pub(super) fn out(self) -> u32 {
        self.field(OUT_SHIFT)
    }

    pub(super) fn ok(self) -> u32 {
        self.field(OK_SHIFT)
    }

    pub(super) fn fail(self) -> u32 {
        self.field(FAIL_SHIFT)
    }

    pub(super) fn slow(self) -> u32 {
        self.field(SLOW_SHIFT)
    }

    fn field(self, shift: u32) -> u32 {
        (self.0 >> shift & FIELD) as u32
    }

    /// The next generation, in `state`.
    pub(super) fn next(self, state: BreakerState, level: u32) -> Self {
        let generation = u64::from(self.generation().wrapping_add(1));
        let level = u64::from(level.min(Self::MAX_LEVEL));
        Self(generation << GENERATION_SHIFT | level << LEVEL_SHIFT | state as u64)
    }

    /// With one more probe out.
    pub(super) fn with_probe(self) -> Self {
        Self(self.0 + (1 << OUT_SHIFT))
    }

    /// With one less, which said this.
    pub(super) fn without_probe(self, sample: Sample) -> Self {
        debug_assert!(self.out() > 0, "a probe came back twice");
        let counted = match sample {
            Sample::Success { .. } => 1 << OK_SHIFT,
            Sample::Failure { .. } => 1 << FAIL_SHIFT,
            Sample::Ignored => 0,
        };
        let slow = u64::from(sample.is_slow()) << SLOW_SHIFT;
        Self(self.0 - (1 << OUT_SHIFT) + counted + slow)
    }
}

/// The word and its exchanges.
#[derive(Debug)]
pub(super) struct Word(AtomicU64);

impl Word {
    /// `Closed`, in generation 0.
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The word, with the instants of its generation.
    pub(super) fn view(&self) -> View {
        // ORDERING: Acquire takes `breaker.enter`.
        View(self.0.load(Ordering::Acquire))
    }

    /// The word alone, for who reads no instant of its generation before it has exchanged it.
    pub(super) fn peek(&self) -> View {
        // ORDERING: Relaxed: only compared.
        View(self.0.load(Ordering::Relaxed))
    }

    /// Begins the generation `to`, whose instants are raised; `false` if the word is no longer `from`.
    pub(super) fn enter(&self, from: View, to: View) -> bool {
        // ORDERING: Release is edge `breaker.enter`; who fails looks again.
        self.0.compare_exchange(from.0, to.0, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Changes the probes of a generation; `false` if the word is no longer `from`.
    pub(super) fn step(&self, from: View, to: View) -> bool {
        // ORDERING: Relaxed: nothing is published; the exchange goes on with the release sequence of the one that
        // began the generation.
        self.0.compare_exchange(from.0, to.0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

//! The leave to make one call.

use std::fmt;
use std::ops::Deref;

use super::CircuitBreaker;
use super::rules::{CallTotals, Recorded, Sample, SampleFate};
use crate::time::Instant;

/// What the end of a call is put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Watch {
    /// The window.
    Window = 1,
    /// The word, as a probe.
    Probe = 2,
    /// Nothing.
    Nothing = 3,
}

/// Bits of a permit's number that say what the call is put into.
const WATCH_BITS: u32 = 2;

impl Watch {
    fn from_bits(bits: u64) -> Option<Self> {
        match bits {
            1 => Some(Self::Window),
            2 => Some(Self::Probe),
            3 => Some(Self::Nothing),
            _ => None,
        }
    }
}

/// The leave to make one call, of the generation in which it was given. Dropped, it counts for nothing, and a
/// probe's place is free again.
#[must_use = "a permit that is dropped at once gives its place back"]
pub struct BreakerPermit<B: Deref<Target = CircuitBreaker>> {
    breaker: B,
    generation: u32,
    watch: Watch,
}

impl<B: Deref<Target = CircuitBreaker>> BreakerPermit<B> {
    pub(super) fn new(breaker: B, generation: u32, watch: Watch) -> Self {
        Self { breaker, generation, watch }
    }

    /// Whether the call is one of those by which a half-open breaker decides.
    pub fn is_probe(&self) -> bool {
        self.watch == Watch::Probe
    }

    /// The generation in which the permit was given.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The permit as a number, which is not 0; [`from_word`](Self::from_word) makes it a permit again.
    #[must_use = "a number that is lost keeps a probe's place until the breaker's next state"]
    pub fn into_word(mut self) -> u64 {
        let watch = std::mem::replace(&mut self.watch, Watch::Nothing);
        u64::from(self.generation) << WATCH_BITS | watch as u64
    }

    /// The permit of which `word` is the number; `None` of 0, which is nobody's. Each number is made a permit
    /// once: made twice, a probe would count twice.
    pub fn from_word(breaker: B, word: u64) -> Option<Self> {
        let watch = Watch::from_bits(word & ((1 << WATCH_BITS) - 1))?;
        Some(Self::new(breaker, (word >> WATCH_BITS) as u32, watch))
    }

    /// Says how the call went.
    ///
    /// A success writes no word that others write too, unless there was a failure before it, it is the first one of
    /// its bucket, or the window is one of calls. `totals` sums the successes of all threads; it is called for
    /// failures, and at the first success of a bucket. The caller adds a success that was
    /// [`Counted`](SampleFate::Counted) to its own sums after this call.
    pub fn record(
        mut self,
        sample: Sample,
        now: Instant,
        totals: impl FnOnce() -> CallTotals,
    ) -> Recorded {
        let ignored = Recorded { fate: SampleFate::Ignored, transition: None };
        if sample == Sample::Ignored {
            return ignored;
        }
        match std::mem::replace(&mut self.watch, Watch::Nothing) {
            Watch::Nothing => ignored,
            Watch::Window => self.breaker.record_call(self.generation, sample, now, totals),
            Watch::Probe => self.breaker.record_probe(self.generation, sample, now),
        }
    }
}

impl<B: Deref<Target = CircuitBreaker>> Drop for BreakerPermit<B> {
    fn drop(&mut self) {
        if self.watch == Watch::Probe {
            self.breaker.release_probe(self.generation);
        }
    }
}

impl<B: Deref<Target = CircuitBreaker>> fmt::Debug for BreakerPermit<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerPermit")
            .field("generation", &self.generation)
            .field("watch", &self.watch)
            .finish_non_exhaustive()
    }
}

//! The last so many calls: a place for each, taken in turn.
//!
//! Every call writes two words that all threads share, which is why this window has to be asked for. A thread that
//! sleeps between its two writes may overwrite a later call with its own: one call a thread.
//!
//! Progress: wait-free. Models: `breaker_calls`.

use super::rules::Sample;
use super::window::Sums;
use crate::sync::CachePadded;
use crate::sync::atomic::{AtomicU64, Ordering};

const PRESENT: u64 = 1;
const FAILED: u64 = 2;
const SLOW: u64 = 4;
const GENERATION_SHIFT: u32 = 3;

/// See the module.
#[derive(Debug)]
pub(super) struct CallWindow {
    turn: CachePadded<AtomicU64>,
    calls: Box<[AtomicU64]>,
}

impl CallWindow {
    pub(super) fn new(calls: usize) -> Self {
        Self {
            turn: CachePadded::new(AtomicU64::new(0)),
            calls: (0..calls).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    pub(super) fn record(&self, generation: u32, sample: Sample) {
        let failed = if matches!(sample, Sample::Failure { .. }) { FAILED } else { 0 };
        let slow = if sample.is_slow() { SLOW } else { 0 };
        let word = u64::from(generation) << GENERATION_SHIFT | PRESENT | failed | slow;
        // ORDERING: Relaxed: a turn that is drawn.
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        // ORDERING: Relaxed: a word of its own.
        self.calls[(turn % self.calls.len() as u64) as usize].store(word, Ordering::Relaxed);
    }

    pub(super) fn sums(&self, generation: u32) -> Sums {
        let mut sums = Sums::default();
        for call in &self.calls {
            // ORDERING: Relaxed, as above.
            let word = call.load(Ordering::Relaxed);
            if word & PRESENT != 0 && word >> GENERATION_SHIFT == u64::from(generation) {
                sums.calls += 1;
                sums.failures += u64::from(word & FAILED != 0);
                sums.slow += u64::from(word & SLOW != 0);
            }
        }
        sums
    }
}

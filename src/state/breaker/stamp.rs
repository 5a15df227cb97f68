//! An instant that belongs to one generation, in one word: 24 bits of the generation, 40 of milliseconds.
//!
//! Several threads may be about to begin the same generation, and each raises the instant before it tries to: the
//! latest of theirs stays, and one of an older generation never comes back. A tag that is at most 65,536 ahead is newer;
//! one that is further away has wrapped. So a thread would have to sleep through as many changes to do harm, or sixteen
//! million commands would have to come between two openings: then the breaker probes at once. 40 bits of milliseconds are
//! 34 years.
//!
//! Progress: lock-free; a raise is tried again only when another was between.

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::time::Instant;

const MS_BITS: u32 = 40;
const LAST_MS: u64 = (1 << MS_BITS) - 1;
const NANOS_PER_MS: u64 = 1_000_000;
const TAG_BITS: u32 = 24;

/// The last whole millisecond that `now` has reached.
pub(super) fn reached(now: Instant) -> u64 {
    now.as_nanos() / NANOS_PER_MS
}

/// The first whole millisecond at or behind `instant`: what ends then never ends early.
pub(super) fn ceiling(instant: Instant) -> u64 {
    instant.as_nanos().div_ceil(NANOS_PER_MS).min(LAST_MS)
}

/// The instant of a whole millisecond.
pub(super) fn instant(ms: u64) -> Instant {
    Instant::from_nanos(ms.saturating_mul(NANOS_PER_MS))
}

/// A tag that is at most so much higher is newer.
const NEAR: u64 = 1 << 16;

/// How much newer `tag` is than `other`; `None` if it is older.
fn ahead(tag: u64, other: u64) -> Option<u64> {
    let ahead = tag.wrapping_sub(other) & ((1 << TAG_BITS) - 1);
    (ahead <= NEAR).then_some(ahead)
}

fn tag(generation: u32) -> u64 {
    u64::from(generation) & ((1 << TAG_BITS) - 1)
}

/// An instant of the newest generation that has one.
#[derive(Debug)]
pub(super) struct Stamp(AtomicU64);

impl Stamp {
    /// The origin of the clock, in generation 0.
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The instant, in milliseconds, if it is that of `generation`.
    pub(super) fn of(&self, generation: u32) -> Option<u64> {
        // ORDERING: Relaxed: who has to see the instants of a generation has acquired `breaker.enter`.
        let word = self.0.load(Ordering::Relaxed);
        (word >> MS_BITS == tag(generation)).then_some(word & LAST_MS)
    }

    /// As [`of`](Self::of), for who has seen that `generation` began with an instant: `None` says that another
    /// thread is about to end it.
    pub(super) fn of_begun(&self, generation: u32) -> Option<u64> {
        // ORDERING: Relaxed: the caller has acquired `breaker.enter`.
        let word = self.0.load(Ordering::Relaxed);
        let ahead = ahead(word >> MS_BITS, tag(generation));
        debug_assert!(ahead.is_some(), "the generation began without its instant");
        (ahead == Some(0)).then_some(word & LAST_MS)
    }

    /// Makes the instant of `generation` at least `ms`, unless a newer one has one.
    pub(super) fn raise(&self, generation: u32, ms: u64) {
        let word = tag(generation) << MS_BITS | ms.min(LAST_MS);
        // ORDERING: Relaxed: `breaker.enter` publishes.
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let ahead = ahead(now >> MS_BITS, tag(generation));
            if ahead.is_some_and(|ahead| ahead > 0 || now >= word) {
                return;
            }
            // ORDERING: Relaxed, as above; a failure is only compared again.
            match self.0.compare_exchange(now, word, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(later) => now = later,
            }
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{LAST_MS, Stamp, ceiling, instant, reached};
    use crate::time::Instant;

    #[test]
    fn the_newest_generation_wins_and_in_it_the_latest_instant() {
        let stamp = Stamp::new();
        stamp.raise(3, 500);
        stamp.raise(3, 400);
        stamp.raise(2, 900);
        assert_eq!((stamp.of(3), stamp.of(2), stamp.of(4)), (Some(500), None, None));
        stamp.raise(4, 100);
        assert_eq!((stamp.of_begun(4), stamp.of_begun(3)), (Some(100), None));
    }

    #[test]
    fn generations_that_wrap_go_on() {
        let (stamp, mut generation) = (Stamp::new(), 0_u32);
        for _ in 0..4_000 {
            generation = generation.wrapping_add(0x30_0001);
            stamp.raise(generation, 7);
            assert_eq!(stamp.of(generation), Some(7), "{generation}");
        }
    }

    #[test]
    fn what_ends_at_an_instant_never_ends_early() {
        for nanos in [0, 1, 999_999, 1_000_000, 1_000_001, 5_000_000_000] {
            let at = Instant::from_nanos(nanos);
            assert!(reached(at) <= ceiling(at));
            assert!(instant(ceiling(at)) >= at);
            assert!(instant(reached(at)) <= at);
        }
        assert_eq!(ceiling(Instant::from_nanos(u64::MAX)), LAST_MS);
    }
}

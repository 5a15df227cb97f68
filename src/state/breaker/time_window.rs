//! The calls of the last seconds, in ten buckets.
//!
//! **Algorithm.** Successes are counted by the threads that made them, in cells of their own; the window never adds
//! to them. It keeps, for each tenth of its time, the *mark*: what their sums were when the first one came there who
//! looked. The successes in the window are the sums now less the lowest mark in it. So a success only reads one word
//! here, but for the first one in each tenth, and no sum that one thread has taken and not yet put down can be
//! missing for another. Failures, which may pay, are added to the bucket itself.
//!
//! Every word holds the number of its bucket beside its count: one of another lap is empty, and the first one who
//! comes takes it over. Numbers grow with the time and jump with the generation by more than a window, so that a new
//! generation begins empty and nothing has to be cleared.
//!
//! Invariants: 1. a word's number never goes back. 2. A mark is written once, with sums that were true while its
//! tenth was the present or later.
//!
//! What is not exact: a success that is counted here and not yet in its thread's cell, at most one a thread, may come
//! to the next generation; two threads that add their failures to two buckets at the same time may both miss the
//! other's, and the tick or the next failure sees both.
//!
//! Progress: lock-free; a call is wait-free but for exchanges that are tried again when another was between.
//! Models: `breaker_fold_failure`, `breaker_marks`.

use std::time::Duration;

use super::rules::CallTotals;
use super::stamp::{Stamp, reached};
use super::window::Sums;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::time::Instant;

/// Buckets that a window spans.
const BUCKETS: u32 = 10;
/// Places for them: a power of two, so that numbers may wrap.
const PLACES: usize = 16;
/// A number that is at most so much higher is newer; one that is further away is so old that it has wrapped.
const NEAR: u32 = 1 << 24;
/// How far a generation is from the next.
const STRIDE: u32 = PLACES as u32;

/// A bucket's number (32 bits) and a count.
#[derive(Debug)]
struct Cell(AtomicU64);

impl Cell {
    /// Empty: its number is that of the place behind.
    fn new(place: usize) -> Self {
        Self(AtomicU64::new((place as u64 + 1) << 32))
    }

    fn get(&self, number: u32) -> Option<u32> {
        // ORDERING: Relaxed: a figure, as everywhere here; no word publishes another.
        let word = self.0.load(Ordering::Relaxed);
        ((word >> 32) as u32 == number).then_some(word as u32)
    }

    /// Gives the bucket of this number its first count, or changes the count that it has; nothing for one that is over.
    fn update(&self, number: u32, first: u32, change: impl Fn(u32) -> u32) {
        // ORDERING: Relaxed, as in `get`.
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let next = match (now >> 32) as u32 {
                same if same == number => change(now as u32),
                newer if is_newer(newer, number) => return,
                _ => first,
            };
            let next = u64::from(number) << 32 | u64::from(next);
            if next == now {
                return;
            }
            // ORDERING: Relaxed, as in `get`.
            match self.0.compare_exchange(now, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(later) => now = later,
            }
        }
    }
}

/// Whether the bucket of `other`, in the same place, comes after that of `number`.
fn is_newer(other: u32, number: u32) -> bool {
    let ahead = other.wrapping_sub(number);
    ahead <= NEAR && ahead % STRIDE == 0
}

/// A tenth of the window.
#[derive(Debug)]
struct Bucket {
    /// The lowest bits of the sums at its first look.
    ok: Cell,
    slow: Cell,
    failed: Cell,
    failed_slow: Cell,
}

/// See the module.
#[derive(Debug)]
pub(super) struct TimeWindow {
    /// Milliseconds of a bucket.
    width: u64,
    /// When the present bucket ends, once it has its marks.
    marked: Stamp,
    buckets: Box<[Bucket; PLACES]>,
}

impl TimeWindow {
    pub(super) fn new(time: Duration) -> Self {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let bucket = |place| Bucket {
            ok: Cell::new(place),
            slow: Cell::new(place),
            failed: Cell::new(place),
            failed_slow: Cell::new(place),
        };
        Self {
            width: (ms / u64::from(BUCKETS)).max(1),
            marked: Stamp::new(),
            buckets: Box::new(std::array::from_fn(bucket)),
        }
    }

    fn bucket(&self, number: u32) -> &Bucket {
        &self.buckets[number as usize % PLACES]
    }

    fn number(&self, generation: u32, now: Instant) -> u32 {
        let slot = (reached(now) / self.width) as u32;
        slot.wrapping_add(generation.wrapping_mul(STRIDE))
    }

    /// Makes sure that the present bucket has its marks; `totals` is asked only if it may not.
    pub(super) fn mark(&self, generation: u32, now: Instant, totals: impl FnOnce() -> CallTotals) {
        let ms = reached(now);
        if self.marked.of(generation).is_some_and(|end| ms < end) {
            return;
        }
        let (number, totals) = (self.number(generation, now), totals());
        let bucket = self.bucket(number);
        bucket.ok.update(number, totals.ok as u32, |mark| mark);
        bucket.slow.update(number, totals.slow as u32, |mark| mark);
        self.marked.raise(generation, (ms / self.width + 1).saturating_mul(self.width));
    }

    /// A failure.
    pub(super) fn fail(&self, generation: u32, now: Instant, slow: bool) {
        let number = self.number(generation, now);
        let bucket = self.bucket(number);
        bucket.failed.update(number, 1, |count| count.saturating_add(1));
        if slow {
            bucket.failed_slow.update(number, 1, |count| count.saturating_add(1));
        }
    }

    /// What the window holds, with these sums of successes.
    pub(super) fn sums(&self, generation: u32, now: Instant, totals: CallTotals) -> Sums {
        let newest = self.number(generation, now);
        let (mut ok, mut slow, mut failures) = (0, 0, 0);
        let mut failed_slow = 0;
        for age in 0..BUCKETS {
            let number = newest.wrapping_sub(age);
            let bucket = self.bucket(number);
            // Who looks may have read its sums before another wrote the mark: then it has not seen any since.
            let since = |mark: Option<u32>, sum: u64| {
                mark.map_or(0, |mark| (sum as u32).wrapping_sub(mark) as i32).max(0)
            };
            ok = since(bucket.ok.get(number), totals.ok).max(ok);
            slow = since(bucket.slow.get(number), totals.slow).max(slow);
            failures += u64::from(bucket.failed.get(number).unwrap_or(0));
            failed_slow += u64::from(bucket.failed_slow.get(number).unwrap_or(0));
        }
        Sums {
            calls: u64::from(ok.unsigned_abs()) + failures,
            failures,
            slow: u64::from(slow.unsigned_abs()) + failed_slow,
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{CallTotals, Sums, TimeWindow};
    use crate::time::Instant;
    use std::time::Duration;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn ok(ok: u64) -> CallTotals {
        CallTotals { ok, slow: 0 }
    }

    fn sums(calls: u64, failures: u64) -> Sums {
        Sums { calls, failures, slow: 0 }
    }

    #[test]
    fn a_success_asks_for_the_sums_once_a_bucket() {
        let window = TimeWindow::new(Duration::from_secs(10));
        let asked = std::cell::Cell::new(0);
        for ms in (0..5_000).step_by(100) {
            window.mark(3, at(ms), || {
                asked.set(asked.get() + 1);
                ok(ms)
            });
        }
        assert_eq!(asked.get(), 5);
    }

    #[test]
    fn a_window_forgets_what_is_older_and_what_was_of_another_generation() {
        let window = TimeWindow::new(Duration::from_secs(10));
        window.mark(0, at(0), || ok(100));
        window.fail(0, at(500), true);
        window.mark(0, at(1_000), || ok(107));
        let total = ok(110);
        assert_eq!(window.sums(0, at(1_000), total), Sums { calls: 11, failures: 1, slow: 1 });
        assert_eq!(window.sums(0, at(9_999), total), Sums { calls: 11, failures: 1, slow: 1 });
        assert_eq!(window.sums(0, at(10_000), total), sums(3, 0));
        assert_eq!(window.sums(0, at(11_000), total), sums(0, 0));
        assert_eq!(window.sums(1, at(1_000), total), sums(0, 0));
        window.mark(1, at(1_000), || total);
        window.fail(1, at(1_000), false);
        window.fail(0, at(1_000), false);
        assert_eq!(window.sums(1, at(1_000), ok(112)), sums(3, 1));
    }

    #[test]
    fn a_bucket_that_nobody_came_to_for_half_of_all_numbers_is_taken_over() {
        let window = TimeWindow::new(Duration::from_millis(10));
        for ms in [0, 1 << 31, (1 << 31) + 3, 5 << 30] {
            window.fail(0, at(ms), false);
            assert_eq!(window.sums(0, at(ms), ok(0)).failures, 1 + u64::from(ms % 16 == 3), "{ms}");
        }
    }

    #[test]
    fn sums_that_wrap_keep_their_difference_and_older_sums_count_nothing() {
        let window = TimeWindow::new(Duration::from_secs(10));
        let before = u64::from(u32::MAX) - 1;
        window.mark(0, at(0), || ok(before));
        assert_eq!(window.sums(0, at(0), ok(before + 5)), sums(5, 0));
        assert_eq!(window.sums(0, at(0), ok(before - 5)), sums(0, 0));
    }
}

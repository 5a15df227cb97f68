//! A level that goes up and down.
//!
//! Two independent words: the level and the highest level seen. Every operation is wait-free but for a
//! raise of the high-water mark, which repeats its compare-exchange while others raise it too. A gauge
//! publishes nothing: figures that must agree with each other come from the [`Ledger`](super::Ledger).
//! Models: `gauge_high_water`.

use crate::sync::atomic::{AtomicU64, Ordering};

/// A level with its high-water mark.
///
/// The level may pass below zero for a moment, when a decrease is seen before the increase that it belongs
/// to; [`get`](Self::get) then says zero.
#[derive(Debug)]
pub struct Gauge {
    level: AtomicU64,
    high: AtomicU64,
}

impl Default for Gauge {
    fn default() -> Self {
        Self::new()
    }
}

impl Gauge {
    /// A gauge at zero.
    pub fn new() -> Self {
        Self { level: AtomicU64::new(0), high: AtomicU64::new(0) }
    }

    /// Raises the level by `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        // ORDERING: Relaxed: the level guards nothing; the read-modify-write alone keeps it exact.
        let before = self.level.fetch_add(n, Ordering::Relaxed);
        self.raise(before.wrapping_add(n));
    }

    /// Lowers the level by `n`.
    #[inline]
    pub fn sub(&self, n: u64) {
        // ORDERING: Relaxed, as in `add`.
        self.level.fetch_sub(n, Ordering::Relaxed);
    }

    /// Puts the level to `n`; an [`add`](Self::add) at the same time may be lost to it.
    #[inline]
    pub fn set(&self, n: u64) {
        // ORDERING: Relaxed, as in `add`.
        self.level.store(n, Ordering::Relaxed);
        self.raise(n);
    }

    /// The level.
    #[inline]
    pub fn get(&self) -> u64 {
        // ORDERING: Relaxed, as in `add`.
        not_below_zero(self.level.load(Ordering::Relaxed))
    }

    /// The highest level that there was.
    pub fn high_water(&self) -> u64 {
        // ORDERING: Relaxed: a maximum of its own, ordered with nothing.
        self.high.load(Ordering::Relaxed)
    }

    fn raise(&self, level: u64) {
        let level = not_below_zero(level);
        // ORDERING: Relaxed: a stale value only costs a needless `fetch_max`, for the mark never sinks.
        if level > self.high.load(Ordering::Relaxed) {
            // ORDERING: Relaxed: the maximum is kept by the read-modify-write alone.
            self.high.fetch_max(level, Ordering::Relaxed);
        }
    }
}

/// The word holds a level in two's complement; above `i64::MAX` it is a negative one.
fn not_below_zero(word: u64) -> u64 {
    if word > i64::MAX as u64 { 0 } else { word }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::Gauge;

    #[test]
    fn the_high_water_mark_stays_when_the_level_sinks() {
        let gauge = Gauge::new();
        gauge.add(3);
        gauge.add(4);
        gauge.sub(6);
        assert_eq!((gauge.get(), gauge.high_water()), (1, 7));
        gauge.set(5);
        assert_eq!((gauge.get(), gauge.high_water()), (5, 7));
        gauge.set(9);
        assert_eq!((gauge.get(), gauge.high_water()), (9, 9));
    }

    #[test]
    fn a_decrease_that_comes_first_shows_zero_and_is_made_good_by_its_increase() {
        let gauge = Gauge::new();
        gauge.sub(2);
        assert_eq!((gauge.get(), gauge.high_water()), (0, 0));
        gauge.add(1);
        assert_eq!((gauge.get(), gauge.high_water()), (0, 0));
        gauge.add(2);
        assert_eq!((gauge.get(), gauge.high_water()), (1, 1));
    }
}

//! How many calls have failed in a row, in one word: the generation, and the count.
//!
//! A success writes only when there was a failure before it. When it meets a failure at the word it tries again: it
//! never leaves a failure counted that came before it.
//!
//! Progress: lock-free. Models: `breaker_row`.

use crate::sync::atomic::{AtomicU64, Ordering};

const COUNT: u64 = u32::MAX as u64;

/// The failures in a row of the newest generation that had one.
#[derive(Debug)]
pub(super) struct Row(AtomicU64);

impl Row {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Failures in a row in this generation.
    pub(super) fn get(&self, generation: u32) -> u32 {
        // ORDERING: Relaxed: a figure, as everywhere here; the word publishes nothing.
        count(self.0.load(Ordering::Relaxed), generation)
    }

    /// One more; how many there are then.
    pub(super) fn fail(&self, generation: u32) -> u32 {
        // ORDERING: Relaxed, as in `get`.
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let newer = ((now >> 32) as u32).wrapping_sub(generation) as i32 > 0;
            if newer {
                return 0;
            }
            let failures = count(now, generation).saturating_add(1);
            let next = u64::from(generation) << 32 | u64::from(failures);
            // ORDERING: Relaxed, as in `get`.
            match self.0.compare_exchange(now, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return failures,
                Err(later) => now = later,
            }
        }
    }

    /// A success: none.
    pub(super) fn succeed(&self, generation: u32) {
        // ORDERING: Relaxed, as in `get`.
        let mut now = self.0.load(Ordering::Relaxed);
        while count(now, generation) > 0 {
            let next = now & !COUNT;
            // ORDERING: Relaxed, as in `get`.
            match self.0.compare_exchange(now, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(later) => now = later,
            }
        }
    }
}

fn count(word: u64, generation: u32) -> u32 {
    if (word >> 32) as u32 == generation { (word & COUNT) as u32 } else { 0 }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::Row;

    #[test]
    fn a_row_belongs_to_one_generation() {
        let row = Row::new();
        assert_eq!((row.fail(5), row.fail(5), row.fail(4)), (1, 2, 0));
        row.succeed(4);
        assert_eq!((row.get(5), row.get(4)), (2, 0));
        assert_eq!((row.fail(6), row.get(5)), (1, 0));
        row.succeed(6);
        assert_eq!(row.get(6), 0);
    }
}

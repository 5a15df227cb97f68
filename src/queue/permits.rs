//! The permits of a queue without places (S16, capacity 0): one for each consumer that has nothing.
//!
//! A push takes a permit, and whoever took the index gives it back when it is free for another. So there are
//! never more indices between a push and their consumer's end than consumers: a push is a direct hand-over to
//! a consumer that waits, or is about to.
//!
//! Invariant: permits + indices in the ring + consumers that have one = consumers that there may be.
//!
//! Progress: lock-free. Models: `permits_bound`, `permits_move`.

use crate::sync::CachePadded;
use crate::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
pub(super) struct Permits(CachePadded<AtomicUsize>);

impl Permits {
    pub(super) fn new(permits: usize) -> Self {
        Self(CachePadded::new(AtomicUsize::new(permits)))
    }

    /// Takes a permit, if there is one.
    pub(super) fn take(&self) -> bool {
        // ORDERING: Relaxed, here and below: a count that is its own bound; the index that follows a permit comes
        // through the ring. Who waits for one is found by the fences of the side list (`side.fences`).
        let mut free = self.0.load(Ordering::Relaxed);
        while free > 0 {
            // ORDERING: as above.
            match self.0.compare_exchange_weak(free, free - 1, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(now) => free = now,
            }
        }
        false
    }

    /// Whether there is none.
    pub(super) fn are_out(&self) -> bool {
        // ORDERING: Relaxed: as in `take`.
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Gives a permit back, or one more.
    pub(super) fn give(&self) {
        // ORDERING: Relaxed: as in `take`.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

//! A rate limit in one word: the generic cell rate algorithm (ITU-T I.371).
//!
//! The word is the *theoretical arrival time*: the instant until which what was reserved so far occupies the
//! rate. A reservation is granted while that instant is at most the burst ahead of now, and moves it on by its
//! own cost, from now on if it has passed. So in any span of time the granted costs are at most the span, the
//! burst and one cost; a cost larger than the burst is granted too, and paid by those who come after it.
//!
//! A reservation that turns out too large gives back what of it lies ahead of now, no more: time that has
//! passed was occupied.
//!
//! **Edges.** None: the word publishes nothing, and its own order of changes is all that is asked of it.
//! **Progress.** Lock-free: an exchange fails only when another reservation or correction has succeeded.
//! Models: `keys_rate`, `keys_rate_given_back`, `keys_tokens`, `keys_tokens_refuse`.

use crate::sync::atomic::{AtomicU64, Ordering};

/// A theoretical arrival time in nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Rate(AtomicU64);

impl Rate {
    /// From when on a reservation is granted.
    pub(super) fn ready_at(&self, burst: u64) -> u64 {
        // ORDERING: Relaxed, nothing is published.
        self.0.load(Ordering::Relaxed).saturating_sub(burst)
    }

    /// Occupies `cost` of the rate and gives the instant until which it is occupied then; otherwise the
    /// instant from which on it would have been granted.
    pub(super) fn reserve(&self, now: u64, cost: u64, burst: u64) -> Result<u64, u64> {
        let mut refused = 0;
        let mut occupied = 0;
        self.change(|until| {
            refused = until.saturating_sub(burst);
            occupied = until.max(now).saturating_add(cost);
            (refused <= now).then_some(occupied)
        });
        if refused <= now { Ok(occupied) } else { Err(refused) }
    }

    /// Occupies `cost` whatever the limit says: it was used already.
    pub(super) fn charge(&self, now: u64, cost: u64) {
        self.change(|until| Some(until.max(now).saturating_add(cost)));
    }

    /// Gives `cost` of a reservation back that ended at `occupied`.
    pub(super) fn refund(&self, now: u64, cost: u64, occupied: u64) {
        let ahead = occupied.saturating_sub(now).min(cost);
        self.change(|until| Some(until.saturating_sub(ahead)));
    }

    fn change(&self, mut next: impl FnMut(u64) -> Option<u64>) {
        // ORDERING: Relaxed, both here and in the exchange: nothing is published, and the exchange compares.
        let mut until = self.0.load(Ordering::Relaxed);
        while let Some(new) = next(until) {
            match self.0.compare_exchange_weak(until, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(seen) => until = seen,
            }
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::Rate;

    #[test]
    fn without_a_burst_the_grants_stand_apart_by_their_cost() {
        let rate = Rate::default();
        assert_eq!(rate.reserve(100, 10, 0), Ok(110));
        assert_eq!(rate.reserve(100, 10, 0), Err(110));
        assert_eq!(rate.reserve(109, 10, 0), Err(110));
        assert_eq!(rate.reserve(110, 10, 0), Ok(120));
        assert_eq!(rate.reserve(500, 10, 0), Ok(510));
    }

    #[test]
    fn a_burst_lets_that_much_in_at_once() {
        let rate = Rate::default();
        let granted = (0..10).filter(|_| rate.reserve(100, 10, 30).is_ok()).count();
        assert_eq!(granted, 4, "the burst and one");
        assert_eq!(rate.ready_at(30), 110);
    }

    #[test]
    fn a_reservation_gives_back_only_what_lies_ahead() {
        let rate = Rate::default();
        let occupied = rate.reserve(0, 100, 0).unwrap();
        rate.refund(40, 30, occupied);
        assert_eq!(rate.ready_at(0), 70);
        rate.refund(60, 100, 70);
        assert_eq!(rate.ready_at(0), 60);
        rate.charge(60, 5);
        assert_eq!(rate.ready_at(0), 65);
        rate.charge(90, 5);
        assert_eq!(rate.ready_at(0), 95);
    }

    #[test]
    fn costs_saturate() {
        let rate = Rate::default();
        assert_eq!(rate.reserve(7, u64::MAX, 0), Ok(u64::MAX));
        assert_eq!(rate.reserve(7, 1, 5), Err(u64::MAX - 5));
        rate.refund(7, u64::MAX, u64::MAX);
        assert_eq!(rate.ready_at(0), 7);
    }
}

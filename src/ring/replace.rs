//! A push into a full [`Ring`] that replaces the oldest value, in one step at the head.
//!
//! The slot at the tail of a full ring is the slot at its head. Whoever claims the head there owns that
//! slot, and so the tail as well (invariant 3 of `ring.rs`): it moves the tail on, takes the oldest value
//! out and leaves its own, stamped as that of the tail's place. The slot is never free in between.

use super::Ring;
use super::place::{AtTail, Place};
use super::ring::Refused;
use crate::sync::atomic::Ordering;
use crate::sync::spin_loop;

/// What became of the oldest value.
enum Oldest {
    /// The caller has claimed its slot.
    Claimed,
    /// A popper has claimed it and has not emptied it yet.
    Leaving,
    /// It has left.
    Gone,
}

impl<T> Ring<T> {
    /// Adds `value` at the tail; in a full ring it takes the place of the oldest, which is returned. The
    /// exchange is one step at the head: nobody else gets the room between, and never more than one value
    /// is replaced.
    ///
    /// # Errors
    ///
    /// [`Refused::Closed`] if the ring was closed, and [`Refused::Full`] if another thread is just moving
    /// the oldest in or out (see the type): then nothing was replaced.
    pub fn force_push(&self, value: T) -> Result<Option<T>, Refused<T>> {
        let mut value = value;
        loop {
            value = match self.push(value) {
                Ok(()) => return Ok(None),
                Err(Refused::Full(value)) => value,
                Err(closed) => return Err(closed),
            };
            let tail = self.tail_now();
            let Some(oldest) = self.shape.lap_before(tail).filter(|_| !tail.is_closed()) else {
                continue;
            };
            let stamp = self.slot(tail).stamp();
            if stamp != oldest.full() {
                match stamp.at_tail(tail) {
                    AtTail::Taken => return Err(Refused::Full(value)),
                    AtTail::Free | AtTail::Behind => continue,
                }
            }
            match self.claim_oldest(oldest) {
                Oldest::Claimed => return Ok(Some(self.replace(tail, value))),
                Oldest::Leaving => return Err(Refused::Full(value)),
                Oldest::Gone => {}
            }
        }
    }

    /// Claims `oldest`, a lap behind the tail, whose slot was full.
    fn claim_oldest(&self, oldest: Place) -> Oldest {
        let mut head = self.head_now();
        loop {
            if head.bare() == oldest {
                match self.claim_head(head, 1) {
                    Ok(()) => return Oldest::Claimed,
                    Err(now) => head = now,
                }
            } else if oldest.is_before(head) {
                let leaving = self.slot(oldest).stamp() == oldest.full();
                return if leaving { Oldest::Leaving } else { Oldest::Gone };
            } else {
                // Read late: the tail is at most a lap ahead.
                spin_loop();
                head = self.head_now();
            }
        }
    }

    /// Leaves `value` at `tail`, whose slot the caller owns, and gives back what was there.
    fn replace(&self, tail: Place, value: T) -> T {
        let step = self.shape.after(tail, 1).word() - tail.word();
        // ORDERING: Relaxed: the stamp that follows is what others go by.
        self.tail.fetch_add(step, Ordering::Relaxed);
        let slot = self.slot(tail);
        let oldest = slot.read();
        slot.fill(value, tail);
        oldest
    }
}

//! Several values of a [`Ring`] with one claim: the slots that are ready in a row are counted, and one
//! compare-exchange takes them all.
//!
//! A stamp that was read as ready stays so until its place is claimed (invariant 2 of `ring.rs`), so if the
//! exchange finds the end where it was, all counted slots are the caller's. Nothing that could panic stands
//! between the claim and the last stamp.

use super::place::{AtHead, AtTail, Place};
use super::ring::Slot;
use super::{PopError, Ring};
use std::collections::VecDeque;
use std::fmt;

/// A ring that was closed before any value of a batch was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ring is closed")
    }
}

impl std::error::Error for Closed {}

/// A range of claimed places.
struct Claim {
    from: Place,
    count: usize,
}

impl Claim {
    fn moved(&self) -> Moved {
        Moved { count: self.count, awaited: self.count > 0 && self.from.is_awaited() }
    }
}

/// What a batch did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    /// How many values.
    pub(crate) count: usize,
    /// Whether somebody waited at that end then.
    pub(crate) awaited: bool,
}

impl<T> Ring<T> {
    /// Moves values from the front of `values` to the tail, as many as there are free slots in a row, with
    /// one claim: they stand together. Returns how many; 0 if the ring is full (see [`push`](Self::push)).
    ///
    /// # Errors
    ///
    /// [`Closed`] if the ring was closed; `values` is unchanged.
    #[inline]
    pub fn push_n(&self, values: &mut VecDeque<T>) -> Result<usize, Closed> {
        self.push_n_seeing(values).map(|moved| moved.count)
    }

    /// As [`push_n`](Self::push_n).
    #[inline]
    pub(crate) fn push_n_seeing(&self, values: &mut VecDeque<T>) -> Result<Moved, Closed> {
        let claim = self.claim_free(values.len())?;
        let slots = self.stretch(claim.from, claim.count);
        slots.zip(values.drain(..claim.count)).for_each(|((place, slot), value)| {
            slot.fill(value, place);
        });
        Ok(claim.moved())
    }

    /// Copies values from the front of `values` to the tail, as [`push_n`](Self::push_n) moves them.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the ring was closed.
    #[inline]
    pub fn push_slice(&self, values: &[T]) -> Result<usize, Closed>
    where
        T: Copy,
    {
        self.push_slice_seeing(values).map(|moved| moved.count)
    }

    /// As [`push_slice`](Self::push_slice).
    #[inline]
    pub(crate) fn push_slice_seeing(&self, values: &[T]) -> Result<Moved, Closed>
    where
        T: Copy,
    {
        let claim = self.claim_free(values.len())?;
        let slots = self.stretch(claim.from, claim.count);
        slots.zip(values).for_each(|((place, slot), value)| slot.fill(*value, place));
        Ok(claim.moved())
    }

    /// Takes up to `limit` of the oldest values with one claim and appends them to `values`, which grows
    /// where it has too little room. Returns how many, which is at least one unless `limit` is 0.
    ///
    /// # Errors
    ///
    /// As [`pop`](Self::pop), when there is not even one.
    #[inline]
    pub fn pop_n(&self, values: &mut Vec<T>, limit: usize) -> Result<usize, PopError> {
        self.pop_n_seeing(values, limit).map(|moved| moved.count)
    }

    /// As [`pop_n`](Self::pop_n).
    #[inline]
    pub(crate) fn pop_n_seeing(
        &self,
        values: &mut Vec<T>,
        limit: usize,
    ) -> Result<Moved, PopError> {
        let claim = self.claim_full(limit, |count| values.reserve(count))?;
        let slots = self.stretch(claim.from, claim.count);
        values.extend(slots.map(|(place, slot)| slot.empty(self.shape.lap_after(place))));
        Ok(claim.moved())
    }

    /// Takes as many of the oldest values as there are, and as `values` has room for, with one claim.
    /// Returns how many.
    ///
    /// # Errors
    ///
    /// As [`pop`](Self::pop), when there is not even one.
    #[inline]
    pub fn pop_slice(&self, values: &mut [T]) -> Result<usize, PopError>
    where
        T: Copy,
    {
        self.pop_slice_seeing(values).map(|moved| moved.count)
    }

    /// As [`pop_slice`](Self::pop_slice).
    #[inline]
    pub(crate) fn pop_slice_seeing(&self, values: &mut [T]) -> Result<Moved, PopError>
    where
        T: Copy,
    {
        let claim = self.claim_full(values.len(), |_| ())?;
        let slots = self.stretch(claim.from, claim.count);
        slots.zip(values).for_each(|((place, slot), value)| {
            *value = slot.empty(self.shape.lap_after(place));
        });
        Ok(claim.moved())
    }

    /// Claims up to `limit` free slots in a row at the tail.
    #[inline]
    fn claim_free(&self, limit: usize) -> Result<Claim, Closed> {
        let mut tail = self.tail_now();
        loop {
            if tail.is_closed() {
                self.meet_close();
                return Err(Closed);
            }
            let is_free = |place: Place, slot: &Slot<T>| slot.stamp() == place.free();
            let count = self.run(tail, limit, is_free);
            if count > 0 {
                match self.claim_tail(tail, count) {
                    Ok(()) => return Ok(Claim { from: tail, count }),
                    Err(now) => tail = now,
                }
            } else if limit > 0 && self.slot(tail).stamp().at_tail(tail) != AtTail::Taken {
                tail = self.tail_now();
            } else {
                return Ok(Claim { from: tail, count: 0 });
            }
        }
    }

    /// Claims up to `limit` full slots in a row at the head; `prepare` is told how many before they are
    /// claimed.
    #[inline]
    fn claim_full(&self, limit: usize, mut prepare: impl FnMut(usize)) -> Result<Claim, PopError> {
        let mut head = self.head_now();
        loop {
            let is_full = |place: Place, slot: &Slot<T>| slot.stamp() == place.full();
            let count = self.run(head, limit, is_full);
            if count > 0 {
                prepare(count);
                match self.claim_head(head, count) {
                    Ok(()) => return Ok(Claim { from: head, count }),
                    Err(now) => head = now,
                }
                continue;
            }
            if limit == 0 {
                return Ok(Claim { from: head, count });
            }
            match self.slot(head).stamp().at_head(head) {
                AtHead::Free => return Err(self.nothing_at(head)),
                AtHead::Busy => return Err(PopError::Empty),
                AtHead::Full | AtHead::Behind => head = self.head_now(),
            }
        }
    }

    /// How many slots in a row, from `place` on, are `ready`; at most `limit` and a lap.
    #[inline]
    fn run(&self, place: Place, limit: usize, ready: impl Fn(Place, &Slot<T>) -> bool) -> usize {
        let slots = self.stretch(place, limit.min(self.capacity()));
        slots.take_while(|(place, slot)| ready(*place, slot)).count()
    }

    /// The `count` slots from `place` on, at most a lap, each with its place: up to the end of the array,
    /// and from its beginning on.
    #[inline]
    fn stretch(&self, place: Place, count: usize) -> impl Iterator<Item = (Place, &Slot<T>)> {
        let from = self.shape.slot(place);
        let first = count.min(self.capacity() - from);
        let part = |place: Place, slots| {
            std::iter::zip(0.., slots).map(move |(at, slot)| (place.plus(at), slot))
        };
        let rest = part(self.shape.after(place, first), &self.slots[..count - first]);
        part(place, &self.slots[from..from + first]).chain(rest)
    }
}

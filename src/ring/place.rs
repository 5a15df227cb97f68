//! Places in the endless sequence of a [`Ring`](super::Ring)'s pushes, and the stamps of its slots.
//!
//! ```text
//!   63      62     61                             n  n - 1              0
//! +------+---------+--------------------------------+--------------------+
//! | mark | awaited |              lap               |   slot (n bits)    |
//! +------+---------+--------------------------------+--------------------+
//! ```
//!
//! | word | mark | meaning |
//! |---|---|---|
//! | head | 0 | the place that is popped next |
//! | tail | 1 once the ring was closed | the place that is pushed next |
//! | stamp | 0 | the slot is free for the push of this place |
//! | stamp | 1 | the slot holds what was pushed at this place |
//!
//! `awaited` in the head or the tail: whoever moves this end on tells those who wait for it (`waits.rs`).
//!
//! A slot's stamps only go on: `Free(p)`, `Full(p)`, `Free(p + lap)`, …; all of them differ at every capacity,
//! one included. A word of a ring of one slot comes back after 2⁶² pushes.

const MARK: u64 = 1 << 63;
const AWAITED: u64 = 1 << 62;
const PLACE: u64 = AWAITED - 1;

/// The shape of a ring: how places follow one another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    capacity: u64,
    /// The slot's bits of a place.
    mask: u64,
    /// What a step over the end adds beside its length: the slot numbers that no slot has.
    gap: u64,
}

/// A word of head or tail, with its marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u64);

/// A word of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp(u64);

/// What a stamp means to a pusher at its place.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtTail {
    /// The slot is free: whoever moves the tail on has it.
    Free,
    /// The slot is not free yet: it holds a value of the lap before, or one is being moved out or in.
    Taken,
    /// The tail has moved on.
    Behind,
}

/// What a stamp means to a popper at its place.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtHead {
    /// The slot holds the value of this place: whoever moves the head on has it.
    Full,
    /// Nothing has been pushed here yet, but the slot is free for it.
    Free,
    /// Nothing has been pushed here yet, and somebody is busy with the slot.
    Busy,
    /// The head has moved on.
    Behind,
}

impl Shape {
    /// The shape of a ring of `capacity` slots, which is at least one.
    pub(super) fn new(capacity: usize) -> Self {
        let lap = capacity.next_power_of_two() as u64;
        let capacity = capacity as u64;
        Self { capacity, mask: lap - 1, gap: lap - capacity }
    }

    #[inline]
    pub(super) fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// The slot of `place`.
    #[inline]
    pub(super) fn slot(&self, place: Place) -> usize {
        (place.0 & self.mask) as usize
    }

    /// The place `steps` after `place`, which are at most a lap.
    #[inline]
    pub(super) fn after(&self, place: Place, steps: usize) -> Place {
        let over = (place.0 & self.mask) + steps as u64 >= self.capacity;
        Place(place.0 + steps as u64 + if over { self.gap } else { 0 })
    }

    /// The place of the same slot a lap later.
    #[inline]
    pub(super) fn lap_after(&self, place: Place) -> Place {
        Place((place.0 & PLACE) + self.mask + 1)
    }

    /// The place of the same slot a lap before, if there is one.
    pub(super) fn lap_before(&self, place: Place) -> Option<Place> {
        (place.0 & PLACE).checked_sub(self.mask + 1).map(Place)
    }

    /// How many places `head` is behind `tail`; within the capacity, whenever they were read.
    pub(super) fn distance(&self, head: Place, tail: Place) -> usize {
        let ordinal = |place: Place| {
            let lap = (place.0 & PLACE) >> self.mask.count_ones();
            lap.wrapping_mul(self.capacity).wrapping_add(self.slot(place) as u64)
        };
        let distance = ordinal(tail).wrapping_sub(ordinal(head)) as i64;
        distance.clamp(0, self.capacity as i64) as usize
    }
}

impl Place {
    pub(super) const START: Self = Self(0);
    /// What a close adds to the tail's word.
    pub(super) const CLOSED: u64 = MARK;
    /// What somebody who waits adds to the word of head or tail.
    pub(super) const AWAITED: u64 = AWAITED;

    #[inline]
    pub(super) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    #[inline]
    pub(super) const fn word(self) -> u64 {
        self.0
    }

    #[inline]
    pub(super) const fn is_closed(self) -> bool {
        self.0 & MARK != 0
    }

    #[inline]
    pub(super) const fn is_awaited(self) -> bool {
        self.0 & AWAITED != 0
    }

    /// This place without marks.
    #[inline]
    pub(super) const fn bare(self) -> Self {
        Self(self.0 & PLACE)
    }

    /// The place `slots` behind this one in the same lap.
    #[inline]
    pub(super) const fn plus(self, slots: u64) -> Self {
        Self(self.0 + slots)
    }

    /// Whether this place was pushed before `other`.
    pub(super) const fn is_before(self, other: Self) -> bool {
        self.0 & PLACE < other.0 & PLACE
    }

    /// The stamp of a slot that is free for the push of this place.
    #[inline]
    pub(super) const fn free(self) -> Stamp {
        Stamp(self.0 & PLACE)
    }

    /// The stamp of a slot that holds the value of this place.
    #[inline]
    pub(super) const fn full(self) -> Stamp {
        Stamp(self.0 & PLACE | MARK)
    }

    /// The place of slot `number` in the first lap.
    pub(super) const fn first_of(number: usize) -> Self {
        Self(number as u64)
    }
}

impl Stamp {
    #[inline]
    pub(super) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    #[inline]
    pub(super) const fn word(self) -> u64 {
        self.0
    }

    /// What this stamp means to a pusher at `place`.
    #[inline]
    pub(super) fn at_tail(self, place: Place) -> AtTail {
        if self == place.free() {
            AtTail::Free
        } else if self.0 & PLACE < place.0 & PLACE {
            AtTail::Taken
        } else {
            AtTail::Behind
        }
    }

    /// What this stamp means to a popper at `place`.
    #[inline]
    pub(super) fn at_head(self, place: Place) -> AtHead {
        if self == place.full() {
            AtHead::Full
        } else if self == place.free() {
            AtHead::Free
        } else if self.0 & PLACE < place.0 & PLACE {
            AtHead::Busy
        } else {
            AtHead::Behind
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{AtHead, AtTail, Place, Shape};

    #[test]
    fn places_pass_every_slot_in_turn_at_every_capacity() {
        for capacity in [1, 2, 3, 5, 255, 256, 65_535, 65_536] {
            let shape = Shape::new(capacity);
            let mut place = Place::START;
            for step in 0..3 * capacity {
                assert_eq!(shape.slot(place), step % capacity);
                assert_eq!(shape.distance(Place::START, place), step.min(capacity));
                assert_eq!(shape.lap_before(shape.lap_after(place)), Some(place));
                assert_eq!(shape.after(place, capacity), shape.lap_after(place));
                place = shape.after(place, 1);
            }
        }
    }

    #[test]
    fn a_step_of_many_is_many_steps() {
        for capacity in [1, 2, 3, 7, 8] {
            let shape = Shape::new(capacity);
            let mut from = Place::START;
            for _ in 0..3 * capacity {
                let mut place = from;
                for steps in 0..=capacity {
                    assert_eq!(shape.after(from, steps), place);
                    place = shape.after(place, 1);
                }
                from = shape.after(from, 1);
            }
        }
    }

    #[test]
    fn a_slot_of_a_ring_of_one_has_another_stamp_in_each_state() {
        let shape = Shape::new(1);
        let (first, second) = (Place::START, shape.after(Place::START, 1));
        assert_eq!(second, shape.lap_after(first));
        assert_eq!(first.full().at_tail(second), AtTail::Taken);
        assert_eq!(first.full().at_head(second), AtHead::Busy);
        assert_eq!(second.free().at_tail(second), AtTail::Free);
        assert_eq!(second.free().at_tail(first), AtTail::Behind);
        assert_eq!(second.free().at_head(first), AtHead::Behind);
        assert_eq!(second.free().at_head(second), AtHead::Free);
    }

    #[test]
    fn marks_keep_the_place() {
        let shape = Shape::new(3);
        let place = shape.after(shape.lap_after(Place::START), 2);
        for marks in [Place::CLOSED, Place::AWAITED, Place::CLOSED | Place::AWAITED] {
            let marked = Place::from_word(place.word() | marks);
            assert_eq!(marked.is_closed(), marks & Place::CLOSED != 0);
            assert_eq!(marked.is_awaited(), marks & Place::AWAITED != 0);
            assert_eq!(
                (marked.bare(), marked.free(), marked.full()),
                (place, place.free(), place.full())
            );
            assert_eq!((shape.slot(marked), shape.distance(Place::START, marked)), (2, 3));
            assert_eq!(shape.lap_after(marked), shape.lap_after(place));
            assert_eq!(shape.lap_before(marked), shape.lap_before(place));
            assert_eq!(shape.after(marked, 2).bare(), shape.after(place, 2));
            assert!(Place::START.is_before(marked) && !marked.is_before(place));
            assert_eq!(place.free().at_tail(marked), AtTail::Free);
            assert_eq!(place.full().at_head(marked), AtHead::Full);
        }
    }
}

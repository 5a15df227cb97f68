//! The slot word of [`JobRing`](super::JobRing), and positions in it.
//!
//! ```text
//!  63                                        21  20 19                   0
//! +--------------------------------------------+----+---------------------+
//! |                lap (43 bits)               |mark|   index (20 bits)   |
//! +--------------------------------------------+----+---------------------+
//! ```
//!
//! | word | index | mark | meaning | who may follow |
//! |---|---|---|---|---|
//! | `Empty(l)` | none | 0 | free for the push of lap `l` | `Full(l, i)` by a push, `Closed(l)` by a close |
//! | `Full(l, i)` | i | 0 | holds `i`, pushed in lap `l` | `Empty(l + 1)` by a pop, `Full(l + 1, j)` by a replacing push, `Last(l, i)` by a close of the full ring |
//! | `Last(l, i)` | i | 1 | as `Full`, and nothing may be pushed behind it | `Closed(l + 1)` by a pop |
//! | `Closed(l)` | none | 1 | the end of the queue; stays | – |
//!
//! Every transition makes the word larger in (lap, occupancy), so no word ever comes back: a
//! compare-exchange cannot succeed on a slot that changed in between. A lap of 43 bits wraps after 48
//! hours at capacity 1 and 20 ns a lap, and later in proportion to the capacity.

/// Bits of a record's index.
const INDEX_BITS: u32 = 20;
/// The index field of a word that holds none.
const NONE: u64 = (1 << INDEX_BITS) - 1;
const MARK: u64 = 1 << INDEX_BITS;
const LAP_SHIFT: u32 = INDEX_BITS + 1;
const LAP_MASK: u64 = (1 << (64 - LAP_SHIFT)) - 1;

/// The largest index that a ring can carry.
pub const MAX_INDEX: u32 = NONE as u32 - 1;
/// The largest capacity of a ring.
pub const MAX_CAPACITY: usize = 1 << INDEX_BITS;

/// A place in the endless sequence of pushes: the lap and the slot. Ordered as pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position(u64);

impl Position {
    pub(super) const START: Self = Self(0);

    #[inline]
    pub(super) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    #[inline]
    pub(super) const fn as_word(self) -> u64 {
        self.0
    }

    #[inline]
    pub(super) const fn slot(self) -> usize {
        (self.0 & NONE) as usize
    }

    #[inline]
    pub(super) const fn lap(self) -> u64 {
        self.0 >> LAP_SHIFT
    }

    /// The position after this one in a ring of `capacity` slots.
    #[inline]
    pub(super) const fn next(self, capacity: usize) -> Self {
        if self.slot() + 1 == capacity {
            Self((self.lap() + 1) << LAP_SHIFT)
        } else {
            Self(self.0 + 1)
        }
    }

    /// The same slot, in the lap before `lap`.
    #[inline]
    const fn in_lap_before(self, lap: u64) -> Self {
        Self((lap.wrapping_sub(1) & LAP_MASK) << LAP_SHIFT | self.0 & NONE)
    }

    /// The same slot, in `lap`.
    #[inline]
    const fn in_lap(self, lap: u64) -> Self {
        Self(lap << LAP_SHIFT | self.0 & NONE)
    }

    /// How many positions `self` is behind `later`, in a ring of `capacity` slots.
    #[inline]
    pub(super) const fn distance(self, later: Self, capacity: usize) -> usize {
        let laps = later.lap().wrapping_sub(self.lap()) as usize;
        (laps * capacity + later.slot()).saturating_sub(self.slot())
    }
}

/// A slot's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(u64);

/// What a word means to a pusher that stands at a position.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtTail {
    /// The position is the tail: a push may claim the slot.
    Free,
    /// The position is the tail and its slot holds the head: the ring is exactly full.
    Full,
    /// The position is the tail and the ring was closed there.
    Closed,
    /// The position is behind the tail, which is at this one or later.
    Behind(Position),
}

/// What a word means to a popper that stands at a position.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtHead {
    /// The position is the head and holds this index.
    Item(u32),
    /// The position is the head and the tail: the ring is empty.
    Empty,
    /// The position is the head, and the ring was closed there.
    Closed,
    /// The position is behind the head, which is at this one or later.
    Behind(Position),
}

impl Word {
    #[inline]
    pub(super) const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    #[inline]
    pub(super) const fn raw(self) -> u64 {
        self.0
    }

    /// The word of a slot that no push has used yet.
    #[inline]
    pub(super) const fn unused() -> Self {
        Self::empty(0)
    }

    #[inline]
    const fn empty(lap: u64) -> Self {
        Self(lap << LAP_SHIFT | NONE)
    }

    /// The word of a slot that a push at `position` may claim.
    #[inline]
    pub(super) const fn free(position: Position) -> Self {
        Self::empty(position.lap())
    }

    #[inline]
    pub(super) const fn full(position: Position, index: u32) -> Self {
        Self(position.lap() << LAP_SHIFT | index as u64)
    }

    #[inline]
    pub(super) const fn closed(position: Position) -> Self {
        Self(position.lap() << LAP_SHIFT | MARK | NONE)
    }

    /// This full word, with nothing allowed behind it.
    #[inline]
    pub(super) const fn last(self) -> Self {
        Self(self.0 | MARK)
    }

    /// What a pop leaves behind: free for the next lap, or the end of the queue.
    #[inline]
    pub(super) const fn popped(self) -> Self {
        Self((self.lap() + 1) << LAP_SHIFT | self.0 & MARK | NONE)
    }

    #[inline]
    const fn lap(self) -> u64 {
        self.0 >> LAP_SHIFT
    }

    #[inline]
    const fn is_marked(self) -> bool {
        self.0 & MARK != 0
    }

    /// The index that the slot holds.
    #[inline]
    pub(super) const fn index(self) -> Option<u32> {
        let index = self.0 & NONE;
        if index == NONE { None } else { Some(index as u32) }
    }

    /// Reads the word as a pusher at `position`, whose every earlier position has been pushed.
    #[inline]
    pub(super) fn at_tail(self, position: Position, capacity: usize) -> AtTail {
        let lap = position.lap();
        match self.index() {
            None if self.lap() == lap && self.is_marked() => AtTail::Closed,
            None if self.lap() == lap => AtTail::Free,
            Some(_) if self.lap().wrapping_add(1) & LAP_MASK == lap => {
                if self.is_marked() {
                    AtTail::Closed
                } else {
                    AtTail::Full
                }
            }
            // The slot was pushed and popped in the lap before the word's.
            None => AtTail::Behind(position.in_lap_before(self.lap()).next(capacity)),
            Some(_) => AtTail::Behind(position.in_lap(self.lap()).next(capacity)),
        }
    }

    /// Reads the word as a popper at `position`, whose every earlier position has been popped.
    #[inline]
    pub(super) fn at_head(self, position: Position, capacity: usize) -> AtHead {
        match self.index() {
            Some(index) if self.lap() == position.lap() => AtHead::Item(index),
            None if self.lap() == position.lap() => {
                if self.is_marked() {
                    AtHead::Closed
                } else {
                    AtHead::Empty
                }
            }
            // Whatever stands there in a later lap, the lap before it has been popped.
            _ => AtHead::Behind(position.in_lap_before(self.lap()).next(capacity)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AtHead, AtTail, Position, Word};

    fn position(lap: u64, slot: usize) -> Position {
        let mut at = Position::START;
        for _ in 0..lap as usize * 4 + slot {
            at = at.next(4);
        }
        at
    }

    #[test]
    fn positions_are_ordered_as_pushed_and_count_their_distance() {
        let start = position(2, 3);
        assert_eq!((start.lap(), start.slot()), (2, 3));
        let later = position(4, 1);
        assert!(start < later);
        assert_eq!(start.distance(later, 4), 6);
        assert_eq!(later.distance(later, 4), 0);
    }

    #[test]
    fn a_pusher_reads_each_word_as_the_table_says() {
        let at = position(3, 1);
        assert_eq!(Word::empty(3).at_tail(at, 4), AtTail::Free);
        assert_eq!(Word::closed(at).at_tail(at, 4), AtTail::Closed);
        assert_eq!(Word::full(position(2, 1), 7).at_tail(at, 4), AtTail::Full);
        assert_eq!(Word::full(position(2, 1), 7).last().at_tail(at, 4), AtTail::Closed);
        assert_eq!(Word::full(at, 7).at_tail(at, 4), AtTail::Behind(position(3, 2)));
        assert_eq!(Word::empty(4).at_tail(at, 4), AtTail::Behind(position(3, 2)));
        assert_eq!(Word::empty(9).at_tail(at, 4), AtTail::Behind(position(8, 2)));
        assert_eq!(Word::full(position(9, 1), 7).at_tail(at, 4), AtTail::Behind(position(9, 2)));
    }

    #[test]
    fn a_popper_reads_each_word_as_the_table_says() {
        let at = position(3, 3);
        assert_eq!(Word::full(at, 7).at_head(at, 4), AtHead::Item(7));
        assert_eq!(Word::full(at, 7).last().at_head(at, 4), AtHead::Item(7));
        assert_eq!(Word::empty(3).at_head(at, 4), AtHead::Empty);
        assert_eq!(Word::closed(at).at_head(at, 4), AtHead::Closed);
        assert_eq!(Word::empty(4).at_head(at, 4), AtHead::Behind(position(4, 0)));
        assert_eq!(Word::full(position(6, 3), 7).at_head(at, 4), AtHead::Behind(position(6, 0)));
        assert_eq!(Word::full(at, 7).popped(), Word::empty(4));
        assert_eq!(Word::full(at, 7).last().popped(), Word::closed(position(4, 3)));
    }
}

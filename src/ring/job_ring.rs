//! A bounded FIFO of record indices that no thread can block.
//!
//! Algorithm: one compare-exchange on the slot itself pushes, pops, replaces or closes; head and tail are
//! only hints where to look (after Tsigas and Zhang, SPAA 2001, and the bounded queues that keep a lap in
//! each slot). The slot's states are in `word.rs`.
//!
//! Invariants:
//! 1. Positions are pushed in order: a slot goes `Empty(l)` → `Full(l)` only when every earlier position
//!    has been pushed, because a pusher arrives at it from a hint (2.) over slots that it saw pushed.
//! 2. A hint is never ahead of the true end that it stands for: it is stored by the one who moved the end
//!    past it, or later. It may be behind, by any number of laps.
//! 3. Positions are popped in order, for the same reason.
//! 4. Whoever reads a hint or a slot sees every earlier position at least as far as its writer did
//!    (release and acquire on both), so that no slot is ever seen in a lap before the reader's own but
//!    `Full(l - 1)`, which is a full ring.
//!
//! From 1. and 4.: a pusher that sees `Empty(lap)` at its position stands at the tail; one that sees
//! `Full(lap - 1)` stands at the tail of a ring that holds `capacity` items at that moment. A popper that
//! sees `Empty(lap)` stands at the head of a ring that is empty at that moment. So Full and Empty are
//! exact, and each operation takes effect at its successful compare-exchange or at that load.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `ring.push` | the slot's compare-exchange in `push`, `force_push` | the slot's load in `pop` | the record that the index names; every earlier push |
//! | `ring.pop` | the slot's compare-exchange in `pop` | the slot's load in `push` | every earlier pop |
//! | `ring.close` | the slot's compare-exchange in `close` | the slot's load in `push`, `pop` | what the closer did before |
//! | `ring.hint` | the store of `head` or `tail` | their load | every push or pop before the position stored |
//!
//! Progress: lock-free. A compare-exchange fails only because another one succeeded; a walk from a stale
//! hint jumps whole laps and takes at most `capacity` steps more than the others' progress. Nobody waits
//! for anybody: a thread that stops anywhere leaves a ring on which all others go on.
//!
//! Models: `ring_2p1c`, `ring_2p2c`, `ring_cap1`, `ring_close`, `ring_close_full`, `ring_force_push`, `ring_pop_if`,
//! `ring_len`.

use super::word::{AtHead, AtTail, MAX_CAPACITY, MAX_INDEX, Position, Word};
use crate::sync::CachePadded;
use crate::sync::atomic::{AtomicU64, Ordering};
use std::fmt;

/// A bounded lock-free queue of record indices. See the module's source for the algorithm.
///
/// # Examples
///
/// ```
/// use bifrost::ring::{JobRing, PopError, PushError};
///
/// let ring = JobRing::new(2);
/// ring.push(7)?;
/// ring.push(8)?;
/// assert_eq!(ring.push(9), Err(PushError::Full));
/// assert_eq!(ring.force_push(9), Ok(Some(7)));
/// ring.close();
/// assert_eq!(ring.push(1), Err(PushError::Closed));
/// assert_eq!((ring.pop(), ring.pop(), ring.pop()), (Ok(8), Ok(9), Err(PopError::Closed)));
/// # Ok::<(), PushError>(())
/// ```
pub struct JobRing {
    head: CachePadded<AtomicU64>,
    tail: CachePadded<AtomicU64>,
    slots: Box<[AtomicU64]>,
}

/// Why an index was not pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PushError {
    /// The ring holds as many indices as its capacity.
    Full,
    /// The ring was closed.
    Closed,
}

/// Why no index was popped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PopError {
    /// The ring holds nothing now.
    Empty,
    /// The ring holds nothing and was closed: nothing will come.
    Closed,
}

/// What [`JobRing::pop_if`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PopIf {
    /// The condition held for the head, which is now the caller's.
    Popped(u32),
    /// The condition did not hold for the head, which stays.
    Declined,
    /// There is no head.
    Nothing(PopError),
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the ring is full",
            Self::Closed => "the ring is closed",
        })
    }
}

impl std::error::Error for PushError {}

impl fmt::Display for PopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the ring is empty",
            Self::Closed => "the ring is empty and closed",
        })
    }
}

impl std::error::Error for PopError {}

impl fmt::Debug for JobRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobRing")
            .field("capacity", &self.capacity())
            .field("len", &self.len())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

impl JobRing {
    /// Makes an empty ring that holds up to `capacity` indices. Nothing is allocated later.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0 or above [`MAX_CAPACITY`](super::MAX_CAPACITY).
    pub fn new(capacity: usize) -> Self {
        assert!(
            (1..=MAX_CAPACITY).contains(&capacity),
            "a ring's capacity must be in 1..={MAX_CAPACITY}, not {capacity}"
        );
        Self {
            head: CachePadded::new(AtomicU64::new(Position::START.as_word())),
            tail: CachePadded::new(AtomicU64::new(Position::START.as_word())),
            slots: (0..capacity).map(|_| AtomicU64::new(Word::unused().raw())).collect(),
        }
    }

    /// How many indices the ring holds at most.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Adds `index` at the tail.
    ///
    /// # Errors
    ///
    /// [`PushError::Full`] if the ring held `capacity` indices at a moment during the call, and
    /// [`PushError::Closed`] if it was closed before.
    ///
    /// # Panics
    ///
    /// If `index` is above [`MAX_INDEX`](super::MAX_INDEX).
    #[inline]
    pub fn push(&self, index: u32) -> Result<(), PushError> {
        assert!(index <= MAX_INDEX, "a ring's index must be at most {MAX_INDEX}, not {index}");
        let mut at = self.tail_hint();
        loop {
            // The word of a free slot is known, so the exchange itself is the first look at it.
            match self.exchange(at, Word::free(at), Word::full(at, index)) {
                Ok(()) => {
                    self.hint_tail(at);
                    return Ok(());
                }
                Err(word) => match word.at_tail(at, self.capacity()) {
                    AtTail::Free => {}
                    AtTail::Full => return Err(PushError::Full),
                    AtTail::Closed => return Err(PushError::Closed),
                    AtTail::Behind(later) => at = self.forward(at, later),
                },
            }
        }
    }

    /// Adds `index` at the tail; in a full ring it takes the place of the oldest, which is returned. The
    /// exchange is one step: nobody sees the ring with one index less, and never more than one is replaced.
    ///
    /// # Errors
    ///
    /// [`PushError::Closed`] if the ring was closed before.
    ///
    /// # Panics
    ///
    /// If `index` is above [`MAX_INDEX`](super::MAX_INDEX).
    pub fn force_push(&self, index: u32) -> Result<Option<u32>, PushError> {
        assert!(index <= MAX_INDEX, "a ring's index must be at most {MAX_INDEX}, not {index}");
        let mut at = self.tail_hint();
        loop {
            let word = self.load(at);
            match word.at_tail(at, self.capacity()) {
                AtTail::Free | AtTail::Full => {
                    if self.replace(at, word, Word::full(at, index)) {
                        self.hint_tail(at);
                        return Ok(word.index());
                    }
                }
                AtTail::Closed => return Err(PushError::Closed),
                AtTail::Behind(later) => at = self.forward(at, later),
            }
        }
    }

    /// Takes the oldest index.
    ///
    /// # Errors
    ///
    /// [`PopError::Empty`] if the ring held nothing at a moment during the call, and [`PopError::Closed`]
    /// if moreover nothing will ever come.
    #[inline]
    pub fn pop(&self) -> Result<u32, PopError> {
        match self.pop_if(|_| true) {
            PopIf::Popped(index) => Ok(index),
            PopIf::Nothing(error) => Err(error),
            PopIf::Declined => unreachable!("the condition is always true"),
        }
    }

    /// Takes the oldest index if `condition` holds for it. The condition may be asked again when another
    /// thread was faster, each time about the head of that moment; it must not change from true to false
    /// while the index stands in the ring.
    #[inline]
    pub fn pop_if(&self, condition: impl Fn(u32) -> bool) -> PopIf {
        // ORDERING: Acquire takes `ring.hint`.
        let mut at = Position::from_word(self.head.load(Ordering::Acquire));
        loop {
            let word = self.load(at);
            match word.at_head(at, self.capacity()) {
                AtHead::Item(index) => {
                    if !condition(index) {
                        return PopIf::Declined;
                    }
                    if self.replace(at, word, word.popped()) {
                        // ORDERING: Release is edge `ring.hint`.
                        self.head.store(at.next(self.capacity()).as_word(), Ordering::Release);
                        return PopIf::Popped(index);
                    }
                }
                AtHead::Empty => return PopIf::Nothing(PopError::Empty),
                AtHead::Closed => return PopIf::Nothing(PopError::Closed),
                AtHead::Behind(later) => at = self.forward(at, later),
            }
        }
    }

    /// Closes the ring at its tail: no later push succeeds, and what is inside can still be popped.
    /// Returns whether this call closed it.
    pub fn close(&self) -> bool {
        let mut at = self.tail_hint();
        loop {
            let word = self.load(at);
            let closed = match word.at_tail(at, self.capacity()) {
                AtTail::Free => Word::closed(at),
                AtTail::Full => word.last(),
                AtTail::Closed => return false,
                AtTail::Behind(later) => {
                    at = self.forward(at, later);
                    continue;
                }
            };
            if self.replace(at, word, closed) {
                return true;
            }
        }
    }

    /// Whether the ring was closed.
    pub fn is_closed(&self) -> bool {
        let (at, word) = self.find_tail();
        word.at_tail(at, self.capacity()) == AtTail::Closed
    }

    /// How many indices the ring holds; exact while nobody pushes or pops.
    pub fn len(&self) -> usize {
        // The head first: read after the tail, it could have passed it.
        // ORDERING: Acquire takes `ring.hint`.
        let mut head = Position::from_word(self.head.load(Ordering::Acquire));
        while let AtHead::Behind(later) = self.load(head).at_head(head, self.capacity()) {
            head = self.forward(head, later);
        }
        let (tail, _) = self.find_tail();
        head.distance(tail, self.capacity()).min(self.capacity())
    }

    /// Whether the ring holds nothing, at a moment during the call.
    pub fn is_empty(&self) -> bool {
        matches!(self.pop_if(|_| false), PopIf::Nothing(_))
    }

    #[inline]
    fn tail_hint(&self) -> Position {
        // ORDERING: Acquire takes `ring.hint`.
        Position::from_word(self.tail.load(Ordering::Acquire))
    }

    #[inline]
    fn hint_tail(&self, pushed: Position) {
        // ORDERING: Release is edge `ring.hint`. A late store may put the hint back, never ahead (2.).
        self.tail.store(pushed.next(self.capacity()).as_word(), Ordering::Release);
    }

    fn find_tail(&self) -> (Position, Word) {
        let mut at = self.tail_hint();
        loop {
            let word = self.load(at);
            match word.at_tail(at, self.capacity()) {
                AtTail::Behind(later) => at = self.forward(at, later),
                _ => return (at, word),
            }
        }
    }

    #[inline]
    fn load(&self, at: Position) -> Word {
        // ORDERING: Acquire takes `ring.push`, `ring.pop` and `ring.close`: what the writer of this slot
        // knew of the slots before it is known here too (4.).
        Word::from_raw(self.slots[at.slot()].load(Ordering::Acquire))
    }

    #[inline]
    fn replace(&self, at: Position, old: Word, new: Word) -> bool {
        self.exchange(at, old, new).is_ok()
    }

    #[inline]
    fn exchange(&self, at: Position, old: Word, new: Word) -> Result<(), Word> {
        // ORDERING: Release is edge `ring.push`, `ring.pop` or `ring.close`; Acquire takes them, as `load`
        // does: a push exchanges without a load before.
        self.slots[at.slot()]
            .compare_exchange(old.raw(), new.raw(), Ordering::AcqRel, Ordering::Acquire)
            .map(|_| ())
            .map_err(Word::from_raw)
    }

    #[inline]
    fn forward(&self, from: Position, to: Position) -> Position {
        debug_assert!(from < to, "invariant 4: {from:?} was seen after {to:?}");
        to
    }
}

//! A lock-free stack of indices: the free list of records.
//!
//! Algorithm: Treiber's stack over an array of links, with a tag beside the top index against ABA. Who finds it
//! empty and will come again marks the top; the push that takes the mark away says so.
//!
//! Invariants: 1. an index is in the stack at most once (the caller returns only what it took). 2. The tag
//! grows with every push and pop, so a compare-exchange fails if the top changed in between, even back to
//! the same index. 3. A link is written only by the owner of its index, before the index is pushed. 4. Only an
//! empty stack is marked: the next change of its top is a push, which finds the mark, or the close.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `stack.push` | the top's compare-exchange in `push` | the top's load in `pop` | the link below, and everything the returning owner did with the index |
//! | `stack.mark` | the exchange of `pop_or_mark` | the fence of the push that finds the mark | what the one who marked did before |
//!
//! A tag of 42 bits wraps after 6 hours of one operation every 5 ns, all within one stalled `pop`.
//!
//! Progress: lock-free. Models: `stack_aba`, `stack_pass`, `stack_mark`.

use super::word::MAX_INDEX;
use crate::sync::CachePadded;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

const INDEX_BITS: u32 = 20;
const NONE: u32 = (1 << INDEX_BITS) - 1;
const MARK: u64 = 1 << INDEX_BITS;
const CLOSED: u64 = 1 << (INDEX_BITS + 1);
const TAG_SHIFT: u32 = INDEX_BITS + 2;

/// The top index and its tag.
#[derive(Clone, Copy)]
struct Top(u64);

impl Top {
    fn new(index: u32, tag: u64) -> Self {
        Self(tag << TAG_SHIFT | u64::from(index))
    }

    fn index(self) -> u32 {
        self.0 as u32 & NONE
    }

    fn tag(self) -> u64 {
        self.0 >> TAG_SHIFT
    }

    fn is_marked(self) -> bool {
        self.0 & MARK != 0
    }

    fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    fn followed_by(self, index: u32) -> Self {
        Self::new(index, self.tag().wrapping_add(1))
    }
}

/// Why an index was not put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotPut {
    /// Somebody found the stack empty and [marked](IndexStack::pop_or_mark) it.
    Marked,
    /// The stack was [closed](IndexStack::close).
    Closed,
}

/// A lock-free stack of the indices `0..capacity`, each of them in it at most once.
#[derive(Debug)]
pub struct IndexStack {
    top: CachePadded<AtomicU64>,
    below: Box<[AtomicU32]>,
}

impl IndexStack {
    /// Makes a stack that holds every index below `capacity`, 0 on top.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0, or above what a 20-bit index can name.
    pub fn full(capacity: usize) -> Self {
        assert!(
            (1..=MAX_INDEX as usize + 1).contains(&capacity),
            "a stack's capacity must be in 1..={}, not {capacity}",
            MAX_INDEX as usize + 1
        );
        let last = capacity as u32 - 1;
        let below = |index| AtomicU32::new(if index == last { NONE } else { index + 1 });
        Self {
            top: CachePadded::new(AtomicU64::new(Top::new(0, 0).0)),
            below: (0..=last).map(below).collect(),
        }
    }

    /// How many indices there are, inside and outside.
    pub fn capacity(&self) -> usize {
        self.below.len()
    }

    /// Returns `index`, which the caller took from this stack and no longer uses. `true`: somebody found the
    /// stack empty and [marked](Self::pop_or_mark) it. A closed stack takes nothing.
    pub fn push(&self, index: u32) -> bool {
        self.put(index, true) == Ok(true)
    }

    /// As [`push`](Self::push), but only into a stack that is neither marked nor closed: then the caller, who has
    /// the index yet, can prepare for what comes after a push.
    ///
    /// # Errors
    ///
    /// Why the index was not put back.
    #[inline]
    pub fn give(&self, index: u32) -> Result<(), NotPut> {
        self.put(index, false).map(|_| ())
    }

    /// As [`push`](Self::push), for a stack that may be closed.
    ///
    /// # Errors
    ///
    /// [`NotPut::Closed`].
    pub fn push_unless_closed(&self, index: u32) -> Result<bool, NotPut> {
        self.put(index, true)
    }

    #[inline]
    fn put(&self, index: u32, if_marked: bool) -> Result<bool, NotPut> {
        // ORDERING: Relaxed: the top is only compared; the link needs no more than its index.
        let mut top = Top(self.top.load(Ordering::Relaxed));
        loop {
            if top.0 & (MARK | CLOSED) != 0 {
                if top.is_closed() {
                    return Err(NotPut::Closed);
                }
                if !if_marked {
                    return Err(NotPut::Marked);
                }
            }
            // ORDERING: Relaxed: published with the index by `stack.push`.
            self.below[index as usize].store(top.index(), Ordering::Relaxed);
            // ORDERING: Release is edge `stack.push`; the failing load is only compared again. A pop's
            // compare-exchange is a read-modify-write, so it continues the release sequence of this one.
            match self.top.compare_exchange_weak(
                top.0,
                top.followed_by(index).0,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => top = Top(now),
            }
        }
        if top.is_marked() {
            // ORDERING: Acquire takes `stack.mark`, through the exchange that found it.
            fence(Ordering::Acquire);
        }
        Ok(top.is_marked())
    }

    /// Closes the stack, once: it is empty from now on and takes nothing back. How many indices were inside.
    pub fn close(&self) -> usize {
        // ORDERING: Acquire takes `stack.push` of every index inside: what changed the top since is a
        // read-modify-write, so the later ones continue the release sequences of the earlier.
        let top = Top(self.top.fetch_or(CLOSED | u64::from(NONE), Ordering::Acquire));
        self.count_from(top.index())
    }

    /// As [`pop`](Self::pop), but an empty stack is marked, for a caller whom the next [`push`](Self::push) has
    /// to tell.
    pub fn pop_or_mark(&self) -> Option<u32> {
        loop {
            if let Some(index) = self.pop() {
                return Some(index);
            }
            // ORDERING: Relaxed: only compared; a top that is marked already has been found by nobody yet.
            let top = Top(self.top.load(Ordering::Relaxed));
            if top.index() != NONE {
                continue;
            }
            // ORDERING: Release is edge `stack.mark`; a failure is only tried again.
            let marked = self.top.compare_exchange(
                top.0,
                top.0 | MARK,
                Ordering::Release,
                Ordering::Relaxed,
            );
            if marked.is_ok() {
                return None;
            }
        }
    }

    /// Takes the index that was returned last, if there is one.
    pub fn pop(&self) -> Option<u32> {
        // ORDERING: Acquire takes `stack.push`: the link, and what the last owner did with the index.
        let mut top = Top(self.top.load(Ordering::Acquire));
        loop {
            if top.index() == NONE {
                return None;
            }
            // ORDERING: Relaxed: the link of this index under this tag was acquired with the top; under
            // any other tag the compare-exchange fails and the value is not used.
            let below = self.below[top.index() as usize].load(Ordering::Relaxed);
            // ORDERING: success publishes nothing and was acquired with `top`; failure is acquired as above.
            match self.top.compare_exchange_weak(
                top.0,
                top.followed_by(below).0,
                Ordering::Relaxed,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(top.index()),
                Err(now) => top = Top(now),
            }
        }
    }

    /// How many indices are inside; exact while nobody pushes or pops. Takes a step for each.
    pub fn len(&self) -> usize {
        // ORDERING: Relaxed: a figure; a link that is read too early is one of its earlier values.
        self.count_from(Top(self.top.load(Ordering::Relaxed)).index())
    }

    fn count_from(&self, mut index: u32) -> usize {
        let mut len = 0;
        while index != NONE && len < self.capacity() {
            len += 1;
            // ORDERING: Relaxed: a figure that others may change at once.
            index = self.below[index as usize].load(Ordering::Relaxed);
        }
        len
    }

    /// Whether nothing is inside, at this moment.
    pub fn is_empty(&self) -> bool {
        // ORDERING: Relaxed: a figure that others may change at once.
        Top(self.top.load(Ordering::Relaxed)).index() == NONE
    }
}

//! A bounded FIFO that holds its values inline.
//!
//! Algorithm: an array of slots with a stamp each, after Dmitry Vyukov's bounded MPMC queue. A pusher whose
//! slot is free moves the tail on by a compare-exchange, fills the slot and stamps it; a popper does the
//! same at the head. Whoever finds several slots in a row ready claims them all with one compare-exchange
//! (`batch.rs`). Places and stamps are in `place.rs`; a stamp's states:
//!
//! | stamp | the slot belongs to | next |
//! |---|---|---|
//! | `Free(p)`, tail at or before `p` | nobody | the pusher who moves the tail from `p` on |
//! | `Free(p)`, tail past `p` | that pusher, who fills it | `Full(p)` |
//! | `Full(p)`, head at or before `p` | nobody | the popper who moves the head from `p` on |
//! | `Full(p)`, head past `p` | that popper, who empties it | `Free(p + lap)`; `Full(p + lap)` by `force_push`, which leaves its own value |
//!
//! Invariants:
//! 1. A slot's stamps only grow (`place.rs`), and only the owner of a slot writes its stamp.
//! 2. Head and tail move by compare-exchange, each place claimed once. A pusher claims `p` only after it
//!    has read `Free(p)`, a popper only after it has read `Full(p)`; neither stamp changes before `p` is
//!    claimed. So whoever claims a place owns its slot alone.
//! 3. The tail does not pass a slot that is not free for it. Only the popper who owns the slot at the tail
//!    may step over it (`replace.rs`): nobody else can move the tail meanwhile.
//! 4. The mark of the tail stays. Behind it only `force_push` moves the tail, and then the slot at the
//!    tail's old place was never `Free` in that lap: so `Free(p)` and a closed tail at `p` is the end.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `slots.push` | the store of `Full` | the stamp's load in `pop`, `pop_n` | the value; the tail beyond it |
//! | `slots.pop` | the store of `Free` | the stamp's load in `push`, `push_n` | that the value has left; the head beyond it |
//! | `slots.close` | the `fetch_or` in `close` | the second load of a closed tail | what the closer did before, the hint among it |
//!
//! **Progress: not lock-free.** Every call returns after a bounded number of its own steps for each success
//! of another, and waits for nobody; but a thread that stops inside an operation withholds its slot.
//! Stopped in `push`, it holds back the value that it pushes and those behind it: `pop` says Empty until it
//! goes on, and `push` says Full once a lap is used up. Stopped in `pop`, `push` says Full once it comes
//! round to that slot. [`JobRing`](super::JobRing) has no such window.
//!
//! Models: `slots_2p1c`, `slots_1p2c`, `slots_cap1`, `slots_close`, `slots_force_push`, `slots_force_push_close`,
//! `slots_batch`, `slots_batch_pop`, `slots_len`.

use super::PopError;
use super::place::{AtHead, AtTail, Place, Shape, Stamp};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{CachePadded, UnsafeCell, drop_caught, spin_loop};
use std::fmt;
use std::mem::{MaybeUninit, needs_drop};

/// How often a loser of a compare-exchange pauses: the winner's line stays with it for its next step.
const PAUSES: usize = 8;

/// A bounded multi-producer multi-consumer FIFO of any type, held inline. Nothing is allocated after
/// [`new`](Self::new).
///
/// **It is not lock-free.** No call waits, but a thread that is stopped *inside* a call withholds its slot
/// meanwhile: `pop` then says [`PopError::Empty`] although there are values behind that slot, and `push`
/// says [`Refused::Full`] although there is room behind it. While no call is stopped half-way, Full and
/// Empty are exact. [`JobRing`](super::JobRing) is lock-free, and carries indices.
///
/// The order is that of the claims: values of one producer come out in the order in which they were pushed,
/// and a push that returned before another began comes out first.
///
/// # Examples
///
/// ```
/// use bifrost::ring::{PopError, Refused, Ring};
///
/// let ring = Ring::new(2);
/// ring.push("a".to_owned())?;
/// ring.push("b".to_owned())?;
/// assert_eq!(ring.push("c".to_owned()), Err(Refused::Full("c".to_owned())));
/// assert_eq!(ring.force_push("c".to_owned())?, Some("a".to_owned()));
/// ring.close();
/// assert_eq!(ring.push("d".to_owned()), Err(Refused::Closed("d".to_owned())));
/// let rest = [ring.pop(), ring.pop(), ring.pop()];
/// assert_eq!(rest, [Ok("b".to_owned()), Ok("c".to_owned()), Err(PopError::Closed)]);
/// # Ok::<(), Refused<String>>(())
/// ```
pub struct Ring<T> {
    pub(super) head: CachePadded<AtomicU64>,
    pub(super) tail: CachePadded<AtomicU64>,
    pub(super) shape: Shape,
    /// Whether the tail is worth a look at an empty ring: stored before the tail's mark.
    closing: AtomicBool,
    pub(super) slots: Box<[Slot<T>]>,
}

/// A value and its stamp.
pub(super) struct Slot<T> {
    stamp: AtomicU64,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// A value that a ring did not take.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused<T> {
    /// The ring has no free slot for it now.
    Full(T),
    /// The ring was closed.
    Closed(T),
}

// SAFETY: a ring hands values from thread to thread, each to one owner (invariant 2).
#[expect(unsafe_code, reason = "the slots' cells are shared under their stamps")]
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as above; no reference to a value is ever given out.
#[expect(unsafe_code, reason = "as above")]
unsafe impl<T: Send> Sync for Ring<T> {}

impl<T> Refused<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) => value,
        }
    }
}

impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the ring is full",
            Self::Closed(_) => "the ring is closed",
        })
    }
}

impl<T> std::error::Error for Refused<T> {}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("capacity", &self.capacity())
            .field("len", &self.len())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

impl<T> Ring<T> {
    /// The largest capacity.
    pub const MAX_CAPACITY: usize = 65_536;

    /// Makes an empty ring that holds up to `capacity` values. Nothing is allocated later.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0 or above [`MAX_CAPACITY`](Self::MAX_CAPACITY).
    pub fn new(capacity: usize) -> Self {
        let most = Self::MAX_CAPACITY;
        assert!(
            (1..=most).contains(&capacity),
            "a ring's capacity must be in 1..={most}, not {capacity}"
        );
        let slot = |number| Slot {
            stamp: AtomicU64::new(Place::first_of(number).free().word()),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        };
        Self {
            head: CachePadded::new(AtomicU64::new(Place::START.word())),
            tail: CachePadded::new(AtomicU64::new(Place::START.word())),
            shape: Shape::new(capacity),
            closing: AtomicBool::new(false),
            slots: (0..capacity).map(slot).collect(),
        }
    }

    /// How many values the ring holds at most.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.shape.capacity()
    }

    /// Adds `value` at the tail.
    ///
    /// # Errors
    ///
    /// [`Refused::Full`] if the slot at the tail is not free: the ring holds `capacity` values, or another
    /// thread is just moving the oldest out (see the type). [`Refused::Closed`] if the ring was closed.
    #[inline]
    pub fn push(&self, value: T) -> Result<(), Refused<T>> {
        self.push_seeing(value).map(|_awaited| ())
    }

    /// As [`push`](Self::push); says whether somebody waited for a value when this one got its place.
    #[inline]
    pub(crate) fn push_seeing(&self, value: T) -> Result<bool, Refused<T>> {
        let mut tail = self.tail_now();
        loop {
            if tail.is_closed() {
                self.meet_close();
                return Err(Refused::Closed(value));
            }
            let slot = self.slot(tail);
            match slot.stamp().at_tail(tail) {
                AtTail::Free => match self.claim_tail(tail, 1) {
                    Ok(()) => {
                        slot.fill(value, tail);
                        return Ok(tail.is_awaited());
                    }
                    Err(now) => tail = now,
                },
                AtTail::Taken => return Err(Refused::Full(value)),
                AtTail::Behind => tail = self.tail_now(),
            }
        }
    }

    /// Takes the oldest value.
    ///
    /// # Errors
    ///
    /// [`PopError::Empty`] if the slot at the head holds no value: the ring is empty, or another thread is
    /// just moving the oldest in (see the type). [`PopError::Closed`] if the ring is empty and closed:
    /// nothing will come.
    #[inline]
    pub fn pop(&self) -> Result<T, PopError> {
        self.pop_telling(|| ())
    }

    /// As [`pop`](Self::pop); calls `tell` if somebody waited for space when the value was taken. The value
    /// goes straight to the caller: in a pair with a flag a large one would be copied twice.
    #[inline]
    pub(crate) fn pop_telling(&self, tell: impl FnOnce()) -> Result<T, PopError> {
        let mut head = self.head_now();
        loop {
            let slot = self.slot(head);
            match slot.stamp().at_head(head) {
                AtHead::Full => match self.claim_head(head, 1) {
                    Ok(()) => {
                        let value = slot.empty(self.shape.lap_after(head));
                        if head.is_awaited() {
                            tell();
                        }
                        return Ok(value);
                    }
                    Err(now) => head = now,
                },
                AtHead::Free => return Err(self.nothing_at(head)),
                AtHead::Busy => return Err(PopError::Empty),
                AtHead::Behind => head = self.head_now(),
            }
        }
    }

    /// Closes the ring at its tail: no later push succeeds, and what is inside can still be popped.
    /// Returns whether this call closed it.
    pub fn close(&self) -> bool {
        // ORDERING: Relaxed: a hint; who has taken `slots.close` sees it.
        self.closing.store(true, Ordering::Relaxed);
        // ORDERING: Release is edge `slots.close`.
        let before = self.tail.fetch_or(Place::CLOSED, Ordering::Release);
        !Place::from_word(before).is_closed()
    }

    /// Whether the ring was closed.
    pub fn is_closed(&self) -> bool {
        let closed = self.tail_now().is_closed();
        if closed {
            self.meet_close();
        }
        closed
    }

    /// How many values the ring holds, those that are just being moved in included; exact while nobody
    /// pushes or pops.
    pub fn len(&self) -> usize {
        let head = self.head_now();
        self.shape.distance(head, self.tail_now())
    }

    /// Whether [`len`](Self::len) is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(super) fn tail_now(&self) -> Place {
        // ORDERING: Relaxed: the stamp decides. Who has read a stamp that says "behind" has taken the edge
        // of its writer, who moved the tail or the head before: the next load sees it beyond.
        Place::from_word(self.tail.load(Ordering::Relaxed))
    }

    #[inline]
    pub(super) fn head_now(&self) -> Place {
        // ORDERING: Relaxed, as in `tail_now`.
        Place::from_word(self.head.load(Ordering::Relaxed))
    }

    #[inline]
    pub(super) fn slot(&self, place: Place) -> &Slot<T> {
        &self.slots[self.shape.slot(place)]
    }

    /// Moves the tail on from `place`, or says where it stands.
    #[inline]
    pub(super) fn claim_tail(&self, place: Place, steps: usize) -> Result<(), Place> {
        claim(&self.tail, place, self.shape.after(place, steps))
    }

    /// Moves the head on from `place`, or says where it stands.
    #[inline]
    pub(super) fn claim_head(&self, place: Place, steps: usize) -> Result<(), Place> {
        claim(&self.head, place, self.shape.after(place, steps))
    }

    /// What to say of a ring whose slot at `head` is free.
    #[inline]
    pub(super) fn nothing_at(&self, head: Place) -> PopError {
        // ORDERING: Relaxed: the tail decides.
        if self.closing.load(Ordering::Relaxed) {
            let tail = self.tail_now();
            if tail.is_closed() && tail.bare() == head.bare() {
                self.meet_close();
                return PopError::Closed;
            }
        }
        PopError::Empty
    }

    #[cold]
    pub(super) fn meet_close(&self) {
        // ORDERING: Acquire takes `slots.close`: the closed tail was read before, so this reads it or what
        // an exchange has made of it.
        let tail = Place::from_word(self.tail.load(Ordering::Acquire));
        debug_assert!(tail.is_closed(), "invariant 4");
    }
}

#[inline]
fn claim(end: &AtomicU64, from: Place, to: Place) -> Result<(), Place> {
    // ORDERING: Relaxed, both: the stamps carry the values, and who owns a place is the exchange's own doing.
    match end.compare_exchange(from.word(), to.word(), Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => Ok(()),
        Err(now) => {
            if !cfg!(loom) {
                (0..PAUSES).for_each(|_| spin_loop());
            }
            Err(Place::from_word(now))
        }
    }
}

impl<T> Slot<T> {
    #[inline]
    pub(super) fn stamp(&self) -> Stamp {
        // ORDERING: Acquire takes `slots.push` for a popper and `slots.pop` for a pusher.
        Stamp::from_word(self.stamp.load(Ordering::Acquire))
    }

    /// Fills the slot, which the caller owns as the pusher of `place`.
    #[inline]
    pub(super) fn fill(&self, value: T, place: Place) {
        self.write(value);
        // ORDERING: Release is edge `slots.push`.
        self.stamp.store(place.full().word(), Ordering::Release);
    }

    /// Empties the slot, which the caller owns as a popper, for the pusher of `next`.
    #[inline]
    pub(super) fn empty(&self, next: Place) -> T {
        let value = self.read();
        // ORDERING: Release is edge `slots.pop`.
        self.stamp.store(next.free().word(), Ordering::Release);
        value
    }

    #[inline]
    fn write(&self, value: T) {
        self.value.with_mut(|cell| {
            // SAFETY: the caller owns the slot alone (invariant 2), so nobody reads or writes the cell.
            #[expect(unsafe_code, reason = "the claimed place gives the slot to the caller")]
            unsafe {
                cell.write(MaybeUninit::new(value));
            }
        });
    }

    #[inline]
    pub(super) fn read(&self) -> T {
        let value = self.value.with(|cell| {
            // SAFETY: the caller owns the slot alone (invariant 2).
            #[expect(unsafe_code, reason = "the claimed place gives the slot to the caller")]
            unsafe {
                cell.read()
            }
        });
        // SAFETY: the stamp said `Full` when the caller claimed its place, and whoever wrote it had filled the
        // cell before (`slots.push`); nobody else reads this value.
        #[expect(unsafe_code, reason = "the stamp says that the cell is filled")]
        unsafe {
            value.assume_init()
        }
    }
}

impl<T> Drop for Ring<T> {
    /// Drops what is inside, the oldest first. A value whose drop panics does not keep the others from
    /// theirs.
    fn drop(&mut self) {
        if needs_drop::<T>() {
            while let Ok(value) = self.pop() {
                drop_caught(value);
            }
        }
    }
}

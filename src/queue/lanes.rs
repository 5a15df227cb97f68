//! The lanes of a queue: a ring each, and a word that says which of them have something.
//!
//! The normal lane is always looked at. Each other lane has a bit in `filled`, which is set when it may hold
//! something: with one lane in use nobody ever writes the word, and a consumer pays one load of it.
//!
//! | bit | meaning | who changes it |
//! |---|---|---|
//! | clear | the lane's ring is empty, but for indices whose push is not over | set by a push, after it has put its index into the ring |
//! | set | look into the ring | cleared by a consumer that found the ring empty, which then looks again, and sets it if something came |
//!
//! Invariants:
//! 1. No index is overlooked: once its push is over, the lane's bit is set, or a consumer is between the
//!    clearing of the bit and its second look. A push puts its index into the ring, passes a SeqCst fence and
//!    looks at the bit; a consumer clears the bit, passes a SeqCst fence and looks at the ring. In the order
//!    of the two fences, the second one sees what came before the first: either the push sees the clear bit
//!    and sets it, or the consumer sees the index, takes it and sets the bit for those behind it.
//! 2. Whoever sets a bit makes a condition true that consumers wait for, and notifies them afterwards: those
//!    that looked while the bit was clear may sleep beside the lane by now. A notification that is left to
//!    the holder of the baton (`waiters.rs`) is looked after by it later, whoever it is.
//! 3. The normal lane is closed last: whoever finds it closed finds every other lane closed, and what is left
//!    in their rings without the help of the bits.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `lanes.fences` | `fence` of `fill` after the push | `fence` of `vacate` before the second look | the index, or the clear bit |
//!
//! Progress: all lock-free. A producer that stops between its push and the bit holds back its own index
//! alone, as if it had stopped before the push: the next push to the lane sets the bit, be it that it finds the lane
//! full. So does a consumer that stops in `vacate` with those behind the index that it took. A closer that stops between
//! two lanes leaves some that refuse and some that do not; the end is told when it goes on.
//!
//! Models: `lanes_bit`, `lanes_bit_two`, `lanes_relay`, `lanes_close`, `lanes_space`.

use super::credits::STRIDE;
use super::side_list::SideList;
use crate::ring::{JobRing, PopError, PushError};
use crate::sync::CachePadded;
use crate::sync::atomic::{AtomicU64, Ordering, fence_after_rmw};
use std::fmt;

/// The most lanes that a queue can have.
pub const MAX_LANES: usize = 64;

/// A lane of a [`JobQueue`](super::JobQueue).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LaneId(u8);

impl LaneId {
    /// The lane of urgent jobs.
    pub const HIGH: Self = Self(0);
    /// The lane of all jobs that ask for nothing else; the only one of a queue with one lane.
    pub const NORMAL: Self = Self(1);
    /// The lane of jobs that can wait.
    pub const LOW: Self = Self(2);

    /// The `number`-th lane behind these, from 0. `None`: there cannot be so many.
    pub const fn own(number: usize) -> Option<Self> {
        if number < MAX_LANES - 3 { Some(Self(3 + number as u8)) } else { None }
    }

    /// The place of the lane in the list that a queue is made from.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    #[inline]
    pub(super) const fn bit(self) -> u64 {
        1 << self.0
    }
}

/// The lanes whose bit is set, in their order.
pub(super) fn ids(mut bits: u64) -> impl Iterator<Item = LaneId> {
    std::iter::from_fn(move || {
        let lane = (bits != 0).then_some(LaneId(bits.trailing_zeros() as u8))?;
        bits &= bits - 1;
        Some(lane)
    })
}

/// What a lane is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneSpec {
    /// How many indices it holds at most.
    pub capacity: usize,
    /// Its share of the turns, relative to the other lanes that have something.
    pub weight: u32,
}

/// One lane.
pub(super) struct Lane {
    pub(super) ring: JobRing,
    /// Producers that wait for space in this lane.
    pub(super) blocked: SideList,
}

impl Lane {
    fn new(capacity: usize) -> Self {
        Self { ring: JobRing::new(capacity), blocked: SideList::default() }
    }
}

/// The lanes of one queue.
pub(super) struct Lanes {
    normal: Lane,
    /// `HIGH`, `LOW` and the rest, or none.
    others: Box<[Lane]>,
    strides: Box<[u64]>,
    filled: CachePadded<AtomicU64>,
}

impl Lanes {
    /// The normal lane alone.
    pub(super) fn one(capacity: usize) -> Self {
        Self::with(Lane::new(capacity), Box::default(), Box::default())
    }

    pub(super) fn new(specs: &[LaneSpec]) -> Self {
        assert!(
            (3..=MAX_LANES).contains(&specs.len()),
            "a queue has 1 lane, or 3 to {MAX_LANES}, not {}",
            specs.len()
        );
        let strides = specs.iter().map(|spec| STRIDE / u64::from(spec.weight.max(1))).collect();
        let other = |(place, spec): (usize, &LaneSpec)| {
            (place != LaneId::NORMAL.index()).then(|| Lane::new(spec.capacity))
        };
        let others = specs.iter().enumerate().filter_map(other).collect();
        Self::with(Lane::new(specs[LaneId::NORMAL.index()].capacity), others, strides)
    }

    fn with(normal: Lane, others: Box<[Lane]>, strides: Box<[u64]>) -> Self {
        Self { normal, others, strides, filled: CachePadded::new(AtomicU64::new(0)) }
    }

    pub(super) fn normal(&self) -> &Lane {
        &self.normal
    }

    /// # Panics
    ///
    /// If the queue has no such lane.
    #[inline]
    pub(super) fn lane(&self, id: LaneId) -> &Lane {
        match id {
            LaneId::NORMAL => &self.normal,
            LaneId::HIGH => &self.others[0],
            LaneId(number) => &self.others[number as usize - 1],
        }
    }

    /// Every lane with its name, in their order.
    pub(super) fn all(&self) -> impl Iterator<Item = (LaneId, &Lane)> {
        let count = if self.others.is_empty() { 0 } else { self.others.len() + 1 };
        let ids = (0..count as u8).map(LaneId);
        let only = (count == 0).then_some(LaneId::NORMAL);
        ids.chain(only).map(|id| (id, self.lane(id)))
    }

    /// How many places a consumer's [`Credits`](super::Credits) need: none where there is one lane, which
    /// is never taken from in turn.
    pub(super) fn places(&self) -> usize {
        self.strides.len()
    }

    pub(super) fn stride(&self, lane: LaneId) -> u64 {
        self.strides[lane.index()]
    }

    /// The lanes beside the normal one that may have something.
    #[inline]
    pub(super) fn filled(&self) -> u64 {
        // ORDERING: Relaxed: what is in a ring comes with the ring's own edges; that no bit is overlooked by
        // a consumer that goes to sleep is `wait.fences` (invariant 2).
        self.filled.load(Ordering::Relaxed)
    }

    /// Puts `index` into a lane. The caller notifies a consumer.
    #[inline]
    pub(super) fn push(&self, id: LaneId, index: u32) -> Result<(), PushError> {
        match self.lane(id).ring.push(index) {
            Ok(()) => {
                self.fill(id);
                Ok(())
            }
            Err(PushError::Full) => {
                // What fills the lane may be of producers that have yet to come to the bit.
                self.show(id);
                Err(PushError::Full)
            }
            Err(error) => Err(error),
        }
    }

    /// As `push`, in the place of the oldest of a full lane.
    pub(super) fn force_push(&self, id: LaneId, index: u32) -> Result<Option<u32>, PushError> {
        let replaced = self.lane(id).ring.force_push(index)?;
        self.fill(id);
        Ok(replaced)
    }

    #[inline]
    fn fill(&self, id: LaneId) {
        if id != LaneId::NORMAL {
            // ORDERING: `lanes.fences`, invariant 1: store-load against `vacate`.
            fence_after_rmw();
            self.show(id);
        }
    }

    #[inline]
    fn show(&self, id: LaneId) {
        // ORDERING: Relaxed: ordered by the fence of `fill`. To one that only found the lane full nothing is owed,
        // and those whose indices are inside notify after it.
        if id != LaneId::NORMAL && self.filled.load(Ordering::Relaxed) & id.bit() == 0 {
            self.set(id);
        }
    }

    /// The caller notifies a consumer.
    fn set(&self, id: LaneId) {
        // ORDERING: Relaxed: the notification that follows passes a fence (invariant 2).
        self.filled.fetch_or(id.bit(), Ordering::Relaxed);
    }

    /// Clears the bit of a lane whose ring was empty, and looks again. An index that came meanwhile is the
    /// caller's, who notifies a consumer: the bit is set again for those behind it.
    pub(super) fn vacate(&self, id: LaneId) -> Option<u32> {
        // ORDERING: Relaxed: the fence below orders it.
        self.filled.fetch_and(!id.bit(), Ordering::Relaxed);
        // ORDERING: `lanes.fences`, invariant 1: store-load against `fill`.
        fence_after_rmw();
        let index = self.lane(id).ring.pop().ok()?;
        self.set(id);
        Some(index)
    }

    /// Takes what is left in any lane; only once the normal lane is known to be closed.
    pub(super) fn pop_left(&self) -> Result<(LaneId, u32), PopError> {
        let left = self.all().find_map(|(id, lane)| lane.ring.pop().ok().map(|index| (id, index)));
        left.ok_or(PopError::Closed)
    }

    /// Closes every lane, the normal one last (invariant 3); whether this call closed that.
    pub(super) fn close(&self) -> bool {
        for lane in &self.others {
            lane.ring.close();
        }
        self.normal.ring.close()
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.all().map(|(id, lane)| (id.0, &lane.ring))).finish()
    }
}

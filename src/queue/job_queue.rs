//! A queue of record indices whose consumers and producers can wait.
//!
//! It has one lane, or several that its consumers take from in turn: see `lanes.rs` and `credits.rs`. First
//! in, first out holds within a lane. Consumers are numbered (a provider's workers): see `waiters.rs`.
//! Producers that wait for space in a lane are unnumbered and rare: they stand in an event's list, and a pop
//! looks for them only while there are some.
//!
//! Invariant: no producer waits beside free space: it counts itself as blocked, passes a SeqCst fence and
//! tries again; a pop frees its slot, passes a SeqCst fence and looks whether anyone is blocked.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `space.fences` | `fence` of `freed` after the pop | `fence` of `wait_for_space` before the next try | the free slot, or the blocked producer |
//!
//! With one lane in use, lanes cost a pop one load of a word that nobody writes, and a push nothing.
//!
//! Progress: `push`, `try_pop` and `close` are lock-free while no producer is blocked; waking a blocked
//! producer takes the event's lock. Models: `queue_space`, `queue_space_close`, `job_drop_oldest`.

use super::consumer::Consumer;
use super::credits::Credits;
use super::lanes::{Lane, LaneId, LaneSpec, Lanes, ids};
use super::waiters::{Waiters, Waking};
use crate::ring::{PopError, PopIf, PushError};
use crate::sync::Quiet;
use crate::sync::atomic::{Ordering, fence, fence_after_rmw};
use event_listener::EventListener;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A bounded queue of record indices with waiting.
///
/// # Examples
///
/// ```
/// use bifrost::queue::{JobQueue, LaneId, LaneSpec, Waking};
///
/// let lane = |weight| LaneSpec { capacity: 4, weight };
/// let queue = JobQueue::with_lanes(&[lane(8), lane(4), lane(1)], 1, Waking::Each);
/// queue.push(1)?;
/// queue.push_to(LaneId::LOW, 2)?;
/// queue.push_to(LaneId::HIGH, 3)?;
/// let mut credits = queue.credits();
/// assert_eq!(queue.try_pop_with(&mut credits), Ok(3));
/// # Ok::<(), bifrost::ring::PushError>(())
/// ```
pub struct JobQueue {
    lanes: Lanes,
    consumers: Waiters,
}

impl fmt::Debug for JobQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobQueue")
            .field("lanes", &self.lanes)
            .field("consumers", &self.consumers)
            .finish_non_exhaustive()
    }
}

impl JobQueue {
    /// Makes an empty queue of one lane with `capacity` indices for `consumers` numbered consumers.
    ///
    /// # Panics
    ///
    /// If either is 0 or above [`MAX_CAPACITY`](crate::ring::MAX_CAPACITY).
    pub fn new(capacity: usize, consumers: usize, waking: Waking) -> Self {
        Self { lanes: Lanes::one(capacity), consumers: Waiters::new(consumers, waking) }
    }

    /// Makes an empty queue of these lanes: [`LaneId::HIGH`], [`LaneId::NORMAL`], [`LaneId::LOW`], and those
    /// of [`LaneId::own`].
    ///
    /// # Panics
    ///
    /// If there are fewer than 3 lanes or more than [`MAX_LANES`](super::MAX_LANES), or a capacity or
    /// `consumers` is 0 or above [`MAX_CAPACITY`](crate::ring::MAX_CAPACITY).
    pub fn with_lanes(lanes: &[LaneSpec], consumers: usize, waking: Waking) -> Self {
        Self { lanes: Lanes::new(lanes), consumers: Waiters::new(consumers, waking) }
    }

    /// The lanes, in their order.
    pub fn lanes(&self) -> impl Iterator<Item = LaneId> {
        self.lanes.all().map(|(id, _)| id)
    }

    /// How many indices the queue holds at most, in all of its lanes.
    pub fn capacity(&self) -> usize {
        self.lanes.all().map(|(_, lane)| lane.ring.capacity()).sum()
    }

    /// How many indices `lane` holds at most.
    ///
    /// # Panics
    ///
    /// If the queue has no such lane.
    pub fn capacity_of(&self, lane: LaneId) -> usize {
        self.lanes.lane(lane).ring.capacity()
    }

    /// How many indices the queue holds, dead ones included; exact while nobody pushes or pops.
    pub fn len(&self) -> usize {
        self.lanes.all().map(|(_, lane)| lane.ring.len()).sum()
    }

    /// How many indices `lane` holds, as [`len`](Self::len).
    ///
    /// # Panics
    ///
    /// If the queue has no such lane.
    pub fn len_of(&self, lane: LaneId) -> usize {
        self.lanes.lane(lane).ring.len()
    }

    /// Whether no lane holds anything, each at a moment during the call.
    pub fn is_empty(&self) -> bool {
        self.lanes.all().all(|(_, lane)| lane.ring.is_empty())
    }

    /// Whether every lane was closed.
    pub fn is_closed(&self) -> bool {
        self.lanes.normal().ring.is_closed()
    }

    /// The consumers.
    pub fn consumers(&self) -> &Waiters {
        &self.consumers
    }

    /// What a consumer that takes from all lanes in turn has to keep.
    pub fn credits(&self) -> Credits {
        Credits::new(self.lanes.places())
    }

    /// Adds `index` to the normal lane and sees to it that a consumer looks: the one that has been idle
    /// longest, or one that is awake already; says whether there was one.
    ///
    /// # Errors
    ///
    /// [`PushError::Full`] and [`PushError::Closed`].
    pub fn push(&self, index: u32) -> Result<bool, PushError> {
        self.lanes.normal().ring.push(index)?;
        Ok(self.consumers.notify_one())
    }

    /// As [`push`](Self::push), to any lane.
    ///
    /// # Errors
    ///
    /// [`PushError::Full`] if the lane is full, and [`PushError::Closed`].
    ///
    /// # Panics
    ///
    /// If the queue has no such lane.
    #[inline]
    pub fn push_to(&self, lane: LaneId, index: u32) -> Result<bool, PushError> {
        self.lanes.push(lane, index)?;
        Ok(self.consumers.notify_one())
    }

    /// Adds `index` to the normal lane; in a full one it takes the place of the oldest, which is returned.
    ///
    /// # Errors
    ///
    /// [`PushError::Closed`].
    pub fn force_push(&self, index: u32) -> Result<Option<u32>, PushError> {
        self.force_push_to(LaneId::NORMAL, index)
    }

    /// As [`force_push`](Self::force_push), to any lane: the oldest of the same lane makes room.
    ///
    /// # Errors
    ///
    /// [`PushError::Closed`].
    ///
    /// # Panics
    ///
    /// If the queue has no such lane.
    pub fn force_push_to(&self, lane: LaneId, index: u32) -> Result<Option<u32>, PushError> {
        let replaced = self.lanes.force_push(lane, index)?;
        self.consumers.notify_one();
        Ok(replaced)
    }

    /// Takes the oldest index of the first lane that has one, without waiting: for a queue of one lane, or to
    /// drain one.
    ///
    /// # Errors
    ///
    /// [`PopError::Empty`] and [`PopError::Closed`].
    #[inline]
    pub fn try_pop(&self) -> Result<u32, PopError> {
        self.take(None)
    }

    /// Takes the oldest index of the lane whose turn it is, without waiting.
    ///
    /// # Errors
    ///
    /// [`PopError::Empty`] and [`PopError::Closed`].
    #[inline]
    pub fn try_pop_with(&self, credits: &mut Credits) -> Result<u32, PopError> {
        self.take(Some(credits))
    }

    /// Takes the oldest index of some lane if `dead` holds for it, as
    /// [`JobRing::pop_if`](crate::ring::JobRing::pop_if).
    pub fn reap(&self, dead: impl Fn(u32) -> bool) -> Option<u32> {
        self.lanes.all().find_map(|(_, lane)| match lane.ring.pop_if(&dead) {
            PopIf::Popped(index) => {
                freed(lane);
                Some(index)
            }
            PopIf::Declined | PopIf::Nothing(_) => None,
        })
    }

    /// The consumer `number`, which no other task or thread is at the time. It takes from the lanes in turn.
    pub fn consumer(&self, number: u32) -> Consumer<'_> {
        Consumer::new(self, number)
    }

    /// Announces a producer that will wait for space in `lane`. The caller tries to push once more, and awaits
    /// the result only if the lane is still full.
    ///
    /// # Panics
    ///
    /// If the queue has no such lane.
    pub fn wait_for_space(&self, lane: LaneId) -> SpaceWait<'_> {
        let lane = self.lanes.lane(lane);
        let listener = Quiet(lane.space.listen());
        // ORDERING: Relaxed: the fence below orders it.
        lane.blocked.fetch_add(1, Ordering::Relaxed);
        // ORDERING: `space.fences`: store-load against `freed`.
        fence(Ordering::SeqCst);
        SpaceWait { lane, listener }
    }

    /// Wakes a producer that waits for space in `lane` if there is some: for one that was woken and did not
    /// push.
    ///
    /// # Panics
    ///
    /// If the queue has no such lane.
    pub fn offer_space(&self, lane: LaneId) {
        let lane = self.lanes.lane(lane);
        if lane.ring.len() < lane.ring.capacity() {
            // ORDERING: `space.fences`: as in `freed`, without an exchange before it.
            fence(Ordering::SeqCst);
            freed(lane);
        }
    }

    /// Closes every lane: no later push succeeds, what is inside can be popped, and all who wait look again.
    pub fn close(&self) -> bool {
        let closed = self.lanes.close();
        self.consumers.notify_all();
        for (_, lane) in self.lanes.all() {
            lane.space.notify(usize::MAX);
        }
        closed
    }

    /// Takes the oldest index of the lane whose turn it is; without credits, of the first that has one.
    #[inline]
    pub(super) fn take(&self, credits: Option<&mut Credits>) -> Result<u32, PopError> {
        if self.lanes.filled() != 0 {
            return self.take_in_turn(credits);
        }
        let lane = self.lanes.normal();
        match lane.ring.pop() {
            Ok(index) => {
                freed(lane);
                Ok(index)
            }
            Err(PopError::Closed) => self.take_left(),
            Err(error) => Err(error),
        }
    }

    /// Takes what is left in any lane once the normal one has ended.
    #[cold]
    fn take_left(&self) -> Result<u32, PopError> {
        let (id, index) = self.lanes.pop_left()?;
        freed(self.lanes.lane(id));
        Ok(index)
    }

    /// Takes from the lane whose turn it is among those that have something.
    #[inline(never)]
    fn take_in_turn(&self, mut credits: Option<&mut Credits>) -> Result<u32, PopError> {
        let lanes = &self.lanes;
        let mut open = lanes.filled() | LaneId::NORMAL.bit();
        let mut closed = false;
        if let Some(credits) = &mut credits {
            credits.begin(open, lanes);
        }
        let next = |open, credits: &Option<&mut Credits>| match credits {
            Some(credits) => credits.next(open),
            None => ids(open).next(),
        };
        while let Some(id) = next(open, &credits) {
            match self.take_from(id) {
                Ok(index) => {
                    if let Some(credits) = credits {
                        credits.charge(id, lanes);
                    }
                    return Ok(index);
                }
                Err(error) => closed |= id == LaneId::NORMAL && error == PopError::Closed,
            }
            open &= !id.bit();
            if let Some(credits) = &mut credits {
                credits.leave(id);
            }
        }
        if closed { self.take_left() } else { Err(PopError::Empty) }
    }

    fn take_from(&self, id: LaneId) -> Result<u32, PopError> {
        let lane = self.lanes.lane(id);
        let error = match lane.ring.pop() {
            Ok(index) => {
                freed(lane);
                return Ok(index);
            }
            Err(error) => error,
        };
        if id == LaneId::NORMAL {
            return Err(error);
        }
        let Some(index) = self.lanes.vacate(id) else { return Err(error) };
        self.consumers.notify_one();
        freed(lane);
        Ok(index)
    }

    /// Whether something may be inside that a consumer would find. For one that has passed a SeqCst fence: what
    /// it does not see has a notifier yet to come.
    pub(super) fn may_hold_something(&self) -> bool {
        self.lanes.filled() != 0 || !self.lanes.normal().ring.is_empty()
    }
}

/// A pop has freed a place in `lane` by an exchange: who waits for it is told.
#[inline]
fn freed(lane: &Lane) {
    // ORDERING: `space.fences`: store-load against `wait_for_space`.
    fence_after_rmw();
    // ORDERING: Relaxed: ordered by the fence.
    if lane.blocked.load(Ordering::Relaxed) != 0 {
        lane.space.notify_additional(1);
    }
}

/// A blocked producer's place in the list. Ready when a slot was freed or the queue closed: the producer
/// then tries again. Dropped, it hands a notification that it got to the next in the list.
#[must_use = "a future does nothing unless it is polled"]
pub struct SpaceWait<'a> {
    lane: &'a Lane,
    listener: Quiet<EventListener>,
}

impl fmt::Debug for SpaceWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpaceWait").field("lane", &self.lane.ring).finish_non_exhaustive()
    }
}

impl Future for SpaceWait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(Pin::new(&mut self.listener).poll(cx));
        Poll::Ready(())
    }
}

impl Drop for SpaceWait<'_> {
    fn drop(&mut self) {
        // ORDERING: Relaxed: a count that only has to be positive while somebody waits.
        self.lane.blocked.fetch_sub(1, Ordering::Relaxed);
    }
}

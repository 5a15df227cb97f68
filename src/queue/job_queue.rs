//! A queue of record indices whose consumers and producers can wait.
//!
//! It has one lane, or several that its consumers take from in turn: see `lanes.rs` and `credits.rs`. First
//! in, first out holds within a lane. Consumers are numbered (a provider's workers): see `waiters.rs`.
//! Producers that wait for space in a lane are unnumbered and rare: they stand in the lane's list, from which
//! a pop of that lane moves the first one in (`side_list.rs`).
//!
//! With one lane in use, lanes cost a pop one load of a word that nobody writes, and a push nothing.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `wait.leave` | `fence` of `needs_consumer` after room was made for a consumer | `fence` of `notify` before a producer's look for room | the room, or the producer's index |
//!
//! Progress: `push`, `try_pop` and `close` are lock-free while no producer waits for space; moving one in
//! takes the lock of its lane's list for a moment. Models: those of its parts, and `job_drop_oldest`, `queue_leave`.

use super::consumer::Consumer;
use super::credits::Credits;
use super::lanes::{Lane, LaneId, LaneSpec, Lanes, ids};
use super::permits::Permits;
use super::side_list::{Entrant, Place, any_awaited};
use super::waiters::{Waiters, Waking};
use crate::ring::{PopError, PopIf, PushError};
use crate::sync::Arc;
use crate::sync::atomic::{Ordering, fence};
use std::fmt;

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
    /// Those of a queue without places; then it has one lane, whose ring has a place for each consumer.
    permits: Option<Permits>,
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
        Self::of(Lanes::one(capacity), consumers, waking)
    }

    /// Makes an empty queue of these lanes: [`LaneId::HIGH`], [`LaneId::NORMAL`], [`LaneId::LOW`], and those
    /// of [`LaneId::own`].
    ///
    /// # Panics
    ///
    /// If there are fewer than 3 lanes or more than [`MAX_LANES`](super::MAX_LANES), or a capacity or
    /// `consumers` is 0 or above [`MAX_CAPACITY`](crate::ring::MAX_CAPACITY).
    pub fn with_lanes(lanes: &[LaneSpec], consumers: usize, waking: Waking) -> Self {
        Self::of(Lanes::new(lanes), consumers, waking)
    }

    /// Makes a queue without places for `consumers` numbered consumers: an index is only let in against a
    /// permit, of which there are `permits`, and each that comes out is given back by
    /// [`release`](Self::release). Nothing waits that could overtake or be overtaken, so it has one lane.
    ///
    /// # Panics
    ///
    /// If `consumers` is 0 or above [`MAX_CAPACITY`](crate::ring::MAX_CAPACITY), or below `permits`.
    pub fn direct(consumers: usize, permits: usize, waking: Waking) -> Self {
        assert!(permits <= consumers, "there are {permits} permits for {consumers} consumers");
        Self { permits: Some(Permits::new(permits)), ..Self::new(consumers, consumers, waking) }
    }

    fn of(lanes: Lanes, consumers: usize, waking: Waking) -> Self {
        Self { lanes, permits: None, consumers: Waiters::new(consumers, waking) }
    }

    /// The lanes, in their order.
    pub fn lanes(&self) -> impl Iterator<Item = LaneId> {
        self.lanes.all().map(|(id, _)| id)
    }

    /// How many indices the queue holds at most in all of its lanes, those aside that are handed over directly.
    pub fn capacity(&self) -> usize {
        self.lanes().map(|lane| self.capacity_of(lane)).sum()
    }

    /// How many indices `lane` holds at most, as [`capacity`](Self::capacity).
    ///
    /// # Panics
    ///
    /// If the queue has no such lane.
    pub fn capacity_of(&self, lane: LaneId) -> usize {
        let lane = self.lanes.lane(lane);
        if self.permits.is_some() { 0 } else { lane.ring.capacity() }
    }

    /// The consumer of an index that came out of the queue, or another for it, is free to take the next. In a
    /// queue with places this does nothing.
    pub fn release(&self) {
        if let Some(permits) = &self.permits {
            permits.give();
            self.lanes.normal().blocked.freed();
        }
    }

    /// Whether a push to `lane` would find no space, at a moment during the call.
    ///
    /// # Panics
    ///
    /// If the queue has no such lane.
    pub fn is_full(&self, lane: LaneId) -> bool {
        let lane = self.lanes.lane(lane);
        match &self.permits {
            Some(permits) => permits.are_out(),
            None => lane.ring.len() >= lane.ring.capacity(),
        }
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
        self.push_to(LaneId::NORMAL, index)
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
        self.push_unannounced(lane, index)?;
        Ok(self.consumers.notify_one())
    }

    /// Adds `index` to a lane without waking anybody: the caller adds others, to the same lane or not, and then
    /// calls [`announce`](Self::announce) for all of them.
    ///
    /// # Errors
    ///
    /// [`PushError::Full`] if the lane is full, and [`PushError::Closed`].
    ///
    /// # Panics
    ///
    /// If the queue has no such lane.
    #[inline]
    pub fn push_unannounced(&self, lane: LaneId, index: u32) -> Result<(), PushError> {
        let Some(permits) = &self.permits else { return self.lanes.push(lane, index) };
        if !permits.take() {
            return Err(if self.is_closed() { PushError::Closed } else { PushError::Full });
        }
        self.lanes.push(lane, index).inspect_err(|_| permits.give())
    }

    /// Lets the others take over from a consumer that was woken and is stuck. `true`: there is something to do, and
    /// nobody idle to do it.
    pub fn take_over(&self) -> bool {
        self.consumers.lay_down();
        self.may_hold_something() && !self.consumers.notify_one()
    }

    /// Wakes one consumer for each of `pushed` indices, the one that has been idle longest first, behind one
    /// fence; how many there were.
    pub fn announce(&self, pushed: usize) -> usize {
        self.consumers.notify(pushed)
    }

    /// Adds `index` to the normal lane; in a full one it takes the place of the oldest, which is returned.
    ///
    /// # Errors
    ///
    /// [`PushError::Closed`]; and [`PushError::Full`] in a queue without places, where nothing waits that
    /// could be replaced.
    pub fn force_push(&self, index: u32) -> Result<Option<u32>, PushError> {
        self.force_push_to(LaneId::NORMAL, index)
    }

    /// As [`force_push`](Self::force_push), to any lane: the oldest of the same lane makes room.
    ///
    /// # Errors
    ///
    /// As [`force_push`](Self::force_push).
    ///
    /// # Panics
    ///
    /// If the queue has no such lane.
    pub fn force_push_to(&self, lane: LaneId, index: u32) -> Result<Option<u32>, PushError> {
        if self.permits.is_some() {
            return self.push_to(lane, index).map(|_| None);
        }
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
        self.take(None).map(|(_, index)| index)
    }

    /// Takes the oldest index of the lane whose turn it is, without waiting.
    ///
    /// # Errors
    ///
    /// [`PopError::Empty`] and [`PopError::Closed`].
    #[inline]
    pub fn try_pop_with(&self, credits: &mut Credits) -> Result<u32, PopError> {
        self.take(Some(credits)).map(|(_, index)| index)
    }

    /// Takes the oldest index of some lane if `dead` holds for it, as
    /// [`JobRing::pop_if`](crate::ring::JobRing::pop_if).
    pub fn reap(&self, dead: impl Fn(u32) -> bool) -> Option<u32> {
        self.lanes.all().find_map(|(_, lane)| match lane.ring.pop_if(&dead) {
            PopIf::Popped(index) => {
                if self.permits.is_some() {
                    self.release();
                } else {
                    lane.blocked.popped();
                }
                Some(index)
            }
            PopIf::Declined | PopIf::Nothing(_) => None,
        })
    }

    /// The consumer `number`, which no other task or thread is at the time. It takes from the lanes in turn.
    pub fn consumer(&self, number: u32) -> Consumer<'_> {
        Consumer::new(self, number)
    }

    /// Waits for space in `lane` behind all who do already: from now on whoever frees a slot of that lane lets
    /// the first of them [`enter`](Entrant::enter), which may happen inside this call. The queue never forgets
    /// an entrant that says [`Full`](super::Try::Full).
    ///
    /// # Panics
    ///
    /// If the queue has no such lane.
    pub fn wait_for_space(&self, lane: LaneId, entrant: Arc<dyn Entrant>) -> Place {
        self.lanes.lane(lane).blocked.stand(entrant)
    }

    /// Ends a wait for space in `lane`. The entrant says that it is done from now on.
    ///
    /// # Panics
    ///
    /// If the queue has no such lane.
    pub fn stop_waiting(&self, lane: LaneId, place: Place) {
        self.lanes.lane(lane).blocked.leave(place);
    }

    /// Lets those who wait for space in `lane` try again, after something else that they need became free.
    ///
    /// # Panics
    ///
    /// If the queue has no such lane.
    pub fn offer_space(&self, lane: LaneId) {
        self.lanes.lane(lane).blocked.freed();
    }

    /// Whether a producer waits for space in any lane, for a caller who has just made dead what an index names.
    pub fn is_awaited(&self) -> bool {
        any_awaited(self.lanes.all().map(|(_, lane)| &lane.blocked))
    }

    /// Closes every lane: no later push succeeds, what is inside can be popped, and all who wait look again.
    pub fn close(&self) -> bool {
        let closed = self.lanes.close();
        self.consumers.notify_all();
        for (_, lane) in self.lanes.all() {
            lane.blocked.freed();
        }
        closed
    }

    /// For one who was a consumer, after it made room for another: whether there is something inside that nobody
    /// looks after, so that it takes a new consumer. A producer that finds nobody idle looks for such room behind
    /// its push: either it finds the room, or its index is seen here.
    pub fn needs_consumer(&self) -> bool {
        // ORDERING: `wait.leave`: store-load against `notify`.
        fence(Ordering::SeqCst);
        self.may_hold_something() && !self.consumers.notify_one()
    }

    /// Takes the oldest index of the lane whose turn it is; without credits, of the first that has one.
    #[inline]
    pub(super) fn take(&self, credits: Option<&mut Credits>) -> Result<(LaneId, u32), PopError> {
        if self.lanes.filled() != 0 {
            return self.take_in_turn(credits);
        }
        let lane = self.lanes.normal();
        match lane.ring.pop() {
            Ok(index) => {
                self.freed(lane);
                Ok((LaneId::NORMAL, index))
            }
            Err(PopError::Closed) => self.take_left(),
            Err(error) => Err(error),
        }
    }

    /// Takes what is left in any lane once the normal one has ended.
    #[cold]
    fn take_left(&self) -> Result<(LaneId, u32), PopError> {
        let (id, index) = self.lanes.pop_left()?;
        self.freed(self.lanes.lane(id));
        Ok((id, index))
    }

    /// Takes from the lane whose turn it is among those that have something.
    #[inline(never)]
    fn take_in_turn(&self, mut credits: Option<&mut Credits>) -> Result<(LaneId, u32), PopError> {
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
                    return Ok((id, index));
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

    /// Takes the oldest index of one lane.
    pub(super) fn take_from(&self, id: LaneId) -> Result<u32, PopError> {
        let lane = self.lanes.lane(id);
        let error = match lane.ring.pop() {
            Ok(index) => {
                self.freed(lane);
                return Ok(index);
            }
            Err(error) => error,
        };
        if id == LaneId::NORMAL {
            return Err(error);
        }
        let Some(index) = self.lanes.vacate(id) else { return Err(error) };
        self.consumers.notify_one();
        self.freed(lane);
        Ok(index)
    }

    /// Whether something may be inside that a consumer would find. For one that has passed a SeqCst fence: what
    /// it does not see has a notifier yet to come.
    pub(super) fn may_hold_something(&self) -> bool {
        self.lanes.filled() != 0 || !self.lanes.normal().ring.is_empty()
    }

    /// A pop has freed a place in `lane` by an exchange: who waits for it is moved in. In a queue without places
    /// the space is a permit, which the consumer gives back.
    #[inline]
    fn freed(&self, lane: &Lane) {
        if self.permits.is_none() {
            lane.blocked.popped();
        }
    }
}

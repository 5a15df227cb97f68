//! A queue of record indices whose consumers and producers can wait.
//!
//! Consumers are numbered (a provider's workers): see `waiters.rs`. Producers that wait for space are
//! unnumbered and rare: they stand in a list, from which a pop moves the first one in (`side_list.rs`).
//!
//! Progress: `push`, `try_pop` and `close` are lock-free while no producer waits for space; moving one in
//! takes the list's lock for a moment. Models: those of its parts, and `job_drop_oldest`.

use super::consumer::Consumer;
use super::permits::Permits;
use super::side_list::{Entrant, Place, SideList};
use super::waiters::{Waiters, Waking};
use crate::ring::{JobRing, PopError, PopIf, PushError};
use crate::sync::Arc;
use std::fmt;

/// A bounded queue of record indices with waiting.
pub struct JobQueue {
    ring: JobRing,
    /// Those of a queue without places; then the ring has one for each consumer.
    permits: Option<Permits>,
    consumers: Waiters,
    blocked: SideList,
}

impl fmt::Debug for JobQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobQueue")
            .field("ring", &self.ring)
            .field("consumers", &self.consumers)
            .finish_non_exhaustive()
    }
}

impl JobQueue {
    /// Makes an empty queue of `capacity` indices for `consumers` numbered consumers.
    ///
    /// # Panics
    ///
    /// If either is 0 or above [`MAX_CAPACITY`](crate::ring::MAX_CAPACITY).
    pub fn new(capacity: usize, consumers: usize, waking: Waking) -> Self {
        Self {
            ring: JobRing::new(capacity),
            permits: None,
            consumers: Waiters::new(consumers, waking),
            blocked: SideList::default(),
        }
    }

    /// Makes a queue without places for `consumers` numbered consumers: an index is only let in against a
    /// permit, of which there are `permits`, and each that comes out is given back by
    /// [`release`](Self::release).
    ///
    /// # Panics
    ///
    /// If `consumers` is 0 or above [`MAX_CAPACITY`](crate::ring::MAX_CAPACITY), or below `permits`.
    pub fn direct(consumers: usize, permits: usize, waking: Waking) -> Self {
        assert!(permits <= consumers, "there are {permits} permits for {consumers} consumers");
        Self { permits: Some(Permits::new(permits)), ..Self::new(consumers, consumers, waking) }
    }

    /// How many indices the queue holds at most, those aside that are handed over directly.
    pub fn capacity(&self) -> usize {
        if self.permits.is_some() { 0 } else { self.ring.capacity() }
    }

    /// The consumer of an index that came out of the queue, or another for it, is free to take the next. In a
    /// queue with places this does nothing.
    pub fn release(&self) {
        if let Some(permits) = &self.permits {
            permits.give();
            self.blocked.freed();
        }
    }

    /// How many indices the queue holds, dead ones included; exact while nobody pushes or pops.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether the queue holds nothing, at a moment during the call.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// Whether the queue was closed.
    pub fn is_closed(&self) -> bool {
        self.ring.is_closed()
    }

    /// The consumers.
    pub fn consumers(&self) -> &Waiters {
        &self.consumers
    }

    /// Adds `index` and sees to it that a consumer looks: the one that has been idle longest, or one that is
    /// awake already; says whether there was one.
    ///
    /// # Errors
    ///
    /// [`PushError::Full`] and [`PushError::Closed`].
    pub fn push(&self, index: u32) -> Result<bool, PushError> {
        self.push_unannounced(index)?;
        Ok(self.consumers.notify_one())
    }

    /// Adds `index` without waking anybody: the caller adds others and then calls [`announce`](Self::announce)
    /// for all of them.
    ///
    /// # Errors
    ///
    /// [`PushError::Full`] and [`PushError::Closed`].
    pub fn push_unannounced(&self, index: u32) -> Result<(), PushError> {
        let Some(permits) = &self.permits else { return self.ring.push(index) };
        if !permits.take() {
            return Err(if self.is_closed() { PushError::Closed } else { PushError::Full });
        }
        self.ring.push(index).inspect_err(|_| permits.give())
    }

    /// Wakes one consumer for each of `pushed` indices, the one that has been idle longest first, behind one
    /// fence; how many there were.
    pub fn announce(&self, pushed: usize) -> usize {
        self.consumers.notify(pushed)
    }

    /// Adds `index`; in a full queue it takes the place of the oldest, which is returned.
    ///
    /// # Errors
    ///
    /// [`PushError::Closed`]; and [`PushError::Full`] in a queue without places, where nothing waits that
    /// could be replaced.
    pub fn force_push(&self, index: u32) -> Result<Option<u32>, PushError> {
        if self.permits.is_some() {
            return self.push(index).map(|_| None);
        }
        let replaced = self.ring.force_push(index)?;
        self.consumers.notify_one();
        Ok(replaced)
    }

    /// Takes the oldest index without waiting.
    ///
    /// # Errors
    ///
    /// [`PopError::Empty`] and [`PopError::Closed`].
    pub fn try_pop(&self) -> Result<u32, PopError> {
        let index = self.ring.pop()?;
        if self.permits.is_none() {
            self.blocked.popped();
        }
        Ok(index)
    }

    /// Takes the oldest index if `dead` holds for it, as [`JobRing::pop_if`].
    pub fn reap(&self, dead: impl Fn(u32) -> bool) -> Option<u32> {
        match self.ring.pop_if(dead) {
            PopIf::Popped(index) => {
                if self.permits.is_some() {
                    self.release();
                } else {
                    self.blocked.popped();
                }
                Some(index)
            }
            PopIf::Declined | PopIf::Nothing(_) => None,
        }
    }

    /// The consumer `number`, which no other task or thread is at the time.
    pub fn consumer(&self, number: u32) -> Consumer<'_> {
        Consumer::new(self, number)
    }

    /// Waits for space behind all who do already: from now on whoever frees a slot lets the first of them
    /// [`enter`](Entrant::enter), which may happen inside this call. The queue never forgets an entrant that
    /// says [`Full`](super::Try::Full).
    pub fn wait_for_space(&self, entrant: Arc<dyn Entrant>) -> Place {
        self.blocked.stand(entrant)
    }

    /// Ends a wait for space. The entrant says that it is done from now on.
    pub fn stop_waiting(&self, place: Place) {
        self.blocked.leave(place);
    }

    /// Lets those who wait for space try again, after something else that they need became free.
    pub fn offer_space(&self) {
        self.blocked.freed();
    }

    /// Whether a producer waits for space, for a caller who has just made dead what an index names.
    pub fn is_awaited(&self) -> bool {
        self.blocked.is_awaited()
    }

    /// Closes the queue: no later push succeeds, what is inside can be popped, and all who wait look again.
    pub fn close(&self) -> bool {
        let closed = self.ring.close();
        self.consumers.notify_all();
        self.blocked.freed();
        closed
    }
}

//! A queue of record indices whose consumers and producers can wait.
//!
//! Consumers are numbered (a provider's workers): see `waiters.rs`. Producers that wait for space are
//! unnumbered and rare: they stand in an event's list, and a pop looks for them only while there are some.
//!
//! Invariant: no producer waits beside free space: it counts itself as blocked, passes a SeqCst fence and
//! tries again; a pop frees its slot, passes a SeqCst fence and looks whether anyone is blocked.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `space.fences` | `fence` of `freed` after the pop | `fence` of `wait_for_space` before the next try | the free slot, or the blocked producer |
//!
//! Progress: `push`, `try_pop` and `close` are lock-free while no producer is blocked; waking a blocked
//! producer takes the event's lock. Models: `queue_space`, `queue_space_close`, `job_drop_oldest`.

use super::consumer::Consumer;
use super::waiters::{Waiters, Waking};
use crate::ring::{JobRing, PopError, PopIf, PushError};
use crate::sync::Quiet;
use crate::sync::atomic::{AtomicUsize, Ordering, fence, fence_after_rmw};
use event_listener::{Event, EventListener};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A bounded queue of record indices with waiting.
pub struct JobQueue {
    ring: JobRing,
    consumers: Waiters,
    blocked: AtomicUsize,
    space: Event,
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
            consumers: Waiters::new(consumers, waking),
            blocked: AtomicUsize::new(0),
            space: Event::new(),
        }
    }

    /// How many indices the queue holds at most.
    pub fn capacity(&self) -> usize {
        self.ring.capacity()
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
        self.ring.push(index)?;
        Ok(self.consumers.notify_one())
    }

    /// Adds `index`; in a full queue it takes the place of the oldest, which is returned.
    ///
    /// # Errors
    ///
    /// [`PushError::Closed`].
    pub fn force_push(&self, index: u32) -> Result<Option<u32>, PushError> {
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
        self.freed();
        Ok(index)
    }

    /// Takes the oldest index if `dead` holds for it, as [`JobRing::pop_if`].
    pub fn reap(&self, dead: impl Fn(u32) -> bool) -> Option<u32> {
        match self.ring.pop_if(dead) {
            PopIf::Popped(index) => {
                self.freed();
                Some(index)
            }
            PopIf::Declined | PopIf::Nothing(_) => None,
        }
    }

    /// The consumer `number`, which no other task or thread is at the time.
    pub fn consumer(&self, number: u32) -> Consumer<'_> {
        Consumer::new(self, number)
    }

    /// Announces a producer that will wait for space. The caller tries to push once more, and awaits the
    /// result only if the queue is still full.
    pub fn wait_for_space(&self) -> SpaceWait<'_> {
        let listener = Quiet(self.space.listen());
        // ORDERING: Relaxed: the fence below orders it.
        self.blocked.fetch_add(1, Ordering::Relaxed);
        // ORDERING: `space.fences`: store-load against `freed`.
        fence(Ordering::SeqCst);
        SpaceWait { queue: self, listener }
    }

    /// Wakes a producer that waits for space if there is some: for one that was woken and did not push.
    pub fn offer_space(&self) {
        if self.len() < self.capacity() {
            // ORDERING: `space.fences`: as in `freed`, without an exchange before it.
            fence(Ordering::SeqCst);
            self.freed();
        }
    }

    /// Closes the queue: no later push succeeds, what is inside can be popped, and all who wait look again.
    pub fn close(&self) -> bool {
        let closed = self.ring.close();
        self.consumers.notify_all();
        self.space.notify(usize::MAX);
        closed
    }

    /// A pop, whose exchange was the last thing, has freed a slot.
    fn freed(&self) {
        // ORDERING: `space.fences`: store-load against `wait_for_space`.
        fence_after_rmw();
        // ORDERING: Relaxed: ordered by the fence.
        if self.blocked.load(Ordering::Relaxed) != 0 {
            self.space.notify_additional(1);
        }
    }
}

/// A blocked producer's place in the list. Ready when a slot was freed or the queue closed: the producer
/// then tries again. Dropped, it hands a notification that it got to the next in the list.
#[must_use = "a future does nothing unless it is polled"]
#[derive(Debug)]
pub struct SpaceWait<'a> {
    queue: &'a JobQueue,
    listener: Quiet<EventListener>,
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
        self.queue.blocked.fetch_sub(1, Ordering::Relaxed);
    }
}

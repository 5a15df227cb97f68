//! One who takes indices out of a [`JobQueue`], and what it owes the others while it was woken for them.
//!
//! A consumer that was woken holds the queue's baton (`waiters.rs`): pushes wake nobody else meanwhile. It
//! keeps it while it takes index after index, lays it down before it waits, and hands it over when the job
//! that it has does not end at once. Whoever takes an index in its last look before it would have waited
//! has the same duty without the baton: a push that still saw the baton relies on that look. So has a new
//! consumer, since it was made for what others could not take.

use super::credits::Credits;
use super::job_queue::JobQueue;
use super::lanes::LaneId;
use crate::ring::PopError;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A consumer of a queue, known by its number. Dropped, it hands over what it was woken for.
#[derive(Debug)]
pub struct Consumer<'a> {
    queue: &'a JobQueue,
    number: u32,
    /// Its number stands among the idle ones.
    listed: bool,
    /// It has to look after what was pushed since it was woken.
    relaying: bool,
    credits: Credits,
    /// Where the last index came from.
    lane: LaneId,
}

impl<'a> Consumer<'a> {
    pub(super) fn new(queue: &'a JobQueue, number: u32) -> Self {
        let (relaying, credits) = (queue.consumers().relays(), queue.credits());
        Self { queue, number, listed: false, relaying, credits, lane: LaneId::NORMAL }
    }

    /// The lane that the last index came from.
    pub fn lane(&self) -> LaneId {
        self.lane
    }

    /// Takes the next index of the [lane](Self::lane) that the last one came from, in the same turn, without
    /// waiting: what came was nothing to do. `None`: the lane has no other.
    pub fn again(&mut self) -> Option<u32> {
        self.queue.take_from(self.lane).ok()
    }

    /// Waits for an index. Gives [`PopError::Closed`] once nothing will come.
    ///
    /// Cancel safety: an index is taken in the very poll that returns it; dropped while it waits, a pending
    /// notification is passed on to another consumer.
    pub fn pop(&mut self) -> Pop<'_, 'a> {
        Pop(self)
    }

    /// Says that the job of the last index goes on while others may wait for a consumer: the next one is
    /// woken. `true`: there is something to do, and nobody idle to do it.
    pub fn hand_over(&mut self) -> bool {
        if !std::mem::take(&mut self.relaying) {
            return false;
        }
        self.queue.consumers().lay_down();
        self.queue.may_hold_something() && !self.queue.consumers().notify_one()
    }

    /// Ends the waiting. A notification that has come is kept as the duty that it is.
    fn unlist(&mut self) {
        if std::mem::take(&mut self.listed) && !self.queue.consumers().withdraw(self.number) {
            self.relaying = true;
        }
    }

    /// Takes an index of the lane whose turn it is.
    fn take_any(&mut self) -> Result<u32, PopError> {
        let (lane, index) = self.queue.take(Some(&mut self.credits))?;
        self.lane = lane;
        Ok(index)
    }

    /// Takes an index. Where consumers do not relay, that is what a notification was for.
    fn take(&mut self) -> Result<u32, PopError> {
        let taken = self.take_any();
        if taken.is_ok() && !self.queue.consumers().relays() {
            self.relaying = false;
        }
        taken
    }

    fn poll_pop(&mut self, cx: &mut Context<'_>) -> Poll<Result<u32, PopError>> {
        let queue = self.queue;
        self.unlist();
        match self.take() {
            Err(PopError::Empty) => {}
            done => return Poll::Ready(done),
        }
        queue.consumers().register(self.number, cx.waker());
        if std::mem::take(&mut self.relaying) {
            queue.consumers().lay_down();
        }
        queue.consumers().enlist(self.number);
        self.listed = true;
        match self.take_any() {
            Err(PopError::Empty) => Poll::Pending,
            done => {
                self.unlist();
                if queue.consumers().relays() {
                    self.relaying = true;
                } else {
                    // What the notification was for may still be there, and this one has its work.
                    self.hand_over();
                }
                Poll::Ready(done)
            }
        }
    }
}

impl Drop for Consumer<'_> {
    fn drop(&mut self) {
        self.unlist();
        self.hand_over();
    }
}

/// The wait of a [`Consumer`] for an index.
#[must_use = "a future does nothing unless it is polled"]
#[derive(Debug)]
pub struct Pop<'c, 'a>(&'c mut Consumer<'a>);

impl Future for Pop<'_, '_> {
    type Output = Result<u32, PopError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_pop(cx)
    }
}

impl Drop for Pop<'_, '_> {
    fn drop(&mut self) {
        if self.0.listed {
            // Given up: what came meanwhile is for the others.
            self.0.unlist();
            self.0.hand_over();
        }
    }
}

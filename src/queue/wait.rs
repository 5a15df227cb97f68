//! One wait at an end of a channel, for threads and for tasks alike.
//!
//! A wait tries, and stands in line when that fails (`line.rs`). A thread tries for a while before it does:
//! a few pauses, in which a peer on another core gets done, and a few yields of its time slice, in which a
//! peer on this core does. That costs less than a sleep and its wake-up by far, and is bounded.
//!
//! One who finds a peer in the middle of its operation cannot rely on that peer to wake it, and does not
//! sleep: a thread yields until the peer is done, one thread on behalf of all; a task wakes itself.

use super::line::{End, Line, Sleeper, Ticket};
use crate::ring::Outlook;
use crate::sync::{spin_loop, thread};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Rounds of trying before a thread stands in line: after each of the first it pauses twice as often as
/// after the one before, after each of the others it yields.
const PAUSES: u32 = 6;
const YIELDS: u32 = 4;
/// How often one poll of a wait looks again before it lets go of the executor, or looks at its deadline.
const LOOKS: u32 = if cfg!(loom) { 1 } else { 32 };

/// What is tried, and where one waits for it.
pub(super) trait Attempt {
    type Output;
    type End: End;

    /// Tries once; `None`: not now.
    fn attempt(&mut self) -> Option<Self::Output>;
    /// The line of those who wait for the same.
    fn line(&self) -> &Line;
    /// The end that the line stands at.
    fn end(&self) -> Self::End;
}

/// A wait until an attempt succeeds.
///
/// Cancel safety: an attempt takes or leaves its value in the very poll that says so. Dropped, a wait
/// leaves the line, and passes on a wake-up that it had got.
#[derive(Debug)]
pub(super) struct Wait<A: Attempt> {
    pub(super) attempt: A,
    sleeper: Sleeper,
    ticket: Option<Ticket>,
    rounds: u32,
}

/// Nothing in a wait is ever pinned.
impl<A: Attempt> Unpin for Wait<A> {}

impl<A: Attempt> Wait<A> {
    pub(super) fn new(attempt: A, sleeper: Sleeper) -> Self {
        Self { attempt, sleeper, ticket: None, rounds: 0 }
    }

    /// Whether a thread should try again instead of standing in line; pauses or yields before it says so.
    fn is_patient(&mut self) -> bool {
        // Under loom a second try is one more state to search, and nothing else.
        if cfg!(loom) || self.sleeper == Sleeper::Task || self.rounds >= PAUSES + YIELDS {
            return false;
        }
        if self.rounds < PAUSES {
            for _ in 0..1 << self.rounds {
                spin_loop();
            }
        } else {
            thread::yield_now();
        }
        self.rounds += 1;
        true
    }

    fn leave(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.attempt.line().leave(ticket, &self.attempt.end());
        }
    }
}

impl<A: Attempt> Future for Wait<A> {
    type Output = A::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<A::Output> {
        let this = &mut *self;
        let mut looks = 0;
        loop {
            if let Some(done) = this.attempt.attempt() {
                this.leave();
                return Poll::Ready(done);
            }
            if this.is_patient() {
                continue;
            }
            let end = this.attempt.end();
            let line = this.attempt.line();
            match line.join(&mut this.ticket, this.sleeper, cx.waker(), &end) {
                Outlook::Nothing => {
                    this.rounds = 0;
                    return Poll::Pending;
                }
                Outlook::Ready => spin_loop(),
                Outlook::Busy if this.sleeper == Sleeper::Thread => thread::yield_now(),
                Outlook::Busy => spin_loop(),
            }
            looks += 1;
            if looks == LOOKS {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }
}

impl<A: Attempt> Drop for Wait<A> {
    fn drop(&mut self) {
        self.leave();
    }
}

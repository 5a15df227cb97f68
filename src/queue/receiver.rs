//! The half of a channel that values come out of.

use super::channel::{Channel, Values};
use super::channel_error::{RecvError, RecvTimeoutError, TryRecvError};
use super::line::{Line, Sleeper};
use super::wait::{Attempt, Wait};
use crate::ring::PopError;
use crate::sync::Arc;
use crate::time::Deadline;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Receives from a channel; made by [`channel`](super::channel()). Clones receive from the same one, and
/// each value goes to one of them.
#[derive(Debug)]
pub struct Receiver<T> {
    channel: Arc<Channel<T>>,
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.channel.receiver_handles.join();
        Self { channel: Arc::clone(&self.channel) }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.channel.receiver_handles.leave() {
            self.channel.close();
            self.channel.clear();
        }
    }
}

impl<T> Receiver<T> {
    pub(super) fn first(channel: Arc<Channel<T>>) -> Self {
        Self { channel }
    }

    /// Receives the oldest value if there is one now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if there is none: the channel is empty, or another thread stands in the
    /// middle of sending the oldest (see [`Ring`](crate::ring::Ring)). [`TryRecvError::Closed`] if moreover
    /// nothing will come.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.channel.pop().map_err(TryRecvError::from)
    }

    /// Receives the oldest value, waiting for one.
    ///
    /// # Errors
    ///
    /// [`RecvError`] once the channel is empty and closed.
    ///
    /// # Cancel safety
    ///
    /// The value is taken in the very poll that returns it: a dropped future has taken nothing, and a
    /// wake-up that it had got goes to the next in line.
    pub fn recv(&self) -> Recv<'_, T> {
        Recv(Wait::new(One { channel: &self.channel }, Sleeper::Task))
    }

    /// Receives the oldest value; blocks the thread while there is none.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    #[inline]
    pub fn recv_blocking(&self) -> Result<T, RecvError> {
        self.recv_deadline(Deadline::NEVER).map_err(|_| RecvError)
    }

    /// Receives the oldest value; blocks the thread while there is none, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`recv_deadline`](Self::recv_deadline).
    #[inline]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        match self.channel.pop() {
            Ok(value) => Ok(value),
            Err(PopError::Closed) => Err(RecvTimeoutError::Closed),
            Err(PopError::Empty) => {
                self.wait_for_value(Deadline::after(self.channel.clock.now(), timeout))
            }
        }
    }

    /// Receives the oldest value; blocks the thread while there is none, until `deadline` at the latest.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError::Timeout`] when the deadline has passed, with at least one try before, and
    /// [`RecvTimeoutError::Closed`] once the channel is empty and closed.
    #[inline]
    pub fn recv_deadline(&self, deadline: Deadline) -> Result<T, RecvTimeoutError> {
        match self.channel.pop() {
            Ok(value) => Ok(value),
            Err(PopError::Closed) => Err(RecvTimeoutError::Closed),
            Err(PopError::Empty) => self.wait_for_value(deadline),
        }
    }

    #[cold]
    fn wait_for_value(&self, deadline: Deadline) -> Result<T, RecvTimeoutError> {
        let wait = Wait::new(One { channel: &self.channel }, Sleeper::Thread);
        match self.channel.clock.block_on_deadline(wait, deadline) {
            Some(Ok(value)) => Ok(value),
            Some(Err(RecvError)) => Err(RecvTimeoutError::Closed),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Receives up to `limit` of the oldest values that are there now and appends them to `values`.
    /// Returns how many: at least one, unless `limit` is 0.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv), when there is not even one.
    #[inline]
    pub fn try_recv_many(&self, values: &mut Vec<T>, limit: usize) -> Result<usize, TryRecvError> {
        self.channel.pop_n(values, limit).map_err(TryRecvError::from)
    }

    /// Receives as many of the oldest values as there are now, and as `values` has room for. Returns how
    /// many: at least one, unless there is no room.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv), when there is not even one.
    #[inline]
    pub fn try_recv_slice(&self, values: &mut [T]) -> Result<usize, TryRecvError>
    where
        T: Copy,
    {
        self.channel.pop_slice(values).map_err(TryRecvError::from)
    }

    /// Receives up to `limit` of the oldest values and appends them to `values`, waiting for the first.
    /// Returns how many: at least one, unless `limit` is 0.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// As [`recv`](Self::recv): `values` is changed in the very poll that says so.
    pub fn recv_many<'a>(&'a self, values: &'a mut Vec<T>, limit: usize) -> RecvMany<'a, T> {
        RecvMany(Wait::new(Many { channel: &self.channel, values, limit }, Sleeper::Task))
    }

    /// Receives up to `limit` of the oldest values and appends them to `values`; blocks the thread while
    /// there is none, until `deadline` at the latest ([`Deadline::NEVER`]: however long it takes). Returns
    /// how many: at least one, unless `limit` is 0.
    ///
    /// # Errors
    ///
    /// As [`recv_deadline`](Self::recv_deadline).
    pub fn recv_many_blocking(
        &self,
        values: &mut Vec<T>,
        limit: usize,
        deadline: Deadline,
    ) -> Result<usize, RecvTimeoutError> {
        let wait = Wait::new(Many { channel: &self.channel, values, limit }, Sleeper::Thread);
        match self.channel.clock.block_on_deadline(wait, deadline) {
            Some(Ok(count)) => Ok(count),
            Some(Err(RecvError)) => Err(RecvTimeoutError::Closed),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Closes the channel: no later send succeeds, and what is inside can still be received. Returns
    /// whether this call closed it.
    pub fn close(&self) -> bool {
        self.channel.close()
    }

    /// Whether the channel is closed; there may still be values inside.
    pub fn is_closed(&self) -> bool {
        self.channel.ring.is_closed()
    }

    /// How many values are inside; exact while nobody sends or receives.
    pub fn len(&self) -> usize {
        self.channel.ring.len()
    }

    /// Whether [`len`](Self::len) is 0.
    pub fn is_empty(&self) -> bool {
        self.channel.ring.is_empty()
    }

    /// How many values the channel holds at most.
    pub fn capacity(&self) -> usize {
        self.channel.ring.capacity()
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.channel.sender_handles.count()
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.channel.receiver_handles.count()
    }
}

impl From<PopError> for TryRecvError {
    fn from(error: PopError) -> Self {
        match error {
            PopError::Empty => Self::Empty,
            PopError::Closed => Self::Closed,
        }
    }
}

/// The receipt of one value.
#[derive(Debug)]
struct One<'a, T> {
    channel: &'a Channel<T>,
}

impl<'a, T> Attempt for One<'a, T> {
    type Output = Result<T, RecvError>;
    type End = Values<'a, T>;

    fn attempt(&mut self) -> Option<Self::Output> {
        match self.channel.pop() {
            Ok(value) => Some(Ok(value)),
            Err(PopError::Closed) => Some(Err(RecvError)),
            Err(PopError::Empty) => None,
        }
    }

    fn line(&self) -> &Line {
        &self.channel.receivers
    }

    fn end(&self) -> Values<'a, T> {
        Values(&self.channel.ring)
    }
}

/// The receipt of several values.
#[derive(Debug)]
struct Many<'a, T> {
    channel: &'a Channel<T>,
    values: &'a mut Vec<T>,
    limit: usize,
}

impl<'a, T> Attempt for Many<'a, T> {
    type Output = Result<usize, RecvError>;
    type End = Values<'a, T>;

    fn attempt(&mut self) -> Option<Self::Output> {
        match self.channel.pop_n(self.values, self.limit) {
            Ok(count) => Some(Ok(count)),
            Err(PopError::Closed) => Some(Err(RecvError)),
            Err(PopError::Empty) => None,
        }
    }

    fn line(&self) -> &Line {
        &self.channel.receivers
    }

    fn end(&self) -> Values<'a, T> {
        Values(&self.channel.ring)
    }
}

/// The future of [`Receiver::recv`].
#[derive(Debug)]
#[must_use = "a future does nothing unless it is polled"]
pub struct Recv<'a, T>(Wait<One<'a, T>>);

impl<T> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

/// The future of [`Receiver::recv_many`].
#[derive(Debug)]
#[must_use = "a future does nothing unless it is polled"]
pub struct RecvMany<'a, T>(Wait<Many<'a, T>>);

impl<T> Future for RecvMany<'_, T> {
    type Output = Result<usize, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

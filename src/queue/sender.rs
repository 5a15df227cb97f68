//! The half of a channel that values go into.

use super::channel::{Channel, Space};
use super::channel_error::{SendError, SendTimeoutError, TrySendError};
use super::line::{Line, Sleeper};
use super::wait::{Attempt, Wait};
use crate::ring::{Closed, Refused};
use crate::sync::Arc;
use crate::time::Deadline;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Sends into a channel; made by [`channel`](super::channel()). Clones send into the same one.
#[derive(Debug)]
pub struct Sender<T> {
    channel: Arc<Channel<T>>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.channel.sender_handles.join();
        Self { channel: Arc::clone(&self.channel) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.channel.sender_handles.leave() {
            self.channel.close();
        }
    }
}

impl<T> Sender<T> {
    pub(super) fn first(channel: Arc<Channel<T>>) -> Self {
        Self { channel }
    }

    /// Sends `value` if there is room for it now.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] if there is none: the channel holds `capacity` values, or another thread
    /// stands in the middle of receiving the oldest (see [`Ring`](crate::ring::Ring)).
    /// [`TrySendError::Closed`] if the channel is closed.
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.channel.push(value).map_err(|refused| match refused {
            Refused::Full(value) => TrySendError::Full(value),
            Refused::Closed(value) => TrySendError::Closed(value),
        })
    }

    /// Sends `value`, waiting for room.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the channel is closed, also meanwhile.
    ///
    /// # Cancel safety
    ///
    /// The value is sent in the very poll that says so. Dropped before, the future drops the value with it.
    pub fn send(&self, value: T) -> Send<'_, T> {
        Send(Wait::new(One { channel: &self.channel, value: Some(value) }, Sleeper::Task))
    }

    /// Sends `value`; blocks the thread while there is no room.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[inline]
    pub fn send_blocking(&self, value: T) -> Result<(), SendError<T>> {
        self.send_deadline(value, Deadline::NEVER).map_err(|error| SendError(error.into_inner()))
    }

    /// Sends `value`; blocks the thread while there is no room, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As [`send_deadline`](Self::send_deadline).
    #[inline]
    pub fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        match self.channel.push(value) {
            Ok(()) => Ok(()),
            Err(Refused::Closed(value)) => Err(SendTimeoutError::Closed(value)),
            Err(Refused::Full(value)) => {
                self.wait_for_room(value, Deadline::after(self.channel.clock.now(), timeout))
            }
        }
    }

    /// Sends `value`; blocks the thread while there is no room, until `deadline` at the latest.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError::Timeout`] when the deadline has passed, with at least one try before, and
    /// [`SendTimeoutError::Closed`] if the channel is closed, also meanwhile.
    #[inline]
    pub fn send_deadline(&self, value: T, deadline: Deadline) -> Result<(), SendTimeoutError<T>> {
        match self.channel.push(value) {
            Ok(()) => Ok(()),
            Err(Refused::Closed(value)) => Err(SendTimeoutError::Closed(value)),
            Err(Refused::Full(value)) => self.wait_for_room(value, deadline),
        }
    }

    #[cold]
    fn wait_for_room(&self, value: T, deadline: Deadline) -> Result<(), SendTimeoutError<T>> {
        let mut wait =
            Wait::new(One { channel: &self.channel, value: Some(value) }, Sleeper::Thread);
        match self.channel.clock.block_on_deadline(&mut wait, deadline) {
            Some(Ok(())) => Ok(()),
            Some(Err(SendError(value))) => Err(SendTimeoutError::Closed(value)),
            None => match wait.attempt.value.take() {
                Some(value) => Err(SendTimeoutError::Timeout(value)),
                None => Ok(()),
            },
        }
    }

    /// Sends from the front of `values` as many as there is room for now, together, and wakes at most one
    /// receiver for all of them, who wakes the next. Returns how many.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the channel is closed; `values` is unchanged.
    #[inline]
    pub fn try_send_many(&self, values: &mut VecDeque<T>) -> Result<usize, Closed> {
        self.channel.push_n(values)
    }

    /// Sends copies from the front of `values`, as [`try_send_many`](Self::try_send_many) sends values.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the channel is closed.
    #[inline]
    pub fn try_send_slice(&self, values: &[T]) -> Result<usize, Closed>
    where
        T: Copy,
    {
        self.channel.push_slice(values)
    }

    /// Sends all of `values`, the front first, waiting for room.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the channel is closed, also meanwhile; what was not sent is left in `values`.
    ///
    /// # Cancel safety
    ///
    /// What was not sent when the future is dropped is left in `values`.
    pub fn send_many<'a>(&'a self, values: &'a mut VecDeque<T>) -> SendMany<'a, T> {
        SendMany(Wait::new(Many { channel: &self.channel, values }, Sleeper::Task))
    }

    /// Sends all of `values`, the front first; blocks the thread while there is no room, until `deadline`
    /// at the latest ([`Deadline::NEVER`]: however long it takes). What was not sent is left in `values`.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the channel is closed, also meanwhile.
    pub fn send_many_blocking(
        &self,
        values: &mut VecDeque<T>,
        deadline: Deadline,
    ) -> Result<(), Closed> {
        let wait = Wait::new(Many { channel: &self.channel, values }, Sleeper::Thread);
        self.channel.clock.block_on_deadline(wait, deadline).unwrap_or(Ok(()))
    }

    /// Closes the channel: no later send succeeds, and what is inside can still be received. Returns
    /// whether this call closed it.
    pub fn close(&self) -> bool {
        self.channel.close()
    }

    /// Whether the channel is closed.
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

/// The send of one value.
#[derive(Debug)]
struct One<'a, T> {
    channel: &'a Channel<T>,
    /// Empty once it was sent or given back.
    value: Option<T>,
}

impl<'a, T> Attempt for One<'a, T> {
    type Output = Result<(), SendError<T>>;
    type End = Space<'a, T>;

    fn attempt(&mut self) -> Option<Self::Output> {
        let Some(value) = self.value.take() else { return Some(Ok(())) };
        match self.channel.push(value) {
            Ok(()) => Some(Ok(())),
            Err(Refused::Closed(value)) => Some(Err(SendError(value))),
            Err(Refused::Full(value)) => {
                self.value = Some(value);
                None
            }
        }
    }

    fn line(&self) -> &Line {
        &self.channel.senders
    }

    fn end(&self) -> Space<'a, T> {
        Space(&self.channel.ring)
    }
}

/// The send of several values.
#[derive(Debug)]
struct Many<'a, T> {
    channel: &'a Channel<T>,
    values: &'a mut VecDeque<T>,
}

impl<'a, T> Attempt for Many<'a, T> {
    type Output = Result<(), Closed>;
    type End = Space<'a, T>;

    fn attempt(&mut self) -> Option<Self::Output> {
        while !self.values.is_empty() {
            match self.channel.push_n(self.values) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(closed) => return Some(Err(closed)),
            }
        }
        Some(Ok(()))
    }

    fn line(&self) -> &Line {
        &self.channel.senders
    }

    fn end(&self) -> Space<'a, T> {
        Space(&self.channel.ring)
    }
}

/// The future of [`Sender::send`].
#[derive(Debug)]
#[must_use = "a future does nothing unless it is polled"]
pub struct Send<'a, T>(Wait<One<'a, T>>);

impl<T> Future for Send<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

/// The future of [`Sender::send_many`].
#[derive(Debug)]
#[must_use = "a future does nothing unless it is polled"]
pub struct SendMany<'a, T>(Wait<Many<'a, T>>);

impl<T> Future for SendMany<'_, T> {
    type Output = Result<(), Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

//! What both halves of a channel share: the ring, a line at each of its ends, the clock, the counts.

use super::half::Half;
use super::line::{End, Line};
use super::{Receiver, Sender};
use crate::ring::{Closed, Moved, Outlook, PopError, Refused, Ring};
use crate::sync::Arc;
use crate::sync::drop_caught;
use crate::time::Clock;
use std::collections::VecDeque;
use std::fmt;

/// Makes a bounded channel that any number of threads and tasks send into and receive from, in the order of
/// sending. Limits go by the system's clock. Beside what a caller's own buffers need, nothing is allocated
/// later but room for as many waiters as ever wait at once.
///
/// While nobody has to wait, a send is a push into a [`Ring`] and a receive a pop: neither takes a lock,
/// and neither passes a fence to look for others. Who has to wait stands in line: those who were first
/// are woken first, one for each value, and a thread that is awake already takes what is there, so newcomers
/// may be faster. A thread tries for some microseconds before it sleeps; whoever wakes it makes the only
/// system call.
///
/// When the last [`Sender`] is dropped, the channel closes: what is inside is still received, then comes the
/// end. When the last [`Receiver`] is dropped it closes as well, and what is inside is dropped.
///
/// # Panics
///
/// If `capacity` is 0 or above [`Ring::MAX_CAPACITY`].
///
/// # Examples
///
/// ```
/// use bifrost::queue::{RecvError, TrySendError, channel};
///
/// let (sender, receiver) = channel(2);
/// let producer = std::thread::spawn(move || {
///     for number in 0..10 {
///         sender.send_blocking(number)?;
///     }
///     Ok::<(), bifrost::queue::SendError<i32>>(())
/// });
/// let mut sum = 0;
/// while let Ok(number) = receiver.recv_blocking() {
///     sum += number;
/// }
/// assert_eq!(sum, 45);
/// assert_eq!(receiver.recv_blocking(), Err(RecvError));
/// # producer.join().expect("it does not panic")?;
/// # Ok::<(), bifrost::queue::SendError<i32>>(())
/// ```
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    channel_with_clock(capacity, &Clock::monotonic())
}

/// As [`channel`], with limits and blocking waits by `clock`.
///
/// # Panics
///
/// If `capacity` is 0 or above [`Ring::MAX_CAPACITY`].
pub fn channel_with_clock<T>(capacity: usize, clock: &Clock) -> (Sender<T>, Receiver<T>) {
    let channel = Arc::new(Channel {
        ring: Ring::new(capacity),
        receivers: Line::default(),
        senders: Line::default(),
        sender_handles: Half::new(),
        receiver_handles: Half::new(),
        clock: clock.clone(),
    });
    (Sender::first(Arc::clone(&channel)), Receiver::first(channel))
}

/// A ring with those who wait at its ends.
pub(super) struct Channel<T> {
    pub(super) ring: Ring<T>,
    /// Those who wait for a value.
    pub(super) receivers: Line,
    /// Those who wait for space.
    pub(super) senders: Line,
    pub(super) sender_handles: Half,
    pub(super) receiver_handles: Half,
    pub(super) clock: Clock,
}

/// The tail, where values are awaited.
pub(super) struct Values<'a, T>(pub(super) &'a Ring<T>);

/// The head, where space is awaited.
pub(super) struct Space<'a, T>(pub(super) &'a Ring<T>);

impl<T> End for Values<'_, T> {
    fn mark(&self) -> Outlook {
        self.0.await_value()
    }

    fn unmark(&self) {
        self.0.await_no_value();
    }
}

impl<T> End for Space<'_, T> {
    fn mark(&self) -> Outlook {
        self.0.await_space()
    }

    fn unmark(&self) {
        self.0.await_no_space();
    }
}

impl<T> Channel<T> {
    #[inline]
    pub(super) fn push(&self, value: T) -> Result<(), Refused<T>> {
        if self.ring.push_seeing(value)? {
            self.receivers.tell(&Values(&self.ring));
        }
        Ok(())
    }

    #[inline]
    pub(super) fn pop(&self) -> Result<T, PopError> {
        self.ring.pop_telling(|| self.senders.tell(&Space(&self.ring)))
    }

    #[inline]
    pub(super) fn push_n(&self, values: &mut VecDeque<T>) -> Result<usize, Closed> {
        let Moved { count, awaited } = self.ring.push_n_seeing(values)?;
        if awaited {
            self.receivers.tell(&Values(&self.ring));
        }
        Ok(count)
    }

    #[inline]
    pub(super) fn pop_n(&self, values: &mut Vec<T>, limit: usize) -> Result<usize, PopError> {
        let Moved { count, awaited } = self.ring.pop_n_seeing(values, limit)?;
        if awaited {
            self.senders.tell(&Space(&self.ring));
        }
        Ok(count)
    }

    #[inline]
    pub(super) fn push_slice(&self, values: &[T]) -> Result<usize, Closed>
    where
        T: Copy,
    {
        let Moved { count, awaited } = self.ring.push_slice_seeing(values)?;
        if awaited {
            self.receivers.tell(&Values(&self.ring));
        }
        Ok(count)
    }

    #[inline]
    pub(super) fn pop_slice(&self, values: &mut [T]) -> Result<usize, PopError>
    where
        T: Copy,
    {
        let Moved { count, awaited } = self.ring.pop_slice_seeing(values)?;
        if awaited {
            self.senders.tell(&Space(&self.ring));
        }
        Ok(count)
    }

    pub(super) fn close(&self) -> bool {
        let closed = self.ring.close();
        self.receivers.tell_all(&Values(&self.ring));
        self.senders.tell_all(&Space(&self.ring));
        closed
    }

    /// Drops what is inside a closed channel, the oldest first.
    pub(super) fn clear(&self) {
        while let Ok(value) = self.ring.pop() {
            drop_caught(value);
        }
    }
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("ring", &self.ring).finish_non_exhaustive()
    }
}

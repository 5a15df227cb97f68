//! One shape for all queues: what a thread holds of one, and what it can do with it.

use std::fmt::Debug;

/// What is moved through a queue.
pub(crate) trait Payload: Copy + Default + Debug + Send + Sync + 'static {
    /// Carries `number`, which is one that an index of a record can be.
    fn of(number: u32) -> Self;

    fn number(&self) -> u64;
}

impl Payload for u64 {
    fn of(number: u32) -> Self {
        Self::from(number)
    }

    fn number(&self) -> u64 {
        *self
    }
}

/// A whole cache line.
pub(crate) type Line = [u64; 8];

impl Payload for Line {
    fn of(number: u32) -> Self {
        [u64::from(number); 8]
    }

    fn number(&self) -> u64 {
        self[7]
    }
}

/// Both ends of a queue whose operations do not wait; each thread has its own clone.
pub(crate) trait End<T>: Clone + Send + 'static {
    /// Whether there was room.
    fn push(&mut self, value: T) -> bool;

    fn pop(&mut self) -> Option<T>;
}

/// Both ends of a channel that wait in its own way.
pub(crate) trait Channel<T>: Clone + Send + 'static {
    fn send(&mut self, value: T);

    fn recv(&mut self) -> T;
}

/// An experiment that is the same for every queue.
pub(crate) trait Shape<T> {
    type Output;

    fn of<E: End<T>>(&self, end: E) -> Self::Output;
}

/// An experiment that is the same for every channel.
pub(crate) trait WaitingShape<T> {
    type Output;

    fn of<C: Channel<T>>(&self, channel: C) -> Self::Output;
}

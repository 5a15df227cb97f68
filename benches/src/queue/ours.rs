//! Our own queues, behind the shapes of the others.

use super::batch::BatchEnd;
use super::ends::{Channel, End, Payload};
use bifrost::queue::{self, JobQueue};
use bifrost::ring::{JobRing, Ring};
use std::sync::Arc;

pub(crate) const JOB_RING: &str = "JobRing";
pub(crate) const RING: &str = "Ring<T>";
pub(crate) const CHANNEL: &str = "bifrost channel";

pub(crate) fn job_ring(capacity: usize) -> Arc<JobRing> {
    Arc::new(JobRing::new(capacity))
}

pub(crate) fn ring<T>(capacity: usize) -> Arc<Ring<T>> {
    Arc::new(Ring::new(capacity))
}

/// The payload is an index of a record, as it is for a provider's jobs.
impl End<u64> for Arc<JobRing> {
    fn push(&mut self, value: u64) -> bool {
        JobRing::push(self, value as u32).is_ok()
    }

    fn pop(&mut self) -> Option<u64> {
        JobRing::pop(self).ok().map(u64::from)
    }
}

/// The operations that do not wait.
impl End<u64> for Arc<JobQueue> {
    fn push(&mut self, value: u64) -> bool {
        JobQueue::push(self, value as u32).is_ok()
    }

    fn pop(&mut self) -> Option<u64> {
        self.try_pop().ok().map(u64::from)
    }
}

impl<T: Payload> End<T> for Arc<Ring<T>> {
    fn push(&mut self, value: T) -> bool {
        Ring::push(self, value).is_ok()
    }

    fn pop(&mut self) -> Option<T> {
        Ring::pop(self).ok()
    }
}

impl<T: Payload> BatchEnd<T> for Arc<Ring<T>> {
    fn push_some(&mut self, values: &[T]) -> usize {
        self.push_slice(values).unwrap_or(0)
    }

    fn pop_some(&mut self, values: &mut [T]) -> usize {
        self.pop_slice(values).unwrap_or(0)
    }
}

impl<T: Payload> Channel<T> for (queue::Sender<T>, queue::Receiver<T>) {
    fn send(&mut self, value: T) {
        self.0.send_blocking(value).expect("the channel is open");
    }

    fn recv(&mut self) -> T {
        self.1.recv_blocking().expect("the channel is open")
    }
}

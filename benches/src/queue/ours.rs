//! Our own queues behind [`End`].

use super::ends::End;
use bifrost::queue::JobQueue;
use bifrost::ring::JobRing;
use std::sync::Arc;

pub(crate) const JOB_RING: &str = "JobRing";

pub(crate) fn job_ring(capacity: usize) -> Arc<JobRing> {
    Arc::new(JobRing::new(capacity))
}

/// The payload is an index of a record, as it is for a provider's jobs.
impl End<u64> for Arc<JobRing> {
    #[inline]
    fn push(&mut self, value: u64) -> bool {
        JobRing::push(self, value as u32).is_ok()
    }

    #[inline]
    fn pop(&mut self) -> Option<u64> {
        JobRing::pop(self).ok().map(u64::from)
    }
}

impl End<u64> for Arc<JobQueue> {
    fn push(&mut self, value: u64) -> bool {
        JobQueue::push(self, value as u32).is_ok()
    }

    fn pop(&mut self) -> Option<u64> {
        self.try_pop().ok().map(u64::from)
    }
}

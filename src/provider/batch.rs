//! Many jobs through the door at once: one reading of the clock, one count, one fence and one round of
//! wake-ups for all of them.

use super::admission::{JobReader, To};
use super::completion::Port;
use super::context::JobContext;
use super::core::{Core, Host};
use super::handle::JobHandle;
use super::job::{Job, JobId, Kind};
use super::lane::Lane;
use super::rejected::Rejected;
use super::worker;
use crate::state::Claimed;
use crate::stats::Count;
use crate::sync::Arc;
use crate::time::{Deadline, Instant};

/// What became of a batch: the handles of the jobs that were accepted, and the first that was not.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct Submitted<T> {
    /// The accepted jobs, a prefix of the batch.
    pub handles: Vec<JobHandle<T>>,
    /// The first refusal, with its job and those behind it.
    pub rejection: Option<Rejected<Vec<Job<T>>>>,
}

/// What became of a batch for a completion queue: the names of the jobs that were accepted, and the first
/// that was not.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct SubmittedTo<T> {
    /// The accepted jobs, a prefix of the batch.
    pub ids: Vec<JobId>,
    /// The first refusal, with its job and those behind it.
    pub rejection: Option<Rejected<Vec<Job<T>>>>,
}

/// Jobs that were pushed and have yet to be announced, which happens when this is dropped: a submission has
/// to be complete by then, and to hold nothing that a woken worker would have to wait for.
pub(super) struct Arrivals<'a> {
    core: &'a Arc<Core>,
    now: Option<Instant>,
    /// Whether the job comes again when a record goes back, if there is none now.
    patient: bool,
    pushed: [usize; 2],
    earliest: Option<Deadline>,
}

impl<'a> Arrivals<'a> {
    pub(super) fn new(core: &'a Arc<Core>) -> Self {
        Self { core, now: None, patient: false, pushed: [0; 2], earliest: None }
    }

    /// As [`new`](Self::new), for a job that waits for space.
    pub(super) fn patient(core: &'a Arc<Core>) -> Self {
        Self { patient: true, ..Self::new(core) }
    }

    /// Whether the job comes again when there is space.
    pub(super) fn are_patient(&self) -> bool {
        self.patient
    }

    /// A record for one more job.
    pub(super) fn claim(&self) -> Option<Claimed<JobContext, Host>> {
        if self.patient { self.core.claim_or_wait() } else { self.core.claim() }
    }

    /// When the jobs are submitted.
    pub(super) fn now(&mut self) -> Instant {
        *self.now.get_or_insert_with(|| self.core.host().clock.now())
    }

    /// One more job was pushed.
    pub(super) fn pushed(&mut self, kind: Kind) {
        self.pushed[kind as usize] += 1;
    }

    /// A limit of a job that was accepted.
    pub(super) fn limit(&mut self, deadline: Deadline) {
        self.earliest = Some(self.earliest.map_or(deadline, |earliest| earliest.min(deadline)));
    }

    /// Wakes a worker for each job, or starts one.
    fn announce(&self, lane: &Lane, pushed: usize) {
        let woken = lane.queue.announce(pushed);
        if woken == pushed {
            return;
        }
        let places = Lane::places(lane.kind, lane.range).saturating_sub(lane.spawned() as usize);
        for _ in 0..places.min(pushed - woken) {
            // What cannot be started now is started by a later push, or waits for the others.
            let _no_thread = worker::hire(self.core, lane);
        }
    }
}

impl Drop for Arrivals<'_> {
    fn drop(&mut self) {
        for (lane, &pushed) in self.core.host().lanes.iter().zip(&self.pushed) {
            if pushed > 0 {
                self.announce(lane, pushed);
            }
        }
        if let (Some(earliest), Some(now)) = (self.earliest, self.now) {
            self.core.watch(earliest, now);
        }
    }
}

impl Core {
    /// Lets jobs in, in their order, until one is refused; `accept` gets the others. Never waits.
    pub(super) fn admit_batch<T: Send + 'static>(
        self: &Arc<Self>,
        mut jobs: Vec<Job<T>>,
        queue: Option<&Arc<Port<T>>>,
        mut accept: impl FnMut(JobReader<T>),
    ) -> Option<Rejected<Vec<Job<T>>>> {
        let host = self.host();
        host.stats.add(Count::Submitted, jobs.len() as u64);
        let mut arrivals = Arrivals::new(self);
        for number in 0..jobs.len() {
            let to = queue.map_or(To::Handle, To::Queue);
            match self.try_enter(&mut jobs[number], to, &mut arrivals) {
                Ok(reader) => accept(reader),
                Err(refusal) => {
                    drop(arrivals);
                    let refused = jobs.split_off(number);
                    host.count_rejected(refusal, refused.len() as u64);
                    return Some(refusal.with(refused, &host.name));
                }
            }
        }
        None
    }
}

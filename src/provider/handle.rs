//! Waiting for a job's outcome.

use super::JobContext;
use super::completion::Completion;
use super::core::{Host, Jobs};
use super::job::JobId;
use super::outcome::Outcome;
use crate::state::{Phase, Reader, Verdict};
use crate::sync::Arc;
use crate::time::Deadline;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// An accepted job: a future of its outcome.
///
/// It can be awaited on any executor, or waited for by a thread. Dropping it detaches the job, which goes
/// on; it does not cancel it.
///
/// # Cancel safety
///
/// The outcome is taken in the very poll that returns it: a handle that was polled and not ready can be
/// awaited again without loss.
#[must_use = "dropping a handle detaches the job; nobody sees its outcome then"]
pub struct JobHandle<T> {
    reader: Reader<JobContext, Host, T>,
}

impl<T> JobHandle<T> {
    pub(super) fn new(reader: Reader<JobContext, Host, T>) -> Self {
        Self { reader }
    }

    /// The job's name within its provider.
    pub fn id(&self) -> JobId {
        self.reader.ticket()
    }

    /// Where the job is. `Free` once the outcome was taken.
    pub fn state(&self) -> Phase {
        let phase = self.jobs().and_then(|jobs| jobs.phase(self.id()));
        phase.map_or(Phase::Free, |(phase, _)| phase)
    }

    /// Cancels the job: one that waits is not executed, a future that runs is dropped, a closure that
    /// runs sees it in its context and its late result is discarded. `false`: it had its outcome already.
    pub fn cancel(&self) -> bool {
        self.jobs().is_some_and(|jobs| jobs.end(self.id(), Verdict::CancelledCaller, |_| true))
    }

    /// Blocks the calling thread until the outcome is there. Works with or without a runtime around it.
    /// Not from inside a job on an async worker: it would hold up the driver that may have to run the other
    /// one; await the handle there.
    ///
    /// # Panics
    ///
    /// If the outcome was taken by an earlier poll.
    pub fn wait(self) -> Outcome<T> {
        match self.jobs().map(|jobs| jobs.host().clock.clone()) {
            Some(clock) => clock.block_on(self),
            None => panic!("a job handle was waited for after its outcome"),
        }
    }

    /// Blocks the calling thread until the outcome is there, or for `limit`; the handle stays usable.
    ///
    /// # Panics
    ///
    /// If the outcome was taken by an earlier poll.
    pub fn wait_timeout(&mut self, limit: Duration) -> Option<Outcome<T>> {
        match self.jobs().map(|jobs| jobs.host().clock.clone()) {
            Some(clock) => {
                let deadline = Deadline::after(clock.now(), limit);
                clock.block_on_deadline(self, deadline)
            }
            None => panic!("a job handle was waited for after its outcome"),
        }
    }

    /// Waits for the outcome with what is known around it: the job's name and number, and its times.
    ///
    /// # Panics
    ///
    /// If the outcome was taken by an earlier poll.
    pub async fn completion(mut self) -> Completion<T> {
        let name = self.jobs().map(|jobs| Arc::clone(&jobs.host().name));
        let report = poll_fn(|cx| self.reader.poll_take(cx)).await;
        Completion::new(&name.unwrap_or_default(), report)
    }

    /// The outcome, if it is there already.
    pub fn try_take(&mut self) -> Option<Outcome<T>> {
        self.reader.try_take().map(Outcome::from_report)
    }

    fn jobs(&self) -> Option<&Jobs> {
        self.reader.slab()
    }
}

impl<T> Future for JobHandle<T> {
    type Output = Outcome<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.reader.poll_take(cx).map(Outcome::from_report)
    }
}

impl<T> Drop for JobHandle<T> {
    fn drop(&mut self) {
        self.reader.leave(Jobs::count_panics);
    }
}

impl<T> fmt::Debug for JobHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobHandle").field("id", &self.id()).field("state", &self.state()).finish()
    }
}

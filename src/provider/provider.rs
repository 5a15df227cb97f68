//! The handle of a provider.

use super::admission::{JobReader, To};
use super::batch::{Submitted, SubmittedTo};
use super::completion::CompletionQueue;
use super::core::{Core, Parts, StartError};
use super::handle::JobHandle;
use super::job::{Job, JobId};
use super::outcome::Outcome;
use super::rejected::Rejected;
use super::shutdown::{ShutdownError, ShutdownMode, ShutdownReport};
use crate::config::ProviderConfig;
use crate::scale::Sizing;
use crate::state::{LifeState, Phase, Verdict};
use crate::stats::ProviderSnapshot;
use crate::sync::Arc;
use std::fmt;
use std::time::Duration;

/// One upstream with its own queue, workers, limits, keys and figures. Clones are the same provider.
#[derive(Clone)]
pub struct Provider {
    core: Arc<Core>,
}

impl Provider {
    /// Makes a provider and starts the least of its workers; [`check_and_open`](Self::check_and_open) lets
    /// jobs in.
    ///
    /// # Errors
    ///
    /// [`StartError`] if its settings are out of range, or the system has no thread to give.
    pub fn start(config: ProviderConfig, parts: Parts<'_>) -> Result<Self, StartError> {
        Core::found(config, parts).map(|core| Self { core })
    }

    /// Checks the provider's health as its policy says, and opens the door.
    pub async fn check_and_open(&self) {
        self.core.check_and_open().await;
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.core.host().name
    }

    /// Its settings.
    pub fn config(&self) -> &ProviderConfig {
        &self.core.host().config
    }

    /// Where it is in its life.
    pub fn state(&self) -> LifeState {
        self.core.host().life.state()
    }

    /// Submits a job. Never waits, whatever the overflow policy.
    ///
    /// # Errors
    ///
    /// [`Rejected`] with the job, if it is refused at the door. The queue counts as full as well while jobs
    /// that died in it (cancelled, timed out) stand behind one that lives: each keeps its place until it
    /// comes to the head, and `dead_slots` of the [`snapshot`](Self::snapshot) says how many there are.
    pub fn submit<T: Send + 'static>(&self, job: Job<T>) -> Result<JobHandle<T>, Rejected<Job<T>>> {
        self.core.admit(job, To::Handle).map(JobHandle::new)
    }

    /// Submits a job; under the overflow policy `Block` it waits for space as long as that says, behind all
    /// who wait already. Who frees a place moves the job in, before this future is polled again.
    ///
    /// # Errors
    ///
    /// [`Rejected`] with the job, if it is refused at the door, or no space came in time.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the job is dropped and counts as refused. If it was moved in by then and this
    /// future has not been polled since, it is accepted, and is cancelled: it may have begun to run.
    pub fn submit_async<T: Send + 'static>(
        &self,
        job: Job<T>,
    ) -> impl Future<Output = Result<JobHandle<T>, Rejected<Job<T>>>> + Send {
        self.core.admit_waiting(job)
    }

    /// As [`submit_async`](Self::submit_async), by a thread.
    ///
    /// # Errors
    ///
    /// [`Rejected`] with the job, if it is refused at the door, or no space came in time.
    pub fn submit_blocking<T: Send + 'static>(
        &self,
        job: Job<T>,
    ) -> Result<JobHandle<T>, Rejected<Job<T>>> {
        self.core.host().clock.block_on(self.submit_async(job))
    }

    /// Submits jobs in their order until one is refused: that one and those behind it come back, and count
    /// as refused for the same reason. Never waits, whatever the overflow policy.
    ///
    /// Cheaper than one by one: the clock is read once, and workers are woken together behind one fence,
    /// when all jobs are in.
    pub fn submit_batch<T: Send + 'static>(
        &self,
        jobs: impl IntoIterator<Item = Job<T>>,
    ) -> Submitted<T> {
        let jobs: Vec<_> = jobs.into_iter().collect();
        let mut handles = Vec::with_capacity(jobs.len());
        let accept = |reader| handles.push(JobHandle::new(reader));
        let rejection = self.core.admit_batch(jobs, None, accept);
        Submitted { handles, rejection }
    }

    /// As [`submit_batch`](Self::submit_batch), for jobs whose outcomes go to `queue`.
    pub fn submit_batch_to<T: Send + 'static>(
        &self,
        queue: &CompletionQueue<T>,
        jobs: impl IntoIterator<Item = Job<T>>,
    ) -> SubmittedTo<T> {
        let jobs: Vec<_> = jobs.into_iter().collect();
        let mut ids = Vec::with_capacity(jobs.len());
        let accept = |reader: JobReader<T>| ids.push(reader.ticket());
        let rejection = self.core.admit_batch(jobs, Some(queue.port(&self.core)), accept);
        SubmittedTo { ids, rejection }
    }

    /// Submits a job whose outcome goes to `queue`.
    ///
    /// # Errors
    ///
    /// [`Rejected`] with the job, if it is refused at the door.
    pub fn submit_to<T: Send + 'static>(
        &self,
        queue: &CompletionQueue<T>,
        job: Job<T>,
    ) -> Result<JobId, Rejected<Job<T>>> {
        let port = queue.port(&self.core);
        self.core.admit(job, To::Queue(port)).map(|reader| reader.ticket())
    }

    /// Submits a job whose outcome goes to `callback`, on the thread that publishes it. The callback must
    /// not block; a panic in it is caught and counted.
    ///
    /// # Errors
    ///
    /// [`Rejected`] with the job, if it is refused at the door; the callback is not called then.
    pub fn submit_with<T: Send + 'static>(
        &self,
        job: Job<T>,
        callback: impl FnOnce(Outcome<T>) + Send + 'static,
    ) -> Result<JobId, Rejected<Job<T>>> {
        let callback = self.core.guarded(callback);
        self.core.admit(job, To::Callback(callback)).map(|reader| reader.ticket())
    }

    /// Cancels the job of this name; `false` if it has its outcome already, or the name is stale.
    pub fn cancel(&self, id: JobId) -> bool {
        self.core.end(id, Verdict::CancelledCaller, |_| true)
    }

    /// Where the job of this name is; `None` if the name is stale.
    pub fn job_state(&self, id: JobId) -> Option<Phase> {
        self.core.phase(id).map(|(phase, _)| phase)
    }

    /// All figures of this moment.
    pub fn snapshot(&self) -> ProviderSnapshot {
        self.core.snapshot()
    }

    /// The sizes that the load of late asks for: [`Sizing::optimal`] of the jobs that came to the door a second
    /// (refused ones too), of the mean time that attempts ran, and of the share that failed, panicked or ran out of
    /// time; over the last 10 to 20 seconds that jobs were in flight, and the time since. `None` with fewer
    /// than 20 attempts in that time, or where no provider could be as large.
    ///
    /// [`Sizing::apply`] gives the sizes to settings. The timeout is twice the *mean* time of an attempt: look at
    /// the `run` percentiles of the [`snapshot`](Self::snapshot) first where single attempts take much longer.
    pub fn recommended_size(&self) -> Option<Sizing> {
        self.core.host().recommended_size()
    }

    /// Ends this provider: nothing more is accepted, jobs that wait run or are cancelled as `mode` says,
    /// and jobs that run get `timeout` and, after they were asked to stop, one second more.
    ///
    /// Called again, it waits for the same end and reports what is left.
    ///
    /// # Errors
    ///
    /// [`ShutdownError::InsideJob`] if it is called from inside a job of the same runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the door stays closed and the jobs end as far as they were asked to.
    pub async fn shutdown(
        &self,
        mode: ShutdownMode,
        timeout: Duration,
    ) -> Result<ShutdownReport, ShutdownError> {
        self.core.shut_down(mode, timeout).await
    }

    /// Closes the door, cancels what waits and asks what runs to stop, without waiting for any of it.
    pub(crate) fn stop(&self) {
        self.core.begin_shutdown(ShutdownMode::Cancel);
        self.core.ask_to_stop();
    }

    /// Whether every worker has left, so that no thread is held by a job of this provider.
    pub(crate) fn is_deserted(&self) -> bool {
        self.core.is_deserted()
    }

    /// Waits for the provider's threads after its shutdown; not for those that a zombie holds.
    pub(crate) fn join(&self) {
        self.core.join();
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("name", &self.name())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

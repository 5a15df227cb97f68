//! What is submitted: a body with its options.

use super::context::JobContext;
use crate::cancel::CancelToken;
use crate::config::OverflowPolicy;
use crate::state::{JobError, Meta, Run, Task, Ticket};
use crate::sync::Arc;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// The name of a job within its provider, unique over the provider's life.
pub type JobId = Ticket;

/// Which workers serve a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The async workers, on the executor.
    Async,
    /// The blocking workers, each a thread.
    Blocking,
}

/// What a job asks for beside its body.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) deadline: Option<Duration>,
    pub(super) queue_timeout: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) overflow: Option<OverflowPolicy>,
    pub(super) token: Option<CancelToken>,
    pub(super) meta: Option<Arc<Meta>>,
    pub(super) user_data: u64,
    /// Whether it is a request, and takes an API key.
    #[cfg(feature = "http")]
    pub(super) is_http: bool,
}

/// A job: a body that gives a `T`, and options. Without options the provider's settings apply.
///
/// # Examples
///
/// ```
/// use bifrost::provider::Job;
/// use std::time::Duration;
///
/// let job = Job::new(|context| Ok::<_, std::io::Error>(context.attempt()))
///     .timeout(Duration::from_secs(2))
///     .label("first try");
/// ```
#[must_use = "a job does nothing until it is submitted"]
pub struct Job<T> {
    pub(super) task: Task<JobContext, T>,
    pub(super) options: Options,
    pub(super) kind: Kind,
}

impl<T: Send + 'static> Job<T> {
    pub(super) fn from_body(body: impl Run<JobContext, T>, kind: Kind) -> Self {
        Self { task: Task::new(body), options: Options::default(), kind }
    }

    /// A short computation that does not block; it runs on an async worker.
    pub fn new<E: Into<JobError>>(
        body: impl FnOnce(&JobContext) -> Result<T, E> + Send + 'static,
    ) -> Self {
        Self::from_body(Call(Some(body)), Kind::Async)
    }

    /// A closure that may block; it runs on a thread of the provider's own.
    pub fn blocking<E: Into<JobError>>(
        body: impl FnOnce(&JobContext) -> Result<T, E> + Send + 'static,
    ) -> Self {
        Self::from_body(Call(Some(body)), Kind::Blocking)
    }

    /// A future; it runs on an async worker, and is dropped where it stands when the job is cancelled or
    /// its time is over.
    ///
    /// It is polled on threads of this library. A future that needs its runtime's reactor on the polling
    /// thread, as tokio's timers and sockets do, panics there; run it on its own runtime and await that:
    ///
    /// ```
    /// # use bifrost::Job;
    /// # let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
    /// # let _entered = runtime.enter();
    /// let tokio = tokio::runtime::Handle::current();
    /// let job = Job::future(async move {
    ///     let work = async { tokio::time::sleep(std::time::Duration::from_millis(1)).await };
    ///     tokio.spawn(work).await // a cancel of the job detaches it
    /// });
    /// ```
    pub fn future<E: Into<JobError>>(
        body: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Self {
        Self::from_body(Await { future: body }, Kind::Async)
    }

    /// As [`future`](Self::future), for a future that wants its job's context.
    pub fn with_context<E: Into<JobError>, F>(
        body: impl FnOnce(JobContext) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        Self::from_body(Contextual { make: Some(body), made: None }, Kind::Async)
    }

    /// Ends the job at the latest this long after its submission, waiting or running.
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.options.deadline = Some(limit);
        self
    }

    /// Limits the wait before the start.
    pub fn queue_timeout(mut self, limit: Duration) -> Self {
        self.options.queue_timeout = Some(limit);
        self
    }

    /// Limits the execution, from its start.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options.timeout = Some(limit);
        self
    }

    /// Says what happens if the queue is full, for this job.
    pub fn overflow(mut self, policy: OverflowPolicy) -> Self {
        self.options.overflow = Some(policy);
        self
    }

    /// Cancels the job when `token` is cancelled.
    pub fn cancel_token(mut self, token: &CancelToken) -> Self {
        self.options.token = Some(token.clone());
        self
    }

    /// Names the job, in reports and in the text of a panic.
    pub fn label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.meta().label = Some(label.into());
        self
    }

    /// Says on whose behalf the job runs. The job's context tells it.
    ///
    /// A tenant of the provider's settings may have a limit on its jobs, waiting and running, and with a
    /// weight a lane of its own, in which all of its jobs wait in the order of their submission, whatever
    /// their priority.
    pub fn tenant(mut self, tenant: impl Into<Arc<str>>) -> Self {
        self.meta().tenant = Some(tenant.into());
        self
    }

    /// Says how urgent the job is: 0 is normal, above is more, below is less. The job's context tells it.
    ///
    /// Jobs above, at and below 0 wait in a lane each, with a capacity of its own. While all three have
    /// jobs, a worker takes 8 of the first, 4 of the second and 1 of the third; a lane that is empty leaves
    /// its turns to the others, and none ever starves. Within a lane jobs start in the order of their
    /// submission, so numbers on the same side of 0 make no difference.
    pub fn priority(mut self, priority: i8) -> Self {
        self.meta().priority = priority;
        self
    }

    /// A number that comes back with the job's [`Completion`](super::Completion).
    pub fn user_data(mut self, number: u64) -> Self {
        self.options.user_data = number;
        self
    }

    fn meta(&mut self) -> &mut Meta {
        Arc::make_mut(self.options.meta.get_or_insert_default())
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("kind", &self.kind)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// A closure as a body.
struct Call<F>(Option<F>);

// A closure is moved out before it is called; it is never pinned.
impl<F> Unpin for Call<F> {}

impl<F, T, E> Run<JobContext, T> for Call<F>
where
    F: FnOnce(&JobContext) -> Result<T, E> + Send + 'static,
    E: Into<JobError>,
{
    fn run(
        mut self: Pin<&mut Self>,
        context: &JobContext,
        _cx: &mut Context<'_>,
    ) -> Poll<Result<T, JobError>> {
        match self.0.take() {
            Some(body) => Poll::Ready(body(context).map_err(Into::into)),
            None => Poll::Ready(Err(JobError::new("the job was polled after its end"))),
        }
    }
}

pin_project_lite::pin_project! {
    /// A future as a body.
    struct Await<F> { #[pin] future: F }
}

impl<F, T, E> Run<JobContext, T> for Await<F>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    E: Into<JobError>,
{
    fn run(
        self: Pin<&mut Self>,
        _context: &JobContext,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, JobError>> {
        self.project().future.poll(cx).map_err(Into::into)
    }
}

pin_project_lite::pin_project! {
    /// A future that is made from the context at the first poll.
    struct Contextual<M, F> {
        make: Option<M>,
        #[pin]
        made: Option<F>,
    }
}

impl<M, F, T, E> Run<JobContext, T> for Contextual<M, F>
where
    M: FnOnce(JobContext) -> F + Send + 'static,
    F: Future<Output = Result<T, E>> + Send + 'static,
    E: Into<JobError>,
{
    fn run(
        self: Pin<&mut Self>,
        context: &JobContext,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, JobError>> {
        let mut body = self.project();
        if let Some(make) = body.make.take() {
            let future = make(context.clone());
            body.made.set(Some(future));
        }
        match body.made.as_pin_mut() {
            Some(future) => future.poll(cx).map_err(Into::into),
            None => Poll::Ready(Err(JobError::new("the job was polled after its end"))),
        }
    }
}

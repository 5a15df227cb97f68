//! The door of a provider: what is refused gets its job back, what is accepted has a record in a queue.

use super::completion::Port;
use super::core::{Core, Host};
use super::handle::JobHandle;
use super::job::{Job, Kind, Options};
use super::outcome::Outcome;
use super::rejected::{Refusal, Rejected};
use super::{JobContext, worker};
use crate::cancel::{CancelCause, CancelRegistration, CancelToken};
use crate::code::Code;
use crate::config::OverflowPolicy;
use crate::exec::Inside;
use crate::queue::{JobQueue, SpaceWait};
use crate::ring::PushError;
use crate::state::{Claimed, Entry, LifeState, Origin, Reader, Retracted, Task, Ticket, Verdict};
use crate::stats::Count;
use crate::sync::{Arc, contain, drop_caught};
use crate::time::{Deadline, Instant};
use futures_lite::future::or;
use std::time::Duration;

type JobReader<T> = Reader<JobContext, Host, T>;

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

/// Who gets the outcome.
pub(super) enum To<'a, T: 'static> {
    /// A handle.
    Handle,
    /// A completion queue.
    Queue(&'a Arc<Port<T>>),
    /// A callback.
    Callback(Callback<T>),
}

/// A submitter's callback. What it holds is the submitter's, and may panic when it is dropped uncalled.
pub(super) struct Callback<T>(Option<Box<dyn FnOnce(Outcome<T>) + Send>>);

impl<T> Callback<T> {
    fn call(mut self, outcome: Outcome<T>) {
        if let Some(callback) = self.0.take() {
            callback(outcome);
        }
    }
}

impl<T> Drop for Callback<T> {
    fn drop(&mut self) {
        drop_caught(self.0.take());
    }
}

/// How a push went that did not succeed.
enum Refused<T: 'static> {
    /// The job is refused.
    Job(Refusal, Job<T>),
    /// The job was decided while it was being refused: it counts as accepted.
    Accepted(JobReader<T>),
}

impl Core {
    /// Lets a job in, without ever waiting.
    pub(super) fn admit<T: Send + 'static>(
        self: &Arc<Self>,
        job: Job<T>,
        to: To<'_, T>,
    ) -> Result<JobReader<T>, Rejected<Job<T>>> {
        self.host().stats.add(Count::Submitted, 1);
        self.try_enter(job, to).map_err(|(refusal, job)| self.refuse(refusal, job))
    }

    /// One try of a submission that has been counted.
    fn try_enter<T: Send + 'static>(
        self: &Arc<Self>,
        job: Job<T>,
        to: To<'_, T>,
    ) -> Result<JobReader<T>, (Refusal, Job<T>)> {
        let host = self.host();
        let kind = job.kind;
        if let Err(refusal) = self.check_door(kind) {
            return Err((refusal, job));
        }
        let now = host.clock.now();
        let Some(claimed) = self.claim() else {
            let value = host.config.result_buffer as u64;
            let limit = "result_buffer";
            return Err((Refusal { reason: Code::LimitReached, limit, value }, job));
        };
        let Job { task, options, .. } = job;
        let entry = entry(&options, host, now);
        let reader = self.enter(claimed, task, &options, to, &entry);
        match self.push(kind, reader, options) {
            Ok(reader) | Err(Refused::Accepted(reader)) => {
                self.watch(entry.queue_deadline, now);
                Ok(reader)
            }
            Err(Refused::Job(refusal, job)) => {
                // A shutdown may have taken the job for one that was accepted, and wait for its end.
                host.notify_drained();
                Err((refusal, job))
            }
        }
    }

    fn check_door(&self, kind: Kind) -> Result<(), Refusal> {
        let host = self.host();
        let state = host.life.state();
        if !state.takes_jobs() {
            let over = matches!(state, LifeState::Draining | LifeState::Stopped);
            let reason = if over { Code::ShuttingDown } else { Code::NotReady };
            return Err(Refusal { reason, limit: "state", value: state as u64 });
        }
        if !host.lane(kind).is_served() {
            let limit = "blocking_workers.max";
            return Err(Refusal { reason: Code::Invalid, limit, value: 0 });
        }
        Ok(())
    }

    fn refuse<T>(&self, refusal: Refusal, job: Job<T>) -> Rejected<Job<T>> {
        let host = self.host();
        if let Some(count) = Count::rejected(refusal.reason) {
            host.stats.add(count, 1);
        }
        refusal.with(job, &host.name)
    }

    /// Writes the job into its record.
    fn enter<T: Send + 'static>(
        self: &Arc<Self>,
        claimed: Claimed<JobContext, Host>,
        task: Task<JobContext, T>,
        options: &Options,
        to: To<'_, T>,
        entry: &Entry,
    ) -> JobReader<T> {
        let keep = self.bind_token(options, claimed.ticket());
        let keep = keep.map(|registration| Box::new(registration) as Box<dyn Send>);
        let origin = Origin { meta: options.meta.clone(), keep };
        match to {
            To::Handle => claimed.fill(task, origin, entry),
            To::Queue(port) => {
                claimed.fill_for_completions(task, origin, port.completions(), entry)
            }
            To::Callback(callback) => {
                let deliver = move |mut reader: JobReader<T>| {
                    if let Some(report) = reader.try_take() {
                        callback.call(Outcome::from_report(report));
                    }
                };
                claimed.fill_for_callback(task, origin, deliver, entry)
            }
        }
    }

    /// Cancels the job when its token is cancelled, for as long as the registration lives.
    fn bind_token(
        self: &Arc<Self>,
        options: &Options,
        ticket: Ticket,
    ) -> Option<CancelRegistration> {
        let token = options.token.as_ref()?;
        let core = Arc::downgrade(self);
        let cause = token.clone();
        Some(token.on_cancel(move || {
            if let Some(core) = core.upgrade() {
                core.end(ticket, verdict_of(cause.cause()), |_| true);
            }
        }))
    }

    /// Puts a queued job into its lane, as the overflow policy says.
    fn push<T: Send + 'static>(
        self: &Arc<Self>,
        kind: Kind,
        reader: JobReader<T>,
        options: Options,
    ) -> Result<JobReader<T>, Refused<T>> {
        let host = self.host();
        let lane = host.lane(kind);
        let ticket = reader.ticket();
        if let Some(token) = options.token.as_ref().filter(|token| token.is_cancelled()) {
            self.end(ticket, verdict_of(token.cause()), |_| true);
            self.count_panics(self.bury(ticket.index()));
            return Ok(reader);
        }
        let mut pushed = lane.queue.push(ticket.index());
        if pushed == Err(PushError::Full) {
            // Dead heads make room; if there are none any more, workers have just made some.
            self.reap();
            pushed = lane.queue.push(ticket.index());
        }
        if pushed == Err(PushError::Full) {
            match options.overflow.unwrap_or(host.config.overflow) {
                OverflowPolicy::DropNewest => {
                    self.end(ticket, Verdict::DroppedOverflow, |_| true);
                    self.count_panics(self.bury(ticket.index()));
                    return Ok(reader);
                }
                OverflowPolicy::DropOldest => pushed = self.replace_oldest(kind, ticket),
                _ => {}
            }
        }
        match pushed {
            Ok(woken) => {
                if !woken {
                    // What cannot be started now is started by a later push, or waits for the others.
                    let _no_thread = worker::hire(self, lane);
                }
                if let Some(token) = options.token.as_ref().filter(|token| token.is_cancelled()) {
                    self.end(ticket, verdict_of(token.cause()), |_| true);
                }
                Ok(reader)
            }
            Err(PushError::Closed) => {
                let value = host.life.state() as u64;
                let refusal = Refusal { reason: Code::ShuttingDown, limit: "state", value };
                Err(retract(kind, reader, options, refusal))
            }
            Err(_) => {
                let value = lane.queue.capacity() as u64;
                let refusal = Refusal { reason: Code::QueueFull, limit: "queue_capacity", value };
                Err(retract(kind, reader, options, refusal))
            }
        }
    }

    /// One exchange puts the new job in and takes the oldest out, which ends as dropped.
    fn replace_oldest(&self, kind: Kind, ticket: Ticket) -> Result<bool, PushError> {
        let oldest = self.host().lane(kind).queue.force_push(ticket.index())?;
        if let Some(oldest) = oldest {
            self.end(self.ticket_at(oldest), Verdict::DroppedOverflow, |_| true);
            self.count_panics(self.bury(oldest));
        }
        Ok(true)
    }

    /// A callback whose panics stay here, in the call and in the drop.
    pub(super) fn guarded<T: 'static>(
        self: &Arc<Self>,
        callback: impl FnOnce(Outcome<T>) + Send + 'static,
    ) -> Callback<T> {
        let core = Arc::downgrade(self);
        let runtime = self.host().runtime;
        Callback(Some(Box::new(move |outcome| {
            // A worker may call it: what a job must not wait for, a callback must not either.
            let _inside = Inside::enter(runtime);
            if contain(|| callback(outcome))
                && let Some(core) = core.upgrade()
            {
                core.count_panics(1);
            }
        })))
    }

    /// The policy's patience, if a submission that meets a full queue may wait.
    pub(super) fn patience<T>(&self, job: &Job<T>) -> Option<Duration> {
        match job.options.overflow.unwrap_or(self.host().config.overflow) {
            OverflowPolicy::Block(limit) => Some(limit),
            _ => None,
        }
    }

    /// Lets a job in, and waits for space as long as its policy says.
    pub(super) async fn admit_waiting<T: Send + 'static>(
        self: &Arc<Self>,
        job: Job<T>,
    ) -> Result<JobReader<T>, Rejected<Job<T>>> {
        let host = self.host();
        host.stats.add(Count::Submitted, 1);
        let (mut refusal, mut job) = match self.try_enter(job, To::Handle) {
            Ok(reader) => return Ok(reader),
            Err(refused) => refused,
        };
        let until = self.patience(&job).map(|limit| host.clock.now().saturating_add(limit));
        if let Some(until) = until.filter(|_| refusal.reason == Code::QueueFull) {
            let blocked = Blocked::begin(host, &host.lane(job.kind).queue);
            while refusal.reason == Code::QueueFull {
                let space = host.lane(job.kind).queue.wait_for_space();
                (refusal, job) = match self.try_enter(job, To::Handle) {
                    Ok(reader) => {
                        blocked.end();
                        return Ok(reader);
                    }
                    Err(refused) => refused,
                };
                if refusal.reason != Code::QueueFull || host.clock.now() >= until {
                    break;
                }
                self.wait(space, until, job.options.token.as_ref()).await;
            }
            blocked.end();
        }
        Err(self.refuse(refusal, job))
    }

    /// Waits for space, for `until`, or for a cancel: the next try ends a cancelled job without space.
    async fn wait(&self, space: SpaceWait<'_>, until: Instant, token: Option<&CancelToken>) {
        let timeout = self.host().clock.sleep_until(until);
        let limit = or(space, timeout);
        match token {
            Some(token) => or(limit, token.cancelled()).await,
            None => limit.await,
        }
    }
}

/// A submitter that waits for space. Dropped while it waits, the submission counts as refused.
struct Blocked<'a> {
    host: &'a Host,
    queue: &'a JobQueue,
    waits: bool,
}

impl<'a> Blocked<'a> {
    fn begin(host: &'a Host, queue: &'a JobQueue) -> Self {
        host.stats.add(Count::Blocked, 1);
        Self { host, queue, waits: true }
    }

    fn end(mut self) {
        self.waits = false;
    }
}

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        if self.waits {
            self.host.stats.add(Count::QueueFull, 1);
        }
        self.host.stats.add(Count::Unblocked, 1);
        // Whoever was woken for a free place and did not take it wakes the next.
        self.queue.offer_space();
    }
}

/// The limits of a job that enters now.
fn entry(options: &Options, host: &Host, now: Instant) -> Entry {
    let deadline = options.deadline.map_or(Deadline::NEVER, |limit| Deadline::after(now, limit));
    let wait = options.queue_timeout.unwrap_or(host.config.queue_timeout);
    Entry {
        submitted_at: now,
        queue_deadline: Deadline::after(now, wait).min(deadline),
        exec_timeout: Some(options.timeout.unwrap_or(host.config.timeout)),
        deadline,
        attempt: 1,
        user_data: options.user_data,
    }
}

/// Takes the job of a refused push back.
fn retract<T>(kind: Kind, reader: JobReader<T>, options: Options, refusal: Refusal) -> Refused<T> {
    match reader.retract() {
        Retracted::Task(task, origin) => {
            drop(origin);
            Refused::Job(refusal, Job { task, options, kind })
        }
        Retracted::Decided(reader) => Refused::Accepted(reader),
    }
}

fn verdict_of(cause: Option<CancelCause>) -> Verdict {
    match cause {
        Some(CancelCause::Parent) => Verdict::CancelledParent,
        _ => Verdict::CancelledCaller,
    }
}

//! The door of a provider: what is refused gets its job back, what is accepted has a record in a queue.

use super::batch::Arrivals;
use super::completion::Port;
use super::core::{Core, Host};
use super::job::{Job, Kind, Options};
use super::outcome::Outcome;
use super::rejected::{Refusal, Rejected};
use super::{JobContext, tenants};
use crate::cancel::{CancelCause, CancelRegistration};
use crate::code::Code;
use crate::config::OverflowPolicy;
use crate::exec::Inside;
use crate::queue::LaneId;
use crate::ring::PushError;
use crate::state::{Claimed, Entry, LifeState, Origin, Reader, Retracted, Ticket, Verdict};
use crate::stats::Count;
use crate::sync::{Arc, contain, drop_caught};
use crate::time::{Deadline, Instant};
use std::time::Duration;

pub(super) type JobReader<T> = Reader<JobContext, Host, T>;

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

impl Core {
    /// Lets a job in, without ever waiting.
    pub(super) fn admit<T: Send + 'static>(
        self: &Arc<Self>,
        mut job: Job<T>,
        to: To<'_, T>,
    ) -> Result<JobReader<T>, Rejected<Job<T>>> {
        self.host().stats.add(Count::Submitted, 1);
        let entered = self.try_enter(&mut job, to, &mut Arrivals::new(self));
        entered.map_err(|refusal| self.refuse(refusal, job))
    }

    /// One try of a submission that has been counted. The job is announced with all of the `arrivals`. An accepted
    /// one leaves an empty shell behind; a refused one is as it was.
    pub(super) fn try_enter<T: Send + 'static>(
        self: &Arc<Self>,
        job: &mut Job<T>,
        to: To<'_, T>,
        arrivals: &mut Arrivals<'_>,
    ) -> Result<JobReader<T>, Refusal> {
        let host = self.host();
        let kind = job.kind;
        self.check_door(kind)?;
        host.circuit.check(|| arrivals.now())?;
        host.check_keys(&job.options)?;
        let lane = host.tenants.lane_of(&job.options);
        if !arrivals.are_patient() {
            host.check_chances((kind, lane), &job.options, arrivals)?;
        } else if self.is_without_space(kind, lane) {
            return Err(self.full(kind, lane));
        }
        let seat = host.tenants.enter(&job.options)?;
        let Some(claimed) = arrivals.claim() else {
            return Err(self.without_record(kind, lane));
        };
        let tenant = seat.keep();
        let entry = Entry { tenant, ..entry(&job.options, host, arrivals.now()) };
        let reader = self.enter(claimed, job, to, &entry);
        let pushed = self.push((kind, lane), reader.ticket(), &job.options, arrivals);
        let entered = match pushed {
            Ok(()) => Ok(reader),
            Err(refusal) => retract(reader, job, refusal),
        };
        match entered {
            Ok(reader) => {
                arrivals.limit(entry.queue_deadline);
                Ok(reader)
            }
            Err(refusal) => {
                host.tenants.leave(tenant);
                // A shutdown may have taken the job for one that was accepted, and wait for its end.
                host.notify_drained();
                Err(refusal)
            }
        }
    }

    fn check_door(&self, kind: Kind) -> Result<(), Refusal> {
        let host = self.host();
        let state = host.life.state();
        if !state.takes_jobs() {
            let over = matches!(state, LifeState::Draining | LifeState::Stopped);
            let reason = if over { Code::ShuttingDown } else { Code::NotReady };
            return Err(Refusal::new(reason, "state", state as u64));
        }
        if !host.lane(kind).is_served() {
            return Err(Refusal::new(Code::Invalid, "blocking_workers.max", 0));
        }
        let buffer = host.config.result_buffer;
        if self.unread().is_at_least(buffer) {
            return Err(Refusal::new(Code::LimitReached, "result_buffer", buffer as u64));
        }
        Ok(())
    }

    /// Why there is no record for a job. As long as outcomes are read, there is one for each job that can wait
    /// or run: then others who are about to be refused at a full queue have the last ones.
    #[cold]
    fn without_record(&self, kind: Kind, lane: LaneId) -> Refusal {
        if self.host().lane(kind).queue.is_full(lane) {
            return self.full(kind, lane);
        }
        Refusal::new(Code::LimitReached, Refusal::RECORDS, self.capacity() as u64)
    }

    /// Whether there is no space for a submission that waits for it, which then takes no other limit's word for
    /// an answer: it is only refused for its tenant when it could enter. Dead heads make room.
    fn is_without_space(&self, kind: Kind, lane: LaneId) -> bool {
        let queue = &self.host().lane(kind).queue;
        queue.is_full(lane) && {
            self.reap();
            queue.is_full(lane)
        }
    }

    /// The refusal at a full lane.
    pub(super) fn full(&self, kind: Kind, lane: LaneId) -> Refusal {
        let value = self.host().lane(kind).queue.capacity_of(lane) as u64;
        Refusal::new(Code::QueueFull, tenants::capacity_name(lane), value)
    }

    pub(super) fn refuse<T>(&self, refusal: Refusal, job: Job<T>) -> Rejected<Job<T>> {
        let host = self.host();
        host.count_rejected(refusal, 1);
        refusal.with(job, &host.name)
    }

    /// Writes the job into its record.
    fn enter<T: Send + 'static>(
        self: &Arc<Self>,
        claimed: Claimed<JobContext, Host>,
        job: &mut Job<T>,
        to: To<'_, T>,
        entry: &Entry,
    ) -> JobReader<T> {
        let Job { task, options, .. } = job;
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
    fn push(
        &self,
        (kind, to): (Kind, LaneId),
        ticket: Ticket,
        options: &Options,
        arrivals: &mut Arrivals<'_>,
    ) -> Result<(), Refusal> {
        let host = self.host();
        let lane = host.lane(kind);
        if let Some(token) = options.token.as_ref().filter(|token| token.is_cancelled()) {
            self.end(ticket, verdict_of(token.cause()), |_| true);
            self.count_panics(self.bury(ticket.index()));
            return Ok(());
        }
        let mut pushed = lane.queue.push_unannounced(to, ticket.index());
        if pushed == Err(PushError::Full) {
            // Dead heads make room; if there are none any more, workers have just made some.
            self.reap();
            pushed = lane.queue.push_unannounced(to, ticket.index());
        }
        if pushed == Err(PushError::Full) {
            match options.overflow.unwrap_or(host.config.overflow) {
                OverflowPolicy::DropNewest => {
                    self.end(ticket, Verdict::DroppedOverflow, |_| true);
                    self.count_panics(self.bury(ticket.index()));
                    return Ok(());
                }
                OverflowPolicy::DropOldest => pushed = self.replace_oldest(kind, to, ticket),
                _ => {}
            }
        }
        match pushed {
            Ok(()) => {
                arrivals.pushed(kind);
                if let Some(token) = options.token.as_ref().filter(|token| token.is_cancelled()) {
                    self.end(ticket, verdict_of(token.cause()), |_| true);
                }
                Ok(())
            }
            Err(PushError::Closed) => {
                let value = host.life.state() as u64;
                Err(Refusal::new(Code::ShuttingDown, "state", value))
            }
            Err(_) => Err(self.full(kind, to)),
        }
    }

    /// One exchange puts the new job in and takes the oldest out, which ends as dropped.
    fn replace_oldest(&self, kind: Kind, to: LaneId, ticket: Ticket) -> Result<(), PushError> {
        let oldest = self.host().lane(kind).queue.force_push_to(to, ticket.index())?;
        if let Some(oldest) = oldest {
            self.end(self.ticket_at(oldest), Verdict::DroppedOverflow, |_| true);
            self.count_panics(self.bury(oldest));
        }
        Ok(())
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
}

impl Host {
    /// Counts jobs that were refused.
    pub(super) fn count_rejected(&self, refusal: Refusal, jobs: u64) {
        if let Some(count) = Count::rejected(refusal.reason) {
            self.stats.add(count, jobs);
        }
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
        tenant: None,
    }
}

/// Takes the body of a job whose push was refused back, unless the job was decided meanwhile: then it counts as
/// accepted.
#[cold]
fn retract<T>(
    reader: JobReader<T>,
    job: &mut Job<T>,
    refusal: Refusal,
) -> Result<JobReader<T>, Refusal> {
    match reader.retract() {
        Retracted::Task(task, origin) => {
            drop(origin);
            job.task = task;
            Err(refusal)
        }
        Retracted::Decided(reader) => Ok(reader),
    }
}

fn verdict_of(cause: Option<CancelCause>) -> Verdict {
    match cause {
        Some(CancelCause::Parent) => Verdict::CancelledParent,
        _ => Verdict::CancelledCaller,
    }
}

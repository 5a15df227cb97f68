//! The `EXEC` side of a record: starting, polling and burying a job's task.

use super::error::JobError;
use super::record::{JobRecord, Meta};
use super::shared::Held;
use super::slab::{Decided, Slab, Ticket};
use super::task::{Cell, Finish, TaskTable};
use super::word::{Decision, Phase, Release, Verdict};
use crate::sync::{Arc, drop_caught};
use crate::time::Instant;
use std::task::{Context, Poll};
use std::time::Duration;

/// What a popped index was.
#[must_use]
#[derive(Debug)]
pub enum Started<'a, C: 'static, X> {
    /// A job that now runs.
    Running(Running<'a, C, X>),
    /// A job that had its outcome already; its task was dropped. How many of its drops panicked.
    Dead(u32),
}

/// What became of a running job.
#[must_use]
#[derive(Debug)]
pub enum Attempted<'a, C: 'static, X> {
    /// The worker decided it, by its result or because it was asked to stop.
    Ended(Decided<'a, C, X>),
    /// Somebody else had decided it.
    Lost {
        /// It had come to its own end by then: a late result.
        late: bool,
    },
}

/// The right and the duty of the worker that runs a job. Dropped, it drops what is left of the task and
/// gives the `EXEC` bit up; it does not decide the job. A worker that decided its job has given both up to
/// the [`Decided`].
#[must_use]
#[derive(Debug)]
pub struct Running<'a, C: 'static, X> {
    slab: &'a Slab<C, X>,
    record: &'a JobRecord<C>,
    ticket: Ticket,
    holds_task: bool,
    holds_exec: bool,
    drop_panics: u32,
}

impl<C, X> Slab<C, X> {
    /// Starts the job whose index came out of a queue, on worker `runner`.
    pub fn start(&self, index: u32, now: Instant, runner: u32) -> Started<'_, C, X> {
        let record = self.record(index);
        let ticket = Ticket::new(index, record.state.view().generation());
        record.set_start(now, runner);
        if record.state.start(ticket.generation()) {
            return Started::Running(Running::new(self, record, ticket));
        }
        Started::Dead(self.bury(index))
    }

    /// Drops the task of a dead job whose index came out of a queue, or never got into one. Does nothing
    /// for any other. How many of its drops panicked.
    pub fn bury(&self, index: u32) -> u32 {
        let record = self.record(index);
        let ticket = self.ticket_at(index);
        if !record.state.take(ticket.generation()) {
            return 0;
        }
        let mut grave = Running::new(self, record, ticket);
        grave.drop_task();
        grave.drop_panics
    }

    /// Says what the permit of the call is that the job at `index` is about to make, whose index came out of a
    /// queue: a number for the one who [decides](Decided::permit) it while it runs.
    pub fn set_permit(&self, index: u32, permit: u64) {
        self.record(index).set_permit(permit);
    }

    /// Lets the job whose index came out of a queue wait outside of it, for its limit to be looked after by a scan
    /// as before. `false`: it is dead.
    pub fn delay(&self, index: u32) -> bool {
        self.record(index).state.delay(self.ticket_at(index).generation())
    }

    /// Ends the wait of a [delayed](Self::delay) job, which can be started then. `false`: it is dead.
    pub fn resume(&self, index: u32) -> bool {
        self.record(index).state.resume(self.ticket_at(index).generation())
    }

    /// Ends the job whose index came out of a queue with an error, without running it, unless it is dead. How
    /// many of its drops panicked.
    pub fn fail(&self, index: u32, error: JobError) -> (Option<Decided<'_, C, X>>, u32) {
        let record = self.record(index);
        let mut job = Running::new(self, record, self.ticket_at(index));
        job.holds_task = false;
        let panicked = record.cell.with_mut(|cell| {
            // SAFETY: the index came out of a queue, which makes the caller `EXEC`'s holder; the body is still there.
            #[expect(unsafe_code, reason = "EXEC's holder owns the cells")]
            unsafe {
                (table(record).refuse)(cell, error)
            }
        });
        let decided = job.decide_in(Phase::Queued, Verdict::Failed);
        let lost = decided.is_none() && drop_ended(record);
        (decided, u32::from(panicked) + u32::from(lost))
    }

    /// The job whose index came out of a queue.
    pub fn ticket_at(&self, index: u32) -> Ticket {
        Ticket::new(index, self.record(index).state.view().generation())
    }
}

impl<'a, C, X> Running<'a, C, X> {
    fn new(slab: &'a Slab<C, X>, record: &'a JobRecord<C>, ticket: Ticket) -> Self {
        Self { slab, record, ticket, holds_task: true, holds_exec: true, drop_panics: 0 }
    }

    /// The job.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// What the job says of itself.
    pub fn meta(&self) -> Option<Arc<Meta>> {
        self.record.meta()
    }

    /// Which attempt of the job this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.record.attempt()
    }

    /// The tenant whose limit the job counts against.
    pub fn tenant(&self) -> Option<u32> {
        self.record.tenant()
    }

    /// How long the job waited before `now`, the instant of its start.
    pub fn waited(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.record.submitted_at())
    }

    /// How many drops of the job's task or of an unread result have panicked so far.
    pub fn drop_panics(&self) -> u32 {
        self.drop_panics
    }

    /// Polls the job once. Whoever decides it from outside wakes the waker that the worker registered
    /// before this call.
    pub fn poll(&mut self, context: &C, cx: &mut Context<'_>) -> Poll<Attempted<'a, C, X>> {
        let record = self.record;
        let view = record.state.view();
        if view.phase() != Phase::Running || !self.holds_task {
            self.drop_task();
            return Poll::Ready(Attempted::Lost { late: false });
        }
        if view.is_asked_to_stop() {
            self.drop_task();
            return Poll::Ready(match self.decide(Verdict::CancelledShutdown) {
                Attempted::Lost { .. } => Attempted::Lost { late: false },
                ended => ended,
            });
        }
        let finish = match self.run(context, cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(finish) => finish,
        };
        self.holds_task = false;
        let verdict = match finish {
            Finish::Value => Verdict::Completed,
            Finish::Error => Verdict::Failed,
            Finish::Panic => Verdict::Panicked,
        };
        let attempted = self.decide(verdict);
        if matches!(attempted, Attempted::Lost { .. }) {
            self.drop_panics += u32::from(drop_ended(self.record));
        }
        Poll::Ready(attempted)
    }

    fn decide(&mut self, verdict: Verdict) -> Attempted<'a, C, X> {
        let decided = self.decide_in(Phase::Running, verdict);
        decided.map_or(Attempted::Lost { late: true }, Attempted::Ended)
    }

    fn decide_in(&mut self, phase: Phase, verdict: Verdict) -> Option<Decided<'a, C, X>> {
        let state = &self.record.state;
        match state.decide(self.ticket.generation(), verdict, |now| now == phase) {
            Decision::Won { waiter, .. } => {
                self.holds_exec = false;
                let job = (self.record, self.ticket);
                Some(Decided::of_worker(self.slab, job, phase, verdict, waiter))
            }
            Decision::Lost => None,
        }
    }

    fn run(&mut self, context: &C, cx: &mut Context<'_>) -> Poll<Finish> {
        let record = self.record;
        record.cell.with_mut(|cell| {
            let meta = record.meta();
            let label = meta.as_ref().and_then(|meta| meta.label.as_deref()).unwrap_or("");
            // SAFETY: the table was written with the body, which is still there (`holds_task`).
            #[expect(unsafe_code, reason = "EXEC's holder owns the cells")]
            unsafe {
                (table(record).run)(cell, context, label, cx)
            }
        })
    }

    fn drop_task(&mut self) {
        if std::mem::take(&mut self.holds_task) {
            let record = self.record;
            let panicked = record.cell.with_mut(|cell| {
                // SAFETY: the body is still there (`holds_task`, now false) and is `EXEC`'s.
                #[expect(unsafe_code, reason = "EXEC's holder owns the cells")]
                unsafe {
                    (table(record).drop_task)(cell)
                }
            });
            self.drop_panics += u32::from(panicked);
        }
    }
}

impl<C, X> Drop for Running<'_, C, X> {
    fn drop(&mut self) {
        if !self.holds_exec {
            return;
        }
        self.drop_task();
        let record = self.record;
        drop_caught(record.take_origin());
        if record.state.release_exec() == Release::Last {
            Held::new(self.slab).give_back(self.ticket.index());
        }
    }
}

/// The table of the body or result in the job's cell.
#[inline]
fn table<C>(record: &JobRecord<C>) -> &'static TaskTable<C> {
    // SAFETY: the callers hold the cell by right, and the table with it; nobody writes it meanwhile.
    #[expect(unsafe_code, reason = "the cell's holder reads its table")]
    let table = record.table.with(|table| unsafe { *table });
    let Some(table) = table else { unreachable!("a filled record has a table") };
    table
}

/// The error in the job's cell, whose result is the caller's as long as it lends the record.
pub(super) fn error_in<C>(record: &JobRecord<C>) -> Option<&JobError> {
    let find = table(record).error;
    // SAFETY: the caller owns a result of the table's type in this cell.
    #[expect(unsafe_code, reason = "the result's owner looks at it")]
    let error = record.cell.with_mut(|cell: *mut Cell| unsafe { find(cell) })?;
    // SAFETY: as above; the owner neither moves nor drops it while it lends the record.
    #[expect(unsafe_code, reason = "as above")]
    unsafe {
        Some(&*error)
    }
}

/// Drops the result in the job's cell, which is the caller's. `true` if that panicked.
pub(super) fn drop_ended<C>(record: &JobRecord<C>) -> bool {
    let drop_ended = table(record).drop_ended;
    record.cell.with_mut(|cell: *mut Cell| {
        // SAFETY: the caller owns a result of the table's type in this cell, and gives it up.
        #[expect(unsafe_code, reason = "the result's owner drops it")]
        unsafe {
            drop_ended(cell)
        }
    })
}

//! The pooled record of one job: everything that it needs from submission to outcome.
//!
//! Who may touch what (the owners are bits of the state word, `word.rs`):
//!
//! | field | written by | read by |
//! |---|---|---|
//! | `cell`, `table`, `origin` | the submitter in `Entering` | `EXEC`'s holder; a published result in `cell`: its owner by invariant 3 of `word.rs` |
//! | `delivery` | the submitter in `Entering` | the decider, before it publishes |
//! | `deadline` | the submitter, then `EXEC`'s holder before it starts the job | the tick |
//! | stamps, limits, `runner`, `user_data` | as above; `ended_at` by the decider | anybody, as figures |
//! | `waker` | `HANDLE`'s holder | the decider, by invariant 4 of `word.rs` |
//! | `next` | `HANDLE`'s holder, a completion queue | the same |

use super::delivery::Delivery;
use super::task::{Cell, TaskTable};
use super::word::StateWord;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::{Arc, UnsafeCell};
use crate::time::{Deadline, Instant};
use std::fmt;
use std::task::Waker;
use std::time::Duration;

/// The number of no worker.
const NO_RUNNER: u32 = u32::MAX;
/// The number of no tenant.
const NO_TENANT: u32 = u32::MAX;
/// An execution limit that is none.
const NO_LIMIT: u64 = u64::MAX;

/// What a job says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Meta {
    /// Its label, for reports and panics.
    pub label: Option<Arc<str>>,
    /// On whose behalf it runs.
    pub tenant: Option<Arc<str>>,
    /// Its priority: 0 is normal, above is more urgent.
    pub priority: i8,
}

/// What a job brings along beside its task. Belongs to `EXEC`'s holder once the job is queued.
#[derive(Default)]
pub struct Origin {
    /// What the job says of itself.
    pub meta: Option<Arc<Meta>>,
    /// Anything that has to live as long as the job may run, for instance the registration at its token.
    pub keep: Option<Box<dyn Send>>,
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("meta", &self.meta).finish_non_exhaustive()
    }
}

/// The limits and numbers that a job enters with.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// When it was submitted.
    pub submitted_at: Instant,
    /// When waiting in the queue ends at the latest: the queue limit or the deadline.
    pub queue_deadline: Deadline,
    /// How long it may run from its start, if that is limited.
    pub exec_timeout: Option<Duration>,
    /// When it ends at the latest.
    pub deadline: Deadline,
    /// Which attempt of the job this record is for, from 1: each attempt has a record of its own.
    pub attempt: u32,
    /// A number of the submitter's, handed back with the outcome.
    pub user_data: u64,
    /// The number of the tenant whose limit the job counts against, until it has ended.
    pub tenant: Option<u32>,
}

/// When a job passed its stations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamps {
    /// Its submission.
    pub submitted_at: Instant,
    /// The start of its execution, if it came to that.
    pub started_at: Option<Instant>,
    /// Its decision.
    pub ended_at: Instant,
}

/// One job's record.
pub struct JobRecord<C: 'static> {
    pub(super) state: StateWord,
    pub(super) deadline: AtomicU64,
    submitted_at: AtomicU64,
    started_at: AtomicU64,
    ended_at: AtomicU64,
    exec_limit: AtomicU64,
    job_deadline: AtomicU64,
    user_data: AtomicU64,
    runner: AtomicU32,
    attempt: AtomicU32,
    tenant: AtomicU32,
    pub(super) next: AtomicU32,
    pub(super) waker: UnsafeCell<Option<Waker>>,
    pub(super) delivery: UnsafeCell<Delivery>,
    pub(super) origin: UnsafeCell<Origin>,
    pub(super) table: UnsafeCell<Option<&'static TaskTable<C>>>,
    pub(super) cell: UnsafeCell<Cell>,
}

impl<C> JobRecord<C> {
    pub(super) fn new() -> Self {
        Self {
            state: StateWord::new(),
            deadline: AtomicU64::new(Deadline::NEVER.as_word()),
            submitted_at: AtomicU64::new(0),
            started_at: AtomicU64::new(0),
            ended_at: AtomicU64::new(0),
            exec_limit: AtomicU64::new(NO_LIMIT),
            job_deadline: AtomicU64::new(Deadline::NEVER.as_word()),
            user_data: AtomicU64::new(0),
            runner: AtomicU32::new(NO_RUNNER),
            attempt: AtomicU32::new(0),
            tenant: AtomicU32::new(NO_TENANT),
            next: AtomicU32::new(0),
            waker: UnsafeCell::new(None),
            delivery: UnsafeCell::new(Delivery::Waker),
            origin: UnsafeCell::new(Origin::default()),
            table: UnsafeCell::new(None),
            cell: UnsafeCell::new(Cell::new()),
        }
    }

    /// Writes the limits and numbers of a job that enters.
    pub(super) fn set_entry(&self, entry: &Entry) {
        let limit = entry
            .exec_timeout
            .map_or(NO_LIMIT, |limit| u64::try_from(limit.as_nanos()).unwrap_or(NO_LIMIT - 1));
        // ORDERING: Relaxed, all of them: `enqueue` publishes them with the job (`job.enqueue`).
        self.deadline.store(entry.queue_deadline.as_word(), Ordering::Relaxed);
        self.submitted_at.store(entry.submitted_at.as_nanos(), Ordering::Relaxed);
        self.exec_limit.store(limit, Ordering::Relaxed);
        self.job_deadline.store(entry.deadline.as_word(), Ordering::Relaxed);
        self.user_data.store(entry.user_data, Ordering::Relaxed);
        self.runner.store(NO_RUNNER, Ordering::Relaxed);
        self.attempt.store(entry.attempt, Ordering::Relaxed);
        self.tenant.store(entry.tenant.unwrap_or(NO_TENANT), Ordering::Relaxed);
    }

    /// Writes what is known at the start of the execution, before the state says that it runs: so the tick
    /// never holds a running job against the limit of its queue wait.
    pub(super) fn set_start(&self, now: Instant, runner: u32) {
        // ORDERING: Relaxed: written in `Entering`, published by `job.enqueue`, which the popped index
        // brought along (`ring.push`).
        let limit = self.exec_limit.load(Ordering::Relaxed);
        // ORDERING: Relaxed: as above.
        let job = Deadline::from_word(self.job_deadline.load(Ordering::Relaxed));
        let exec = if limit == NO_LIMIT {
            Deadline::NEVER
        } else {
            Deadline::after(now, Duration::from_nanos(limit))
        };
        // ORDERING: Relaxed, all three: `start` publishes them (`job.start`).
        self.deadline.store(exec.min(job).as_word(), Ordering::Relaxed);
        self.started_at.store(now.as_nanos(), Ordering::Relaxed);
        self.runner.store(runner, Ordering::Relaxed);
    }

    pub(super) fn set_end(&self, now: Instant) {
        // ORDERING: Relaxed: `publish` publishes it (`job.publish`).
        self.ended_at.store(now.as_nanos(), Ordering::Relaxed);
    }

    /// Takes the origin out, for `EXEC`'s holder.
    #[expect(unsafe_code, reason = "EXEC's holder owns the cells")]
    pub(super) fn take_origin(&self) -> Origin {
        // SAFETY: the origin belongs to `EXEC`'s holder, and the callers are that.
        self.origin.with_mut(|origin| std::mem::take(unsafe { &mut *origin }))
    }

    /// Empties the waker's cell, which is the caller's (invariant 4 of `word.rs`).
    #[expect(unsafe_code, reason = "the cell is shared under the state word")]
    pub(super) fn take_waker(&self) -> Option<Waker> {
        // SAFETY: the callers are those to whom invariant 4 gives the cell.
        self.waker.with_mut(|waker| unsafe { (*waker).take() })
    }

    /// The instant at which the limit of the job's present phase ends.
    pub fn current_deadline(&self) -> Deadline {
        // ORDERING: Relaxed: read after the state word, whose edge `job.enqueue` or `job.start` brought it.
        Deadline::from_word(self.deadline.load(Ordering::Relaxed))
    }

    /// The job's stamps; the end is there once the job is published.
    pub(super) fn stamps(&self) -> Stamps {
        // ORDERING: Relaxed, all three: read after `job.publish`.
        let submitted_at = Instant::from_nanos(self.submitted_at.load(Ordering::Relaxed));
        let started_at = Instant::from_nanos(self.started_at.load(Ordering::Relaxed));
        let ended_at = Instant::from_nanos(self.ended_at.load(Ordering::Relaxed));
        let started_at = self.state.view().has_run().then_some(started_at);
        Stamps { submitted_at, started_at, ended_at }
    }

    /// The submitter's number.
    pub(super) fn user_data(&self) -> u64 {
        // ORDERING: Relaxed: read by `HANDLE`'s holder, who is or knows the submitter.
        self.user_data.load(Ordering::Relaxed)
    }

    /// Which attempt the record is for.
    pub(super) fn attempt(&self) -> u32 {
        // ORDERING: Relaxed: read by one of the record's owners.
        self.attempt.load(Ordering::Relaxed)
    }

    /// The tenant whose limit the job counts against.
    pub(super) fn tenant(&self) -> Option<u32> {
        // ORDERING: Relaxed: read by the one who decided the job or by `EXEC`'s holder.
        let tenant = self.tenant.load(Ordering::Relaxed);
        (tenant != NO_TENANT).then_some(tenant)
    }

    /// The worker that runs the job, if one does.
    pub(super) fn runner(&self) -> Option<u32> {
        // ORDERING: Relaxed: read after the state word, whose edge `job.start` brought it.
        let runner = self.runner.load(Ordering::Relaxed);
        (runner != NO_RUNNER).then_some(runner)
    }
}

impl<C> fmt::Debug for JobRecord<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = self.state.view();
        f.debug_struct("JobRecord")
            .field("phase", &view.phase())
            .field("generation", &view.generation())
            .field("verdict", &view.verdict())
            .finish_non_exhaustive()
    }
}

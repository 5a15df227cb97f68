//! The pooled record of one job: everything that it needs from submission to outcome.
//!
//! A record lies on four cache lines, and a plain job with a small body touches the first two: what a submitter
//! and a worker on different cores hand to each other is then two lines. What most jobs do without (the extras)
//! stands behind the body, and is neither written nor read unless the record says that it is there. Memory of
//! zeros is a record without a job, so that records cost nothing before their first one.
//!
//! Who may touch what (the owners are bits of the state word, `word.rs`):
//!
//! | field | written by | read by |
//! |---|---|---|
//! | `cell`, `table` | the submitter in `Entering` | `EXEC`'s holder; a published result in `cell`: its owner by invariant 3 of `word.rs` |
//! | `origin`, `job_deadline`, `tenant` (extras) | the submitter in `Entering` | `EXEC`'s holder |
//! | `delivery` (extra) | the submitter in `Entering` | the decider, before it publishes |
//! | `permit` | `EXEC`'s holder before it starts the job | who decided it while it ran |
//! | `deadline` | the submitter, then `EXEC`'s holder before it starts the job | the tick |
//! | `limit_or_end` | the submitter: how long the job may run; the decider: when it ended | `EXEC`'s holder before it starts the job; whoever reads the outcome |
//! | the other numbers and stamps | the submitter, or `EXEC`'s holder before it starts the job | anybody, as figures |
//! | `waker` | `HANDLE`'s holder | the decider, by invariant 4 of `word.rs` |
//! | `next` | `HANDLE`'s holder, a completion queue | the same |

use super::delivery::Delivery;
use super::task::{Cell, TaskTable};
use super::word::StateWord;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::{Arc, UnsafeCell};
use crate::time::{Deadline, Instant};
use std::fmt;
use std::mem::MaybeUninit;
use std::task::Waker;
use std::time::Duration;

/// The number of no worker.
const NO_RUNNER: u32 = u32::MAX;
/// The number of no tenant.
const NO_TENANT: u32 = u32::MAX;
/// An execution limit that is none.
const NO_LIMIT: u64 = u64::MAX;
/// In `attempt`: the record has extras.
const HAS_EXTRAS: u32 = 1 << 31;
/// In `attempt`: the submitter gave a number.
const HAS_USER_DATA: u32 = 1 << 30;

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
#[repr(C)]
pub struct JobRecord<C: 'static> {
    pub(super) state: StateWord,
    pub(super) deadline: AtomicU64,
    submitted_at: AtomicU64,
    started_at: AtomicU64,
    limit_or_end: AtomicU64,
    /// There while `WAIT` or `CLAIM` says so, or in the hands of whoever cleared `WAIT`.
    pub(super) waker: UnsafeCell<MaybeUninit<Waker>>,
    runner: AtomicU32,
    /// The attempt's number, and whether there are extras and a number of the submitter's.
    attempt: AtomicU32,
    pub(super) table: UnsafeCell<Option<&'static TaskTable<C>>>,
    /// What a call's permit is while the job runs, as a number of its owner's.
    permit: AtomicU64,
    pub(super) cell: UnsafeCell<Cell>,
    pub(super) next: AtomicU32,
    tenant: AtomicU32,
    job_deadline: AtomicU64,
    user_data: AtomicU64,
    delivery: UnsafeCell<MaybeUninit<Delivery>>,
    origin: UnsafeCell<MaybeUninit<Origin>>,
}

// SAFETY: the cells of a record are handed from thread to thread under the rules of `word.rs`; what they
// hold (a body, a result, an origin, a delivery, a waker) is `Send`.
#[expect(unsafe_code, reason = "records are shared under the protocol of their state word")]
unsafe impl<C> Sync for JobRecord<C> {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "as above")]
unsafe impl<C> Send for JobRecord<C> {}

impl<C> JobRecord<C> {
    /// A record without a job. Memory of zeros is the same.
    #[cfg(any(loom, bifrost_chaos, test))]
    pub(super) fn new() -> Self {
        Self {
            state: StateWord::new(),
            deadline: AtomicU64::new(0),
            submitted_at: AtomicU64::new(0),
            started_at: AtomicU64::new(0),
            limit_or_end: AtomicU64::new(0),
            waker: UnsafeCell::new(MaybeUninit::uninit()),
            runner: AtomicU32::new(0),
            attempt: AtomicU32::new(0),
            table: UnsafeCell::new(None),
            permit: AtomicU64::new(0),
            cell: UnsafeCell::new(Cell::new()),
            next: AtomicU32::new(0),
            tenant: AtomicU32::new(0),
            job_deadline: AtomicU64::new(0),
            user_data: AtomicU64::new(0),
            delivery: UnsafeCell::new(MaybeUninit::uninit()),
            origin: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Writes what a job enters with, its body aside, for the one whose the record is in `Entering`.
    #[inline]
    #[expect(unsafe_code, reason = "exclusive in `Entering`")]
    pub(super) fn set_entry(&self, entry: &Entry, origin: Origin, delivery: Delivery) {
        let limit = entry
            .exec_timeout
            .map_or(NO_LIMIT, |limit| Deadline::after(Instant::ZERO, limit).as_word());
        let has_extras = origin.meta.is_some()
            || origin.keep.is_some()
            || !matches!(delivery, Delivery::Waker)
            || !entry.deadline.is_never()
            || entry.tenant.is_some();
        let has_user_data = entry.user_data != 0;
        let attempt = entry.attempt
            | if has_extras { HAS_EXTRAS } else { 0 }
            | if has_user_data { HAS_USER_DATA } else { 0 };
        // ORDERING: Relaxed, all of them: `enqueue` publishes them with the job (`job.enqueue`).
        self.deadline.store(entry.queue_deadline.as_word(), Ordering::Relaxed);
        self.submitted_at.store(entry.submitted_at.as_nanos(), Ordering::Relaxed);
        self.limit_or_end.store(limit, Ordering::Relaxed);
        self.runner.store(NO_RUNNER, Ordering::Relaxed);
        self.attempt.store(attempt, Ordering::Relaxed);
        if has_user_data {
            // ORDERING: Relaxed: as above.
            self.user_data.store(entry.user_data, Ordering::Relaxed);
        }
        if has_extras {
            // ORDERING: Relaxed, both: as above.
            self.job_deadline.store(entry.deadline.as_word(), Ordering::Relaxed);
            self.tenant.store(entry.tenant.unwrap_or(NO_TENANT), Ordering::Relaxed);
            // SAFETY: in `Entering` the whole record is the caller's.
            self.origin.with_mut(|place| unsafe { (*place).write(origin) });
            // SAFETY: as above.
            self.delivery.with_mut(|place| unsafe { (*place).write(delivery) });
        }
    }

    /// Whether what stands behind the body was written for this job.
    #[inline]
    fn has_extras(&self) -> bool {
        // ORDERING: Relaxed: written in `Entering`; whoever asks is an owner of the record, or the decider.
        self.attempt.load(Ordering::Relaxed) & HAS_EXTRAS != 0
    }

    /// Writes what is known at the start of the execution, before the state says that it runs: so the tick
    /// never holds a running job against the limit of its queue wait.
    #[inline]
    pub(super) fn set_start(&self, now: Instant, runner: u32) {
        // ORDERING: Relaxed: written in `Entering`, published by `job.enqueue`, which the popped index
        // brought along (`ring.push`). Of a job that was decided meanwhile it is nonsense, and never used.
        let limit = self.limit_or_end.load(Ordering::Relaxed);
        let mut deadline = Deadline::NEVER;
        if limit != NO_LIMIT {
            deadline = Deadline::at(Instant::from_nanos(now.as_nanos().saturating_add(limit)));
        }
        if self.has_extras() {
            // ORDERING: Relaxed: as above.
            let job = self.job_deadline.load(Ordering::Relaxed);
            deadline = deadline.min(Deadline::from_word(job));
        }
        // ORDERING: Relaxed, all three: `start` publishes them (`job.start`).
        self.deadline.store(deadline.as_word(), Ordering::Relaxed);
        self.started_at.store(now.as_nanos(), Ordering::Relaxed);
        self.runner.store(runner, Ordering::Relaxed);
    }

    /// Writes what the permit of the job's call is, for `EXEC`'s holder before it starts the job.
    #[inline]
    pub(super) fn set_permit(&self, permit: u64) {
        // ORDERING: Relaxed: `start` publishes it (`job.start`).
        self.permit.store(permit, Ordering::Relaxed);
    }

    /// What the permit of the job's call is, for the one who decided it while it ran.
    #[inline]
    pub(super) fn permit(&self) -> u64 {
        // ORDERING: Relaxed: the decision has acquired it (`job.start`), or was the worker's own.
        self.permit.load(Ordering::Relaxed)
    }

    /// How long the job may run, for the one who decided it, before it writes when it ended.
    #[inline]
    pub(super) fn exec_limit(&self) -> Option<Duration> {
        // ORDERING: Relaxed: written in `Entering`; the decision has acquired it.
        let limit = self.limit_or_end.load(Ordering::Relaxed);
        (limit != NO_LIMIT).then_some(Duration::from_nanos(limit))
    }

    /// Writes when the job ended, for the one who decided it.
    #[inline]
    pub(super) fn set_end(&self, now: Instant) {
        // ORDERING: Relaxed: `publish` publishes it (`job.publish`).
        self.limit_or_end.store(now.as_nanos(), Ordering::Relaxed);
    }

    /// What the job says of itself, for `EXEC`'s holder.
    #[inline]
    #[expect(unsafe_code, reason = "EXEC's holder owns the cells")]
    pub(super) fn meta(&self) -> Option<Arc<Meta>> {
        if !self.has_extras() {
            return None;
        }
        // SAFETY: the origin was written with the extras and belongs to `EXEC`'s holder, who has not taken it.
        let origin = self.origin.with(|origin| unsafe { &*origin.cast::<Origin>() });
        origin.meta.clone()
    }

    /// Takes the origin out, for `EXEC`'s holder, who does so once, as its last step with the job.
    #[inline]
    #[expect(unsafe_code, reason = "EXEC's holder owns the cells")]
    pub(super) fn take_origin(&self) -> Origin {
        if !self.has_extras() {
            return Origin::default();
        }
        // SAFETY: the origin was written with the extras and belongs to `EXEC`'s holder, who takes it once.
        self.origin.with(|origin| unsafe { origin.cast::<Origin>().read() })
    }

    /// Takes out where the outcome goes, for the decider or the submitter who takes the job back, once.
    #[inline]
    #[expect(unsafe_code, reason = "exclusive in `Decided` and in `Entering`")]
    pub(super) fn take_delivery(&self) -> Delivery {
        if !self.has_extras() {
            return Delivery::Waker;
        }
        // SAFETY: the delivery was written with the extras; the callers are the one decider, or in `Entering`.
        self.delivery.with(|delivery| unsafe { delivery.cast::<Delivery>().read() })
    }

    /// Takes the waker out of its cell.
    ///
    /// # Safety
    ///
    /// The cell is the caller's (invariant 4 of `word.rs`), and a waker is in it.
    #[inline]
    #[expect(unsafe_code, reason = "the cell is shared under the state word")]
    pub(super) unsafe fn take_waker(&self) -> Waker {
        // SAFETY: by contract.
        self.waker.with(|waker| unsafe { waker.cast::<Waker>().read() })
    }
    /// The instant at which the limit of the job's present phase ends.
    pub fn current_deadline(&self) -> Deadline {
        // ORDERING: Relaxed: read after the state word, whose edge `job.enqueue` or `job.start` brought it.
        Deadline::from_word(self.deadline.load(Ordering::Relaxed))
    }

    /// When the job was submitted.
    #[inline]
    pub(super) fn submitted_at(&self) -> Instant {
        // ORDERING: Relaxed: written in `Entering`, read by one of the record's owners.
        Instant::from_nanos(self.submitted_at.load(Ordering::Relaxed))
    }

    /// The job's stamps; the end is there once the job is published.
    pub(super) fn stamps(&self) -> Stamps {
        let submitted_at = self.submitted_at();
        // ORDERING: Relaxed, both: read after `job.publish`.
        let started_at = Instant::from_nanos(self.started_at.load(Ordering::Relaxed));
        let ended_at = Instant::from_nanos(self.limit_or_end.load(Ordering::Relaxed));
        let started_at = self.state.view().has_run().then_some(started_at);
        Stamps { submitted_at, started_at, ended_at }
    }

    /// The submitter's number.
    pub(super) fn user_data(&self) -> u64 {
        // ORDERING: Relaxed: as below.
        if self.attempt.load(Ordering::Relaxed) & HAS_USER_DATA == 0 {
            return 0;
        }
        // ORDERING: Relaxed: read by `HANDLE`'s holder, who is or knows the submitter.
        self.user_data.load(Ordering::Relaxed)
    }

    /// Which attempt the record is for.
    pub(super) fn attempt(&self) -> u32 {
        // ORDERING: Relaxed: read by one of the record's owners.
        self.attempt.load(Ordering::Relaxed) & !(HAS_EXTRAS | HAS_USER_DATA)
    }

    /// The tenant whose limit the job counts against.
    pub(super) fn tenant(&self) -> Option<u32> {
        if !self.has_extras() {
            return None;
        }
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

#[cfg(test)]
#[cfg(not(any(loom, bifrost_chaos)))]
mod tests {
    use super::super::records::Records;
    use super::JobRecord;
    use crate::state::INLINE;
    use crate::sync::CachePadded;
    use std::mem::{offset_of, size_of};

    #[test]
    fn a_plain_job_with_a_small_body_lies_on_two_cache_lines() {
        assert!(offset_of!(JobRecord<()>, attempt) + 4 <= 64);
        assert_eq!(offset_of!(JobRecord<()>, table), 64);
        assert!(offset_of!(JobRecord<()>, cell) + 48 <= 128);
        assert!(offset_of!(JobRecord<()>, next) >= offset_of!(JobRecord<()>, cell) + INLINE);
        assert_eq!(size_of::<CachePadded<JobRecord<()>>>(), 256);
    }

    #[test]
    fn memory_of_zeros_is_a_record_without_a_job() {
        let (vacant, made) = (Records::<()>::new(3), JobRecord::<()>::new());
        assert!(std::ptr::from_ref(&vacant[0]).addr() % 128 == 0, "a record has its own lines");
        for record in vacant.iter().map(|padded| &**padded) {
            assert_eq!(format!("{record:?}"), format!("{made:?}"));
            assert!(!record.has_extras());
        }
    }
}

//! Jobs: what is submitted, and what its ticket can be asked.

#![expect(unsafe_code, reason = "exported symbols, and pointers from C")]

use super::boundary::{Called, guard};
use super::cancel::CancelHandle;
use super::handle::{Handle, write};
use super::job_ctx::JobCtx;
use super::provider::ProviderHandle;
use crate::code::Code;
use crate::provider::{Job, JobContext, JobError, JobId, Rejected};
use crate::state::Phase;
use std::cell::Cell;
use std::ffi::c_void;
use std::time::Duration;

/// A duration without an end.
pub const BIFROST_FOREVER: u64 = u64::MAX;
/// `bifrost_job.flags`: the function may block. It runs on a thread of the provider's own instead of on a
/// driver that other jobs share.
pub const BIFROST_JOB_BLOCKING: u32 = 1;

/// What a job does. It gets the job's context, valid until it returns, and the job's `arg`. Any number
/// that it returns, negative ones too, is the job's result, and the job has completed. It must neither
/// unwind (C++ exceptions) nor jump (`longjmp`) out of itself.
pub type JobFn = Option<unsafe extern "C" fn(ctx: *const JobCtx, arg: *mut c_void) -> i64>;

/// Gives back what a job's `arg` holds. It must not block, unwind or jump.
pub type DropFn = Option<unsafe extern "C" fn(arg: *mut c_void)>;

/// A job. FROZEN: 56 bytes where pointers have 8.
///
/// `arg` is the library's from the moment that the job is accepted. `drop` is then called with it exactly
/// once, on every path. If the job runs, the worker calls it right after `run` has returned: before the
/// completion can be seen if the job completes, and after it if the job was cancelled or timed out while
/// it ran. If the job never runs, whichever thread takes it out of its queue calls it, before or after the
/// completion can be seen. If the job is refused, `arg` stays the caller's, and neither `run` nor `drop`
/// is called.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct JobSpec {
    /// What it does; not null.
    pub run: JobFn,
    /// What `run` works on; may be null.
    pub arg: *mut c_void,
    /// Gives `arg` back; null if there is nothing to do.
    pub drop: DropFn,
    /// A number that comes back with the completion.
    pub user_data: u64,
    /// The job ends at the latest this long after its submission, waiting or running; 0 and
    /// `BIFROST_FOREVER`: it has the provider's limits alone.
    pub deadline_ns: u64,
    /// The token that cancels it; may be null. It may be freed once the job is submitted.
    pub cancel: *const CancelHandle,
    /// A set of `BIFROST_JOB_...` bits; other bits are invalid.
    pub flags: u32,
    /// How urgent it is: 0 is normal, above is more, below is less; -128 to 127. Jobs above, at and below 0
    /// wait in a lane each and start in the order of their submission within it; while all three have jobs,
    /// a worker takes 8, 4 and 1 of them.
    pub priority: i32,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<JobSpec>() == 56 && align_of::<JobSpec>() == 8);
    assert!(std::mem::offset_of!(JobSpec, user_data) == 24);
    assert!(std::mem::offset_of!(JobSpec, cancel) == 40);
    assert!(std::mem::offset_of!(JobSpec, priority) == 52);
};

/// Where a job is.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobState {
    /// In its queue.
    Queued = 1,
    /// Waiting outside queue and worker, for instance for another attempt.
    Delayed = 2,
    /// With a worker.
    Running = 3,
    /// Has its outcome, which nobody has read yet.
    Ended = 4,
}

thread_local! {
    /// The caller keeps the `arg` of the job that is being dropped.
    static REFUSING: Cell<bool> = const { Cell::new(false) };
    /// A job that must not block runs on this thread.
    static ON_DRIVER: Cell<bool> = const { Cell::new(false) };
}

/// A flag of the calling thread: sets it, and gives what it was.
type Flag = fn(bool) -> bool;

const REFUSE: Flag = |value| REFUSING.replace(value);
const DRIVE: Flag = |value| ON_DRIVER.replace(value);

/// Sets a flag of the thread, until it is dropped.
struct Mark {
    flag: Flag,
    before: bool,
}

impl Mark {
    fn set(flag: Flag, value: bool) -> Self {
        Self { flag, before: flag(value) }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        (self.flag)(self.before);
    }
}

/// Whether the calling thread may wait for a job: not if it is a driver that has one of them.
pub(super) fn may_block() -> bool {
    !ON_DRIVER.get()
}

/// A job's `arg` while it is ours.
struct Arg {
    arg: *mut c_void,
    drop: DropFn,
}

// SAFETY: C's contract: `arg` is given up by the submitter, and `run` and `drop` may be called on any
// thread, one after the other.
unsafe impl Send for Arg {}

impl Drop for Arg {
    fn drop(&mut self) {
        if let Some(drop) = self.drop.filter(|_| !REFUSING.get()) {
            // SAFETY: C's contract; a value is dropped once.
            unsafe { drop(self.arg) };
        }
    }
}

/// What a worker runs.
struct Body {
    run: unsafe extern "C" fn(*const JobCtx, *mut c_void) -> i64,
    arg: Arg,
    blocks: bool,
}

impl Body {
    /// Runs the function, then gives the `arg` back.
    fn call(self, context: &JobContext) -> i64 {
        let _here = Mark::set(DRIVE, !self.blocks);
        let ctx = JobCtx::new(context);
        // SAFETY: C's contract; the context lives until `run` returns.
        unsafe { (self.run)(&raw const ctx, self.arg.arg) }
    }
}

/// The duration that C means, if it is a limit.
pub(super) fn limit(nanos: u64) -> Option<Duration> {
    (nanos != 0 && nanos != BIFROST_FOREVER).then(|| Duration::from_nanos(nanos))
}

impl JobSpec {
    /// The job that C describes. Its `arg` stays C's if the description is no good.
    ///
    /// # Safety
    ///
    /// The fields are what the header says that they are.
    pub(super) unsafe fn to_job(self) -> Called<Job<i64>> {
        let run = self.run.ok_or(Code::Null)?;
        let priority = i8::try_from(self.priority).map_err(|_| Code::Invalid)?;
        if self.flags & !BIFROST_JOB_BLOCKING != 0 {
            return Err(Code::Invalid);
        }
        // SAFETY: by contract.
        let cancel = unsafe { CancelHandle::borrow_optional(self.cancel) }?;
        let blocks = self.flags & BIFROST_JOB_BLOCKING != 0;
        let body = Body { run, arg: Arg { arg: self.arg, drop: self.drop }, blocks };
        let call = move |context: &JobContext| Ok::<_, JobError>(body.call(context));
        let mut job = if blocks { Job::blocking(call) } else { Job::new(call) };
        job = job.user_data(self.user_data);
        if let Some(limit) = limit(self.deadline_ns) {
            job = job.deadline(limit);
        }
        if let Some(cancel) = cancel {
            job = job.cancel_token(&cancel.token);
        }
        if priority != 0 {
            job = job.priority(priority);
        }
        Ok(job)
    }
}

/// Takes refused jobs apart; each `arg` is C's again.
pub(super) fn refused<J>(rejected: Rejected<J>) -> Code {
    let reason = rejected.reason;
    let _refusing = Mark::set(REFUSE, true);
    drop(rejected);
    reason
}

/// Cancels a job: one that waits is not executed; one that runs sees it in its context, and its late
/// result is discarded. Its completion says `BIFROST_CANCELLED_CALLER`, at once.
///
/// Parameters:
/// - `provider`: the provider that the job was submitted to.
/// - `ticket`: the job's ticket, which is good for this provider alone.
///
/// Returns: `BIFROST_OK` if this call cancelled it, `BIFROST_STALE` if it has its outcome already,
/// `BIFROST_NULL`, or `BIFROST_FORKED`.
/// Ownership: nothing changes hands; `drop` is called as ever.
/// Thread safety: any thread, also inside a job.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `provider` is null or not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_job_cancel(provider: *const ProviderHandle, ticket: u64) -> Code {
    guard(|| {
        // SAFETY: by contract.
        let handle = unsafe { ProviderHandle::borrow(provider) }?;
        match handle.provider.cancel(JobId::from_word(ticket)) {
            true => Ok(()),
            false => Err(Code::Stale),
        }
    })
}

/// Where a job is.
///
/// Parameters:
/// - `provider`: the provider that the job was submitted to.
/// - `ticket`: the job's ticket, which is good for this provider alone.
/// - `state`: gets one of `bifrost_job_state`.
///
/// Returns: `BIFROST_OK`; `BIFROST_STALE` once its completion was read, or nobody was to get one, and its
/// worker has let go; `BIFROST_NULL`, or `BIFROST_FORKED`.
/// Ownership: nothing changes hands.
/// Thread safety: any thread.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `provider` is null or not freed; `state` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_job_get_state(
    provider: *const ProviderHandle,
    ticket: u64,
    state: *mut u32,
) -> Code {
    guard(|| {
        // SAFETY: by contract.
        let handle = unsafe { ProviderHandle::borrow(provider) }?;
        let now = match handle.provider.job_state(JobId::from_word(ticket)) {
            None | Some(Phase::Free) => return Err(Code::Stale),
            Some(Phase::Entering | Phase::Queued) => JobState::Queued,
            Some(Phase::Delayed) => JobState::Delayed,
            Some(Phase::Running) => JobState::Running,
            Some(Phase::Decided | Phase::Published) => JobState::Ended,
        };
        // SAFETY: by contract.
        unsafe { write(state, now as u32) }
    })
}

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;

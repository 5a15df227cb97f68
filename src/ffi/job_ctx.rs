//! Job context: what a running job sees of itself.

#![expect(unsafe_code, reason = "exported symbols, and pointers from C")]

use super::boundary::{Called, guard_or};
use super::handle::get;
use super::job::BIFROST_FOREVER;
use crate::provider::JobContext;

/// What a running job sees of itself. Valid until the job's function returns, on any thread. Opaque.
#[derive(Debug)]
pub struct JobCtx {
    context: *const JobContext,
}

impl JobCtx {
    /// For as long as `context` lives.
    pub(super) fn new(context: &JobContext) -> Self {
        Self { context }
    }
}

/// What C's pointer stands for.
///
/// # Safety
///
/// `ctx` is null, or the job that it was given to runs throughout `'a`.
unsafe fn context<'a>(ctx: *const JobCtx) -> Called<&'a JobContext> {
    // SAFETY: by contract.
    let ctx = unsafe { get(ctx) }?;
    // SAFETY: the worker has the context until `run` returns.
    unsafe { get(ctx.context) }
}

/// Whether somebody wants the job to end: it was cancelled, its time is over, or a shutdown asks it to
/// stop. A job that runs for long should look now and then.
///
/// Parameters:
/// - `ctx`: the job's context.
///
/// Returns: whether it should return soon; false for null.
/// Ownership: nothing changes hands.
/// Thread safety: any thread, while the job's function runs.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `ctx` is null, or its job's function has not returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_job_ctx_is_cancelled(ctx: *const JobCtx) -> bool {
    // SAFETY: by contract.
    guard_or(false, || unsafe { context(ctx) }.is_ok_and(JobContext::is_cancelled))
}

/// How long the job may still run.
///
/// Parameters:
/// - `ctx`: the job's context.
///
/// Returns: nanoseconds; 0 if its time is over; `BIFROST_FOREVER` if nothing limits it, and for null.
/// Ownership: nothing changes hands.
/// Thread safety: any thread, while the job's function runs.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `ctx` is null, or its job's function has not returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_job_ctx_remaining_ns(ctx: *const JobCtx) -> u64 {
    guard_or(BIFROST_FOREVER, || {
        // SAFETY: by contract.
        let left = unsafe { context(ctx) }.ok().and_then(JobContext::time_left);
        left.map_or(BIFROST_FOREVER, |left| {
            u64::try_from(left.as_nanos()).unwrap_or(BIFROST_FOREVER)
        })
    })
}

/// Which attempt of the job this is.
///
/// Parameters:
/// - `ctx`: the job's context.
///
/// Returns: a number from 1; 0 for null.
/// Ownership: nothing changes hands.
/// Thread safety: any thread, while the job's function runs.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `ctx` is null, or its job's function has not returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_job_ctx_attempt(ctx: *const JobCtx) -> u32 {
    // SAFETY: by contract.
    guard_or(0, || unsafe { context(ctx) }.map_or(0, JobContext::attempt))
}

/// The job's own ticket.
///
/// Parameters:
/// - `ctx`: the job's context.
///
/// Returns: the ticket that its submission gave; 0, which no job has, for null.
/// Ownership: nothing changes hands.
/// Thread safety: any thread, while the job's function runs.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `ctx` is null, or its job's function has not returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_job_ctx_ticket(ctx: *const JobCtx) -> u64 {
    // SAFETY: by contract.
    guard_or(0, || unsafe { context(ctx) }.map_or(0, |context| context.id().as_word()))
}

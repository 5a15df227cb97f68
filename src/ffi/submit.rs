//! Submit: the ways in.

#![expect(unsafe_code, reason = "exported symbols, and pointers from C")]

use super::boundary::{Called, guard};
use super::cq::{Completion, CqHandle};
use super::handle::{Handle, check_len, get, slice, writable, write, write_optional};
use super::job::{JobSpec, may_block, refused};
use super::provider::ProviderHandle;
use crate::code::Code;
use crate::provider::{JobHandle, JobId, Submitted, SubmittedTo};

/// Lets one job in.
///
/// # Safety
///
/// The fields of `spec` are what the header says that they are.
unsafe fn submit(provider: &ProviderHandle, cq: Option<&CqHandle>, spec: &JobSpec) -> Called<u64> {
    // SAFETY: by contract.
    let job = unsafe { spec.to_job() }?;
    let accepted = match cq {
        Some(cq) => provider.provider.submit_to(&cq.queue, job),
        None => provider.provider.submit(job).map(|handle| handle.id()),
    };
    accepted.map(|id| id.as_word()).map_err(refused)
}

/// Lets jobs in until one is refused or is no good.
///
/// # Safety
///
/// The fields of each of `specs` are what the header says that they are.
unsafe fn submit_all(
    handle: &ProviderHandle,
    cq: Option<&CqHandle>,
    specs: &[JobSpec],
) -> (Vec<JobId>, Called) {
    let mut jobs = Vec::with_capacity(specs.len());
    let mut status = Ok(());
    for spec in specs {
        // SAFETY: by contract.
        match unsafe { spec.to_job() } {
            Ok(job) => jobs.push(job),
            Err(bad) => {
                status = Err(bad);
                break;
            }
        }
    }
    let (ids, rejection) = match cq {
        Some(cq) => {
            let SubmittedTo { ids, rejection } = handle.provider.submit_batch_to(&cq.queue, jobs);
            (ids, rejection)
        }
        None => {
            let Submitted { handles, rejection } = handle.provider.submit_batch(jobs);
            (handles.iter().map(JobHandle::id).collect(), rejection)
        }
    };
    (ids, rejection.map_or(status, |rejected| Err(refused(rejected))))
}

/// Submits a job. It never waits, whatever the overflow policy.
///
/// Parameters:
/// - `provider`: the provider.
/// - `cq`: where the completion goes; null if nobody wants to know.
/// - `job`: the job; the struct is copied.
/// - `ticket`: gets the job's ticket; may be null.
///
/// Returns: `BIFROST_OK` if the job is accepted. It is refused with `BIFROST_NULL` or `BIFROST_INVALID` for
/// a bad argument, `BIFROST_FORKED`, `BIFROST_QUEUE_FULL`, `BIFROST_LIMIT_REACHED` while too many
/// completions are unread, `BIFROST_NOT_READY`, or `BIFROST_SHUTTING_DOWN`. A blocking job at a provider
/// without blocking workers is `BIFROST_INVALID`. A queue is full as well while jobs that died in it stand
/// behind one that lives: `dead_slots` of `bifrost_provider_stats` counts them.
/// Ownership: `arg` is the library's if the job is accepted, and the caller's if not; see `bifrost_job`.
/// Thread safety: any thread, also inside a job.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `provider` and `cq` are null or not freed; `job` is null or points to a job; `ticket` is null or can be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_submit(
    provider: *const ProviderHandle,
    cq: *const CqHandle,
    job: *const JobSpec,
    ticket: *mut u64,
) -> Code {
    guard(|| {
        // SAFETY: by contract.
        let provider = unsafe { ProviderHandle::borrow(provider) }?;
        // SAFETY: by contract.
        let cq = unsafe { CqHandle::borrow_optional(cq) }?;
        // SAFETY: by contract.
        let job = unsafe { get(job) }?;
        if !ticket.is_null() {
            writable(ticket)?;
        }
        // SAFETY: by contract.
        let accepted = unsafe { submit(provider, cq, job) }?;
        // SAFETY: checked above.
        unsafe { write_optional(ticket, accepted) }
    })
}

/// Submits jobs in their order until one is refused. It never waits. It is cheaper than one by one: the
/// clock is read once, and workers are woken together when all jobs are in.
///
/// Parameters:
/// - `provider`: the provider.
/// - `cq`: where the completions go; null if nobody wants to know.
/// - `jobs`, `count`: the jobs; the structs are copied. With a count of 0, `jobs` may be null.
/// - `tickets`: gets the tickets of the accepted jobs, which are a prefix of the batch; has room for
///   `count`; may be null.
/// - `accepted`: gets how many were accepted, also if one was refused; stays as it is if the status is
///   `BIFROST_NULL`, `BIFROST_INVALID` or `BIFROST_FORKED` because of another argument than a job.
///
/// Returns: `BIFROST_OK` if all are accepted, else the status of the first refusal, as `bifrost_submit`. The
/// jobs behind it count as refused for the same reason.
/// Ownership: as `bifrost_submit`, for each job: those from the refused one on stay the caller's.
/// Thread safety: any thread, also inside a job.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `provider` and `cq` are null or not freed; `jobs` points to `count` jobs; `tickets` is null or has room
/// for `count`; `accepted` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_submit_batch(
    provider: *const ProviderHandle,
    cq: *const CqHandle,
    jobs: *const JobSpec,
    count: usize,
    tickets: *mut u64,
    accepted: *mut usize,
) -> Code {
    guard(|| {
        // SAFETY: by contract.
        let provider = unsafe { ProviderHandle::borrow(provider) }?;
        // SAFETY: by contract.
        let cq = unsafe { CqHandle::borrow_optional(cq) }?;
        writable(accepted)?;
        if !tickets.is_null() {
            writable(tickets)?;
        }
        // SAFETY: by contract.
        let jobs = unsafe { slice(jobs, count) }?;
        // SAFETY: by contract.
        let (ids, status) = unsafe { submit_all(provider, cq, jobs) };
        if !tickets.is_null() {
            for (place, id) in ids.iter().enumerate() {
                // SAFETY: there is room for as many tickets as jobs.
                unsafe { write(tickets.wrapping_add(place), id.as_word()) }?;
            }
        }
        // SAFETY: checked above.
        unsafe { write(accepted, ids.len()) }?;
        status
    })
}

/// Runs a job and waits for its outcome; `deadline_ns` of the job limits the wait. Under
/// `BIFROST_OVERFLOW_BLOCK` it also waits for space, for at most `block_timeout_ns`.
///
/// Parameters:
/// - `provider`: the provider.
/// - `job`: the job; the struct is copied.
/// - `completion`: gets the outcome.
///
/// Returns: `BIFROST_OK` if the job has an outcome, whatever it is: look at `completion.status`. Else the
/// job is refused, as by `bifrost_submit`, or with `BIFROST_WOULD_DEADLOCK` from inside a job that is not
/// `BIFROST_JOB_BLOCKING`.
/// Ownership: as `bifrost_submit`.
/// Thread safety: any thread.
/// Blocking: until the outcome is there.
/// Since: 0.1.
///
/// # Safety
///
/// `provider` is null or not freed; `job` is null or points to a job; `completion` is null or can be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_call(
    provider: *const ProviderHandle,
    job: *const JobSpec,
    completion: *mut Completion,
) -> Code {
    guard(|| {
        // SAFETY: by contract.
        let handle = unsafe { ProviderHandle::borrow(provider) }?;
        // SAFETY: by contract.
        let spec = unsafe { get(job) }?;
        writable(completion)?;
        if !may_block() {
            return Err(Code::WouldDeadlock);
        }
        // SAFETY: by contract.
        let job = unsafe { spec.to_job() }?;
        let accepted = handle.provider.submit_blocking(job).map_err(refused)?;
        let ended = handle.clock.block_on(accepted.completion());
        // SAFETY: checked above.
        unsafe { write(completion, Completion::from(ended)) }
    })
}

/// Room for completions as C gives it.
pub(super) fn check_room(out: *mut Completion, capacity: usize) -> Called {
    if capacity == 0 {
        return Ok(());
    }
    writable(out)?;
    check_len::<Completion>(capacity)
}

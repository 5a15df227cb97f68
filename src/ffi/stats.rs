//! Stats: the figures of a provider, and of everything as JSON.

#![expect(unsafe_code, reason = "exported symbols, and pointers from C")]

use super::boundary::guard;
use super::handle::{Handle, copy_text, writable, write};
use super::provider::{ProviderHandle, state_number};
use super::runtime::RuntimeHandle;
use super::sized::{self, Sized32};
use crate::code::Code;
use crate::stats::{Count, HistogramSnapshot, ProviderSnapshot};
use std::ffi::c_char;

/// Durations of one kind, in nanoseconds. A percentile is at most 1/16 above the exact one and never
/// below it; the rest is exact.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TimingStats {
    /// How many there were.
    pub count: u64,
    /// All of them together.
    pub sum_ns: u64,
    /// What half of them do not exceed.
    pub p50_ns: u64,
    /// What 90 % do not exceed.
    pub p90_ns: u64,
    /// What 99 % do not exceed.
    pub p99_ns: u64,
    /// What 99.9 % do not exceed.
    pub p999_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

impl From<&HistogramSnapshot> for TimingStats {
    fn from(times: &HistogramSnapshot) -> Self {
        Self {
            count: times.count(),
            sum_ns: times.sum(),
            p50_ns: times.p50(),
            p90_ns: times.p90(),
            p99_ns: times.p99(),
            p999_ns: times.p999(),
            max_ns: times.max(),
        }
    }
}

/// The figures of a provider. Set `struct_size` before the call. At any time
/// `submitted = rejected + accepted` and `accepted = ended + queued + delayed + running`, where `rejected`
/// and `ended` are the sums of what stands below them.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ProviderStats {
    /// `sizeof(bifrost_provider_stats)`.
    pub struct_size: u32,
    /// Where the provider is in its life, one of `bifrost_provider_state`.
    pub state: u32,
    /// Jobs that came to the door.
    pub submitted: u64,
    /// Jobs that were let in.
    pub accepted: u64,
    /// Jobs whose first attempt began.
    pub started: u64,
    /// Jobs in the queue.
    pub queued: u64,
    /// Jobs that wait outside queue and worker.
    pub delayed: u64,
    /// Jobs with a worker.
    pub running: u64,
    /// Jobs that were refused: the sum of the next eight.
    pub rejected: u64,
    /// Refused: the queue was full.
    pub queue_full: u64,
    /// Refused: the circuit breaker was open.
    pub circuit_open: u64,
    /// Refused: a limit on results, tenants, tasks or concurrency was reached.
    pub limit_reached: u64,
    /// Refused: no API key was usable in time.
    pub no_key: u64,
    /// Refused: the estimated wait was longer than the deadline allows.
    pub deadline_unmeetable: u64,
    /// Refused: the provider was not ready yet.
    pub not_ready: u64,
    /// Refused: the provider was draining or stopped.
    pub shutting_down: u64,
    /// Refused: the job or one of its options was invalid.
    pub invalid: u64,
    /// Jobs that have an outcome: the sum of the next eleven.
    pub ended: u64,
    /// Outcome: the function returned in time.
    pub completed: u64,
    /// Outcome: the job or its transport failed.
    pub failed: u64,
    /// Outcome: the job's time to wait was over before it ran.
    pub timed_out_queue: u64,
    /// Outcome: the job's time to run was over.
    pub timed_out_exec: u64,
    /// Outcome: dropped from a full queue.
    pub dropped_overflow: u64,
    /// Outcome: dropped by the queue delay controller.
    pub dropped_codel: u64,
    /// Outcome: cancelled by its submitter.
    pub cancelled_caller: u64,
    /// Outcome: cancelled by the shutdown.
    pub cancelled_shutdown: u64,
    /// Outcome: cancelled by a token above its own.
    pub cancelled_parent: u64,
    /// Outcome: panicked.
    pub panicked: u64,
    /// Outcome: still ran when the last grace of the shutdown ended.
    pub abandoned: u64,
    /// Results that came after their job had been decided otherwise.
    pub late_results: u64,
    /// Jobs that the queues can hold, the one of blocking jobs included.
    pub queue_capacity: u64,
    /// Places of the queue held by jobs that have ended already.
    pub dead_slots: u64,
    /// Job records in the pool.
    pub records_capacity: u64,
    /// Job records that no job holds.
    pub records_free: u64,
    /// Async workers that there are.
    pub workers: u64,
    /// Async workers that have a job.
    pub workers_busy: u64,
    /// Blocking workers that there are.
    pub blocking_workers: u64,
    /// Blocking workers that have a job.
    pub blocking_workers_busy: u64,
    /// Workers of both kinds held by a job that was decided without them.
    pub zombies: u64,
    /// How long jobs waited before they started.
    pub wait: TimingStats,
    /// How long they ran.
    pub run: TimingStats,
}

// SAFETY: integers without padding, the size first.
unsafe impl Sized32 for ProviderStats {
    const FIRST: usize = 416;
}

const _: () = assert!(size_of::<ProviderStats>() == ProviderStats::FIRST);

impl ProviderStats {
    fn new(snapshot: &ProviderSnapshot, state: u32) -> Self {
        let ledger = &snapshot.ledger;
        let (workers, blocking) = (&snapshot.workers, &snapshot.blocking_workers);
        Self {
            struct_size: 0,
            state,
            submitted: ledger.submitted(),
            accepted: ledger.accepted(),
            started: ledger.started(),
            queued: ledger.queued(),
            delayed: ledger.delayed(),
            running: ledger.running(),
            rejected: ledger.rejected(),
            queue_full: ledger.get(Count::QueueFull),
            circuit_open: ledger.get(Count::CircuitOpen),
            limit_reached: ledger.get(Count::LimitReached),
            no_key: ledger.get(Count::NoKey),
            deadline_unmeetable: ledger.get(Count::DeadlineUnmeetable),
            not_ready: ledger.get(Count::NotReady),
            shutting_down: ledger.get(Count::ShuttingDown),
            invalid: ledger.get(Count::Invalid),
            ended: ledger.ended(),
            completed: ledger.get(Count::Completed),
            failed: ledger.get(Count::Failed),
            timed_out_queue: ledger.get(Count::TimedOutQueue),
            timed_out_exec: ledger.get(Count::TimedOutExec),
            dropped_overflow: ledger.get(Count::DroppedOverflow),
            dropped_codel: ledger.get(Count::DroppedCodel),
            cancelled_caller: ledger.get(Count::CancelledCaller),
            cancelled_shutdown: ledger.get(Count::CancelledShutdown),
            cancelled_parent: ledger.get(Count::CancelledParent),
            panicked: ledger.get(Count::Panicked),
            abandoned: ledger.get(Count::Abandoned),
            late_results: ledger.get(Count::LateResults),
            queue_capacity: snapshot.queue.capacity,
            dead_slots: snapshot.queue.dead_slots,
            records_capacity: snapshot.records.capacity,
            records_free: snapshot.records.free,
            workers: workers.spawned,
            workers_busy: workers.busy,
            blocking_workers: blocking.spawned,
            blocking_workers_busy: blocking.busy,
            zombies: workers.zombie + blocking.zombie,
            wait: TimingStats::from(&snapshot.wait),
            run: TimingStats::from(&snapshot.run),
        }
    }
}

/// The figures of a provider at this moment, also after its shutdown.
///
/// Parameters:
/// - `provider`: the provider.
/// - `stats`: gets the figures, as far as its `struct_size` goes.
///
/// Returns: `BIFROST_OK`, `BIFROST_NULL`, `BIFROST_FORKED`, or `BIFROST_VERSION` for a struct of another
/// version.
/// Ownership: nothing changes hands.
/// Thread safety: any thread.
/// Blocking: never, but it is no call for every job.
/// Since: 0.1.
///
/// # Safety
///
/// `provider` is null or not freed; `stats` is null or has the size that it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_provider_stats_get(
    provider: *const ProviderHandle,
    stats: *mut ProviderStats,
) -> Code {
    guard(|| {
        // SAFETY: by contract.
        let provider = &unsafe { ProviderHandle::borrow(provider) }?.provider;
        writable(stats)?;
        // SAFETY: by contract.
        unsafe { sized::check_optional(stats) }?;
        let figures = ProviderStats::new(&provider.snapshot(), state_number(provider.state()));
        // SAFETY: by contract.
        unsafe { sized::write(stats, &figures) }
    })
}

/// The figures of all providers and their totals as one JSON object on one line.
///
/// Parameters:
/// - `runtime`: the runtime.
/// - `buffer`: where the text goes, NUL-terminated and cut to fit; may be null.
/// - `capacity`: the bytes that `buffer` has; may be 0.
/// - `length`: gets the length of the whole text in bytes without its NUL. If it is not below `capacity`,
///   call again with more room; the text may have grown meanwhile.
///
/// Returns: `BIFROST_OK`, also if the text was cut, `BIFROST_NULL`, or `BIFROST_FORKED`.
/// Ownership: the buffer stays the caller's.
/// Thread safety: any thread.
/// Blocking: for a short lock; it allocates.
/// Since: 0.1.
///
/// # Safety
///
/// `runtime` is null or not freed; `buffer` is null or has room for `capacity` bytes; `length` is null or
/// can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_runtime_stats_json(
    runtime: *const RuntimeHandle,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> Code {
    guard(|| {
        // SAFETY: by contract.
        let runtime = &unsafe { RuntimeHandle::borrow(runtime) }?.runtime;
        writable(length)?;
        let text = runtime.snapshot().to_json();
        // SAFETY: by contract.
        let needed = unsafe { copy_text(&text, buffer, capacity) };
        // SAFETY: checked above.
        unsafe { write(length, needed) }
    })
}

//! Provider: one upstream with its own queue, workers, limits and figures.

#![expect(unsafe_code, reason = "exported symbols, and pointers from C")]

use super::boundary::{Called, guard};
use super::fork::Birth;
use super::handle::{Handle, slice, writable, write};
use super::job::{BIFROST_FOREVER, may_block};
use super::last_error::{keep, told};
use super::runtime::{RuntimeHandle, duration, status_of};
use super::sized::{self, Sized32};
use crate::code::Code;
use crate::config::{DriverMode, OverflowPolicy, ProviderConfig, WorkerRange};
use crate::provider::{LifeState, Provider};
use crate::time::Clock;
use std::ffi::c_char;
use std::time::Duration;

/// A handle of a provider. Several handles may be of the same provider. Opaque.
#[derive(Debug)]
pub struct ProviderHandle {
    birth: Birth,
    pub(super) provider: Provider,
    pub(super) clock: Clock,
}

impl Handle for ProviderHandle {
    fn birth(&self) -> Birth {
        self.birth
    }
}

/// `bifrost_provider_options.queue_capacity`: no job waits. One is only let in while a worker has nothing
/// to do.
pub const BIFROST_QUEUE_DIRECT: u32 = u32::MAX;

/// What a submission does when the queue is full.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// As `BIFROST_OVERFLOW_ERROR`.
    Default = 0,
    /// It is refused at once with `BIFROST_QUEUE_FULL`.
    Error = 1,
    /// The job is accepted and ends at once as `BIFROST_DROPPED_OVERFLOW`.
    DropNewest = 2,
    /// The oldest job of the queue ends as `BIFROST_DROPPED_OVERFLOW`, and the new one takes its place.
    DropOldest = 3,
    /// `bifrost_call` waits for space, for at most `block_timeout_ns`; `bifrost_submit` and
    /// `bifrost_submit_batch` never wait and are refused.
    Block = 4,
}

/// Settings of a provider. Set everything to zero, `struct_size` to the struct's size, and then what you
/// want: zero is the default.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ProviderOptions {
    /// `sizeof(bifrost_provider_options)`.
    pub struct_size: u32,
    /// One of `bifrost_overflow`.
    pub overflow: u32,
    /// Async workers that are there from the start; default: 10, or `workers_max` where that is less.
    pub workers_min: u32,
    /// Async workers that there may be; default: 100, or `workers_min` where that is more.
    pub workers_max: u32,
    /// Blocking workers that are there from the start, each a thread; default: 0.
    pub blocking_workers_min: u32,
    /// Blocking workers that there may be; default: 8, or `blocking_workers_min` where that is more.
    pub blocking_workers_max: u32,
    /// Jobs of normal priority that may wait, of blocking and of other ones each; default: 256.
    /// `BIFROST_QUEUE_DIRECT`: no job waits, whatever its priority, and there are no lanes.
    pub queue_capacity: u32,
    /// Completions that may be unread, in all queues together, before submissions are refused with
    /// `BIFROST_LIMIT_REACHED`; default: 128.
    pub result_buffer: u32,
    /// Driver threads of the provider's own; default: none, it shares those of the runtime.
    pub drivers: u32,
    /// Zero.
    pub reserved: u32,
    /// How long `BIFROST_OVERFLOW_BLOCK` waits; needed there, zero elsewhere.
    pub block_timeout_ns: u64,
    /// How long a job may wait before it starts; default: 5 s.
    pub queue_timeout_ns: u64,
    /// How long a job may run from its start; default: 60 s.
    pub exec_timeout_ns: u64,
    /// Jobs of a priority above 0 that may wait, likewise; default: as `queue_capacity`.
    pub queue_capacity_high: u32,
    /// Jobs of a priority below 0 that may wait, likewise; default: as `queue_capacity`.
    pub queue_capacity_low: u32,
}

// SAFETY: integers without padding, the size first.
unsafe impl Sized32 for ProviderOptions {
    const FIRST: usize = 64;
}

/// Where a provider is in its life.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProviderState {
    /// Made, nothing started.
    Init = 0,
    /// Its first workers are being started.
    Spawning = 1,
    /// Its health is being checked.
    Checking = 2,
    /// Takes jobs.
    Ready = 3,
    /// Takes jobs, but something is wrong: a failed health check, too many zombies.
    Degraded = 4,
    /// Takes no more jobs and ends those that it has.
    Draining = 5,
    /// Everything has ended.
    Stopped = 6,
    /// Could not be started.
    Failed = 7,
}

/// The number that C sees.
pub(super) fn state_number(state: LifeState) -> u32 {
    let state = match state {
        LifeState::Init => ProviderState::Init,
        LifeState::Spawning => ProviderState::Spawning,
        LifeState::Checking => ProviderState::Checking,
        LifeState::Ready => ProviderState::Ready,
        LifeState::Degraded => ProviderState::Degraded,
        LifeState::Draining => ProviderState::Draining,
        LifeState::Stopped => ProviderState::Stopped,
        LifeState::Failed => ProviderState::Failed,
    };
    state as u32
}

/// A name as C passes it.
///
/// # Safety
///
/// `name` is null or valid for reads of `len` bytes throughout `'a`.
unsafe fn name_of<'a>(name: *const c_char, len: usize) -> Called<&'a str> {
    if name.is_null() {
        return Err(Code::Null);
    }
    // SAFETY: by contract.
    let bytes = unsafe { slice(name.cast::<u8>(), len) }?;
    std::str::from_utf8(bytes).map_err(|error| keep(Code::Invalid, error))
}

fn workers(min: u32, max: u32, default: WorkerRange) -> WorkerRange {
    let (min, max) = (min as usize, max as usize);
    match (min, max) {
        (0, 0) => default,
        (0, max) => WorkerRange { min: default.min.min(max), max },
        (min, 0) => WorkerRange { min, max: default.max.max(min) },
        (min, max) => WorkerRange { min, max },
    }
}

fn overflow(options: &ProviderOptions) -> Called<OverflowPolicy> {
    let policy = match options.overflow {
        0 | 1 => OverflowPolicy::Error,
        2 => OverflowPolicy::DropNewest,
        3 => OverflowPolicy::DropOldest,
        4 if options.block_timeout_ns == 0 => {
            return Err(keep(Code::Invalid, "block_timeout_ns = 0 with BIFROST_OVERFLOW_BLOCK"));
        }
        4 => OverflowPolicy::Block(duration(options.block_timeout_ns, Duration::ZERO)),
        other => {
            return Err(keep(Code::Invalid, format_args!("overflow = {other}; 0 to 4")));
        }
    };
    if options.block_timeout_ns != 0 && !matches!(policy, OverflowPolicy::Block(_)) {
        return Err(keep(Code::Invalid, "block_timeout_ns without BIFROST_OVERFLOW_BLOCK"));
    }
    Ok(policy)
}

fn config(name: &str, options: &ProviderOptions) -> Called<ProviderConfig> {
    let mut config = ProviderConfig::new(name).overflow(overflow(options)?);
    if options.reserved != 0 {
        return Err(Code::Version);
    }
    config.workers = workers(options.workers_min, options.workers_max, config.workers);
    let (min, max) = (options.blocking_workers_min, options.blocking_workers_max);
    config.blocking_workers = workers(min, max, config.blocking_workers);
    match options.queue_capacity {
        0 => {}
        BIFROST_QUEUE_DIRECT => config.queue_capacity = 0,
        places => config.queue_capacity = places as usize,
    }
    let given = |jobs: u32| (jobs != 0).then_some(jobs as usize);
    config.queue_capacity_high = given(options.queue_capacity_high);
    config.queue_capacity_low = given(options.queue_capacity_low);
    if options.result_buffer != 0 {
        config.result_buffer = options.result_buffer as usize;
    }
    if options.drivers != 0 {
        config.drivers = DriverMode::Dedicated(options.drivers as usize);
    }
    config.queue_timeout = duration(options.queue_timeout_ns, config.queue_timeout);
    config.timeout = match options.exec_timeout_ns {
        BIFROST_FOREVER => Duration::from_secs(24 * 3600),
        nanos => duration(nanos, config.timeout),
    };
    Ok(config)
}

/// Adds a provider to a running runtime, starts its first workers and opens its door.
///
/// Parameters:
/// - `runtime`: the runtime.
/// - `name`, `name_len`: its name, UTF-8, not necessarily NUL-terminated; unique in the runtime.
/// - `options`: its settings; null for all defaults.
/// - `out`: gets a handle of the provider.
///
/// Returns: `BIFROST_OK`, `BIFROST_NULL`, `BIFROST_INVALID`, `BIFROST_VERSION` for options of another
/// version, `BIFROST_CONFIG` for a setting out of range, `BIFROST_EXISTS`, `BIFROST_SHUTTING_DOWN`,
/// `BIFROST_LIMIT_REACHED`, `BIFROST_NO_MEMORY`, `BIFROST_FORKED`, or `BIFROST_WOULD_DEADLOCK` from inside
/// a job that must not block; the text is kept for `bifrost_last_error`.
/// Ownership: the handle is the caller's, until `bifrost_provider_free`; name and options stay the
/// caller's.
/// Thread safety: any thread.
/// Blocking: while workers are started and health is checked.
/// Since: 0.1.
///
/// # Safety
///
/// `runtime` is null or not freed; `name` has `name_len` bytes; `options` is null or has the size that it
/// says; `out` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_provider_new(
    runtime: *const RuntimeHandle,
    name: *const c_char,
    name_len: usize,
    options: *const ProviderOptions,
    out: *mut *mut ProviderHandle,
) -> Code {
    told(|| {
        // SAFETY: by contract.
        let runtime = &unsafe { RuntimeHandle::borrow(runtime) }?.runtime;
        writable(out)?;
        // SAFETY: by contract.
        let name = unsafe { name_of(name, name_len) }?;
        // SAFETY: by contract.
        let config = config(name, &unsafe { sized::read(options) }?)?;
        if !may_block() {
            return Err(Code::WouldDeadlock);
        }
        let provider = runtime.add_blocking(config).map_err(|error| status_of(&error))?;
        let clock = runtime.clock().clone();
        // SAFETY: checked above.
        unsafe { ProviderHandle { birth: Birth::now(), provider, clock }.give(out) }
    })
}

/// Finds a provider by its name.
///
/// Parameters:
/// - `runtime`: the runtime.
/// - `name`, `name_len`: the name, UTF-8, not necessarily NUL-terminated.
/// - `out`: gets a handle of the provider, one more than there were.
///
/// Returns: `BIFROST_OK`, `BIFROST_NULL`, `BIFROST_INVALID`, `BIFROST_FORKED`, or `BIFROST_NOT_FOUND`.
/// Ownership: the handle is the caller's, until `bifrost_provider_free`.
/// Thread safety: any thread.
/// Blocking: for a short lock.
/// Since: 0.1.
///
/// # Safety
///
/// `runtime` is null or not freed; `name` has `name_len` bytes; `out` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_provider_find(
    runtime: *const RuntimeHandle,
    name: *const c_char,
    name_len: usize,
    out: *mut *mut ProviderHandle,
) -> Code {
    guard(|| {
        // SAFETY: by contract.
        let runtime = &unsafe { RuntimeHandle::borrow(runtime) }?.runtime;
        writable(out)?;
        // SAFETY: by contract.
        let name = unsafe { name_of(name, name_len) }?;
        let provider = runtime.provider(name).ok_or(Code::NotFound)?;
        let clock = runtime.clock().clone();
        // SAFETY: checked above.
        unsafe { ProviderHandle { birth: Birth::now(), provider, clock }.give(out) }
    })
}

/// Where a provider is in its life.
///
/// Parameters:
/// - `provider`: the provider.
/// - `state`: gets one of `bifrost_provider_state`.
///
/// Returns: `BIFROST_OK`, `BIFROST_NULL`, or `BIFROST_FORKED`.
/// Ownership: nothing changes hands.
/// Thread safety: any thread.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `provider` is null or not freed; `state` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_provider_get_state(
    provider: *const ProviderHandle,
    state: *mut u32,
) -> Code {
    guard(|| {
        // SAFETY: by contract.
        let handle = unsafe { ProviderHandle::borrow(provider) }?;
        // SAFETY: by contract.
        unsafe { write(state, state_number(handle.provider.state())) }
    })
}

/// Frees a handle of a provider. The provider goes on; it ends with its runtime.
///
/// Parameters:
/// - `provider`: the handle; null does nothing.
///
/// Returns: `BIFROST_OK`, or `BIFROST_FORKED`: it is not freed then.
/// Ownership: the handle is gone after `BIFROST_OK`; freeing it again is undefined.
/// Thread safety: nobody else may use the handle meanwhile; other handles of the provider are of no
/// concern.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `provider` is null or not freed, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_provider_free(provider: *mut ProviderHandle) -> Code {
    // SAFETY: by contract.
    guard(|| unsafe { ProviderHandle::take(provider) }.map(drop))
}

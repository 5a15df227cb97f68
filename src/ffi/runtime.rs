//! Runtime: the threads that drive providers, and the end of everything.

#![expect(unsafe_code, reason = "exported symbols, and pointers from C")]

use super::boundary::{Called, guard};
use super::fork::Birth;
use super::handle::{Handle, writable};
use super::job::{BIFROST_FOREVER, may_block};
use super::last_error::{keep, told};
use super::sized::{self, Sized32};
use crate::code::Code;
use crate::config::RuntimeConfig;
use crate::provider::StartError;
use crate::runtime::{Error, Runtime};
use crate::{ShutdownMode as Mode, ShutdownReport as Report};
use std::time::Duration;

/// A runtime: driver threads and the providers that they drive. Opaque.
#[derive(Debug)]
pub struct RuntimeHandle {
    birth: Birth,
    pub(super) runtime: Runtime,
}

impl Handle for RuntimeHandle {
    fn birth(&self) -> Birth {
        self.birth
    }
}

/// What `BIFROST_FOREVER` means for `spin_ns`.
const LONGEST_SPIN: Duration = Duration::from_millis(10);

/// Settings of a runtime. Set everything to zero, `struct_size` to the struct's size, and then what you
/// want: zero is the default.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RuntimeOptions {
    /// `sizeof(bifrost_runtime_options)`.
    pub struct_size: u32,
    /// Threads that drive all providers together, up to 256; default: the machine's cores.
    pub drivers: u32,
    /// How long running jobs may take to finish at shutdown before they are cancelled; default: 10 s.
    /// `BIFROST_FOREVER` is the longest, one hour.
    pub shutdown_timeout_ns: u64,
    /// How long a driver thread looks for work before it sleeps; default: 20 us. 1 is next to nothing,
    /// `BIFROST_FOREVER` the longest, 10 ms.
    pub spin_ns: u64,
}

// SAFETY: integers without padding, the size first.
unsafe impl Sized32 for RuntimeOptions {
    const FIRST: usize = 16;
}

/// What a shutdown does with jobs that wait.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShutdownMode {
    /// They end as cancelled by the shutdown.
    Cancel = 0,
    /// They run.
    Finish = 1,
}

/// What a shutdown did. Set `struct_size` before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ShutdownReport {
    /// `sizeof(bifrost_shutdown_report)`.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Jobs that ended by themselves after the shutdown began.
    pub finished: u64,
    /// Jobs that the shutdown cancelled.
    pub cancelled: u64,
    /// Jobs that were given up when the last grace was over.
    pub abandoned: u64,
    /// Jobs that have an outcome while a thread is still busy with them: their `drop` is yet to come.
    pub zombies: u64,
}

// SAFETY: integers without padding, the size first.
unsafe impl Sized32 for ShutdownReport {
    const FIRST: usize = 40;
}

/// The longest time that an option takes.
const LONGEST: Duration = Duration::from_secs(3600);

/// A duration of an option: zero is the default, for ever is the longest.
pub(super) fn duration(nanos: u64, default: Duration) -> Duration {
    match nanos {
        0 => default,
        BIFROST_FOREVER => LONGEST,
        nanos => Duration::from_nanos(nanos),
    }
}

/// The status of an error, whose text is kept for `bifrost_last_error`.
pub(super) fn status_of(error: &Error) -> Code {
    let code = match error {
        Error::Config(_) | Error::Provider(_, StartError::Config(_)) => Code::Config,
        Error::Duplicate(_) => Code::Exists,
        Error::Provider(_, StartError::TooMany) => Code::LimitReached,
        Error::Provider(_, StartError::Thread(_)) | Error::Thread(_) => Code::NoMemory,
        Error::ShuttingDown => Code::ShuttingDown,
        #[cfg(feature = "http")]
        Error::Http(..) => Code::Config,
    };
    keep(code, error)
}

/// Makes a runtime and starts its threads. They take no signals of the program.
///
/// Parameters:
/// - `options`: the settings; null for all defaults.
/// - `out`: gets the runtime.
///
/// Returns: `BIFROST_OK`, `BIFROST_NULL`, `BIFROST_VERSION` for options of another version,
/// `BIFROST_CONFIG` for a setting out of range, or `BIFROST_NO_MEMORY` if the system gives no thread; the
/// text is kept for `bifrost_last_error`.
/// Ownership: the runtime is the caller's, until `bifrost_runtime_free`; the options stay the caller's.
/// Thread safety: any thread, at any time.
/// Blocking: while threads are started.
/// Since: 0.1.
///
/// # Safety
///
/// `options` is null or has the size that it says; `out` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_runtime_new(
    options: *const RuntimeOptions,
    out: *mut *mut RuntimeHandle,
) -> Code {
    told(|| {
        writable(out)?;
        // SAFETY: by contract.
        let options = unsafe { sized::read(options) }?;
        let mut config = RuntimeConfig::default();
        if options.drivers != 0 {
            config.drivers = options.drivers as usize;
        }
        config.shutdown_timeout = duration(options.shutdown_timeout_ns, config.shutdown_timeout);
        config.spin = duration(options.spin_ns, config.spin).min(LONGEST_SPIN);
        let birth = Birth::now();
        let built = Runtime::builder().config(config).build();
        let runtime = built.map_err(|error| status_of(&error))?;
        // SAFETY: checked above.
        unsafe { RuntimeHandle { birth, runtime }.give(out) }
    })
}

/// Ends every provider: nothing more is accepted, jobs that wait run or are cancelled, jobs that run get
/// the runtime's `shutdown_timeout_ns` and, after they were asked to stop, one second more. Then the
/// runtime's threads end. Called again, it waits for the same end.
///
/// Parameters:
/// - `runtime`: the runtime.
/// - `mode`: `BIFROST_SHUTDOWN_CANCEL` or `BIFROST_SHUTDOWN_FINISH`, for jobs that wait.
/// - `report`: gets what was done; may be null.
///
/// Returns: `BIFROST_OK`, `BIFROST_NULL`, `BIFROST_INVALID` for another mode, `BIFROST_VERSION` for a
/// report of another version, `BIFROST_FORKED`, or `BIFROST_WOULD_DEADLOCK` from inside a job of this
/// runtime; nothing has happened then.
/// Ownership: the runtime and all handles stay the caller's, and are to be freed as ever.
/// Thread safety: any thread.
/// Blocking: until the jobs have ended, as long as the settings allow.
/// Since: 0.1.
///
/// # Safety
///
/// `runtime` is null or not freed; `report` is null or has the size that it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_runtime_shutdown(
    runtime: *mut RuntimeHandle,
    mode: u32,
    report: *mut ShutdownReport,
) -> Code {
    guard(|| {
        // SAFETY: by contract.
        let handle = unsafe { RuntimeHandle::borrow(runtime) }?;
        let mode = match mode {
            0 => Mode::Cancel,
            1 => Mode::Finish,
            _ => return Err(Code::Invalid),
        };
        // SAFETY: by contract.
        unsafe { sized::check_optional(report) }?;
        let done = shut_down(&handle.runtime, mode)?;
        if report.is_null() {
            return Ok(());
        }
        // SAFETY: by contract.
        unsafe { sized::write(report, &done) }
    })
}

fn shut_down(runtime: &Runtime, mode: Mode) -> Called<ShutdownReport> {
    if !may_block() {
        return Err(Code::WouldDeadlock);
    }
    let report =
        runtime.shutdown_blocking(mode).map_err(|error| keep(Code::WouldDeadlock, error))?;
    let Report { finished, cancelled, abandoned, zombies } = report;
    let zombies = zombies.len() as u64;
    Ok(ShutdownReport { struct_size: 0, reserved: 0, finished, cancelled, abandoned, zombies })
}

/// Shuts the runtime down as `bifrost_runtime_shutdown` with `BIFROST_SHUTDOWN_CANCEL` does, unless that
/// has happened, and frees it. Handles of its providers and completion queues stay valid; jobs are refused
/// with `BIFROST_SHUTTING_DOWN`. A runtime that is not freed when the process ends is no fault.
///
/// Parameters:
/// - `runtime`: the runtime; null does nothing.
///
/// Returns: `BIFROST_OK`; or `BIFROST_FORKED` or, from inside a job of this runtime,
/// `BIFROST_WOULD_DEADLOCK`: it is not freed then.
/// Ownership: the runtime is gone after `BIFROST_OK`; freeing it again is undefined.
/// Thread safety: nobody else may use the runtime meanwhile.
/// Blocking: as `bifrost_runtime_shutdown`.
/// Since: 0.1.
///
/// # Safety
///
/// `runtime` is null or not freed, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_runtime_free(runtime: *mut RuntimeHandle) -> Code {
    guard(|| {
        // SAFETY: by contract.
        if let Some(handle) = unsafe { RuntimeHandle::borrow_optional(runtime) }? {
            shut_down(&handle.runtime, Mode::Cancel)?;
        }
        // SAFETY: by contract.
        unsafe { RuntimeHandle::take(runtime) }.map(drop)
    })
}

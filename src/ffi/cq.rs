//! Completion queue: how jobs ended, polled, waited for, or told to an event loop.

#![expect(unsafe_code, reason = "exported symbols, and pointers from C")]

use super::boundary::{Called, guard, guard_or};
use super::fork::Birth;
use super::handle::{Handle, writable, write};
use super::job::{BIFROST_FOREVER, may_block};
use super::last_error::{keep, told};
use super::runtime::RuntimeHandle;
use super::signal::Signal;
use super::submit::check_room;
use crate::code::Code;
use crate::provider::{Completion as Ended, CompletionQueue, Outcome};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::time::{Clock, Deadline};
use event_listener::Event;
use futures_lite::future::or;
use std::cell::Cell;
use std::ffi::c_int;
use std::time::Duration;

/// How a job ended. FROZEN: 40 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Completion {
    /// The number that the job was submitted with.
    pub user_data: u64,
    /// The job's ticket.
    pub ticket: u64,
    /// What the job's function returned, if the status is `BIFROST_OK`; else 0.
    pub result: i64,
    /// `BIFROST_OK` if the function returned in time, whatever it returned; else why not, one of
    /// `bifrost_status`.
    pub status: i32,
    /// Zero; ignore bits that you do not know.
    pub flags: u32,
    /// Microseconds that the job waited, up to 2^32 - 1.
    pub queue_us: u32,
    /// Microseconds that the job ran, up to 2^32 - 1.
    pub run_us: u32,
}

const _: () = {
    assert!(size_of::<Completion>() == 40 && align_of::<Completion>() == align_of::<u64>());
    assert!(std::mem::offset_of!(Completion, status) == 24);
    assert!(std::mem::offset_of!(Completion, run_us) == 36);
};

impl From<Ended<i64>> for Completion {
    fn from(ended: Ended<i64>) -> Self {
        let status = ended.outcome.code().number();
        let result = if let Outcome::Completed(result) = ended.outcome { result } else { 0 };
        Self {
            user_data: ended.user_data,
            ticket: ended.id.as_word(),
            result,
            status,
            flags: 0,
            queue_us: micros(ended.queued_for),
            run_us: micros(ended.ran_for),
        }
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// A queue of completions, for the jobs of any number of providers. Opaque.
#[derive(Debug)]
pub struct CqHandle {
    birth: Birth,
    pub(super) queue: CompletionQueue<i64>,
    clock: Clock,
    signal: Arc<Signal>,
    /// Somebody asked the next waiter, or the event loop, to come back.
    woken: AtomicBool,
    waking: Event,
}

impl Handle for CqHandle {
    fn birth(&self) -> Birth {
        self.birth
    }
}

impl CqHandle {
    fn take_wake(&self) -> bool {
        // ORDERING: Relaxed: the flag carries nothing. That it is not missed is the doing of the event's
        // fences, of `notify` behind the store and of `listen` before this, and of the descriptor.
        self.woken.swap(false, Ordering::Relaxed)
    }

    async fn until_woken(&self) {
        loop {
            let waking = self.waking.listen();
            if self.take_wake() {
                return;
            }
            waking.await;
        }
    }

    fn wake(&self) {
        // ORDERING: Relaxed: as in `take_wake`.
        self.woken.store(true, Ordering::Relaxed);
        self.waking.notify(usize::MAX);
        self.signal.ring();
    }
}

/// The caller's room for completions, filled one by one.
struct Room {
    first: *mut Completion,
    filled: Cell<usize>,
}

impl Room {
    /// Writes one more.
    ///
    /// # Safety
    ///
    /// There is room for more than were pushed.
    unsafe fn push(&self, ended: Ended<i64>) {
        let filled = self.filled.get();
        // SAFETY: by contract.
        let place = unsafe { self.first.add(filled) };
        // SAFETY: by contract.
        unsafe { place.write(ended.into()) };
        self.filled.set(filled + 1);
    }
}

/// Makes an empty completion queue.
///
/// Parameters:
/// - `runtime`: the runtime whose clock its waits use.
/// - `out`: gets the queue.
///
/// Returns: `BIFROST_OK`, `BIFROST_NULL`, `BIFROST_FORKED`, or `BIFROST_SYSTEM` if there is no descriptor
/// to be had; the text is kept for `bifrost_last_error`.
/// Ownership: the queue is the caller's, until `bifrost_cq_free`; the runtime may be freed before.
/// Thread safety: any thread.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `runtime` is null or not freed; `out` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_cq_new(
    runtime: *const RuntimeHandle,
    out: *mut *mut CqHandle,
) -> Code {
    told(|| {
        // SAFETY: by contract.
        let clock = unsafe { RuntimeHandle::borrow(runtime) }?.runtime.clock().clone();
        writable(out)?;
        let signal = Signal::open().map_err(|error| keep(Code::System, error))?;
        let signal = Arc::new(signal);
        let ringing = Arc::clone(&signal);
        let queue = CompletionQueue::with_notify(&clock, move || ringing.came());
        let (birth, waking) = (Birth::now(), Event::new());
        let woken = AtomicBool::new(false);
        // SAFETY: checked above.
        unsafe { CqHandle { birth, queue, clock, signal, woken, waking }.give(out) }
    })
}

/// Takes the completions that are there, without waiting.
///
/// Parameters:
/// - `cq`: the queue.
/// - `out`, `capacity`: where they go, and how many fit. Completions of one provider come in the order in
///   which its jobs ended.
///
/// Returns: how many were taken; 0 as well if an argument is null or the process was forked.
/// Ownership: completions are plain numbers.
/// Thread safety: any thread; each completion is taken once.
/// Blocking: for a short lock, if another thread polls the same queue.
/// Since: 0.1.
///
/// # Safety
///
/// `cq` is null or not freed; `out` has room for `capacity` completions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_cq_poll(
    cq: *const CqHandle,
    out: *mut Completion,
    capacity: usize,
) -> usize {
    guard_or(0, || {
        // SAFETY: by contract.
        let Ok(handle) = (unsafe { CqHandle::borrow(cq) }) else { return 0 };
        if check_room(out, capacity).is_err() {
            return 0;
        }
        let room = Room { first: out, filled: Cell::new(0) };
        // SAFETY: the queue hands out at most `capacity`.
        handle.queue.poll(capacity, |ended| unsafe { room.push(ended) })
    })
}

/// Takes completions and waits for them, if there are too few.
///
/// Parameters:
/// - `cq`: the queue.
/// - `out`, `capacity`: where they go, and how many fit.
/// - `least`: how many to wait for; more than `capacity` counts as `capacity`.
/// - `timeout_ns`: how long to wait at most; 0 does not wait, `BIFROST_FOREVER` waits as long as it takes.
/// - `count`: gets how many were taken, also if they are fewer than `least`.
///
/// Returns: `BIFROST_OK` if at least `least` were taken, `BIFROST_TIMED_OUT` if the time is over,
/// `BIFROST_EMPTY` if `bifrost_cq_wake` ended the wait; in these three cases `out` has `count` completions.
/// Else `BIFROST_NULL`, `BIFROST_INVALID`, `BIFROST_FORKED`, or `BIFROST_WOULD_DEADLOCK` from inside a job
/// that is not `BIFROST_JOB_BLOCKING`.
/// Ownership: completions are plain numbers.
/// Thread safety: any thread; each completion is taken once.
/// Blocking: as the parameters say.
/// Since: 0.1.
///
/// # Safety
///
/// `cq` is null or not freed; `out` has room for `capacity` completions; `count` is null or can be written
/// to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_cq_wait(
    cq: *const CqHandle,
    out: *mut Completion,
    capacity: usize,
    least: usize,
    timeout_ns: u64,
    count: *mut usize,
) -> Code {
    guard(|| {
        // SAFETY: by contract.
        let handle = unsafe { CqHandle::borrow(cq) }?;
        writable(count)?;
        check_room(out, capacity)?;
        if !may_block() && timeout_ns > 0 {
            return Err(Code::WouldDeadlock);
        }
        let room = Room { first: out, filled: Cell::new(0) };
        let ended = wait(handle, &room, capacity, least, timeout_ns);
        // SAFETY: checked above.
        unsafe { write(count, room.filled.get()) }?;
        ended
    })
}

fn wait(handle: &CqHandle, room: &Room, capacity: usize, least: usize, timeout: u64) -> Called {
    let deadline = match timeout {
        BIFROST_FOREVER => Deadline::NEVER,
        timeout => Deadline::after(handle.clock.now(), Duration::from_nanos(timeout)),
    };
    let enough = async {
        // SAFETY: the queue hands out at most `capacity`, for which the caller checked the room.
        handle.queue.wait(least, capacity, |ended| unsafe { room.push(ended) }).await;
        Ok(())
    };
    let woken = async {
        handle.until_woken().await;
        Err(Code::Empty)
    };
    handle.clock.block_on_deadline(or(enough, woken), deadline).unwrap_or(Err(Code::TimedOut))
}

/// The descriptor of a queue, for `poll`, `epoll` and the like: readable once something came after
/// `bifrost_cq_arm`. Do not read from it, write to it, or close it.
///
/// Parameters:
/// - `cq`: the queue.
///
/// Returns: the descriptor; -1 for null, in a forked process, and on systems without descriptors.
/// Ownership: the descriptor is the queue's, and closed with it.
/// Thread safety: any thread.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `cq` is null or not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_cq_fd(cq: *const CqHandle) -> c_int {
    guard_or(-1, || {
        // SAFETY: by contract.
        unsafe { CqHandle::borrow(cq) }.map_or(-1, |handle| handle.signal.descriptor())
    })
}

/// Arms the descriptor for one signal. The loop is: take completions until there are none, arm, and if
/// nothing is ready wait for the descriptor; then begin again. A wait may end although there is nothing.
///
/// Parameters:
/// - `cq`: the queue.
/// - `ready`: gets whether there is something to take, or a wake-up, already: do not wait then.
///
/// Returns: `BIFROST_OK`, `BIFROST_NULL`, or `BIFROST_FORKED`.
/// Ownership: nothing changes hands.
/// Thread safety: any thread; one event loop a queue.
/// Blocking: for a short lock, if another thread polls the same queue.
/// Since: 0.1.
///
/// # Safety
///
/// `cq` is null or not freed; `ready` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_cq_arm(cq: *const CqHandle, ready: *mut bool) -> Code {
    guard(|| {
        // SAFETY: by contract.
        let handle = unsafe { CqHandle::borrow(cq) }?;
        writable(ready)?;
        handle.signal.arm();
        let now = handle.take_wake() || !handle.queue.is_empty();
        // SAFETY: checked above.
        unsafe { write(ready, now) }
    })
}

/// Ends the wait of one thread in `bifrost_cq_wait`, or of the event loop on the descriptor. If nobody
/// waits, the next wait ends at once.
///
/// Parameters:
/// - `cq`: the queue.
///
/// Returns: `BIFROST_OK`, `BIFROST_NULL`, or `BIFROST_FORKED`.
/// Ownership: nothing changes hands.
/// Thread safety: any thread, but not a signal handler.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `cq` is null or not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_cq_wake(cq: *const CqHandle) -> Code {
    guard(|| {
        // SAFETY: by contract.
        unsafe { CqHandle::borrow(cq) }?.wake();
        Ok(())
    })
}

/// Frees a queue. What is unread is lost; jobs that have yet to end go on, and nobody hears of them.
///
/// Parameters:
/// - `cq`: the queue; null does nothing.
///
/// Returns: `BIFROST_OK`, or `BIFROST_FORKED`: it is not freed then.
/// Ownership: the queue and its descriptor are gone after `BIFROST_OK`; freeing it again is undefined.
/// Thread safety: nobody else may use the queue meanwhile.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `cq` is null or not freed, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_cq_free(cq: *mut CqHandle) -> Code {
    // SAFETY: by contract.
    guard(|| unsafe { CqHandle::take(cq) }.map(drop))
}

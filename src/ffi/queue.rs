//! Queues of 64-bit words that a program uses by themselves: between its threads, without a runtime.

#![expect(unsafe_code, reason = "exported symbols, and pointers from C")]

use super::boundary::{Called, guard, guard_or};
use super::fork::Birth;
use super::handle::{Handle, check_len, slice, writable, write, write_optional};
use super::job::{BIFROST_FOREVER, may_block};
use crate::code::Code;
use crate::queue::{
    Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError, TrySendError,
    channel_with_clock,
};
use crate::ring::Ring;
use crate::time::{Clock, Deadline};
use std::time::Duration;

/// A bounded queue of 64-bit words, first in, first out, for any number of threads. Opaque.
#[derive(Debug)]
pub struct QueueHandle {
    birth: Birth,
    clock: Clock,
    sender: Sender<u64>,
    receiver: Receiver<u64>,
}

impl Handle for QueueHandle {
    fn birth(&self) -> Birth {
        self.birth
    }
}

impl QueueHandle {
    /// The end of a wait that may take `nanos`.
    fn deadline(&self, nanos: u64) -> Called<Deadline> {
        if nanos > 0 && !may_block() {
            return Err(Code::WouldDeadlock);
        }
        Ok(match nanos {
            BIFROST_FOREVER => Deadline::NEVER,
            nanos => Deadline::after(self.clock.now(), Duration::from_nanos(nanos)),
        })
    }
}

/// Makes an empty queue. Nothing is allocated later but for threads that wait.
///
/// Parameters:
/// - `capacity`: how many words it holds at most, 1 to 65,536.
/// - `out`: gets the queue.
///
/// Returns: `BIFROST_OK`, `BIFROST_NULL`, or `BIFROST_INVALID` for a capacity out of range.
/// Ownership: the queue is the caller's, until `bifrost_queue_free`.
/// Thread safety: any thread, at any time.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `out` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_queue_new(capacity: usize, out: *mut *mut QueueHandle) -> Code {
    guard(|| {
        writable(out)?;
        if !(1..=Ring::<u64>::MAX_CAPACITY).contains(&capacity) {
            return Err(Code::Invalid);
        }
        let clock = Clock::monotonic();
        let (sender, receiver) = channel_with_clock(capacity, &clock);
        // SAFETY: checked above.
        unsafe { QueueHandle { birth: Birth::now(), clock, sender, receiver }.give(out) }
    })
}

/// Adds a word at the tail; wakes a thread that waits for one.
///
/// Parameters:
/// - `queue`: the queue.
/// - `word`: the word.
/// - `timeout_ns`: how long to wait for room at most; 0 does not wait, `BIFROST_FOREVER` waits as long as it
///   takes.
///
/// Returns: `BIFROST_OK`, `BIFROST_QUEUE_FULL` if there is no room and none was to be waited for,
/// `BIFROST_TIMED_OUT` if there was none in time, `BIFROST_CLOSED`, `BIFROST_NULL`, `BIFROST_FORKED`, or
/// `BIFROST_WOULD_DEADLOCK` for a wait inside a job that is not `BIFROST_JOB_BLOCKING`.
/// Ownership: nothing changes hands.
/// Thread safety: any thread.
/// Blocking: as `timeout_ns` says.
/// Since: 0.1.
///
/// # Safety
///
/// `queue` is null or not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_queue_push(
    queue: *const QueueHandle,
    word: u64,
    timeout_ns: u64,
) -> Code {
    guard(|| {
        // SAFETY: by contract.
        let handle = unsafe { QueueHandle::borrow(queue) }?;
        if timeout_ns == 0 {
            return handle.sender.try_send(word).map_err(|error| match error {
                TrySendError::Full(_) => Code::QueueFull,
                TrySendError::Closed(_) => Code::Closed,
            });
        }
        let sent = handle.sender.send_deadline(word, handle.deadline(timeout_ns)?);
        sent.map_err(|error| match error {
            SendTimeoutError::Timeout(_) => Code::TimedOut,
            SendTimeoutError::Closed(_) => Code::Closed,
        })
    })
}

/// Takes the oldest word; wakes a thread that waits for room.
///
/// Parameters:
/// - `queue`: the queue.
/// - `word`: gets the word.
/// - `timeout_ns`: how long to wait for one at most; 0 does not wait, `BIFROST_FOREVER` waits as long as it
///   takes.
///
/// Returns: `BIFROST_OK`, `BIFROST_EMPTY` if there is none and none was to be waited for, `BIFROST_TIMED_OUT` if
/// there was none in time, `BIFROST_CLOSED` if there is none and none will come, `BIFROST_NULL`,
/// `BIFROST_FORKED`, or `BIFROST_WOULD_DEADLOCK` for a wait inside a job that is not `BIFROST_JOB_BLOCKING`.
/// Ownership: nothing changes hands.
/// Thread safety: any thread.
/// Blocking: as `timeout_ns` says.
/// Since: 0.1.
///
/// # Safety
///
/// `queue` is null or not freed; `word` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_queue_pop(
    queue: *const QueueHandle,
    word: *mut u64,
    timeout_ns: u64,
) -> Code {
    guard(|| {
        // SAFETY: by contract.
        let handle = unsafe { QueueHandle::borrow(queue) }?;
        writable(word)?;
        let taken = if timeout_ns == 0 {
            handle.receiver.try_recv().map_err(unavailable)?
        } else {
            let received = handle.receiver.recv_deadline(handle.deadline(timeout_ns)?);
            received.map_err(|error| match error {
                RecvTimeoutError::Timeout => Code::TimedOut,
                RecvTimeoutError::Closed => Code::Closed,
            })?
        };
        // SAFETY: checked above.
        unsafe { write(word, taken) }
    })
}

/// Adds words at the tail, as many as there is room for, together; wakes at most one thread for all of them,
/// which wakes the next.
///
/// Parameters:
/// - `queue`: the queue.
/// - `words`, `count`: the words.
/// - `pushed`: gets how many were added; may be null.
///
/// Returns: `BIFROST_OK` if at least one was added or `count` is 0, `BIFROST_QUEUE_FULL`, `BIFROST_CLOSED`,
/// `BIFROST_NULL`, `BIFROST_INVALID`, or `BIFROST_FORKED`.
/// Ownership: nothing changes hands.
/// Thread safety: any thread.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `queue` is null or not freed; `words` has `count` words; `pushed` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_queue_push_n(
    queue: *const QueueHandle,
    words: *const u64,
    count: usize,
    pushed: *mut usize,
) -> Code {
    guard(|| {
        // SAFETY: by contract.
        let handle = unsafe { QueueHandle::borrow(queue) }?;
        // SAFETY: by contract.
        let words = unsafe { slice(words, count) }?;
        if !pushed.is_null() {
            writable(pushed)?;
        }
        let added = handle.sender.try_send_slice(words).map_err(|_| Code::Closed)?;
        if added == 0 && count > 0 {
            return Err(Code::QueueFull);
        }
        // SAFETY: checked above.
        unsafe { write_optional(pushed, added) }
    })
}

/// Takes the oldest words that are there; wakes at most one thread that waits for room, which wakes the next.
///
/// Parameters:
/// - `queue`: the queue.
/// - `words`, `capacity`: where they go, and how many fit.
/// - `popped`: gets how many were taken.
///
/// Returns: `BIFROST_OK` if at least one was taken or `capacity` is 0, `BIFROST_EMPTY`, `BIFROST_CLOSED` if there is
/// none and none will come, `BIFROST_NULL`, `BIFROST_INVALID`, or `BIFROST_FORKED`.
/// Ownership: nothing changes hands.
/// Thread safety: any thread.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `queue` is null or not freed; `words` has room for `capacity` words; `popped` is null or can be written
/// to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_queue_pop_n(
    queue: *const QueueHandle,
    words: *mut u64,
    capacity: usize,
    popped: *mut usize,
) -> Code {
    guard(|| {
        // SAFETY: by contract.
        let handle = unsafe { QueueHandle::borrow(queue) }?;
        writable(popped)?;
        if capacity > 0 {
            writable(words)?;
            check_len::<u64>(capacity)?;
        }
        let mut filled = 0;
        let mut chunk = [0; CHUNK];
        while filled < capacity {
            let room = CHUNK.min(capacity - filled);
            match handle.receiver.try_recv_slice(&mut chunk[..room]) {
                // SAFETY: `filled` and the words taken are within the caller's room.
                Ok(count) => filled += unsafe { copy_out(&chunk[..count], words, filled) },
                Err(error) if filled == 0 => return Err(unavailable(error)),
                Err(_) => break,
            }
        }
        // SAFETY: checked above.
        unsafe { write(popped, filled) }
    })
}

/// How many words one claim of `bifrost_queue_pop_n` takes at most.
const CHUNK: usize = 128;

/// Copies `chunk` behind the `filled` words of `words`; how many they are.
///
/// # Safety
///
/// `words` has room for both.
unsafe fn copy_out(chunk: &[u64], words: *mut u64, filled: usize) -> usize {
    // SAFETY: by contract.
    let to = unsafe { words.add(filled) };
    // SAFETY: by contract; the caller's words are not ours.
    unsafe { to.copy_from_nonoverlapping(chunk.as_ptr(), chunk.len()) };
    chunk.len()
}

fn unavailable(error: TryRecvError) -> Code {
    match error {
        TryRecvError::Empty => Code::Empty,
        TryRecvError::Closed => Code::Closed,
    }
}

/// Closes a queue: nothing is added any more, what is inside can still be taken, and all who wait are woken.
/// Closing it again does nothing.
///
/// Parameters:
/// - `queue`: the queue.
///
/// Returns: `BIFROST_OK`, `BIFROST_NULL`, or `BIFROST_FORKED`.
/// Ownership: nothing changes hands.
/// Thread safety: any thread.
/// Blocking: for a short lock.
/// Since: 0.1.
///
/// # Safety
///
/// `queue` is null or not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_queue_close(queue: *const QueueHandle) -> Code {
    guard(|| {
        // SAFETY: by contract.
        unsafe { QueueHandle::borrow(queue) }?.sender.close();
        Ok(())
    })
}

/// How many words are in a queue; exact while nobody adds or takes.
///
/// Parameters:
/// - `queue`: the queue.
///
/// Returns: the number; 0 for null and in a forked process.
/// Ownership: nothing changes hands.
/// Thread safety: any thread.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `queue` is null or not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_queue_len(queue: *const QueueHandle) -> usize {
    guard_or(0, || {
        // SAFETY: by contract.
        unsafe { QueueHandle::borrow(queue) }.map_or(0, |handle| handle.sender.len())
    })
}

/// How many words a queue holds at most.
///
/// Parameters:
/// - `queue`: the queue.
///
/// Returns: the number; 0 for null and in a forked process.
/// Ownership: nothing changes hands.
/// Thread safety: any thread.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `queue` is null or not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_queue_capacity(queue: *const QueueHandle) -> usize {
    guard_or(0, || {
        // SAFETY: by contract.
        unsafe { QueueHandle::borrow(queue) }.map_or(0, |handle| handle.sender.capacity())
    })
}

/// Frees a queue and what is inside. Close it and let all who wait return before.
///
/// Parameters:
/// - `queue`: the queue; null does nothing.
///
/// Returns: `BIFROST_OK`, or `BIFROST_FORKED`: it is not freed then.
/// Ownership: the queue is gone after `BIFROST_OK`; freeing it again is undefined.
/// Thread safety: nobody else may use the queue meanwhile.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `queue` is null or not freed, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_queue_free(queue: *mut QueueHandle) -> Code {
    // SAFETY: by contract.
    guard(|| unsafe { QueueHandle::take(queue) }.map(drop))
}

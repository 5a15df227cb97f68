//! A signal that freezes the thread which gets it.

use nix::sys::pthread::{Pthread, pthread_kill};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use rustix::thread::{NanosleepRelativeResult, Timespec, nanosleep};
use std::sync::atomic::{AtomicBool, Ordering};

const SIGNAL: Signal = Signal::SIGUSR1;

/// How long a thread is frozen.
const FROZEN_MS: i64 = 20;

/// Whether a thread is frozen now; there is never more than one.
static FROZEN: AtomicBool = AtomicBool::new(false);

/// The handler: a raw system call and a flag, which a handler may use wherever its thread was.
extern "C" fn freeze(_: i32) {
    FROZEN.store(true, Ordering::SeqCst);
    let mut left = Timespec { tv_sec: 0, tv_nsec: FROZEN_MS * 1_000_000 };
    while let NanosleepRelativeResult::Interrupted(rest) = nanosleep(&left) {
        left = rest;
    }
    FROZEN.store(false, Ordering::SeqCst);
}

/// Makes the signal freeze whoever gets it.
pub(super) fn install() {
    let handler = SigHandler::Handler(freeze);
    let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
    #[expect(unsafe_code, reason = "only a signal can stop a thread at any instruction")]
    // SAFETY: the handler makes one system call, without errno, and stores to an atomic: both are safe in
    // a signal handler, and nothing else in this program handles the signal.
    let installed = unsafe { sigaction(SIGNAL, &action) };
    installed.expect("the signal can be handled");
}

/// Freezes a thread, which must not have ended, and waits until it is frozen.
pub(super) fn freeze_thread(thread: Pthread) {
    pthread_kill(thread, SIGNAL).expect("the thread is there");
    while !is_frozen() {
        std::thread::yield_now();
    }
}

pub(super) fn is_frozen() -> bool {
    FROZEN.load(Ordering::SeqCst)
}

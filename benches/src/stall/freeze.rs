//! A signal that freezes the thread which gets it.

use nix::sys::pthread::{Pthread, pthread_kill};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use rustix::thread::{NanosleepRelativeResult, Timespec, nanosleep};
use std::sync::atomic::{AtomicU64, Ordering};

const SIGNAL: Signal = Signal::SIGUSR1;

/// How long a thread is frozen.
const FROZEN_MS: i64 = 20;

/// How often a thread was frozen and went on: odd while one is frozen. There is never more than one.
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// One freeze of a thread.
#[derive(Debug)]
pub(super) struct Frozen {
    changes: u64,
}

/// The handler: a raw system call and a count, which a handler may use wherever its thread was.
extern "C" fn freeze(_: i32) {
    CHANGES.fetch_add(1, Ordering::SeqCst);
    let mut left = Timespec { tv_sec: 0, tv_nsec: FROZEN_MS * 1_000_000 };
    while let NanosleepRelativeResult::Interrupted(rest) = nanosleep(&left) {
        left = rest;
    }
    CHANGES.fetch_add(1, Ordering::SeqCst);
}

/// Makes the signal freeze whoever gets it.
pub(super) fn install() {
    let handler = SigHandler::Handler(freeze);
    let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
    #[expect(unsafe_code, reason = "only a signal can stop a thread at any instruction")]
    // SAFETY: the handler makes one system call, without errno, and adds to an atomic: both are safe in
    // a signal handler, and nothing else in this program handles the signal.
    let installed = unsafe { sigaction(SIGNAL, &action) };
    installed.expect("the signal can be handled");
}

impl Frozen {
    /// Freezes a thread, which must not have ended and not be frozen, and waits until it is.
    pub(super) fn thread(thread: Pthread) -> Self {
        let before = CHANGES.load(Ordering::SeqCst);
        pthread_kill(thread, SIGNAL).expect("the thread is there");
        while CHANGES.load(Ordering::SeqCst) == before {
            std::thread::yield_now();
        }
        Self { changes: before + 1 }
    }

    /// Whether it has not gone on yet.
    pub(super) fn lasts(&self) -> bool {
        CHANGES.load(Ordering::SeqCst) == self.changes
    }
}

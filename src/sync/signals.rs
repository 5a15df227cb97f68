//! Signals are for the program's own threads: ours are born with all of them blocked but those that a
//! thread raises against itself, and SIGPROF, which profilers need.

#![expect(unsafe_code, reason = "masks are set by calls into the C library")]

use std::mem::MaybeUninit;
use std::ptr;

/// What a thread must take itself: a fault of its own, and the profiler's tick.
const OPEN: [libc::c_int; 8] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGABRT,
    libc::SIGPROF,
];

/// The calling thread's signals are blocked, and threads that it starts are born so, until this is
/// dropped.
#[must_use]
pub(super) struct Blocked {
    /// The mask to go back to, unless it could not be changed.
    before: Option<libc::sigset_t>,
}

impl Blocked {
    pub(super) fn new() -> Self {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `sigfillset` fills the set that it is given.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        // SAFETY: filled above.
        let mut all = unsafe { all.assume_init() };
        for signal in OPEN {
            // SAFETY: the set is valid, and so is the number.
            unsafe { libc::sigdelset(&raw mut all, signal) };
        }
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: both sets are valid; the old one is written if the call succeeds.
        let changed = unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, before.as_mut_ptr())
        };
        // SAFETY: written, since the call succeeded.
        let before = (changed == 0).then(|| unsafe { before.assume_init() });
        Self { before }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // SAFETY: the set is the one that the thread had.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, ptr::null_mut()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Blocked, OPEN};
    use crate::sync::thread;
    use std::mem::MaybeUninit;

    /// Which of the signals 1 to 31 the calling thread has blocked.
    fn blocked() -> Vec<libc::c_int> {
        let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: without a new set the call only reads the old one.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), set.as_mut_ptr()) };
        // SAFETY: zeroed, and written by the call.
        let set = unsafe { set.assume_init() };
        // SAFETY: the set is valid.
        (1..=31)
            .filter(|&signal| unsafe { libc::sigismember(&raw const set, signal) } == 1)
            .collect()
    }

    #[test]
    fn a_thread_of_ours_takes_no_signal_of_the_program() {
        let before = blocked();
        let inside = thread::spawn("masked", blocked).unwrap().join().unwrap();
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGUSR1, libc::SIGCHLD, libc::SIGALRM] {
            assert!(inside.contains(&signal), "{signal} is blocked");
        }
        assert!(OPEN.iter().all(|signal| !inside.contains(signal)));
        assert_eq!(blocked(), before, "the spawning thread has its mask back");
    }

    #[test]
    fn masks_nest() {
        let before = blocked();
        let outer = Blocked::new();
        drop(Blocked::new());
        assert!(blocked().contains(&libc::SIGTERM));
        drop(outer);
        assert_eq!(blocked(), before);
    }
}

//! Noticing that this process is a fork of the one that made an object.
//!
//! A fork copies the memory and none of our threads: whoever waited for one of them in the child would
//! wait for ever. Each handle remembers the fork generation of its birth; a child has the next.

use super::boundary::Called;
use crate::code::Code;
use crate::sync::OnceLock;
use crate::sync::atomic::{AtomicU64, Ordering};

static GENERATION: AtomicU64 = AtomicU64::new(0);

/// The generation in which a handle was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Birth(u64);

impl Birth {
    /// Now. The first call has the C library tell us of forks.
    pub(super) fn now() -> Self {
        static WATCHING: OnceLock<()> = OnceLock::new();
        WATCHING.get_or_init(watch);
        Self(generation())
    }

    /// Whether this is the process of the birth.
    ///
    /// # Errors
    ///
    /// [`Code::Forked`] if it is not.
    pub(super) fn check(self) -> Called {
        if self.0 == generation() { Ok(()) } else { Err(Code::Forked) }
    }
}

fn generation() -> u64 {
    // ORDERING: Relaxed: written in a child while it has one thread, before that starts any other.
    GENERATION.load(Ordering::Relaxed)
}

#[cfg(unix)]
fn watch() {
    extern "C" fn in_child() {
        // ORDERING: Relaxed: the child has one thread.
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the handler is async-signal-safe, and the code stays loaded: the shared library cannot be
    // unloaded. Without memory for the handler a fork goes unnoticed.
    #[expect(unsafe_code, reason = "a call into the C library")]
    unsafe {
        libc::pthread_atfork(None, None, Some(in_child));
    }
}

#[cfg(not(unix))]
fn watch() {}

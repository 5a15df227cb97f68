//! The lock of cold paths: std's, without poisoning.
#![cfg_attr(
    not(loom),
    expect(clippy::disallowed_types, reason = "this is the lock that the rest is told to use")
)]

#[cfg(loom)]
use loom::sync as imp;
#[cfg(not(loom))]
use std::sync as imp;

pub use imp::MutexGuard;

/// A mutual exclusion lock for cold paths. A panic of a holder does not poison it: every user restores its
/// own invariants before it can unwind.
#[derive(Debug, Default)]
pub struct Mutex<T>(imp::Mutex<T>);

impl<T> Mutex<T> {
    /// Wraps `value`.
    pub fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    /// Locks, waiting as long as it takes.
    #[cfg_attr(loom, track_caller)]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A condition variable over [`Mutex`], without a timeout: timed waits go through the clock.
#[derive(Debug, Default)]
pub struct Condvar(imp::Condvar);

impl Condvar {
    /// Makes one that nobody waits on.
    pub fn new() -> Self {
        Self(imp::Condvar::new())
    }

    /// Releases the lock, waits for a notification (or a spurious wake-up), and locks again.
    #[cfg_attr(loom, track_caller)]
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Wakes one waiter.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes every waiter.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

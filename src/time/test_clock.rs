//! The clock that tests drive.

use super::simulated::SimulatedTime;
use super::{Clock, Instant};
use crate::sync::Arc;
use std::ops::Deref;
use std::time::Duration;

/// A clock whose time a test decides. It derefs to the [`Clock`] to build things with.
///
/// A manual clock ([`new`](Self::new)) stands still but for [`advance`](Self::advance): threads that are
/// parked on it wake when their deadline has come. [`wait_for_parked`](Self::wait_for_parked) tells when it
/// is time to advance, so that no test sleeps.
///
/// An automatic clock ([`automatic`](Self::automatic)) jumps to the earliest deadline as soon as every
/// registered thread is parked in [`Clock::park`] and none has a notification to act on. Hours pass in
/// milliseconds, and in the same order each time. A thread that waits for something else, as a join or a
/// channel of another library, holds time: it drops its registration first. Two mistakes of a test panic
/// instead of hanging: parking from a thread that is not registered, and parking as the last of all when
/// nobody has a deadline.
///
/// # Examples
///
/// ```
/// use bifrost::time::{Deadline, TestClock};
/// use std::time::Duration;
///
/// let clock = TestClock::automatic();
/// let _thread = clock.register_thread().enter();
/// let start = clock.now();
/// let hour = Duration::from_secs(3600);
/// let nothing = clock.block_on_deadline(std::future::pending::<()>(), Deadline::after(start, hour));
/// assert_eq!(nothing, None);
/// assert_eq!(clock.now(), start + hour);
/// ```
#[derive(Clone, Debug)]
pub struct TestClock {
    clock: Clock,
    time: Arc<SimulatedTime>,
}

impl TestClock {
    /// A manual clock at [`Instant::ZERO`].
    pub fn new() -> Self {
        Self::with(SimulatedTime::new(false))
    }

    /// An automatic clock at [`Instant::ZERO`].
    pub fn automatic() -> Self {
        Self::with(SimulatedTime::new(true))
    }

    fn with(time: SimulatedTime) -> Self {
        let time = Arc::new(time);
        Self { clock: Clock::simulation(Arc::clone(&time)), time }
    }

    /// The clock to build things with.
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Moves time forward in one step and wakes the threads whose deadline has come.
    pub fn advance(&self, duration: Duration) {
        self.time.advance(duration);
    }

    /// Moves time to `instant`, if it is not later already, as [`advance`](Self::advance) does.
    pub fn advance_to(&self, instant: Instant) {
        self.time.advance_to(instant);
    }

    /// Blocks until at least `count` threads are parked on this clock and none of these has a notification
    /// or a deadline that has come. It has no limit of its own.
    pub fn wait_for_parked(&self, count: usize) {
        self.time.wait_for_parked(count);
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for TestClock {
    type Target = Clock;

    fn deref(&self) -> &Clock {
        &self.clock
    }
}

#[cfg(test)]
#[cfg(not(loom))]
#[path = "test_clock_tests.rs"]
mod tests;

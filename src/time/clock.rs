//! The clock: precise and coarse time, and waiting until a point of it.

use super::simulated::SimulatedTime;
use super::timers::Timers;
use super::{Deadline, Instant, Registration, monotonic};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, CachePadded, Parker};
use std::time::Duration;

/// Where the library takes its time from, and the only way in which its threads wait.
///
/// Clones are cheap and are the same clock. [`monotonic`](Self::monotonic) is the real one; a
/// [`TestClock`](super::TestClock) gives one that a test drives.
///
/// There are two readings: [`now`](Self::now) is exact and costs some 10 ns (25 where the cycle counter cannot be
/// trusted), for statistics; [`coarse`](Self::coarse) costs one load and is as old as the last
/// [`refresh`](Self::refresh), which a runtime calls each tick, for limits. The coarse reading is never
/// ahead of the exact one, so a limit that is checked against it is never early.
#[derive(Clone, Debug)]
pub struct Clock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    source: Source,
    coarse: CachePadded<AtomicU64>,
    timers: Timers,
}

#[derive(Debug)]
enum Source {
    Monotonic,
    Simulated(Arc<SimulatedTime>),
}

impl Clock {
    /// The system's monotonic clock. Its origin is the first call in the process, for all of them.
    pub fn monotonic() -> Self {
        let clock = Self::with(Source::Monotonic);
        clock.refresh();
        clock
    }

    pub(super) fn simulation(time: Arc<SimulatedTime>) -> Self {
        Self::with(Source::Simulated(time))
    }

    fn with(source: Source) -> Self {
        let coarse = CachePadded::new(AtomicU64::new(0));
        let inner = Inner { source, coarse, timers: Timers::new() };
        Self { inner: Arc::new(inner) }
    }

    pub(super) fn simulated(&self) -> Option<&SimulatedTime> {
        match &self.inner.source {
            Source::Monotonic => None,
            Source::Simulated(time) => Some(time),
        }
    }

    /// Whether time passes while nobody sleeps, as on the system's clock alone.
    pub fn is_real(&self) -> bool {
        self.simulated().is_none()
    }

    pub(super) fn timers(&self) -> &Timers {
        &self.inner.timers
    }

    /// The exact time.
    #[inline]
    pub fn now(&self) -> Instant {
        match &self.inner.source {
            Source::Monotonic => monotonic::now(),
            Source::Simulated(time) => time.now(),
        }
    }

    /// The time since 1970 as the system has it, for dates that come from elsewhere; nothing is measured with it.
    /// `None` on a clock that tests drive, and before 1970.
    pub fn wall(&self) -> Option<Duration> {
        if self.is_real() { monotonic::since_1970() } else { None }
    }

    /// The time of the last [`refresh`](Self::refresh) by any thread: one relaxed load.
    pub fn coarse(&self) -> Instant {
        // ORDERING: Relaxed: only the number counts, and an older one is as good as a late tick.
        Instant::from_nanos(self.inner.coarse.load(Ordering::Relaxed))
    }

    /// Reads the exact time and publishes it for [`coarse`](Self::coarse), which never goes back.
    pub fn refresh(&self) -> Instant {
        let now = self.now();
        // ORDERING: Relaxed, as in `coarse`; the maximum keeps a slow refresher from turning time back.
        self.inner.coarse.fetch_max(now.as_nanos(), Ordering::Relaxed);
        now
    }

    /// Sleeps until `parker` is notified (`true`) or `deadline` has passed (`false`). Never early, and a
    /// notification is never lost: if both come together the answer is `true`.
    ///
    /// # Panics
    ///
    /// On an automatic [`TestClock`](super::TestClock), if the calling thread is not registered, or if
    /// with it all registered threads are parked and none has a deadline.
    pub fn park(&self, parker: &Parker, deadline: Deadline) -> bool {
        match &self.inner.source {
            Source::Simulated(time) => time.park(parker, deadline),
            Source::Monotonic => self.park_monotonic(parker, deadline),
        }
    }

    fn park_monotonic(&self, parker: &Parker, deadline: Deadline) -> bool {
        loop {
            if parker.take() {
                return true;
            }
            match deadline.remaining(self.now()) {
                None => {
                    parker.park();
                    return true;
                }
                Some(remaining) if remaining.is_zero() => return parker.take(),
                // A timed park may end early; the deadline decides.
                Some(remaining) => {
                    if parker.park_timeout(remaining) {
                        return true;
                    }
                }
            }
        }
    }

    /// Takes a place for a thread among those that an automatic [`TestClock`](super::TestClock) waits for;
    /// does nothing on any other clock. See [`Registration`].
    pub fn register_thread(&self) -> Registration {
        match self.simulated() {
            Some(time) if time.is_automatic() => Registration::new(self.clone(), time.register()),
            _ => Registration::NONE,
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{Clock, Deadline, Parker};
    use crate::sync::thread;
    use crate::time::{Instant, TestClock};
    use std::time::Duration;

    #[test]
    fn only_a_real_clock_knows_the_date() {
        assert_eq!(TestClock::new().wall(), None);
        let years = Clock::monotonic().wall().expect("it is after 1970").as_secs() / 31_556_952;
        assert!((50..1000).contains(&years), "{years}");
    }

    #[test]
    fn monotonic_clocks_share_their_origin() {
        let first = Clock::monotonic();
        let before = first.now();
        let second = Clock::monotonic().now();
        assert!(before <= second);
        assert!(second <= first.now());
    }

    #[test]
    fn coarse_time_moves_only_by_a_refresh_and_never_back() {
        let clock = TestClock::new();
        clock.advance(Duration::from_millis(5));
        assert_eq!(clock.coarse(), Instant::ZERO);
        assert_eq!(clock.refresh(), clock.now());
        assert_eq!(clock.coarse(), Instant::from_nanos(5_000_000));
        let real = Clock::monotonic();
        let read = real.coarse();
        assert!(read <= real.now());
        assert!(real.refresh() >= read);
    }

    #[test]
    fn a_real_park_is_never_early() {
        let clock = Clock::monotonic();
        let parker = Parker::new();
        for micros in [0, 1, 200, 1500] {
            let deadline = Deadline::after(clock.now(), Duration::from_micros(micros));
            assert!(!clock.park(&parker, deadline));
            assert!(deadline.is_past(clock.now()));
        }
    }

    #[test]
    fn a_stray_token_of_the_thread_does_not_end_a_real_park_early() {
        let clock = Clock::monotonic();
        let parker = Parker::new();
        thread::current().unpark();
        let deadline = Deadline::after(clock.now(), Duration::from_millis(1));
        assert!(!clock.park(&parker, deadline));
        assert!(deadline.is_past(clock.now()));
    }

    #[test]
    fn a_notification_ends_a_real_park_before_its_deadline() {
        let clock = Clock::monotonic();
        let parker = Parker::new();
        let unparker = parker.unparker();
        let helper = thread::spawn("helper", move || unparker.unpark()).unwrap();
        assert!(clock.park(&parker, Deadline::after(clock.now(), Duration::from_secs(600))));
        helper.join().unwrap();
        parker.unparker().unpark();
        assert!(clock.park(&parker, Deadline::at(Instant::ZERO)), "a pending one comes first");
        parker.unparker().unpark();
        assert!(clock.park(&parker, Deadline::NEVER));
    }

    #[test]
    fn registration_on_a_real_clock_does_nothing() {
        let clock = Clock::monotonic();
        let entered = clock.register_thread().enter();
        assert!(!clock.park(&Parker::new(), Deadline::at(clock.now())));
        drop(entered);
    }
}

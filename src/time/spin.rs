//! Looking for a while before sleeping.

use super::Clock;
use crate::sync::{spin_loop, thread};
use std::time::Duration;

/// Looks that a thread makes with its core to itself: they take about a microsecond.
const LOOKS_BEFORE_YIELDING: u32 = 64;

impl Clock {
    /// Asks `look` again and again until it has something, for `limit` at most: for a microsecond without a
    /// pause, and then letting other threads have the core between two looks. A sleep and a wake-up cost some
    /// 20 µs and a system call on the waker's side; this costs the core while it lasts. Zero looks not at all,
    /// and on a [`TestClock`](super::TestClock), where no time passes meanwhile, only the first part is done.
    pub fn spin<T>(&self, limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        if limit.is_zero() {
            return None;
        }
        for _ in 0..LOOKS_BEFORE_YIELDING {
            let found = look();
            if found.is_some() {
                return found;
            }
            spin_loop();
        }
        if self.simulated().is_some() {
            return None;
        }
        let until = self.now() + limit;
        while self.now() < until {
            thread::yield_now();
            let found = look();
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::super::TestClock;
    use super::{Clock, Duration, LOOKS_BEFORE_YIELDING};

    fn looks(clock: &Clock, limit: Duration, found_at: u32) -> (Option<u32>, u32) {
        let mut looks = 0;
        let found = clock.spin(limit, || {
            looks += 1;
            (looks == found_at).then_some(looks)
        });
        (found, looks)
    }

    #[test]
    fn what_comes_in_time_is_found_at_the_next_look() {
        let clock = Clock::monotonic();
        assert_eq!(looks(&clock, Duration::from_secs(60), 1), (Some(1), 1));
        let late = LOOKS_BEFORE_YIELDING + 3;
        assert_eq!(looks(&clock, Duration::from_secs(60), late), (Some(late), late));
    }

    #[test]
    fn no_limit_means_no_look_and_the_limit_ends_the_looking() {
        let clock = Clock::monotonic();
        assert_eq!(looks(&clock, Duration::ZERO, 1), (None, 0));
        let (found, looks) = looks(&clock, Duration::from_micros(1), u32::MAX);
        assert_eq!(found, None);
        assert!(looks >= LOOKS_BEFORE_YIELDING);
    }

    #[test]
    fn where_time_stands_still_the_looking_ends_all_the_same() {
        let limit = Duration::from_secs(60);
        assert_eq!(looks(&TestClock::new(), limit, u32::MAX), (None, LOOKS_BEFORE_YIELDING));
    }
}

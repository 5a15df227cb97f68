//! A point of a clock's time, and a point by which something must have happened.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

const NANOS_PER_SEC: u64 = 1_000_000_000;

/// A point in time: nanoseconds since the origin of the [`Clock`](super::Clock) that gave it.
///
/// Every monotonic clock of a process has the same origin, so their instants may be compared. A test clock
/// starts at [`Instant::ZERO`]. Arithmetic saturates: the largest instant is 584 years after the origin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The origin of the clock.
    pub const ZERO: Self = Self(0);

    /// The instant `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The instant `duration` later, or the last one there is.
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }

    /// How long after `earlier` this is; zero if it is before.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// As [`saturating_add`](Instant::saturating_add).
    fn add(self, duration: Duration) -> Self {
        self.saturating_add(duration)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instant({:?})", Duration::from_nanos(self.0))
    }
}

/// The instant by which something must have happened, or [`Deadline::NEVER`].
///
/// It is one word, so that a record can hold it in an atomic: see [`as_word`](Self::as_word).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(u64);

impl Deadline {
    /// No deadline. Later than every instant.
    pub const NEVER: Self = Self(u64::MAX);

    /// The deadline `instant`. The largest instant there is means never.
    pub const fn at(instant: Instant) -> Self {
        Self(instant.0)
    }

    /// The deadline `duration` after `now`; never, if that is beyond the last instant.
    pub const fn after(now: Instant, duration: Duration) -> Self {
        Self::at(now.saturating_add(duration))
    }

    /// Whether `now` has reached the deadline.
    pub const fn is_past(self, now: Instant) -> bool {
        self.0 <= now.0 && !self.is_never()
    }

    /// Whether there is no deadline.
    pub const fn is_never(self) -> bool {
        self.0 == u64::MAX
    }

    /// The earlier of the two.
    #[must_use]
    pub const fn min(self, other: Self) -> Self {
        if self.0 <= other.0 { self } else { other }
    }

    /// The instant of the deadline; `None` if there is none.
    pub const fn instant(self) -> Option<Instant> {
        if self.is_never() { None } else { Some(Instant(self.0)) }
    }

    /// How long it is from `now` to the deadline: zero if it has passed, `None` if there is none.
    pub const fn remaining(self, now: Instant) -> Option<Duration> {
        match self.instant() {
            Some(instant) => Some(instant.saturating_duration_since(now)),
            None => None,
        }
    }

    /// The deadline as one word: nanoseconds since the origin, `u64::MAX` for never.
    pub const fn as_word(self) -> u64 {
        self.0
    }

    /// What [`as_word`](Self::as_word) gave.
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }
}

impl Default for Deadline {
    /// No deadline.
    fn default() -> Self {
        Self::NEVER
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.instant() {
            Some(_) => write!(f, "Deadline({:?})", Duration::from_nanos(self.0)),
            None => f.write_str("Deadline(never)"),
        }
    }
}

/// `duration` in nanoseconds, at most `u64::MAX`. Kept to 64 bits: it is on the way of every timed wait.
const fn nanos(duration: Duration) -> u64 {
    let whole = duration.as_secs().saturating_mul(NANOS_PER_SEC);
    whole.saturating_add(duration.subsec_nanos() as u64)
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{Deadline, Instant};
    use std::time::Duration;

    const LAST: Instant = Instant::from_nanos(u64::MAX);

    #[test]
    fn instants_saturate_at_both_ends() {
        let one = Instant::from_nanos(1);
        assert_eq!(one + Duration::from_secs(2), Instant::from_nanos(2_000_000_001));
        assert_eq!(one + Duration::MAX, LAST);
        assert_eq!(LAST + Duration::from_nanos(1), LAST);
        assert_eq!(Instant::ZERO.saturating_duration_since(one), Duration::ZERO);
        assert_eq!(LAST.saturating_duration_since(one), Duration::from_nanos(u64::MAX - 1));
    }

    #[test]
    fn a_deadline_is_past_from_its_own_instant_on() {
        let deadline = Deadline::after(Instant::from_nanos(10), Duration::from_nanos(5));
        assert!(!deadline.is_past(Instant::from_nanos(14)));
        assert!(deadline.is_past(Instant::from_nanos(15)));
        assert_eq!(deadline.remaining(Instant::from_nanos(12)), Some(Duration::from_nanos(3)));
        assert_eq!(deadline.remaining(Instant::from_nanos(20)), Some(Duration::ZERO));
    }

    #[test]
    fn never_is_never_past_and_later_than_all() {
        assert!(!Deadline::NEVER.is_past(LAST));
        assert_eq!(Deadline::NEVER.instant(), None);
        assert_eq!(Deadline::NEVER.remaining(Instant::ZERO), None);
        assert_eq!(Deadline::after(Instant::from_nanos(1), Duration::MAX), Deadline::NEVER);
        let soon = Deadline::at(Instant::from_nanos(7));
        assert_eq!(Deadline::NEVER.min(soon), soon);
        assert_eq!(soon.min(Deadline::NEVER), soon);
        assert!(soon < Deadline::NEVER);
        assert_eq!(Deadline::default(), Deadline::NEVER);
    }

    #[test]
    fn a_deadline_survives_the_way_through_a_word() {
        for deadline in [Deadline::NEVER, Deadline::at(Instant::ZERO), Deadline::from_word(42)] {
            assert_eq!(Deadline::from_word(deadline.as_word()), deadline);
        }
        assert_eq!(Deadline::NEVER.as_word(), u64::MAX);
    }

    #[test]
    fn debug_names_the_unit() {
        let text = format!("{:?} {:?}", Instant::from_nanos(1_500), Deadline::NEVER);
        assert_eq!(text, "Instant(1.5µs) Deadline(never)");
    }
}

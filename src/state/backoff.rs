//! When a failed job is tried again (S29).
//!
//! Algorithm: exponential back-off with full jitter: before attempt `n + 1` a job waits for a time that is
//! drawn evenly from nothing to `base * 2^(n - 1)`, at most `longest`. Jobs that failed together come back
//! spread out, and not in waves. What the upstream asked for wins over what was drawn. No wait is begun that
//! the job's deadline would end, with the time that an attempt takes counted in.
//!
//! Pure: the time and the random number come with the call.

use std::time::Duration;

use crate::time::{Deadline, Instant};

/// How long to wait between attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The most attempts of a job, the first one among them.
    pub attempts: u32,
    /// The longest wait before the second attempt; it doubles with each.
    pub base: Duration,
    /// The longest wait before any.
    pub longest: Duration,
}

/// What has become of the last attempt, and of the job's time.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    /// How many attempts were made.
    pub attempts: u32,
    /// How long the upstream asked to be left alone.
    pub retry_after: Option<Duration>,
    /// How long an attempt takes, as far as is known; zero if it is not.
    pub service: Duration,
    /// When the job must have ended.
    pub deadline: Deadline,
}

/// Whether there is a next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum NextTry {
    /// At this time, if the budget has a token.
    At(Instant),
    /// The attempts are used up.
    Spent,
    /// It could not end by the deadline.
    TooLate,
}

impl Backoff {
    /// When the next attempt is, `random` being a number whose 64 bits are all random.
    pub fn next(&self, tried: &Tried, now: Instant, random: u64) -> NextTry {
        if tried.attempts >= self.attempts {
            return NextTry::Spent;
        }
        let wait = tried.retry_after.unwrap_or_else(|| self.drawn(tried.attempts, random));
        let start = now + wait;
        match tried.deadline.instant() {
            Some(deadline) if start + tried.service >= deadline => NextTry::TooLate,
            _ => NextTry::At(start),
        }
    }

    /// A wait after this many attempts.
    fn drawn(&self, attempts: u32, random: u64) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        let most = self.base.saturating_mul(1 << doublings).min(self.longest);
        let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        // The high half of the product is evenly in 0..=most, without a division.
        let drawn = (u128::from(random) * (u128::from(most) + 1)) >> 64;
        Duration::from_nanos(drawn as u64)
    }
}

/// A random number for attempt `attempt` of job `ticket`: the same for the same three, so that a run can be
/// repeated, and unlike that of any other job or attempt.
pub fn scramble(seed: u64, ticket: u64, attempt: u32) -> u64 {
    // The finisher of splitmix64 (Steele, Lea, Flood 2014), once for each part.
    let mix = |z: u64| {
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let step =
        |state: u64, part: u64| mix(state.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_add(part));
    step(step(step(0, seed), ticket), u64::from(attempt))
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{Backoff, NextTry, Tried, scramble};
    use crate::time::{Deadline, Instant};
    use std::time::Duration;

    const NOW: Instant = Instant::from_nanos(1_000_000_000);
    const BACKOFF: Backoff =
        Backoff { attempts: 8, base: Duration::from_millis(500), longest: Duration::from_secs(5) };

    fn tried(attempts: u32) -> Tried {
        Tried { attempts, retry_after: None, service: Duration::ZERO, deadline: Deadline::NEVER }
    }

    fn wait(tried: &Tried, random: u64) -> f64 {
        match BACKOFF.next(tried, NOW, random) {
            NextTry::At(start) => start.saturating_duration_since(NOW).as_secs_f64(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_longest_wait_doubles_up_to_its_bound() {
        let longest = [1, 2, 3, 4, 5, 7].map(|attempts| wait(&tried(attempts), u64::MAX));
        assert_eq!(longest, [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]);
        assert_eq!(wait(&tried(7), 0), 0.0);
    }

    #[test]
    fn waits_are_spread_evenly_from_nothing_to_the_longest() {
        let mut tenths = [0; 10];
        for job in 0..10_000 {
            let wait = wait(&tried(2), scramble(7, job, 2));
            assert!((0.0..=1.0).contains(&wait));
            tenths[((wait * 10.0) as usize).min(9)] += 1;
        }
        assert!(tenths.iter().all(|n| (850..1_150).contains(n)), "{tenths:?}");
    }

    #[test]
    fn the_same_seed_draws_the_same_waits() {
        assert_eq!(scramble(1, 2, 3), scramble(1, 2, 3));
        let all = [scramble(1, 2, 3), scramble(2, 1, 3), scramble(1, 3, 2), scramble(3, 2, 1)];
        assert!((1..4).all(|n| !all[..n].contains(&all[n])), "{all:?}");
    }

    #[test]
    fn what_the_upstream_asks_for_wins() {
        for seconds in [0, 1, 60] {
            let retry_after = Some(Duration::from_secs(seconds));
            assert_eq!(wait(&Tried { retry_after, ..tried(1) }, u64::MAX), seconds as f64);
        }
    }

    #[test]
    fn no_wait_begins_that_the_deadline_would_end() {
        let second = Duration::from_secs(1);
        let deadline = Deadline::after(NOW, 3 * second);
        let after = |seconds| {
            let retry_after = Some(second * seconds);
            let tried = Tried { retry_after, service: second, deadline, ..tried(1) };
            BACKOFF.next(&tried, NOW, 0)
        };
        assert_eq!(after(1), NextTry::At(NOW + second));
        assert_eq!(after(2), NextTry::TooLate);
        let never = Tried { retry_after: Some(Duration::MAX), ..tried(1) };
        assert_eq!(BACKOFF.next(&never, NOW, 0), NextTry::At(NOW + Duration::MAX));
    }

    #[test]
    fn attempts_are_used_up() {
        assert_eq!(BACKOFF.next(&tried(8), NOW, 0), NextTry::Spent);
        assert_eq!(BACKOFF.next(&tried(u32::MAX), NOW, 0), NextTry::Spent);
    }
}

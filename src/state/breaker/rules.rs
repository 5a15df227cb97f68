//! What a breaker is told and what it answers: plain data.

use std::fmt;
use std::time::Duration;

use super::permit::BreakerPermit;
use super::word::View;
use crate::time::Instant;

/// Where a breaker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum BreakerState {
    /// Calls are made, and watched.
    Closed = 0,
    /// The upstream fails: no call is made until some time has passed.
    Open = 1,
    /// A few calls are made, to see whether the upstream is well again.
    HalfOpen = 2,
    /// No call is made until the breaker is told otherwise.
    ForcedOpen = 3,
    /// Every call is made and none is watched.
    Disabled = 4,
    /// Every call is made, and watched, but the breaker never opens.
    MetricsOnly = 5,
}

impl BreakerState {
    /// Every state, each at the place of its number.
    pub const ALL: [Self; 6] = [
        Self::Closed,
        Self::Open,
        Self::HalfOpen,
        Self::ForcedOpen,
        Self::Disabled,
        Self::MetricsOnly,
    ];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
            Self::MetricsOnly => "metrics_only",
        }
    }

    /// Whether the calls of this state are put into the window.
    pub(super) const fn is_watched(self) -> bool {
        matches!(self, Self::Closed | Self::MetricsOnly)
    }
}

/// Which calls a breaker decides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakerWindow {
    /// Those of the last so long, in ten buckets: the oldest tenth leaves at once.
    Time(Duration),
    /// The last so many. Every call then writes words that all threads share.
    Calls(usize),
}

/// The limits of a breaker; the defaults are in the table of `config`.
///
/// What cannot be is taken for the nearest thing that can: a rate above 100 for 100, a count of 0 for 1 (but for
/// [`failures_in_row`](Self::failures_in_row)), a duration below a millisecond for one, more than
/// [`MAX_PROBES`](Self::MAX_PROBES) probes for so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRules {
    /// Which calls decide.
    pub window: BreakerWindow,
    /// With fewer calls in the window than this no rate opens the breaker.
    pub min_calls: u32,
    /// Opens at this share of failures, in percent.
    pub failure_rate: u32,
    /// Opens at so many failures in a row; 0: never for that.
    pub failures_in_row: u32,
    /// Opens at this share of slow calls, in percent.
    pub slow_rate: u32,
    /// How long it stays open the first time; doubled each time that it opens again.
    pub open: Duration,
    /// The longest that it stays open, before the jitter.
    pub open_max: Duration,
    /// The time open is longer or shorter by up to this share, in percent.
    pub jitter: u32,
    /// After so long closed the doubling starts anew.
    pub calm: Duration,
    /// Probes at once, half-open.
    pub probes: u32,
    /// Probes that decide, half-open.
    pub probes_to_decide: u32,
    /// The longest that it stays half-open.
    pub half_open: Duration,
}

impl BreakerRules {
    /// The most probes.
    pub const MAX_PROBES: u32 = View::MAX_PROBES;

    /// The rules with what can be.
    pub(super) fn normal(self) -> Self {
        const LEAST: Duration = Duration::from_millis(1);
        let probes_to_decide = self.probes_to_decide.clamp(1, Self::MAX_PROBES);
        Self {
            window: match self.window {
                BreakerWindow::Time(time) => BreakerWindow::Time(time.max(LEAST)),
                BreakerWindow::Calls(calls) => BreakerWindow::Calls(calls.max(1)),
            },
            min_calls: self.min_calls.max(1),
            failure_rate: self.failure_rate.clamp(1, 100),
            failures_in_row: self.failures_in_row,
            slow_rate: self.slow_rate.clamp(1, 100),
            open: self.open.max(LEAST),
            open_max: self.open_max.max(LEAST),
            jitter: self.jitter.min(100),
            calm: self.calm,
            probes: self.probes.clamp(1, probes_to_decide),
            probes_to_decide,
            half_open: self.half_open.max(LEAST),
        }
    }

    /// Whether these probes open the breaker again, whatever those say that are to come.
    pub(super) fn probes_are_bad(&self, failures: u32, slow: u32) -> bool {
        let reaches = |count: u32, percent: u32| count * 100 >= self.probes_to_decide * percent;
        reaches(failures, self.failure_rate) || reaches(slow, self.slow_rate)
    }

    /// How long the breaker stays open after `level` openings before, drawn with `seed` and the generation, so that
    /// all threads that open it together draw the same.
    pub(super) fn open_for(&self, level: u32, seed: u64, generation: u32) -> Duration {
        let doubled = self.open.saturating_mul(1_u32 << level.min(31)).min(self.open_max);
        let nanos = doubled.as_nanos();
        let widest = nanos * u128::from(self.jitter) / 100;
        let drawn = u128::from(mix(seed ^ u64::from(generation)));
        let jittered = nanos - widest + drawn % (2 * widest + 1);
        Duration::from_nanos(u64::try_from(jittered).unwrap_or(u64::MAX))
    }
}

/// Steele, Lea and Flood's finalizer of SplitMix64.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// How a call went, as the breaker sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sample {
    /// The upstream did its part.
    Success {
        /// It took longer than a call should.
        slow: bool,
    },
    /// The upstream did not do its part.
    Failure {
        /// It took longer than a call should.
        slow: bool,
        /// How long the upstream asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// Says nothing about the upstream.
    Ignored,
}

impl Sample {
    pub(super) const fn is_slow(self) -> bool {
        match self {
            Self::Success { slow } | Self::Failure { slow, .. } => slow,
            Self::Ignored => false,
        }
    }
}

/// The sums of all successes that were [`Counted`](SampleFate::Counted), kept by the threads that made the calls. They
/// only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallTotals {
    /// Successes, the slow ones among them.
    pub ok: u64,
    /// Slow successes.
    pub slow: u64,
}

/// What became of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SampleFate {
    /// It belongs to the window. If it is a success, the caller adds it to the sums that [`CallTotals`] are read from.
    Counted,
    /// It was a probe's, and is counted in the breaker's word.
    Probed,
    /// It does not count.
    Ignored,
    /// The breaker has changed its state since the call began: it does not count.
    Stale,
}

/// What the end of a call did.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// What became of the sample.
    pub fate: SampleFate,
    /// The change of state that it led to; no other caller gets it.
    pub transition: Option<BreakerTransition>,
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerTransition {
    /// The state that was left; the same as `to` when a breaker is told to be what it is.
    pub from: BreakerState,
    /// The state that was entered.
    pub to: BreakerState,
    /// When.
    pub at: Instant,
    /// How many changes there were so far, this one included.
    pub generation: u32,
}

/// Why there is no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitOpen {
    /// The state of the breaker.
    pub state: BreakerState,
    /// How long it stays so at least, where that is known: not when it was forced open, nor when others probe.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for CircuitOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.state, self.retry_after) {
            (BreakerState::HalfOpen, _) => {
                f.write_str("the circuit breaker is half-open and has no probe left")
            }
            (BreakerState::ForcedOpen, _) => f.write_str("the circuit breaker is forced open"),
            (_, Some(time)) => write!(f, "the circuit breaker is open for another {time:?}"),
            (_, None) => f.write_str("the circuit breaker is open"),
        }
    }
}

impl std::error::Error for CircuitOpen {}

/// What an acquisition gave.
#[must_use]
#[derive(Debug)]
pub struct Acquired<B: std::ops::Deref<Target = super::CircuitBreaker>> {
    /// The leave to make one call, or why there is none.
    pub permit: Result<BreakerPermit<B>, CircuitOpen>,
    /// The changes of state that the acquisition made, in their order; no other caller gets them.
    pub transitions: [Option<BreakerTransition>; 2],
}

/// What a breaker knows at one moment; the figures are not read at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerFigures {
    /// The state.
    pub state: BreakerState,
    /// How many changes of state there were.
    pub generation: u32,
    /// Calls in the window.
    pub calls: u64,
    /// Failures among them.
    pub failures: u64,
    /// Slow calls among them.
    pub slow: u64,
    /// Failures since the last success.
    pub failures_in_row: u32,
    /// Probes that are out.
    pub probes: u32,
}

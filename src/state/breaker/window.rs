//! What the calls of the window were like: by time, or the last so many.

use super::call_window::CallWindow;
use super::rules::{BreakerRules, BreakerWindow, CallTotals, Sample};
use super::time_window::TimeWindow;
use crate::time::Instant;

/// What a window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) calls: u64,
    pub(super) failures: u64,
    pub(super) slow: u64,
}

impl Sums {
    /// Whether calls like these open the breaker.
    pub(super) fn are_bad(self, rules: &BreakerRules) -> bool {
        let reaches = |count: u64, percent: u32| count * 100 >= self.calls * u64::from(percent);
        self.calls >= u64::from(rules.min_calls)
            && (reaches(self.failures, rules.failure_rate) || reaches(self.slow, rules.slow_rate))
    }
}

/// The calls that decide.
#[derive(Debug)]
pub(super) enum Window {
    Time(TimeWindow),
    Calls(CallWindow),
}

impl Window {
    pub(super) fn new(window: BreakerWindow) -> Self {
        match window {
            BreakerWindow::Time(time) => Self::Time(TimeWindow::new(time)),
            BreakerWindow::Calls(calls) => Self::Calls(CallWindow::new(calls)),
        }
    }

    /// A success, which the caller adds to its sums afterwards.
    pub(super) fn succeed(
        &self,
        generation: u32,
        now: Instant,
        slow: bool,
        totals: impl FnOnce() -> CallTotals,
    ) {
        match self {
            Self::Time(window) => window.mark(generation, now, totals),
            Self::Calls(window) => window.record(generation, Sample::Success { slow }),
        }
    }

    /// A failure; what the window holds with it.
    pub(super) fn fail(
        &self,
        generation: u32,
        now: Instant,
        slow: bool,
        totals: impl FnOnce() -> CallTotals,
    ) -> Sums {
        match self {
            Self::Time(window) => {
                let totals = totals();
                window.mark(generation, now, || totals);
                window.fail(generation, now, slow);
                window.sums(generation, now, totals)
            }
            Self::Calls(window) => {
                window.record(generation, Sample::Failure { slow, retry_after: None });
                window.sums(generation)
            }
        }
    }

    /// What the window holds now.
    pub(super) fn look(
        &self,
        generation: u32,
        now: Instant,
        totals: impl FnOnce() -> CallTotals,
    ) -> Sums {
        match self {
            Self::Time(window) => {
                let totals = totals();
                window.mark(generation, now, || totals);
                window.sums(generation, now, totals)
            }
            Self::Calls(window) => window.sums(generation),
        }
    }
}

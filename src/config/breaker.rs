//! The settings of a provider's circuit breaker, and the table of its options.

use std::time::Duration;

use super::spec::{self, Bounds, Preset, Shape, Spec, Word};
use super::unit::nanos;

/// Whether the breaker does its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BreakerMode {
    /// It watches the calls, and opens.
    #[default]
    On,
    /// It watches the calls, and never opens.
    MetricsOnly,
    /// It does nothing.
    Off,
}

/// What becomes of the jobs that wait in the queue when the breaker opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BreakerPolicy {
    /// They wait until it closes, inside their limits.
    #[default]
    Wait,
    /// They fail when their turn comes.
    Fail,
}

/// The settings of a provider's circuit breaker (S23–S25); every default and range is a row of
/// [`options`](super::options).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerConfig {
    /// Whether the breaker does its work.
    pub mode: BreakerMode,
    /// What becomes of the jobs that wait in the queue when the breaker opens.
    pub queued: BreakerPolicy,
    /// The calls of the last so long decide, unless `window_calls` is given.
    pub window: Duration,
    /// The last so many calls decide, whenever they were; every call then writes words that all threads share.
    pub window_calls: Option<usize>,
    /// With fewer calls in the window no share of them opens the breaker.
    pub min_calls: usize,
    /// The share of failures, in percent, at which the breaker opens.
    pub failure_rate: usize,
    /// So many failures in a row open the breaker, however few calls there were; with 0 they do not.
    pub failures_in_row: usize,
    /// The share of slow calls, in percent, at which the breaker opens.
    pub slow_rate: usize,
    /// A call is slow that took longer than this share, in percent, of its timeout.
    pub slow_after: usize,
    /// How long the breaker stays open the first time, and at least as long as the upstream's Retry-After says; doubled each time that it opens again.
    pub open: Duration,
    /// Where the doubling of `open` ends.
    pub open_max: Duration,
    /// The time open is longer or shorter by up to this share, in percent.
    pub jitter: usize,
    /// After so long closed the doubling starts anew.
    pub calm: Duration,
    /// How many calls may be made at once, half-open.
    pub probes: usize,
    /// How many calls decide, half-open, by the same shares.
    pub probes_to_decide: usize,
    /// How long the breaker stays half-open when that is not decided; then it opens again.
    pub half_open: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        let mut config = Self {
            mode: BreakerMode::default(),
            queued: BreakerPolicy::default(),
            window: Duration::ZERO,
            window_calls: None,
            min_calls: 0,
            failure_rate: 0,
            failures_in_row: 0,
            slow_rate: 0,
            slow_after: 0,
            open: Duration::ZERO,
            open_max: Duration::ZERO,
            jitter: 0,
            calm: Duration::ZERO,
            probes: 0,
            probes_to_decide: 0,
            half_open: Duration::ZERO,
        };
        spec::set_defaults(BREAKER, &mut config);
        config
    }
}

impl BreakerConfig {
    /// Sets whether the breaker does its work.
    #[must_use]
    pub fn mode(mut self, mode: BreakerMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets what becomes of the jobs that wait in the queue when the breaker opens.
    #[must_use]
    pub fn queued(mut self, policy: BreakerPolicy) -> Self {
        self.queued = policy;
        self
    }

    /// Sets how long ago a call may be that decides.
    #[must_use]
    pub fn window(mut self, time: Duration) -> Self {
        self.window = time;
        self
    }

    /// Lets the last so many calls decide.
    #[must_use]
    pub fn window_calls(mut self, number: usize) -> Self {
        self.window_calls = Some(number);
        self
    }

    /// Sets how many calls it takes for a share to open the breaker.
    #[must_use]
    pub fn min_calls(mut self, number: usize) -> Self {
        self.min_calls = number;
        self
    }

    /// Sets the share of failures, in percent, at which the breaker opens.
    #[must_use]
    pub fn failure_rate(mut self, number: usize) -> Self {
        self.failure_rate = number;
        self
    }

    /// Sets how many failures in a row open the breaker; 0: none.
    #[must_use]
    pub fn failures_in_row(mut self, number: usize) -> Self {
        self.failures_in_row = number;
        self
    }

    /// Sets the share of slow calls, in percent, at which the breaker opens.
    #[must_use]
    pub fn slow_rate(mut self, number: usize) -> Self {
        self.slow_rate = number;
        self
    }

    /// Sets the share of its timeout, in percent, after which a call is slow.
    #[must_use]
    pub fn slow_after(mut self, number: usize) -> Self {
        self.slow_after = number;
        self
    }

    /// Sets how long the breaker stays open the first time.
    #[must_use]
    pub fn open(mut self, time: Duration) -> Self {
        self.open = time;
        self
    }

    /// Sets where the doubling of the time open ends.
    #[must_use]
    pub fn open_max(mut self, time: Duration) -> Self {
        self.open_max = time;
        self
    }

    /// Sets the share, in percent, by which the time open varies.
    #[must_use]
    pub fn jitter(mut self, number: usize) -> Self {
        self.jitter = number;
        self
    }

    /// Sets how long closed it takes for the doubling to start anew.
    #[must_use]
    pub fn calm(mut self, time: Duration) -> Self {
        self.calm = time;
        self
    }

    /// Sets how many calls may be made at once, half-open.
    #[must_use]
    pub fn probes(mut self, number: usize) -> Self {
        self.probes = number;
        self
    }

    /// Sets how many calls decide, half-open.
    #[must_use]
    pub fn probes_to_decide(mut self, number: usize) -> Self {
        self.probes_to_decide = number;
        self
    }

    /// Sets the longest time half-open.
    #[must_use]
    pub fn half_open(mut self, time: Duration) -> Self {
        self.half_open = time;
        self
    }
}

const HOUR: u64 = 3_600_000;

const fn word(name: &'static str) -> Word {
    Word { name, number: None }
}

/// `[providers.NAME.breaker]` and `[defaults.breaker]`.
pub(super) const BREAKER: &[Spec<BreakerConfig>] = &[
    Spec {
        name: "mode",
        doc: "Whether the breaker does its work, only watches, or does nothing.",
        shape: Shape::Choice { words: MODE, get: mode_word, set: set_mode },
    },
    Spec {
        name: "queued",
        doc: "What becomes of the jobs that wait in the queue when the breaker opens: they wait on, inside their limits, or fail.",
        shape: Shape::Choice { words: QUEUED, get: queued_word, set: set_queued },
    },
    Spec {
        name: "window",
        doc: "The calls of the last so long decide, unless window_calls is given.",
        shape: Shape::Number {
            bounds: Bounds::millis(10_000, 100, HOUR),
            get: |c| Some(nanos(c.window)),
            set: |c, v| c.window = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "window_calls",
        doc: "The last so many calls decide, whenever they were; every call then writes words that all threads share.",
        shape: Shape::Number {
            bounds: Bounds::count(100, 1, 10_000).preset(Preset::None),
            get: |c| c.window_calls.map(|number| number as u64),
            set: |c, v| c.window_calls = Some(v as usize),
        },
    },
    Spec {
        name: "min_calls",
        doc: "With fewer calls in the window no share of them opens the breaker.",
        shape: Shape::Number {
            bounds: Bounds::count(20, 1, 1_000_000),
            get: |c| Some(c.min_calls as u64),
            set: |c, v| c.min_calls = v as usize,
        },
    },
    Spec {
        name: "failure_rate",
        doc: "The share of failures, in percent, at which the breaker opens.",
        shape: Shape::Number {
            bounds: Bounds::count(50, 1, 100),
            get: |c| Some(c.failure_rate as u64),
            set: |c, v| c.failure_rate = v as usize,
        },
    },
    Spec {
        name: "failures_in_row",
        doc: "So many failures in a row open the breaker, however few calls there were; with 0 they do not.",
        shape: Shape::Number {
            bounds: Bounds::count(10, 0, 1_000_000),
            get: |c| Some(c.failures_in_row as u64),
            set: |c, v| c.failures_in_row = v as usize,
        },
    },
    Spec {
        name: "slow_rate",
        doc: "The share of slow calls, in percent, at which the breaker opens.",
        shape: Shape::Number {
            bounds: Bounds::count(80, 1, 100),
            get: |c| Some(c.slow_rate as u64),
            set: |c, v| c.slow_rate = v as usize,
        },
    },
    Spec {
        name: "slow_after",
        doc: "A call is slow that took longer than this share, in percent, of its timeout.",
        shape: Shape::Number {
            bounds: Bounds::count(80, 1, 100),
            get: |c| Some(c.slow_after as u64),
            set: |c, v| c.slow_after = v as usize,
        },
    },
    Spec {
        name: "open",
        doc: "How long the breaker stays open the first time, and at least as long as the upstream's Retry-After says; doubled each time that it opens again.",
        shape: Shape::Number {
            bounds: Bounds::millis(5_000, 1, HOUR),
            get: |c| Some(nanos(c.open)),
            set: |c, v| c.open = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "open_max",
        doc: "Where the doubling of open ends.",
        shape: Shape::Number {
            bounds: Bounds::millis(60_000, 1, 24 * HOUR),
            get: |c| Some(nanos(c.open_max)),
            set: |c, v| c.open_max = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "jitter",
        doc: "The time open is longer or shorter by up to this share, in percent.",
        shape: Shape::Number {
            bounds: Bounds::count(20, 0, 50),
            get: |c| Some(c.jitter as u64),
            set: |c, v| c.jitter = v as usize,
        },
    },
    Spec {
        name: "calm",
        doc: "After so long closed the doubling starts anew.",
        shape: Shape::Number {
            bounds: Bounds::millis(60_000, 0, 24 * HOUR),
            get: |c| Some(nanos(c.calm)),
            set: |c, v| c.calm = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "probes",
        doc: "How many calls may be made at once, half-open.",
        shape: Shape::Number {
            bounds: Bounds::count(3, 1, 63),
            get: |c| Some(c.probes as u64),
            set: |c, v| c.probes = v as usize,
        },
    },
    Spec {
        name: "probes_to_decide",
        doc: "How many calls decide, half-open, by the same shares.",
        shape: Shape::Number {
            bounds: Bounds::count(5, 1, 63),
            get: |c| Some(c.probes_to_decide as u64),
            set: |c, v| c.probes_to_decide = v as usize,
        },
    },
    Spec {
        name: "half_open",
        doc: "How long the breaker stays half-open when that is not decided; then it opens again.",
        shape: Shape::Number {
            bounds: Bounds::millis(30_000, 1, HOUR),
            get: |c| Some(nanos(c.half_open)),
            set: |c, v| c.half_open = Duration::from_nanos(v),
        },
    },
];

const MODE: &[Word] = &[word("on"), word("metrics_only"), word("off")];

fn mode_word(c: &BreakerConfig) -> (&'static str, Option<u64>) {
    let word = match c.mode {
        BreakerMode::On => "on",
        BreakerMode::MetricsOnly => "metrics_only",
        BreakerMode::Off => "off",
    };
    (word, None)
}

fn set_mode(c: &mut BreakerConfig, word: &'static str, _: Option<u64>) {
    c.mode = match word {
        "metrics_only" => BreakerMode::MetricsOnly,
        "off" => BreakerMode::Off,
        _ => BreakerMode::On,
    };
}

const QUEUED: &[Word] = &[word("wait"), word("fail")];

fn queued_word(c: &BreakerConfig) -> (&'static str, Option<u64>) {
    let word = match c.queued {
        BreakerPolicy::Wait => "wait",
        BreakerPolicy::Fail => "fail",
    };
    (word, None)
}

fn set_queued(c: &mut BreakerConfig, word: &'static str, _: Option<u64>) {
    c.queued = if word == "fail" { BreakerPolicy::Fail } else { BreakerPolicy::Wait };
}

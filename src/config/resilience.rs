//! What a provider does about overload and failure: its estimate and queue discipline, retries, the limit on
//! its concurrency, and the number of its workers.

use std::time::Duration;

use super::options::word;
use super::spec::{Bounds, Preset, Shape, Spec, Word};
use super::unit::{Unit, nanos};
use super::{ConfigError, ProviderConfig};

/// What is done about a queue that gets too long (S19).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OverloadConfig {
    /// Whether jobs that could not start in time are refused.
    pub estimate: bool,
    /// Whether jobs that waited long are dropped while the queue's waits stay long.
    pub codel: bool,
}

/// How failed jobs are tried again (S29).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryConfig {
    /// The most attempts of a job, the first one among them.
    pub attempts: u32,
    /// The longest wait before the second attempt; it doubles with each.
    pub backoff: Duration,
    /// The longest wait before any.
    pub backoff_max: Duration,
    /// How many retries and hedges there may be, in per cent of the requests.
    pub budget_percent: u32,
    /// How many there may be beside.
    pub budget_first: u32,
}

/// How many requests may be with the upstream at once (S31).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimiterConfig {
    /// Whether the limit follows what the upstream bears; otherwise only `workers.max` limits.
    pub is_adaptive: bool,
    /// The least that it may be.
    pub min: usize,
    /// The most; `workers.max` if `None`.
    pub max: Option<usize>,
    /// What it starts at.
    pub initial: usize,
}

/// When there are more workers, and when fewer (S30).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScalingConfig {
    /// Above this share of busy workers, in per cent, there are more.
    pub grow_above: u32,
    /// Below this share, in per cent, there are fewer after a while.
    pub shrink_below: u32,
    /// That while.
    pub idle_timeout: Duration,
    /// How long a change is left alone.
    pub hysteresis: Duration,
}

const HOUR: u64 = 3_600_000;
const SWITCH: &[Word] = &[word("on"), word("off")];
const LIMITER: &[Word] = &[word("off"), word("adaptive")];

fn switch(is_on: bool) -> (&'static str, Option<u64>) {
    (if is_on { "on" } else { "off" }, None)
}

/// The rows of `[providers.NAME]` that are set here.
pub(super) const RESILIENCE: &[Spec<ProviderConfig>] = &[
    Spec {
        name: "overload.estimate",
        doc: "Whether a job is refused that could not start in time, by what waits before it and how long jobs run.",
        shape: Shape::Choice {
            words: SWITCH,
            get: |c| switch(c.overload.estimate),
            set: |c, word, _| c.overload.estimate = word == "on",
        },
    },
    Spec {
        name: "overload.codel",
        doc: "Whether jobs that waited for a fifth of queue_timeout are dropped while waits stay above a tenth of it.",
        shape: Shape::Choice {
            words: SWITCH,
            get: |c| switch(c.overload.codel),
            set: |c, word, _| c.overload.codel = word == "on",
        },
    },
    Spec {
        name: "retry.attempts",
        doc: "The most attempts of a job that can be tried again, the first one among them.",
        shape: Shape::Number {
            bounds: Bounds::count(3, 1, 100).advised(1, 5),
            get: |c| Some(u64::from(c.retry.attempts)),
            set: |c, v| c.retry.attempts = v as u32,
        },
    },
    Spec {
        name: "retry.backoff",
        doc: "The longest wait before the second attempt; it doubles with each, and what is waited is drawn between nothing and that.",
        shape: Shape::Number {
            bounds: Bounds::millis(500, 1, HOUR),
            get: |c| Some(nanos(c.retry.backoff)),
            set: |c, v| c.retry.backoff = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "retry.backoff_max",
        doc: "The longest wait before any attempt, unless the upstream asks for more.",
        shape: Shape::Number {
            bounds: Bounds::millis(5_000, 1, HOUR),
            get: |c| Some(nanos(c.retry.backoff_max)),
            set: |c, v| c.retry.backoff_max = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "retry.budget_percent",
        doc: "How many retries and hedges there may be, in per cent of the requests.",
        shape: Shape::Number {
            bounds: Bounds::count(20, 0, 100),
            get: |c| Some(u64::from(c.retry.budget_percent)),
            set: |c, v| c.retry.budget_percent = v as u32,
        },
    },
    Spec {
        name: "retry.budget_first",
        doc: "How many retries and hedges there may be beside that share.",
        shape: Shape::Number {
            bounds: Bounds::count(3, 0, 10_000),
            get: |c| Some(u64::from(c.retry.budget_first)),
            set: |c, v| c.retry.budget_first = v as u32,
        },
    },
    Spec {
        name: "limiter.mode",
        doc: "Whether the number of requests that are with the upstream at once follows what the upstream bears.",
        shape: Shape::Choice {
            words: LIMITER,
            get: |c| (if c.limiter.is_adaptive { "adaptive" } else { "off" }, None),
            set: |c, word, _| c.limiter.is_adaptive = word == "adaptive",
        },
    },
    Spec {
        name: "limiter.min",
        doc: "The least that an adaptive limit becomes.",
        shape: Shape::Number {
            bounds: Bounds::count(1, 1, 65_535),
            get: |c| Some(c.limiter.min as u64),
            set: |c, v| c.limiter.min = v as usize,
        },
    },
    Spec {
        name: "limiter.max",
        doc: "The most that an adaptive limit becomes; workers.max where it is not given.",
        shape: Shape::Number {
            bounds: Bounds::count(100, 1, 65_535).preset(Preset::None),
            get: |c| c.limiter.max.map(|limit| limit as u64),
            set: |c, v| c.limiter.max = Some(v as usize),
        },
    },
    Spec {
        name: "limiter.initial",
        doc: "What an adaptive limit starts at, inside its bounds.",
        shape: Shape::Number {
            bounds: Bounds::count(10, 1, 65_535),
            get: |c| Some(c.limiter.initial as u64),
            set: |c, v| c.limiter.initial = v as usize,
        },
    },
    Spec {
        name: "scaling.grow_above",
        doc: "Above this share of busy workers, in per cent, more are started, up to workers.max.",
        shape: Shape::Number {
            bounds: Bounds::count(80, 1, 100),
            get: |c| Some(u64::from(c.scaling.grow_above)),
            set: |c, v| c.scaling.grow_above = v as u32,
        },
    },
    Spec {
        name: "scaling.shrink_below",
        doc: "Below this share of busy workers, in per cent, for scaling.idle_timeout, idle ones end, down to workers.min.",
        shape: Shape::Number {
            bounds: Bounds::count(30, 0, 100),
            get: |c| Some(u64::from(c.scaling.shrink_below)),
            set: |c, v| c.scaling.shrink_below = v as u32,
        },
    },
    Spec {
        name: "scaling.idle_timeout",
        doc: "How long few workers have to be busy before idle ones end.",
        shape: Shape::Number {
            bounds: Bounds::millis(60_000, 1, 24 * HOUR),
            get: |c| Some(nanos(c.scaling.idle_timeout)),
            set: |c, v| c.scaling.idle_timeout = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "scaling.hysteresis",
        doc: "How long the number of workers is left alone after a change; jobs that wait while all are busy do not wait for it.",
        shape: Shape::Number {
            bounds: Bounds::millis(10_000, 0, HOUR),
            get: |c| Some(nanos(c.scaling.hysteresis)),
            set: |c, v| c.scaling.hysteresis = Duration::from_nanos(v),
        },
    },
];

/// What the options have to do with each other.
pub(super) fn check(config: &ProviderConfig, path: &str) -> Result<(), ConfigError> {
    let ordered = |(low, low_name): (u64, &str), (high, high_name): (u64, &str), unit: Unit| {
        if low <= high {
            return Ok(());
        }
        Err(ConfigError::new(format!("{path}.{low_name}"), format!("larger than {high_name}"))
            .value(unit.format(low))
            .expected(format!("at most {}", unit.format(high))))
    };
    let ProviderConfig { retry, limiter, scaling, .. } = config;
    let backoff = (nanos(retry.backoff), "retry.backoff");
    ordered(backoff, (nanos(retry.backoff_max), "retry.backoff_max"), Unit::Time)?;
    if let Some(max) = limiter.max {
        let min = (limiter.min as u64, "limiter.min");
        ordered(min, (max as u64, "limiter.max"), Unit::Count)?;
    }
    let low = (u64::from(scaling.shrink_below), "scaling.shrink_below");
    ordered(low, (u64::from(scaling.grow_above), "scaling.grow_above"), Unit::Count)
}

#[cfg(test)]
mod tests {
    use super::super::ProviderConfig;
    use std::time::Duration;

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let ProviderConfig { overload, retry, limiter, scaling, .. } = ProviderConfig::new("a");
        assert!(overload.estimate && overload.codel && !limiter.is_adaptive);
        assert_eq!((retry.attempts, retry.budget_percent, retry.budget_first), (3, 20, 3));
        let [half, five] = [500, 5_000].map(Duration::from_millis);
        assert_eq!((retry.backoff, retry.backoff_max), (half, five));
        assert_eq!((scaling.grow_above, scaling.shrink_below), (80, 30));
        let [minute, ten] = [60, 10].map(Duration::from_secs);
        assert_eq!((scaling.idle_timeout, scaling.hysteresis), (minute, ten));
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        let with = |change: fn(&mut ProviderConfig)| {
            let mut config = ProviderConfig::new("a");
            change(&mut config);
            config.validate().expect_err("they contradict").to_string()
        };
        assert_eq!(
            with(|c| c.retry.backoff = Duration::from_secs(6)),
            "providers.a.retry.backoff = 6s: larger than retry.backoff_max; at most 5s"
        );
        assert_eq!(
            with(|c| (c.limiter.min, c.limiter.max) = (9, Some(8))),
            "providers.a.limiter.min = 9: larger than limiter.max; at most 8"
        );
        assert_eq!(
            with(|c| c.scaling.shrink_below = 90),
            "providers.a.scaling.shrink_below = 90: larger than scaling.grow_above; at most 80"
        );
    }
}

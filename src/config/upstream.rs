//! How a provider treats its upstream: its health checks, and the order and the rests of its keys.

use std::time::Duration;

use super::options::word;
use super::spec::{Bounds, Shape, Spec, Word};
use super::unit::{Unit, nanos};
use super::{ConfigError, KeyPolicy, ProviderConfig};

/// Which key a request takes, and how long keys rest (S28).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyPoolConfig {
    /// Which of the usable keys a request takes.
    pub order: KeyPolicy,
    /// How much of a key's rate may be used at once.
    pub burst: Duration,
    /// How long a key cools down after a first 429 without Retry-After; it doubles with each that follows.
    pub backoff: Duration,
    /// The longest of these, and up to half of it more.
    pub backoff_max: Duration,
    /// How long a key rests after a 402.
    pub quota_rest: Duration,
    /// After what time a key that was refused is probed by one request; it doubles with each that is refused.
    pub probe: Duration,
    /// The longest of these, and up to half of it more.
    pub probe_max: Duration,
}

const HOUR: u64 = 3_600_000;
const ORDERS: &[Word] = &[word("round_robin"), word("least_in_flight"), word("sticky")];

fn order_word(c: &ProviderConfig) -> (&'static str, Option<u64>) {
    let word = match c.key_pool.order {
        KeyPolicy::RoundRobin => "round_robin",
        KeyPolicy::LeastInFlight => "least_in_flight",
        KeyPolicy::Sticky => "sticky",
    };
    (word, None)
}

fn set_order(c: &mut ProviderConfig, word: &'static str, _: Option<u64>) {
    c.key_pool.order = match word {
        "least_in_flight" => KeyPolicy::LeastInFlight,
        "sticky" => KeyPolicy::Sticky,
        _ => KeyPolicy::RoundRobin,
    };
}

/// The rows of `[providers.NAME]` that are set here.
pub(super) const UPSTREAM: &[Spec<ProviderConfig>] = &[
    Spec {
        name: "health_interval",
        doc: "How long after one health check the next begins, with up to a tenth of it more; 0ms for none but the one at the start, and none at all where health is skip.",
        shape: Shape::Number {
            bounds: Bounds::millis(10_000, 0, HOUR),
            get: |c| Some(nanos(c.health_interval)),
            set: |c, v| c.health_interval = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "health_timeout",
        doc: "How long a health check may take.",
        shape: Shape::Number {
            bounds: Bounds::millis(5_000, 1, HOUR),
            get: |c| Some(nanos(c.health_timeout)),
            set: |c, v| c.health_timeout = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "health_failures",
        doc: "How many failed health checks in a row make a provider degraded.",
        shape: Shape::Number {
            bounds: Bounds::count(3, 1, 1_000),
            get: |c| Some(u64::from(c.health_failures)),
            set: |c, v| c.health_failures = v as u32,
        },
    },
    Spec {
        name: "health_successes",
        doc: "How many good health checks in a row make it ready again.",
        shape: Shape::Number {
            bounds: Bounds::count(2, 1, 1_000),
            get: |c| Some(u64::from(c.health_successes)),
            set: |c, v| c.health_successes = v as u32,
        },
    },
    Spec {
        name: "key_pool.order",
        doc: "Which of the usable keys a request takes: by turns, the one with the fewest requests on their way for its weight, or for each tenant the same one.",
        shape: Shape::Choice { words: ORDERS, get: order_word, set: set_order },
    },
    Spec {
        name: "key_pool.burst",
        doc: "How much of a key's requests_per_minute and tokens_per_minute may be used at once.",
        shape: Shape::Number {
            bounds: Bounds::millis(6_000, 0, HOUR),
            get: |c| Some(nanos(c.key_pool.burst)),
            set: |c, v| c.key_pool.burst = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "key_pool.backoff",
        doc: "How long a key cools down after a 429 without Retry-After; it doubles with each that follows, and up to half of it is added at random.",
        shape: Shape::Number {
            bounds: Bounds::millis(1_000, 1, HOUR),
            get: |c| Some(nanos(c.key_pool.backoff)),
            set: |c, v| c.key_pool.backoff = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "key_pool.backoff_max",
        doc: "The longest of these without what is added, unless Retry-After says more.",
        shape: Shape::Number {
            bounds: Bounds::millis(60_000, 1, 24 * HOUR),
            get: |c| Some(nanos(c.key_pool.backoff_max)),
            set: |c, v| c.key_pool.backoff_max = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "key_pool.quota_rest",
        doc: "How long a key rests at least after a 402.",
        shape: Shape::Number {
            bounds: Bounds::millis(HOUR, 1, 24 * HOUR),
            get: |c| Some(nanos(c.key_pool.quota_rest)),
            set: |c, v| c.key_pool.quota_rest = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "key_pool.probe",
        doc: "After what time one request tries a key that was refused with 401 or 403; it doubles with each that is refused, and up to half of it is added at random.",
        shape: Shape::Number {
            bounds: Bounds::millis(60_000, 1, 24 * HOUR),
            get: |c| Some(nanos(c.key_pool.probe)),
            set: |c, v| c.key_pool.probe = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "key_pool.probe_max",
        doc: "The longest of these without what is added.",
        shape: Shape::Number {
            bounds: Bounds::millis(HOUR, 1, 24 * HOUR),
            get: |c| Some(nanos(c.key_pool.probe_max)),
            set: |c, v| c.key_pool.probe_max = Duration::from_nanos(v),
        },
    },
];

/// What the options have to do with each other.
pub(super) fn check(config: &ProviderConfig, path: &str) -> Result<(), ConfigError> {
    let ordered = |first: Duration, name: &str, longest: Duration| {
        if first <= longest {
            return Ok(());
        }
        let problem = format!("larger than key_pool.{name}_max");
        Err(ConfigError::new(format!("{path}.key_pool.{name}"), problem)
            .value(Unit::Time.format(nanos(first)))
            .expected(format!("at most {}", Unit::Time.format(nanos(longest)))))
    };
    let keys = &config.key_pool;
    ordered(keys.backoff, "backoff", keys.backoff_max)?;
    ordered(keys.probe, "probe", keys.probe_max)
}

#[cfg(test)]
mod tests {
    use super::super::ProviderConfig;
    use std::time::Duration;

    #[test]
    fn first_waits_longer_than_the_longest_are_refused() {
        let with = |change: fn(&mut ProviderConfig)| {
            let mut config = ProviderConfig::new("a");
            change(&mut config);
            config.validate().expect_err("they contradict").to_string()
        };
        assert_eq!(
            with(|c| c.key_pool.backoff = Duration::from_secs(61)),
            "providers.a.key_pool.backoff = 61s: larger than key_pool.backoff_max; at most 1m"
        );
        assert_eq!(
            with(|c| c.key_pool.probe_max = Duration::from_secs(1)),
            "providers.a.key_pool.probe = 1m: larger than key_pool.probe_max; at most 1s"
        );
    }
}

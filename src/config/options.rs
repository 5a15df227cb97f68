//! The table of every option.

use std::time::Duration;

use super::breaker::BREAKER;
use super::resilience::RESILIENCE;
use super::spec::{self, Bounds, Preset, Shape, Spec, TextRule, Word, choices};
use super::unit::{Unit, nanos};
use super::upstream::UPSTREAM;
use super::{
    DriverMode, HealthPolicy, KeyConfig, OverflowPolicy, ProviderConfig, RuntimeConfig,
    TenantConfig,
};

/// The table that an option stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// `[runtime]`.
    Runtime,
    /// `[providers.NAME]`, and `[defaults]` for all of them.
    Provider,
    /// `[providers.NAME.breaker]`, and `[defaults.breaker]` for all of them.
    Breaker,
    /// `[[providers.NAME.keys]]`.
    Key,
    /// `[providers.NAME.tenants.TENANT]`.
    Tenant,
}

/// What there is to know about an option.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionInfo {
    /// The table that it stands in.
    pub scope: Scope,
    /// Its path below that table, as `workers.min`.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// What it is when nobody sets it; empty when it is then absent.
    pub default: String,
    /// The legal values.
    pub range: String,
    /// The values that raise no warning, where these are fewer.
    pub advised: Option<String>,
}

/// Every option, in the order of the documentation.
///
/// ```
/// let queue = bifrost::config::options().find(|o| o.name == "queue_capacity").unwrap();
/// assert_eq!(queue.default, "256");
/// assert_eq!(queue.range, "an integer from 0 to 65536");
/// ```
pub fn options() -> impl Iterator<Item = OptionInfo> {
    let runtime = RUNTIME.iter().map(|spec| info(Scope::Runtime, spec));
    let provider = PROVIDER.iter().map(|spec| info(Scope::Provider, spec));
    let breaker = BREAKER.iter().map(|spec| info(Scope::Breaker, spec));
    let key = KEY.iter().map(|spec| info(Scope::Key, spec));
    let tenant = TENANT.iter().map(|spec| info(Scope::Tenant, spec));
    runtime.chain(provider).chain(breaker).chain(key).chain(tenant)
}

fn info<C>(scope: Scope, spec: &Spec<C>) -> OptionInfo {
    let (default, range, advised) = match &spec.shape {
        Shape::Number { bounds, .. } => {
            let default = match bounds.default {
                Preset::None => String::new(),
                Preset::Is(value) => bounds.unit.format(value),
                Preset::Cores => "the machine's cores".to_owned(),
            };
            let advised = bounds.advised.map(|(low, high)| {
                format!("{} to {}", bounds.unit.format(low), bounds.unit.format(high))
            });
            (default, format!("{}{}", bounds.range(), bounds.unit.syntax()), advised)
        }
        Shape::Text { rule, default, .. } => {
            (default.map_or_else(String::new, |d| format!("{d:?}")), rule.expected.to_owned(), None)
        }
        Shape::Choice { words, .. } => (format!("{:?}", words[0].name), choices(words), None),
    };
    OptionInfo { scope, name: spec.name, doc: spec.doc, default, range, advised }
}

const HOUR: u64 = 3_600_000;

pub(super) const fn word(name: &'static str) -> Word {
    Word { name, number: None }
}

const fn word_with(name: &'static str, number: Bounds) -> Word {
    Word { name, number: Some(number) }
}

/// `[runtime]`.
pub(super) const RUNTIME: &[Spec<RuntimeConfig>] = &[
    Spec {
        name: "drivers",
        doc: "Threads that drive all providers together; 0 when the program drives them itself.",
        shape: Shape::Number {
            bounds: Bounds::count(0, 0, 256).preset(Preset::Cores),
            get: |c| Some(c.drivers as u64),
            set: |c, v| c.drivers = v as usize,
        },
    },
    Spec {
        name: "spin",
        doc: "How long a thread that drives providers looks for work before it sleeps: a thread that sleeps takes some 20us to wake up, one that looks uses up its core.",
        shape: Shape::Number {
            bounds: Bounds::micros(20, 0, 10_000),
            get: |c| Some(nanos(c.spin)),
            set: |c, v| c.spin = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "shutdown_timeout",
        doc: "How long running jobs may take to finish at shutdown before they are cancelled.",
        shape: Shape::Number {
            bounds: Bounds::millis(10_000, 0, HOUR).advised(5_000, 30_000),
            get: |c| Some(nanos(c.shutdown_timeout)),
            set: |c, v| c.shutdown_timeout = Duration::from_nanos(v),
        },
    },
];

/// `[providers.NAME]` and `[defaults]`.
pub(super) const PROVIDER: &[Spec<ProviderConfig>] =
    &spec::join::<_, PROVIDER_ROWS>(PROVIDER_PARTS);

const PROVIDER_PARTS: &[&[Spec<ProviderConfig>]] = &[BASIC, RESILIENCE, UPSTREAM];
const PROVIDER_ROWS: usize = spec::rows(PROVIDER_PARTS);

const BASIC: &[Spec<ProviderConfig>] = &[
    Spec {
        name: "base_url",
        doc: "Scheme, host and path prefix that the paths of HTTP jobs are appended to.",
        shape: Shape::Text {
            rule: TextRule {
                expected: "a URL that starts with http:// or https://, without user, query and fragment",
                fits: is_base_url,
                show: |text| !text.contains(['@', '?', '#']),
            },
            default: None,
            get: |c| c.base_url.as_deref(),
            set: |c, v| c.base_url = Some(v),
        },
    },
    Spec {
        name: "workers.min",
        doc: "Async workers that are there from the start and stay; in a file that does not name it, workers.max where that is less.",
        shape: Shape::Number {
            bounds: Bounds::count(10, 1, 65_536),
            get: |c| Some(c.workers.min as u64),
            set: |c, v| c.workers.min = v as usize,
        },
    },
    Spec {
        name: "workers.max",
        doc: "The most async workers, and so the most async jobs that run at once.",
        shape: Shape::Number {
            bounds: Bounds::count(100, 1, 65_536),
            get: |c| Some(c.workers.max as u64),
            set: |c, v| c.workers.max = v as usize,
        },
    },
    Spec {
        name: "blocking_workers.min",
        doc: "Threads for jobs that block which are there from the start and stay.",
        shape: Shape::Number {
            bounds: Bounds::count(0, 0, 4_096),
            get: |c| Some(c.blocking_workers.min as u64),
            set: |c, v| c.blocking_workers.min = v as usize,
        },
    },
    Spec {
        name: "blocking_workers.max",
        doc: "The most threads for jobs that block; with 0 such jobs are refused.",
        shape: Shape::Number {
            bounds: Bounds::count(8, 0, 4_096),
            get: |c| Some(c.blocking_workers.max as u64),
            set: |c, v| c.blocking_workers.max = v as usize,
        },
    },
    Spec {
        name: "queue_capacity",
        doc: "How many jobs of normal priority may wait, of async and of blocking ones each; with 0 no job waits, whatever its priority: one is only let in while a worker has nothing to do.",
        shape: Shape::Number {
            bounds: Bounds::count(256, 0, 65_536).advised(100, 1_000),
            get: |c| Some(c.queue_capacity as u64),
            set: |c, v| c.queue_capacity = v as usize,
        },
    },
    Spec {
        name: "queue_capacity_high",
        doc: "How many jobs of a priority above 0 may wait, likewise; queue_capacity where it is not given.",
        shape: Shape::Number {
            bounds: Bounds::count(256, 1, 65_536).preset(Preset::None),
            get: |c| c.queue_capacity_high.map(|jobs| jobs as u64),
            set: |c, v| c.queue_capacity_high = Some(v as usize),
        },
    },
    Spec {
        name: "queue_capacity_low",
        doc: "How many jobs of a priority below 0 may wait, likewise; queue_capacity where it is not given.",
        shape: Shape::Number {
            bounds: Bounds::count(256, 1, 65_536).preset(Preset::None),
            get: |c| c.queue_capacity_low.map(|jobs| jobs as u64),
            set: |c, v| c.queue_capacity_low = Some(v as usize),
        },
    },
    Spec {
        name: "result_buffer",
        doc: "How many completions may be unread in completion queues before submissions are refused.",
        shape: Shape::Number {
            bounds: Bounds::count(128, 1, 65_536).advised(50, 500),
            get: |c| Some(c.result_buffer as u64),
            set: |c, v| c.result_buffer = v as usize,
        },
    },
    Spec {
        name: "overflow",
        doc: "What a submission to a full queue does: it is refused, its job or the oldest that waits is dropped, or it waits.",
        shape: Shape::Choice { words: OVERFLOW, get: overflow_word, set: set_overflow },
    },
    Spec {
        name: "queue_timeout",
        doc: "How long a job may wait before it starts.",
        shape: Shape::Number {
            bounds: Bounds::millis(5_000, 1, HOUR).advised(1_000, 10_000),
            get: |c| Some(nanos(c.queue_timeout)),
            set: |c, v| c.queue_timeout = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "timeout",
        doc: "How long a job may run, from its start.",
        shape: Shape::Number {
            bounds: Bounds::millis(60_000, 1, 24 * HOUR).advised(30_000, 300_000),
            get: |c| Some(nanos(c.timeout)),
            set: |c, v| c.timeout = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "expected_service_time",
        doc: "How long a job is expected to run; when given, a queue that cannot be served within queue_timeout is warned of.",
        shape: Shape::Number {
            bounds: Bounds::millis(0, 0, 24 * HOUR).preset(Preset::None),
            get: |c| c.expected_service_time.map(nanos),
            set: |c, v| c.expected_service_time = Some(Duration::from_nanos(v)),
        },
    },
    Spec {
        name: "drivers",
        doc: "Which threads drive the provider's jobs: those of the runtime, or this many of its own.",
        shape: Shape::Choice { words: DRIVERS, get: drivers_word, set: set_drivers },
    },
    Spec {
        name: "health",
        doc: "What the health check at the start decides: readiness, a degraded start, or nothing.",
        shape: Shape::Choice { words: HEALTH, get: health_word, set: set_health },
    },
    Spec {
        name: "health_path",
        doc: "The path that the health check requests.",
        shape: Shape::Text {
            rule: TextRule {
                expected: "a path that starts with / and has no space or control character",
                fits: |text| text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic()),
                show: |_| true,
            },
            default: Some("/v1/models"),
            get: |c| Some(&c.health_path),
            set: |c, v| c.health_path = v,
        },
    },
    Spec {
        name: "connect_timeout",
        doc: "How long a connection may take to be made.",
        shape: Shape::Number {
            bounds: Bounds::millis(10_000, 1, HOUR),
            get: |c| Some(nanos(c.connect_timeout)),
            set: |c, v| c.connect_timeout = Duration::from_nanos(v),
        },
    },
    Spec {
        name: "max_body",
        doc: "The size limit of a request's body, and of a response's body.",
        shape: Shape::Number {
            bounds: Bounds {
                unit: Unit::Bytes,
                default: Preset::Is(16 << 20),
                min: 1 << 10,
                max: 1 << 30,
                advised: None,
            },
            get: |c| Some(c.max_body as u64),
            set: |c, v| c.max_body = v as usize,
        },
    },
    Spec {
        name: "auth_header",
        doc: "The header that carries the API key.",
        shape: Shape::Text {
            rule: TextRule {
                expected: "a header name of letters, digits, - and _",
                fits: |text| is_token(text, b"-_"),
                show: |_| true,
            },
            default: Some("authorization"),
            get: |c| Some(&c.auth_header),
            set: |c, v| c.auth_header = v,
        },
    },
    Spec {
        name: "auth_prefix",
        doc: "What stands before the API key in its header.",
        shape: Shape::Text {
            rule: TextRule {
                expected: "at most 64 visible ASCII characters and spaces",
                fits: |text| text.len() <= 64 && is_header_text(text),
                show: |text| text.len() <= 16,
            },
            default: Some("Bearer "),
            get: |c| Some(&c.auth_prefix),
            set: |c, v| c.auth_prefix = v,
        },
    },
];

/// `[[providers.NAME.keys]]`, beside `env` and `file`.
pub(super) const KEY: &[Spec<KeyConfig>] = &[
    Spec {
        name: "name",
        doc: "The name that results and metrics use for the key.",
        shape: Shape::Text {
            rule: NAME,
            default: None,
            get: |c| Some(&c.name),
            set: |c, v| c.name = v,
        },
    },
    Spec {
        name: "weight",
        doc: "The key's share of the requests, relative to the other keys.",
        shape: Shape::Number {
            bounds: Bounds::count(1, 1, 1_000),
            get: |c| Some(c.weight as u64),
            set: |c, v| c.weight = v as usize,
        },
    },
    Spec {
        name: "requests_per_minute",
        doc: "How many requests a minute are sent with the key, spread over the minute; more wait for it or take another key.",
        shape: Shape::Number {
            bounds: Bounds::count(60, 1, 1_000_000_000).preset(Preset::None),
            get: |c| c.requests_per_minute,
            set: |c, v| c.requests_per_minute = Some(v),
        },
    },
    Spec {
        name: "tokens_per_minute",
        doc: "How many tokens a minute are used with the key, spread over the minute, where requests say how many they use.",
        shape: Shape::Number {
            bounds: Bounds::count(60_000, 1, 1_000_000_000_000).preset(Preset::None),
            get: |c| c.tokens_per_minute,
            set: |c, v| c.tokens_per_minute = Some(v),
        },
    },
    Spec {
        name: "max_in_flight",
        doc: "How many requests with the key may be on their way at once.",
        shape: Shape::Number {
            bounds: Bounds::count(100, 1, 1_048_575).preset(Preset::None),
            get: |c| c.max_in_flight.map(|requests| requests as u64),
            set: |c, v| c.max_in_flight = Some(v as usize),
        },
    },
];

/// `[providers.NAME.tenants.TENANT]`.
pub(super) const TENANT: &[Spec<TenantConfig>] = &[
    Spec {
        name: "weight",
        doc: "Gives the tenant's jobs a lane of their own, whatever their priority, and that lane this many turns where the jobs of high, normal and low priority get 8, 4 and 1.",
        shape: Shape::Number {
            bounds: Bounds::count(1, 1, 1_000).preset(Preset::None),
            get: |c| c.weight.map(|weight| weight as u64),
            set: |c, v| c.weight = Some(v as usize),
        },
    },
    Spec {
        name: "queue_capacity",
        doc: "How many jobs of a tenant with a weight may wait, of async and of blocking ones each; the provider's queue_capacity where it is not given.",
        shape: Shape::Number {
            bounds: Bounds::count(256, 1, 65_536).preset(Preset::None),
            get: |c| c.queue_capacity.map(|jobs| jobs as u64),
            set: |c, v| c.queue_capacity = Some(v as usize),
        },
    },
    Spec {
        name: "max_in_flight",
        doc: "How many jobs the tenant may have at once, waiting and running.",
        shape: Shape::Number {
            bounds: Bounds::count(256, 1, 1_048_575).preset(Preset::None),
            get: |c| c.max_in_flight.map(|jobs| jobs as u64),
            set: |c, v| c.max_in_flight = Some(v as usize),
        },
    },
];

/// What a provider, a key and a tenant may be called: names are labels of metrics and parts of field paths.
pub(super) const NAME: TextRule = TextRule {
    expected: "1 to 64 letters, digits, -, _ and .",
    fits: |text| text.len() <= 64 && is_token(text, b"-_."),
    show: |_| true,
};

const OVERFLOW: &[Word] = &[
    word("error"),
    word("drop_newest"),
    word("drop_oldest"),
    word_with("block", Bounds::millis(2_000, 1, HOUR)),
];

fn overflow_word(c: &ProviderConfig) -> (&'static str, Option<u64>) {
    match c.overflow {
        OverflowPolicy::Error => ("error", None),
        OverflowPolicy::DropNewest => ("drop_newest", None),
        OverflowPolicy::DropOldest => ("drop_oldest", None),
        OverflowPolicy::Block(limit) => ("block", Some(nanos(limit))),
    }
}

fn set_overflow(c: &mut ProviderConfig, word: &'static str, number: Option<u64>) {
    c.overflow = match (word, number) {
        ("drop_newest", _) => OverflowPolicy::DropNewest,
        ("drop_oldest", _) => OverflowPolicy::DropOldest,
        ("block", Some(limit)) => OverflowPolicy::Block(Duration::from_nanos(limit)),
        _ => OverflowPolicy::Error,
    };
}

const DRIVERS: &[Word] = &[word("shared"), word_with("dedicated", Bounds::count(1, 1, 256))];

fn drivers_word(c: &ProviderConfig) -> (&'static str, Option<u64>) {
    match c.drivers {
        DriverMode::Shared => ("shared", None),
        DriverMode::Dedicated(threads) => ("dedicated", Some(threads as u64)),
    }
}

fn set_drivers(c: &mut ProviderConfig, _: &'static str, number: Option<u64>) {
    c.drivers = match number {
        Some(threads) => DriverMode::Dedicated(threads as usize),
        None => DriverMode::Shared,
    };
}

const HEALTH: &[Word] = &[word("best_effort"), word("require"), word("skip")];

fn health_word(c: &ProviderConfig) -> (&'static str, Option<u64>) {
    let word = match c.health {
        HealthPolicy::Require => "require",
        HealthPolicy::BestEffort => "best_effort",
        HealthPolicy::Skip => "skip",
    };
    (word, None)
}

fn set_health(c: &mut ProviderConfig, word: &'static str, _: Option<u64>) {
    c.health = match word {
        "require" => HealthPolicy::Require,
        "skip" => HealthPolicy::Skip,
        _ => HealthPolicy::BestEffort,
    };
}

fn is_base_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        is_authority(rest.split('/').next().unwrap_or_default())
            && rest.bytes().all(|b| b.is_ascii_graphic() && !b"@?#\\\"<>".contains(&b))
    })
}

/// Whether `text` is a host name or an address, IPv6 in brackets, and perhaps a port.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let host_fits = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_token(host, b"-_."),
    };
    // A number may have a sign, a port may not.
    let is_port =
        |port: &str| is_token(port, b"") && port.parse::<u16>().is_ok_and(|port| port > 0);
    host_fits && port.is_none_or(is_port)
}

fn is_token(text: &str, also: &[u8]) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || also.contains(&b))
}

/// Whether `text` can stand in a header's value.
pub(super) fn is_header_text(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

#[cfg(test)]
mod tests {
    use super::is_base_url;

    #[test]
    fn a_base_url_has_a_host_and_a_port_that_can_be() {
        for good in
            ["http://a", "https://a.b-c_d:8443/v1", "http://127.0.0.1:1/", "http://[::1]:80"]
        {
            assert!(is_base_url(good), "{good}");
        }
        for bad in [
            "ftp://a",
            "http://",
            "http:///v1",
            "http://:80",
            "http://a:",
            "http://a:0",
            "http://a:65536",
            "http://a:+1",
            "http://a b",
            "http://[::1",
            "http://[a]",
            "http://::1",
            "http://a/b?c",
        ] {
            assert!(!is_base_url(bad), "{bad}");
        }
    }
}

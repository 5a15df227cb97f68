//! The checks of `validate()`: each option against its row of the table, then the options against each other.

use std::collections::HashSet;

use super::breaker::BREAKER;
use super::options::{KEY, NAME, PROVIDER, RUNTIME, TENANT, is_header_text};
use super::resilience;
use super::spec::{Bounds, Shape, Spec, Word, choices, quoted};
use super::unit::{Unit, nanos};
use super::upstream;
use super::{
    BreakerConfig, ConfigError, KeyConfig, ProviderConfig, RuntimeConfig, TenantConfig, Warning,
};
use crate::queue::MAX_LANES;
use crate::ring::MAX_INDEX;

/// What a check has found so far that is no error.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) warnings: Vec<Warning>,
}

pub(super) fn runtime(config: &RuntimeConfig, checked: &mut Checked) -> Result<(), ConfigError> {
    table(RUNTIME, config, "runtime", checked)
}

pub(super) fn providers(
    configs: &[ProviderConfig],
    checked: &mut Checked,
) -> Result<(), ConfigError> {
    if configs.is_empty() {
        return Err(ConfigError::new("providers", "missing").expected("at least one provider"));
    }
    let mut names = HashSet::new();
    for config in configs {
        provider(config, checked)?;
        if !names.insert(&config.name) {
            return Err(ConfigError::new("providers", "two providers have the same name")
                .value(format!("{:?}", config.name)));
        }
    }
    Ok(())
}

pub(super) fn provider(config: &ProviderConfig, checked: &mut Checked) -> Result<(), ConfigError> {
    NAME.check("providers", &config.name)?;
    let path = format!("providers.{}", config.name);
    table(PROVIDER, config, &path, checked)?;
    let workers = config.workers;
    ordered(&path, "workers", workers.min, workers.max)?;
    let blocking = config.blocking_workers;
    ordered(&path, "blocking_workers", blocking.min, blocking.max)?;
    breaker(&config.breaker, &path, checked)?;
    keys(&config.keys, &path, checked)?;
    tenants(&config.tenants, &path, checked)?;
    direct(config, &path)?;
    records(config, &path)?;
    resilience::check(config, &path)?;
    upstream::check(config, &path)?;
    checked.warnings.extend(slow_queue(config, &path));
    Ok(())
}

fn table<C>(
    specs: &[Spec<C>],
    config: &C,
    path: &str,
    checked: &mut Checked,
) -> Result<(), ConfigError> {
    for spec in specs {
        let field = format!("{path}.{}", spec.name);
        match &spec.shape {
            Shape::Number { bounds, get, .. } => {
                if let Some(value) = get(config) {
                    bounds.check(&field, value)?;
                    checked.warnings.extend(unadvised(bounds, &field, value));
                }
            }
            Shape::Text { rule, get, .. } => {
                if let Some(text) = get(config) {
                    rule.check(&field, text)?;
                }
            }
            Shape::Choice { words, get, .. } => {
                let (name, number) = get(config);
                let bounds = word(words, &field, name)?.number.as_ref();
                if let (Some(bounds), Some(value)) = (bounds, number) {
                    bounds.check(&format!("{field}.{name}"), value)?;
                }
            }
        }
    }
    Ok(())
}

/// The word of this name.
pub(super) fn word(
    words: &'static [Word],
    field: &str,
    name: &str,
) -> Result<&'static Word, ConfigError> {
    words.iter().find(|word| word.name == name).ok_or_else(|| {
        let problem = "not one of the choices";
        ConfigError::new(field, problem).value(quoted(name)).expected(choices(words))
    })
}

fn unadvised(bounds: &Bounds, field: &str, value: u64) -> Option<Warning> {
    let (low, high) = bounds.advised?;
    if (low..=high).contains(&value) {
        return None;
    }
    let [value, low, high] = [value, low, high].map(|n| bounds.unit.format(n));
    Some(Warning::new(field, format!(" = {value}: outside the advised range; {low} to {high}")))
}

fn ordered(path: &str, name: &str, min: usize, max: usize) -> Result<(), ConfigError> {
    if min <= max {
        return Ok(());
    }
    Err(ConfigError::new(format!("{path}.{name}.min"), format!("larger than {name}.max"))
        .value(min.to_string())
        .expected(format!("at most {max}")))
}

fn breaker(config: &BreakerConfig, path: &str, checked: &mut Checked) -> Result<(), ConfigError> {
    let path = format!("{path}.breaker");
    table(BREAKER, config, &path, checked)?;
    let larger = |name: &str, than: &str, value: String, most: String| {
        Err(ConfigError::new(format!("{path}.{name}"), format!("larger than {than}"))
            .value(value)
            .expected(format!("at most {most}")))
    };
    if config.open > config.open_max {
        let [value, most] = [config.open, config.open_max].map(|it| Unit::Time.format(nanos(it)));
        return larger("open", "open_max", value, most);
    }
    if config.probes > config.probes_to_decide {
        let [value, most] = [config.probes, config.probes_to_decide].map(|it| it.to_string());
        return larger("probes", "probes_to_decide", value, most);
    }
    Ok(())
}

fn keys(keys: &[KeyConfig], path: &str, checked: &mut Checked) -> Result<(), ConfigError> {
    let mut names = HashSet::new();
    for (index, key) in keys.iter().enumerate() {
        let path = format!("{path}.keys[{index}]");
        table(KEY, key, &path, checked)?;
        if !names.insert(&key.name) {
            return Err(ConfigError::new(format!("{path}.name"), "another key has this name")
                .value(format!("{:?}", key.name)));
        }
        let secret = key.secret.expose();
        if secret.is_empty() || !is_header_text(secret) {
            let problem = if secret.is_empty() {
                "the secret is empty"
            } else {
                "the secret has a character that no header can carry"
            };
            return Err(ConfigError::new(path, problem)
                .value(format!("({})", key.source))
                .expected("visible ASCII characters and spaces"));
        }
    }
    Ok(())
}

fn tenants(tenants: &[TenantConfig], path: &str, checked: &mut Checked) -> Result<(), ConfigError> {
    let mut names = HashSet::new();
    for tenant in tenants {
        let all = format!("{path}.tenants");
        NAME.check(&all, &tenant.name)?;
        let path = format!("{all}.{}", tenant.name);
        table(TENANT, tenant, &path, checked)?;
        if !names.insert(&tenant.name) {
            return Err(ConfigError::new(all, "two tenants have the same name")
                .value(format!("{:?}", tenant.name)));
        }
        match (tenant.weight, tenant.queue_capacity, tenant.max_in_flight) {
            (None, Some(jobs), _) => {
                let problem = "a tenant without a weight has no lane of its own";
                return Err(ConfigError::new(format!("{path}.queue_capacity"), problem)
                    .value(jobs.to_string())
                    .expected("a weight, or no queue_capacity"));
            }
            (None, None, None) => checked.warnings.push(Warning::new(
                path,
                ": has no effect; give it a weight or a max_in_flight".to_owned(),
            )),
            _ => {}
        }
    }
    // Beside the lanes of the three priorities.
    let most = MAX_LANES - 3;
    let weighted = tenants.iter().filter(|tenant| tenant.weight.is_some()).count();
    if weighted > most {
        return Err(ConfigError::new(format!("{path}.tenants"), "too many tenants with a weight")
            .value(weighted.to_string())
            .expected(format!("at most {most}")));
    }
    Ok(())
}

/// Where no job waits (S16) there are no lanes, and what is said of one is a mistake.
fn direct(config: &ProviderConfig, path: &str) -> Result<(), ConfigError> {
    if config.queue_capacity > 0 {
        return Ok(());
    }
    let refused = |field: String, value: usize, what: &str| {
        ConfigError::new(field, "there are no lanes where queue_capacity is 0")
            .value(value.to_string())
            .expected(format!("a queue_capacity above 0, or no {what}"))
    };
    let capacities = [
        ("queue_capacity_high", config.queue_capacity_high),
        ("queue_capacity_low", config.queue_capacity_low),
    ];
    for (name, given) in capacities {
        if let Some(jobs) = given {
            return Err(refused(format!("{path}.{name}"), jobs, name));
        }
    }
    let weighted = config.tenants.iter().find_map(|tenant| Some((tenant, tenant.weight?)));
    weighted.map_or(Ok(()), |(tenant, weight)| {
        Err(refused(format!("{path}.tenants.{}.weight", tenant.name), weight, "weight"))
    })
}

/// Every job that waits or runs, and every outcome that is unread, has a record, which has a number.
fn records(config: &ProviderConfig, path: &str) -> Result<(), ConfigError> {
    let lanes: usize = config.lane_capacities().into_iter().sum();
    let blocking = config.blocking_workers.max;
    let queues = if blocking > 0 { 2 * lanes } else { lanes };
    let records = queues + config.workers.max + blocking + blocking / 4 + config.result_buffer;
    let most = MAX_INDEX as usize + 1;
    if records > most {
        let problem =
            "more places in all lanes, workers and unread outcomes than a provider can have";
        return Err(ConfigError::new(path, problem)
            .value(records.to_string())
            .expected(format!("at most {most}")));
    }
    Ok(())
}

/// S20: a full queue that cannot be served in time only makes its jobs expire.
fn slow_queue(config: &ProviderConfig, path: &str) -> Option<Warning> {
    let service = nanos(config.expected_service_time?);
    let jobs = config.queue_capacity as u128 * u128::from(service);
    let wait = u64::try_from(jobs / config.workers.max as u128).unwrap_or(u64::MAX);
    let limit = nanos(config.queue_timeout);
    (wait > limit).then(|| {
        let [wait, limit, service] = [wait, limit, service].map(|n| Unit::Time.format(n));
        Warning::new(
            format!("{path}.queue_capacity"),
            format!(
                " = {}: at {service} a job and {} workers the last of a full queue waits {wait}, longer than queue_timeout = {limit}",
                config.queue_capacity, config.workers.max
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::spec::{Shape, Spec};
    use super::super::{
        BreakerConfig, BreakerMode, BreakerPolicy, KeyConfig, OverflowPolicy, ProviderConfig,
        RuntimeConfig, Secret, TenantConfig,
    };
    use super::{BREAKER, KEY, PROVIDER, RUNTIME, TENANT};
    use std::time::Duration;

    /// Sets each option to values that no other has, and reads it back.
    fn reads_back<C>(specs: &[Spec<C>], config: &mut C) {
        for (index, spec) in specs.iter().enumerate() {
            match &spec.shape {
                Shape::Number { bounds, set, .. } => set(config, bounds.max - index as u64),
                Shape::Text { set, .. } => set(config, format!("/text-{index}")),
                Shape::Choice { .. } => {}
            }
        }
        for (index, spec) in specs.iter().enumerate() {
            match &spec.shape {
                Shape::Number { bounds, get, .. } => {
                    assert_eq!(get(config), Some(bounds.max - index as u64), "{}", spec.name);
                }
                Shape::Text { get, .. } => {
                    assert_eq!(get(config), Some(&*format!("/text-{index}")), "{}", spec.name);
                }
                Shape::Choice { words, get, set } => {
                    for word in *words {
                        let number = word.number.map(|bounds| bounds.max);
                        set(config, word.name, number);
                        assert_eq!(get(config), (word.name, number));
                    }
                }
            }
        }
    }

    #[test]
    fn each_row_of_the_table_reads_the_field_that_it_writes() {
        reads_back(RUNTIME, &mut RuntimeConfig::default());
        reads_back(PROVIDER, &mut ProviderConfig::default());
        reads_back(BREAKER, &mut BreakerConfig::default());
        reads_back(KEY, &mut KeyConfig::new("k", Secret::default()));
        reads_back(TENANT, &mut TenantConfig::new("t"));
    }

    #[test]
    fn the_defaults_are_legal_and_those_of_the_contract() {
        let config = ProviderConfig::new("a");
        assert_eq!(config.validate(), Ok(Vec::new()));
        assert_eq!(RuntimeConfig::default().validate(), Ok(Vec::new()));
        assert_eq!((config.workers.min, config.workers.max), (10, 100));
        assert_eq!((config.queue_capacity, config.result_buffer), (256, 128));
        assert_eq!(config.queue_timeout, Duration::from_secs(5));
        assert_eq!(config.timeout, Duration::from_secs(60));
        assert_eq!(config.overflow, OverflowPolicy::Error);
        assert_eq!(config.auth_prefix, "Bearer ");
        assert_eq!(RuntimeConfig::default().shutdown_timeout, Duration::from_secs(10));
        assert!(RuntimeConfig::default().drivers >= 1);
    }

    #[test]
    fn a_number_out_of_its_range_is_refused_with_field_value_and_range() {
        for spec in PROVIDER {
            let Shape::Number { bounds, set, .. } = &spec.shape else { continue };
            let mut config = ProviderConfig::new("a");
            set(&mut config, bounds.max + 1);
            let error = config.validate().expect_err(spec.name).to_string();
            let value = bounds.unit.format(bounds.max + 1);
            let expected =
                format!("providers.a.{} = {value}: out of range; {}", spec.name, bounds.range());
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn the_breakers_defaults_are_those_of_the_contract() {
        let breaker = ProviderConfig::new("a").breaker;
        assert_eq!((breaker.mode, breaker.queued), (BreakerMode::On, BreakerPolicy::Wait));
        assert_eq!((breaker.window, breaker.window_calls), (Duration::from_secs(10), None));
        assert_eq!((breaker.failure_rate, breaker.min_calls), (50, 20));
        assert_eq!((breaker.failures_in_row, breaker.slow_rate, breaker.slow_after), (10, 80, 80));
        assert_eq!(
            (breaker.open, breaker.open_max),
            (Duration::from_secs(5), Duration::from_secs(60))
        );
        assert_eq!((breaker.jitter, breaker.calm), (20, Duration::from_secs(60)));
        assert_eq!((breaker.probes, breaker.probes_to_decide), (3, 5));
        assert_eq!(breaker.half_open, Duration::from_secs(30));
    }

    #[test]
    fn a_breaker_that_cannot_be_is_refused() {
        let with = |breaker: BreakerConfig| {
            let config = ProviderConfig::new("a").breaker(breaker);
            config.validate().expect_err("it cannot be").to_string()
        };
        assert_eq!(
            with(BreakerConfig::default().failure_rate(101)),
            "providers.a.breaker.failure_rate = 101: out of range; an integer from 1 to 100"
        );
        assert_eq!(
            with(BreakerConfig::default().open(Duration::from_secs(61))),
            "providers.a.breaker.open = 61s: larger than open_max; at most 1m"
        );
        assert_eq!(
            with(BreakerConfig::default().probes(6)),
            "providers.a.breaker.probes = 6: larger than probes_to_decide; at most 5"
        );
    }

    #[test]
    fn tenants_that_cannot_be_are_refused() {
        let with = |tenants: &[TenantConfig]| {
            let config = ProviderConfig::new("a");
            let config = tenants.iter().cloned().fold(config, ProviderConfig::tenant);
            config.validate().expect_err("they cannot be").to_string()
        };
        let tenant = TenantConfig::new;
        let range = "out of range; an integer from 1 to 1000";
        assert_eq!(
            with(&[tenant("t").weight(0)]),
            format!("providers.a.tenants.t.weight = 0: {range}")
        );
        assert_eq!(
            with(&[tenant("t").weight(1), tenant("t").weight(2)]),
            "providers.a.tenants = \"t\": two tenants have the same name"
        );
        assert!(
            with(&[tenant("").weight(1)]).starts_with("providers.a.tenants = \"\": not usable")
        );
    }

    #[test]
    fn lanes_where_no_job_waits_are_refused() {
        let with = |config: ProviderConfig| {
            let error = config.queue_capacity(0).validate().expect_err("there are no lanes");
            error.to_string()
        };
        let config = || ProviderConfig::new("a");
        let problem =
            "there are no lanes where queue_capacity is 0; a queue_capacity above 0, or no";
        assert_eq!(
            with(config().queue_capacity_high(3)),
            format!("providers.a.queue_capacity_high = 3: {problem} queue_capacity_high")
        );
        assert_eq!(
            with(config().queue_capacity_low(4)),
            format!("providers.a.queue_capacity_low = 4: {problem} queue_capacity_low")
        );
        assert_eq!(
            with(config().tenant(TenantConfig::new("t").weight(5))),
            format!("providers.a.tenants.t.weight = 5: {problem} weight")
        );
        let limited = config().queue_capacity(0).tenant(TenantConfig::new("t").max_in_flight(5));
        assert!(limited.validate().is_ok(), "a limit needs no lane");
    }

    #[test]
    fn a_secret_that_no_header_can_carry_is_refused_and_not_shown() {
        for secret in ["", "sk-a\r\nx: y", "sk-é"] {
            let key = KeyConfig::new("k", Secret::new(secret.to_owned()));
            let error = ProviderConfig::new("a").key(key).validate().expect_err(secret);
            assert_eq!(error.field(), "providers.a.keys[0]");
            assert!(!error.to_string().contains("sk-"), "{error}");
        }
    }
}

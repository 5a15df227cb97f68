//! The checks of `validate()`: each option against its row of the table, then the options against each other.

use std::collections::HashSet;

use super::options::{KEY, NAME, PROVIDER, RUNTIME, is_header_text};
use super::spec::{Bounds, Shape, Spec, Word, choices};
use super::unit::{Unit, nanos};
use super::{ConfigError, KeyConfig, ProviderConfig, RuntimeConfig, Warning};

/// What a check has found so far that is no error.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) warnings: Vec<Warning>,
}

pub(super) fn runtime(config: &RuntimeConfig, checked: &mut Checked) -> Result<(), ConfigError> {
    table(RUNTIME, config, "runtime", checked)
}

pub(super) fn provider(config: &ProviderConfig, checked: &mut Checked) -> Result<(), ConfigError> {
    NAME.check("providers", &config.name)?;
    let path = format!("providers.{}", config.name);
    table(PROVIDER, config, &path, checked)?;
    let workers = config.workers;
    ordered(&path, "workers", workers.min, workers.max)?;
    let blocking = config.blocking_workers;
    ordered(&path, "blocking_workers", blocking.min, blocking.max)?;
    keys(&config.keys, &path, checked)?;
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
                choice(words, &field, name, number)?;
            }
        }
    }
    Ok(())
}

/// Checks a word of a choice and the number that comes with it.
pub(super) fn choice(
    words: &[Word],
    field: &str,
    name: &str,
    number: Option<u64>,
) -> Result<(), ConfigError> {
    let found = words.iter().find(|word| word.name == name);
    match found {
        Some(word) if word.supported => match (&word.number, number) {
            (Some(bounds), Some(value)) => bounds.check(&format!("{field}.{name}"), value),
            _ => Ok(()),
        },
        _ => {
            let problem =
                if found.is_some() { "not supported yet" } else { "not one of the choices" };
            Err(ConfigError::new(field, problem)
                .value(format!("{name:?}"))
                .expected(choices(words)))
        }
    }
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

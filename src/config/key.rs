//! An API key of a provider.

use std::fmt;
use std::path::PathBuf;

use super::options::KEY;
use super::spec;
use super::{ConfigError, Secret};

/// Where a key's secret was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// The program gave it.
    #[default]
    Given,
    /// An environment variable of this name.
    Env(String),
    /// A file at this path.
    File(PathBuf),
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => f.write_str("given by the program"),
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// An API key of a provider.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyConfig {
    /// The name that results and metrics use; never the secret.
    pub name: String,
    /// The key itself.
    pub secret: Secret,
    /// Where the secret was read from.
    pub source: KeySource,
    /// The key's share of the requests, relative to the other keys.
    pub weight: usize,
    /// How many requests a minute are sent with the key; `None` for no limit.
    pub requests_per_minute: Option<u64>,
    /// How many tokens a minute are used with the key; `None` for no limit.
    pub tokens_per_minute: Option<u64>,
    /// How many requests with the key may be on their way at once; `None` for no limit.
    pub max_in_flight: Option<usize>,
}

impl KeyConfig {
    /// A key whose secret the program holds.
    pub fn new(name: impl Into<String>, secret: Secret) -> Self {
        let mut key = Self {
            name: name.into(),
            secret,
            source: KeySource::default(),
            weight: 0,
            requests_per_minute: None,
            tokens_per_minute: None,
            max_in_flight: None,
        };
        spec::set_defaults(KEY, &mut key);
        key
    }

    /// A key whose secret is in an environment variable.
    ///
    /// # Errors
    /// The variable is not set or not UTF-8; the message names it.
    pub fn from_env(name: impl Into<String>, variable: &str) -> Result<Self, ConfigError> {
        let name = name.into();
        let secret = Secret::from_env(variable).ok_or_else(|| {
            ConfigError::new(format!("keys.{name}.env"), "the environment variable is not set")
                .value(format!("{variable:?}"))
        })?;
        Ok(Self { source: KeySource::Env(variable.to_owned()), ..Self::new(name, secret) })
    }

    /// A key whose secret is the text of a file without its last line break.
    ///
    /// # Errors
    /// The file cannot be read; the message names it.
    pub fn from_file(
        name: impl Into<String>,
        path: impl Into<PathBuf>,
    ) -> Result<Self, ConfigError> {
        let (name, path) = (name.into(), path.into());
        let secret = Secret::from_file(&path).map_err(|error| {
            ConfigError::new(format!("keys.{name}.file"), format!("cannot be read ({error})"))
                .value(format!("{path:?}"))
        })?;
        Ok(Self { source: KeySource::File(path), ..Self::new(name, secret) })
    }

    /// Sets the key's share of the requests.
    #[must_use]
    pub fn weight(mut self, weight: usize) -> Self {
        self.weight = weight;
        self
    }
    /// Sets how many requests a minute are sent with the key.
    #[must_use]
    pub fn requests_per_minute(mut self, requests: u64) -> Self {
        self.requests_per_minute = Some(requests);
        self
    }

    /// Sets how many tokens a minute are used with the key.
    #[must_use]
    pub fn tokens_per_minute(mut self, tokens: u64) -> Self {
        self.tokens_per_minute = Some(tokens);
        self
    }

    /// Sets how many requests with the key may be on their way at once.
    #[must_use]
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.max_in_flight = Some(requests);
        self
    }
}

//! The configuration of a whole program.

use super::check::{self, Checked};
use super::{ConfigError, ProviderConfig, RuntimeConfig, Warning};

/// The configuration of a whole program: the runtime and its providers.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {
    /// The runtime.
    pub runtime: RuntimeConfig,
    /// The providers, in the order of the file.
    pub providers: Vec<ProviderConfig>,
    /// What is legal but unwise in the text that this was read from.
    pub warnings: Vec<Warning>,
}

impl Config {
    /// Checks the runtime, each provider, and that their names differ.
    ///
    /// # Errors
    /// The first field that is out of its range or contradicts another, with its value and range.
    pub fn validate(&self) -> Result<Vec<Warning>, ConfigError> {
        let mut checked = Checked::default();
        check::runtime(&self.runtime, &mut checked)?;
        check::providers(&self.providers, &mut checked)?;
        Ok(checked.warnings)
    }
}

#[cfg(feature = "config")]
impl Config {
    /// Reads TOML. `file_name` is for messages, and relative key files are looked for beside it.
    ///
    /// # Errors
    /// The first thing that is wrong, with file, line, field, value and range: no TOML, an unknown field, a
    /// value of the wrong type or out of its range, an environment variable or a key file that is missing.
    ///
    /// ```
    /// use bifrost::config::Config;
    ///
    /// let config = Config::from_toml("[providers.a]\nqueue_timeout = \"2s\"", "a.toml").unwrap();
    /// assert_eq!(config.providers[0].queue_timeout.as_secs(), 2);
    ///
    /// let error = Config::from_toml("[providers.a]\nqueue_timout = \"2s\"", "a.toml").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "a.toml:2: providers.a.queue_timout = \"2s\": unknown field; did you mean queue_timeout?"
    /// );
    /// ```
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self, ConfigError> {
        super::text::from_toml(text, file_name)
    }

    /// Reads the same tree from JSON; everything else is as in [`Config::from_toml`].
    ///
    /// # Errors
    /// As [`Config::from_toml`].
    pub fn from_json(text: &str, file_name: &str) -> Result<Self, ConfigError> {
        super::text::from_json(text, file_name)
    }

    /// Reads the file at `path`, as TOML or JSON by its extension.
    ///
    /// # Errors
    /// The file cannot be read or has another extension, and all errors of [`Config::from_toml`].
    pub fn load(path: impl AsRef<std::path::Path>) -> Result<Self, ConfigError> {
        super::text::load(path.as_ref())
    }
}

//! The settings of the runtime as a whole.

use std::time::Duration;

use super::check::{self, Checked};
use super::options::RUNTIME;
use super::spec;
use super::{ConfigError, Warning};

/// The settings of the runtime as a whole; every default and range is a row of [`options`](super::options).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RuntimeConfig {
    /// The shared driver threads; with 0 the embedder drives.
    pub drivers: usize,
    /// How long a driver thread looks for work before it sleeps.
    pub spin: Duration,
    /// How long running jobs may take to finish at shutdown before they are cancelled.
    pub shutdown_timeout: Duration,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        let (spin, shutdown_timeout) = (Duration::ZERO, Duration::ZERO);
        let mut config = Self { drivers: 0, spin, shutdown_timeout };
        spec::set_defaults(RUNTIME, &mut config);
        config
    }
}

impl RuntimeConfig {
    /// Sets how many shared driver threads there are; with 0 the embedder drives.
    #[must_use]
    pub fn drivers(mut self, threads: usize) -> Self {
        self.drivers = threads;
        self
    }

    /// Sets how long a driver thread looks for work before it sleeps. Longer is for the shortest waits, at the
    /// price of a core that is never idle.
    #[must_use]
    pub fn spin(mut self, limit: Duration) -> Self {
        self.spin = limit;
        self
    }

    /// Sets how long running jobs may take to finish at shutdown.
    #[must_use]
    pub fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.shutdown_timeout = limit;
        self
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of its range, with its value and range.
    pub fn validate(&self) -> Result<Vec<Warning>, ConfigError> {
        let mut checked = Checked::default();
        check::runtime(self, &mut checked)?;
        Ok(checked.warnings)
    }
}

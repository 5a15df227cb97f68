//! How large a provider has to be for its load.

use crate::config::ProviderConfig;
use std::fmt;
use std::time::Duration;

/// The sizes that a load asks for.
///
/// ```
/// use bifrost::scale::Sizing;
/// use std::time::Duration;
///
/// // 20 requests a second of 1.5 seconds each, of which one in twenty is made again.
/// let sizing = Sizing::optimal(20.0, 1.5, 0.05)?;
/// assert_eq!((sizing.workers, sizing.buffer), (32, 96));
/// assert_eq!(sizing.timeout, Duration::from_secs(3));
/// # Ok::<(), bifrost::scale::SizingError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sizing {
    /// How many jobs run at once.
    pub workers: u32,
    /// How many jobs may wait.
    pub buffer: u32,
    /// How long a job may run.
    pub timeout: Duration,
}

/// A figure from which no size follows.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum SizingError {
    /// The figure is not a number, infinite or below zero.
    Invalid {
        /// What the figure is called.
        figure: &'static str,
        /// Its value.
        value: f64,
    },
    /// More workers than a provider can have, or a latency that no timeout can hold.
    TooLarge {
        /// What there would be too much of.
        figure: &'static str,
        /// How much.
        value: f64,
        /// The most that there can be.
        most: f64,
    },
}

impl fmt::Display for SizingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { figure, value } => {
                write!(f, "{figure} = {value}: not a number from 0 on")
            }
            Self::TooLarge { figure, value, most } => {
                write!(f, "{figure} = {value}: more than {most}")
            }
        }
    }
}

impl std::error::Error for SizingError {}

/// The most workers, and the most places of a queue, that a provider can have.
const MOST: f64 = 65_536.0;
/// The longest timeout that a provider can have, in seconds.
const LONGEST: f64 = 86_400.0;

impl Sizing {
    /// The sizes for `rate` requests a second that take `latency` seconds each, with a share `error_rate` of
    /// them made again: by Little's law rate × latency × (1 + error) workers, rounded up; three times as
    /// many places; twice the latency as the timeout. At least one of each, and a millisecond.
    ///
    /// # Errors
    /// A figure that is not a number, infinite or negative, and what would be larger than a provider can be.
    pub fn optimal(rate: f64, latency: f64, error_rate: f64) -> Result<Self, SizingError> {
        for (figure, value) in [("rate", rate), ("latency", latency), ("error_rate", error_rate)] {
            if !value.is_finite() || value < 0.0 {
                return Err(SizingError::Invalid { figure, value });
            }
        }
        let bounded = |figure, value: f64, most| {
            if value <= most {
                Ok(value)
            } else {
                Err(SizingError::TooLarge { figure, value, most })
            }
        };
        let exact = rate * latency * (1.0 + error_rate);
        // 20 x 0.05 x 1.1 is 1.1 and a little: what rounding made is no worker's work.
        let workers = (exact * (1.0 - 4.0 * f64::EPSILON)).ceil().max(1.0);
        let workers = bounded("workers", workers, MOST)?;
        let buffer = bounded("buffer", workers * 3.0, MOST)?;
        let timeout = bounded("timeout", (latency * 2.0).max(0.001), LONGEST)?;
        Ok(Self {
            workers: workers as u32,
            buffer: buffer as u32,
            timeout: Duration::from_secs_f64(timeout),
        })
    }

    /// Gives a provider's settings these sizes: `workers.max` (and `workers.min`, where that would be more),
    /// `queue_capacity` and `timeout`. All of them are inside the options' ranges.
    ///
    /// ```
    /// use bifrost::config::ProviderConfig;
    /// use bifrost::scale::Sizing;
    ///
    /// let mut config = ProviderConfig::new("a");
    /// Sizing::optimal(20.0, 1.5, 0.05)?.apply(&mut config);
    /// assert_eq!((config.workers.max, config.queue_capacity), (32, 96));
    /// config.validate().unwrap();
    /// # Ok::<(), bifrost::scale::SizingError>(())
    /// ```
    pub fn apply(&self, config: &mut ProviderConfig) {
        config.workers.max = self.workers as usize;
        config.workers.min = config.workers.min.min(config.workers.max);
        config.queue_capacity = self.buffer as usize;
        config.timeout = self.timeout;
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{Sizing, SizingError};
    use crate::config::ProviderConfig;
    use std::time::Duration;

    fn sizes(rate: f64, latency: f64, error_rate: f64) -> (u32, u32, Duration) {
        let sizing = Sizing::optimal(rate, latency, error_rate).unwrap();
        (sizing.workers, sizing.buffer, sizing.timeout)
    }

    #[test]
    fn sizes_follow_littles_law() {
        let millis = Duration::from_millis;
        assert_eq!(sizes(100.0, 0.25, 0.0), (25, 75, millis(500)));
        assert_eq!(sizes(100.0, 0.25, 0.1), (28, 84, millis(500)));
        assert_eq!(sizes(0.5, 2.5, 0.0), (2, 6, millis(5_000)));
        assert_eq!(sizes(10.0, 1.0, 0.1), (11, 33, millis(2_000)), "11.000000000000002 is 11");
        assert_eq!(sizes(0.0, 0.0, 0.0), (1, 3, millis(1)), "at least one");
    }

    #[test]
    fn figures_that_are_none_are_refused_by_name() {
        for (n, figure) in ["rate", "latency", "error_rate"].into_iter().enumerate() {
            for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1] {
                let mut figures = [1.0; 3];
                figures[n] = value;
                let error = Sizing::optimal(figures[0], figures[1], figures[2]).unwrap_err();
                assert_eq!(
                    error.to_string(),
                    format!("{figure} = {value}: not a number from 0 on")
                );
            }
        }
    }

    #[test]
    fn every_size_is_one_that_a_provider_can_have() {
        for (rate, latency) in [(0.0, 0.0), (20.0, 1.5), (21_845.0, 1.0), (0.25, 43_200.0)] {
            let mut config = ProviderConfig::new("a").workers(50, 100);
            let sizing = Sizing::optimal(rate, latency, 0.0).unwrap();
            sizing.apply(&mut config);
            assert!(config.workers.min <= config.workers.max);
            config.validate().unwrap();
        }
    }

    #[test]
    fn what_no_provider_can_be_is_refused() {
        let figure = |rate, latency, error| match Sizing::optimal(rate, latency, error) {
            Err(SizingError::TooLarge { figure, .. }) => figure,
            other => panic!("{other:?}"),
        };
        assert_eq!(figure(f64::MAX, f64::MAX, 1.0), "workers");
        assert_eq!(figure(65_537.0, 1.0, 0.0), "workers");
        assert_eq!(figure(30_000.0, 1.0, 0.0), "buffer");
        assert_eq!(figure(0.1, 43_201.0, 0.0), "timeout");
    }
}

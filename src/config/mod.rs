//! Plain data with names, units, defaults and bounds in one table.
//!
//! [`RuntimeConfig`] and [`ProviderConfig`] are structs with `Default`, chainable setters and `validate()`.
//! Every option is a row of one table: the defaults, the checks, the text parser and `docs/CONFIG.md` are all
//! made from it, and [`options`] shows it. [`Config`] is a whole program's configuration; with feature `config`
//! it is read from TOML or JSON, and each error names file, line, field, value and range.
//!
//! ```
//! use bifrost::config::{OverflowPolicy, ProviderConfig};
//! use std::time::Duration;
//!
//! let config = ProviderConfig::new("openai")
//!     .base_url("https://api.openai.com")
//!     .queue_capacity(500)
//!     .overflow(OverflowPolicy::Block(Duration::from_secs(1)));
//! assert!(config.validate().is_ok());
//!
//! let error = config.queue_timeout(Duration::from_secs(86_400)).validate().unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "providers.openai.queue_timeout = 24h: out of range; a duration from 1ms to 1h"
//! );
//! ```

mod breaker;
mod check;
mod error;
mod key;
mod options;
mod policy;
mod provider;
mod resilience;
mod runtime;
mod secret;
mod spec;
mod tenant;
#[cfg(feature = "config")]
mod text;
mod unit;
mod upstream;
mod whole;

pub use breaker::{BreakerConfig, BreakerMode, BreakerPolicy};
pub use error::{ConfigError, Warning};
pub use key::{KeyConfig, KeySource};
pub use options::{OptionInfo, Scope, options};
pub use policy::{DriverMode, HealthPolicy, KeyPolicy, OverflowPolicy};
pub use provider::{ProviderConfig, WorkerRange};
pub use resilience::{LimiterConfig, OverloadConfig, RetryConfig, ScalingConfig};
pub use runtime::RuntimeConfig;
pub use secret::Secret;
pub use tenant::TenantConfig;
pub use upstream::KeyPoolConfig;
pub use whole::Config;

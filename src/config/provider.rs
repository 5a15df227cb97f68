//! The settings of one provider.

use std::time::Duration;

use super::check::{self, Checked};
use super::options::PROVIDER;
use super::spec;
use super::{
    BreakerConfig, ConfigError, DriverMode, HealthPolicy, KeyConfig, KeyPoolConfig, LimiterConfig,
    OverflowPolicy, OverloadConfig, RetryConfig, ScalingConfig, TenantConfig, Warning,
};

/// How few and how many workers there may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerRange {
    /// This many are there from the start and stay.
    pub min: usize,
    /// Never more than this many.
    pub max: usize,
}

/// The settings of one provider; every default and range is a row of [`options`](super::options).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProviderConfig {
    /// The name that jobs, metrics and messages use.
    pub name: String,
    /// Scheme, host and path prefix that the paths of HTTP jobs are appended to.
    pub base_url: Option<String>,
    /// The async workers.
    pub workers: WorkerRange,
    /// The workers for jobs that block, each an OS thread.
    pub blocking_workers: WorkerRange,
    /// How many jobs of normal priority may wait, of async and of blocking ones each. With 0 no job waits,
    /// whatever its priority: one is let in only while a worker has nothing to do, and there are no lanes.
    pub queue_capacity: usize,
    /// How many jobs of a priority above 0 may wait, likewise; `queue_capacity` if `None`.
    pub queue_capacity_high: Option<usize>,
    /// How many jobs of a priority below 0 may wait, likewise; `queue_capacity` if `None`.
    pub queue_capacity_low: Option<usize>,
    /// How many completions may be unread, in all completion queues together, before submissions are
    /// refused.
    pub result_buffer: usize,
    /// What a submission to a full queue does.
    pub overflow: OverflowPolicy,
    /// How long a job may wait before it starts.
    pub queue_timeout: Duration,
    /// How long a job may run, from its start.
    pub timeout: Duration,
    /// How long a job is expected to run; only for the warning of S20.
    pub expected_service_time: Option<Duration>,
    /// What is done about a queue that gets too long.
    pub overload: OverloadConfig,
    /// How failed jobs are tried again.
    pub retry: RetryConfig,
    /// How many requests may be with the upstream at once.
    pub limiter: LimiterConfig,
    /// When there are more workers, and when fewer.
    pub scaling: ScalingConfig,
    /// Which threads drive the provider's executor.
    pub drivers: DriverMode,
    /// What the initial health check decides.
    pub health: HealthPolicy,
    /// The path that the health check requests.
    pub health_path: String,
    /// How long after one health check the next begins, with up to a tenth of it more; zero for none but the initial one.
    pub health_interval: Duration,
    /// How long a health check may take.
    pub health_timeout: Duration,
    /// How many failed checks in a row make the provider `Degraded`.
    pub health_failures: u32,
    /// How many good checks in a row make it `Ready` again.
    pub health_successes: u32,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// The size limit in bytes of a request's body and of a response's body.
    pub max_body: usize,
    /// The header that carries the API key.
    pub auth_header: String,
    /// What stands before the API key in its header.
    pub auth_prefix: String,
    /// The circuit breaker.
    pub breaker: BreakerConfig,
    /// The API keys, used in turn; without any, no such header is sent.
    pub keys: Vec<KeyConfig>,
    /// Which key a request takes, and how long keys rest.
    pub key_pool: KeyPoolConfig,
    /// The tenants that have a limit or a lane of their own; any other tenant has neither.
    pub tenants: Vec<TenantConfig>,
}

impl Default for ProviderConfig {
    fn default() -> Self {
        let mut config = Self {
            name: String::new(),
            base_url: None,
            workers: WorkerRange::default(),
            blocking_workers: WorkerRange::default(),
            queue_capacity: 0,
            queue_capacity_high: None,
            queue_capacity_low: None,
            result_buffer: 0,
            overflow: OverflowPolicy::default(),
            queue_timeout: Duration::ZERO,
            timeout: Duration::ZERO,
            expected_service_time: None,
            overload: OverloadConfig::default(),
            retry: RetryConfig::default(),
            limiter: LimiterConfig::default(),
            scaling: ScalingConfig::default(),
            drivers: DriverMode::default(),
            health: HealthPolicy::default(),
            health_path: String::new(),
            health_interval: Duration::ZERO,
            health_timeout: Duration::ZERO,
            health_failures: 0,
            health_successes: 0,
            connect_timeout: Duration::ZERO,
            max_body: 0,
            auth_header: String::new(),
            auth_prefix: String::new(),
            breaker: BreakerConfig::default(),
            keys: Vec::new(),
            key_pool: KeyPoolConfig::default(),
            tenants: Vec::new(),
        };
        spec::set_defaults(PROVIDER, &mut config);
        config
    }
}

impl ProviderConfig {
    /// The defaults under this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Sets the scheme, host and path prefix of HTTP jobs.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Sets the fewest and the most async workers.
    #[must_use]
    pub fn workers(mut self, min: usize, max: usize) -> Self {
        self.workers = WorkerRange { min, max };
        self
    }

    /// Sets the fewest and the most blocking workers.
    #[must_use]
    pub fn blocking_workers(mut self, min: usize, max: usize) -> Self {
        self.blocking_workers = WorkerRange { min, max };
        self
    }

    /// Sets how many jobs may wait, of each priority that does not say otherwise.
    #[must_use]
    pub fn queue_capacity(mut self, jobs: usize) -> Self {
        self.queue_capacity = jobs;
        self
    }

    /// Sets how many jobs of a priority above 0 may wait.
    #[must_use]
    pub fn queue_capacity_high(mut self, jobs: usize) -> Self {
        self.queue_capacity_high = Some(jobs);
        self
    }

    /// Sets how many jobs of a priority below 0 may wait.
    #[must_use]
    pub fn queue_capacity_low(mut self, jobs: usize) -> Self {
        self.queue_capacity_low = Some(jobs);
        self
    }

    /// Sets how many completions may be unread.
    #[must_use]
    pub fn result_buffer(mut self, outcomes: usize) -> Self {
        self.result_buffer = outcomes;
        self
    }

    /// Sets what a submission to a full queue does.
    #[must_use]
    pub fn overflow(mut self, policy: OverflowPolicy) -> Self {
        self.overflow = policy;
        self
    }

    /// Sets how long a job may wait before it starts.
    #[must_use]
    pub fn queue_timeout(mut self, limit: Duration) -> Self {
        self.queue_timeout = limit;
        self
    }

    /// Sets how long a job may run.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Sets how long a job is expected to run.
    #[must_use]
    pub fn expected_service_time(mut self, time: Duration) -> Self {
        self.expected_service_time = Some(time);
        self
    }

    /// Sets what is done about a queue that gets too long.
    #[must_use]
    pub fn overload(mut self, overload: OverloadConfig) -> Self {
        self.overload = overload;
        self
    }

    /// Sets how failed jobs are tried again.
    #[must_use]
    pub fn retry(mut self, retry: RetryConfig) -> Self {
        self.retry = retry;
        self
    }

    /// Sets how many requests may be with the upstream at once.
    #[must_use]
    pub fn limiter(mut self, limiter: LimiterConfig) -> Self {
        self.limiter = limiter;
        self
    }

    /// Sets when there are more workers, and when fewer.
    #[must_use]
    pub fn scaling(mut self, scaling: ScalingConfig) -> Self {
        self.scaling = scaling;
        self
    }

    /// Sets which threads drive the provider's executor.
    #[must_use]
    pub fn drivers(mut self, mode: DriverMode) -> Self {
        self.drivers = mode;
        self
    }

    /// Sets what the initial health check decides.
    #[must_use]
    pub fn health(mut self, policy: HealthPolicy) -> Self {
        self.health = policy;
        self
    }

    /// Sets the path that the health check requests.
    #[must_use]
    pub fn health_path(mut self, path: impl Into<String>) -> Self {
        self.health_path = path.into();
        self
    }

    /// Sets how long after one health check the next begins, zero for none but the initial one, and how long one
    /// may take.
    #[must_use]
    pub fn health_checks(mut self, interval: Duration, timeout: Duration) -> Self {
        (self.health_interval, self.health_timeout) = (interval, timeout);
        self
    }

    /// Sets how many failed checks in a row make the provider `Degraded`, and how many good ones `Ready` again.
    #[must_use]
    pub fn health_thresholds(mut self, failures: u32, successes: u32) -> Self {
        (self.health_failures, self.health_successes) = (failures, successes);
        self
    }

    /// Sets how long a connection may take to be made.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Sets the size limit of bodies in bytes.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets the header that carries the API key, and what stands before the key in it.
    #[must_use]
    pub fn auth(mut self, header: impl Into<String>, prefix: impl Into<String>) -> Self {
        self.auth_header = header.into();
        self.auth_prefix = prefix.into();
        self
    }

    /// Sets the circuit breaker's limits.
    #[must_use]
    pub fn breaker(mut self, breaker: BreakerConfig) -> Self {
        self.breaker = breaker;
        self
    }

    /// Adds an API key.
    #[must_use]
    pub fn key(mut self, key: KeyConfig) -> Self {
        self.keys.push(key);
        self
    }

    /// Sets which key a request takes, and how long keys rest.
    #[must_use]
    pub fn key_pool(mut self, keys: KeyPoolConfig) -> Self {
        self.key_pool = keys;
        self
    }

    /// Adds a tenant that has a limit or a lane of its own.
    #[must_use]
    pub fn tenant(mut self, tenant: TenantConfig) -> Self {
        self.tenants.push(tenant);
        self
    }

    /// The capacities of the lanes: those of high, normal and low priority, and those of the tenants with a
    /// weight, in their order; one of 0 where no job waits.
    pub(crate) fn lane_capacities(&self) -> Vec<usize> {
        let normal = self.queue_capacity;
        if normal == 0 {
            return vec![0];
        }
        let high = self.queue_capacity_high.unwrap_or(normal);
        let low = self.queue_capacity_low.unwrap_or(normal);
        let weighted = self.tenants.iter().filter(|tenant| tenant.weight.is_some());
        let own = weighted.map(|tenant| tenant.queue_capacity.unwrap_or(normal));
        [high, normal, low].into_iter().chain(own).collect()
    }

    /// Checks every field and what they have to do with each other.
    ///
    /// # Errors
    /// The first field that is out of its range or contradicts another, with its value and range.
    pub fn validate(&self) -> Result<Vec<Warning>, ConfigError> {
        let mut checked = Checked::default();
        check::provider(self, &mut checked)?;
        Ok(checked.warnings)
    }
}

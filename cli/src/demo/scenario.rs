//! The three providers and their load.

use std::time::Duration;

use bifrost::config::ProviderConfig;

use crate::upstream::{Behaviour, Fault};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A provider with its load.
#[derive(Clone, Copy, Debug)]
pub(super) struct Class {
    pub(super) name: &'static str,
    pub(super) behaviour: Behaviour,
    /// A job is submitted this often, whatever became of the ones before.
    pub(super) every: Duration,
}

/// Every job of it has to complete.
pub(super) const HEALTHY: &str = "healthy";

/// The slow one needs 8 of its 16 workers as long as it answers. When it hangs, each of its jobs holds a worker until
/// `TIMEOUT`: 40 a second would need 80 workers, more than all three pools have together.
pub(super) const CLASSES: [Class; 3] = [
    Class { name: HEALTHY, behaviour: Behaviour::healthy(ms(15)).jitter(ms(10)), every: ms(10) },
    Class { name: "slow", behaviour: Behaviour::healthy(ms(180)).jitter(ms(40)), every: ms(25) },
    Class {
        name: "failing",
        behaviour: Behaviour::healthy(ms(20)).jitter(ms(20)).fault(Fault::Status(500), 400),
        every: ms(20),
    },
];

/// What a broken provider does.
pub(super) const BROKEN: Behaviour = Behaviour::healthy(ms(0)).fault(Fault::Hang, 1000);

/// How long a job may run.
const TIMEOUT: Duration = ms(2_000);

/// Workers of each provider's own pool.
const WORKERS: usize = 16;

/// Places of each provider's own queue.
const QUEUE: usize = 64;

/// The pool of `share` providers.
pub(super) fn pool(name: &str, base_url: &str, share: usize) -> ProviderConfig {
    ProviderConfig::new(name)
        .base_url(base_url)
        .workers(WORKERS * share, WORKERS * share)
        // The jobs are HTTP requests; blocking workers would only bring a queue of their own.
        .blocking_workers(0, 0)
        .queue_capacity(QUEUE * share)
        // All that a pool can hold: here the callers read at once, and the buffer is not what is shown.
        .result_buffer((QUEUE + WORKERS) * share)
        .timeout(TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::{CLASSES, TIMEOUT, WORKERS, pool};

    #[test]
    fn the_pools_suffice_until_one_provider_hangs_and_one_pool_for_all_does_not() {
        let workers_needed =
            |index: usize, seconds: f64| seconds / CLASSES[index].every.as_secs_f64();
        for (index, class) in CLASSES.iter().enumerate() {
            let seconds = (class.behaviour.latency + class.behaviour.jitter).as_secs_f64();
            assert!(workers_needed(index, seconds) < 0.6 * WORKERS as f64, "{}", class.name);
        }
        assert!(workers_needed(1, TIMEOUT.as_secs_f64()) > 1.5 * (3 * WORKERS) as f64);
        assert!(pool("a", "http://127.0.0.1:1", 3).validate().is_ok());
    }
}

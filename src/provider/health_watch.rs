//! The health checks that follow the initial one (S26).
//!
//! They are a task of their own beside the workers: it takes no worker and no record, and its requests are no jobs.
//! It ends with the provider, whose end waits for it as for a worker ([`Watch`]).

use super::core::{Core, Host};
use super::worker;
use crate::config::{HealthPolicy, ProviderConfig};
use crate::state::LifeState;
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, drop_caught};
use futures_lite::future::{FutureExt as _, or};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

impl Core {
    /// Starts the checks that follow the initial one, which was `healthy`.
    pub(super) fn go_on_checking(&self, healthy: bool) {
        let host = self.host();
        let wanted = host.config.health != HealthPolicy::Skip
            && !host.config.health_interval.is_zero()
            && host.http.is_some()
            && host.life.state().takes_jobs();
        if let Some(core) = host.own.upgrade().filter(|_| wanted) {
            let watch = Watch::new(core);
            if host.life.state_behind_change() < LifeState::Draining {
                host.unit.spawn(watch.run(healthy));
            }
        }
    }

    /// One check by the provider's clock; a transport that panics has failed it.
    async fn is_well(&self) -> bool {
        let host = self.host();
        let Some(http) = &host.http else { return true };
        let ProviderConfig { health_path, health_timeout, .. } = &host.config;
        let check = async { http.check(health_path, *health_timeout).await.is_ok() };
        let in_time = async {
            host.clock.sleep(*health_timeout).await;
            false
        };
        match AssertUnwindSafe(or(check, in_time)).catch_unwind().await {
            Ok(well) => well,
            Err(panic) => {
                drop_caught(panic);
                self.count_panics(1);
                false
            }
        }
    }
}

/// The task that checks. The provider does not end before it is dropped.
struct Watch(Arc<Core>);

impl Watch {
    fn new(core: Arc<Core>) -> Self {
        // ORDERING: Relaxed: whoever looks at it has passed the fence of `life.fences` as well.
        core.host().checking.store(true, Ordering::Relaxed);
        Self(core)
    }

    async fn run(self, healthy: bool) {
        let core = &self.0;
        let host = core.host();
        let ended = async {
            core.until(|core| core.host().life.state().is_ending()).await;
        };
        let checks = async {
            let mut streak = Streak { healthy, opposed: 0 };
            let mut number = 0;
            loop {
                let next = host.clock.now() + host.pause(number);
                host.clock.sleep_until(next).await;
                let well = core.is_well().await;
                number += 1;
                if streak.turns(well, &host.config) {
                    // ORDERING: Relaxed: a flag of its own.
                    host.healthy.store(well, Ordering::Relaxed);
                    host.judge();
                }
            }
        };
        or(ended, checks).await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let host = self.0.host();
        // ORDERING: Relaxed: as in `new`.
        host.checking.store(false, Ordering::Relaxed);
        worker::told(host);
    }
}

impl Host {
    /// From the end of one check to the next: the interval and up to a tenth of it more, so that processes
    /// that were started together do not check together. On a clock that tests drive it is the same each time.
    fn pause(&self, number: u64) -> Duration {
        let interval = self.config.health_interval;
        let drawn = match self.clock.is_real() {
            true => RandomState::new().hash_one(number),
            false => BuildHasherDefault::<DefaultHasher>::default().hash_one(number),
        };
        interval + (interval / 10).mul_f64(drawn as f64 / u64::MAX as f64)
    }
}

/// Checks in a row that oppose what the provider is held for.
struct Streak {
    healthy: bool,
    opposed: u32,
}

impl Streak {
    /// Takes a check; whether it turns the provider from healthy to unhealthy, or back.
    fn turns(&mut self, well: bool, config: &ProviderConfig) -> bool {
        if well == self.healthy {
            self.opposed = 0;
            return false;
        }
        self.opposed += 1;
        let enough = if well { config.health_successes } else { config.health_failures };
        if self.opposed < enough {
            return false;
        }
        *self = Self { healthy: well, opposed: 0 };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Streak;
    use crate::config::ProviderConfig;

    #[test]
    fn three_bad_checks_in_a_row_turn_it_and_two_good_ones_turn_it_back() {
        let config = ProviderConfig::new("a");
        let mut streak = Streak { healthy: true, opposed: 0 };
        let checks = "bbgbbgbbb gbgbgg bbgbbb";
        let turned: String = checks
            .chars()
            .filter(|check| *check != ' ')
            .map(|check| if streak.turns(check == 'g', &config) { 'x' } else { '-' })
            .collect();
        assert_eq!(turned, "--------x-----x-----x");
    }
}

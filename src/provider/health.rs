//! The initial health check, and what is told of a provider's state (S26).

use super::core::{Core, Host};
use crate::config::HealthPolicy;
use crate::state::LifeState;
use crate::sync::atomic::Ordering;

impl Core {
    /// Checks whether the upstream can be reached, and makes the provider `Ready`, `Degraded` or `Failed`
    /// as its policy says (S2). A provider without a base URL has nothing to check.
    pub(super) async fn check_and_open(&self) {
        let host = self.host();
        let policy = host.config.health;
        let well = policy == HealthPolicy::Skip || self.is_reachable().await;
        // ORDERING: Relaxed: a flag of its own.
        host.healthy.store(well, Ordering::Relaxed);
        let entered = match (well, policy) {
            (true, _) => LifeState::Ready,
            (false, HealthPolicy::Require) => LifeState::Failed,
            (false, _) => LifeState::Degraded,
        };
        if host.life.change(entered) == Some(LifeState::Checking) {
            host.tell_of(entered);
            self.go_on_checking(well);
        }
    }

    #[cfg(feature = "http")]
    async fn is_reachable(&self) -> bool {
        let host = self.host();
        let Some(http) = &host.http else { return true };
        http.check(&host.config.health_path, host.config.health_timeout).await.is_ok()
    }

    #[cfg(not(feature = "http"))]
    async fn is_reachable(&self) -> bool {
        true
    }

    #[cfg(not(feature = "http"))]
    fn go_on_checking(&self, _: bool) {}
}

impl Host {
    /// Logs that the provider has entered a state.
    pub(super) fn tell_of(&self, entered: LifeState) {
        let (provider, state) = (&*self.name, entered.name());
        // ORDERING: Relaxed: a flag of its own.
        let healthy = self.healthy.load(Ordering::Relaxed);
        match entered {
            LifeState::Ready => tracing::info!(provider, state, healthy, "the provider is ready"),
            _ => tracing::warn!(provider, state, healthy, "the provider is not well"),
        }
    }
}

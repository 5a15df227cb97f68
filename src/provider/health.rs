//! The initial health check.

use super::core::Core;
use crate::config::HealthPolicy;
use crate::state::LifeState;
use crate::sync::atomic::Ordering;
#[cfg(feature = "http")]
use std::time::Duration;

/// How long a check may take.
#[cfg(feature = "http")]
const TIMEOUT: Duration = Duration::from_secs(5);

impl Core {
    /// Checks whether the upstream can be reached, and makes the provider `Ready`, `Degraded` or `Failed`
    /// as its policy says (S2). A provider without a base URL has nothing to check.
    pub(super) async fn check_and_open(&self) {
        let host = self.host();
        let policy = host.config.health;
        let well = policy == HealthPolicy::Skip || self.is_reachable().await;
        // ORDERING: Relaxed: a flag of its own.
        host.healthy.store(well, Ordering::Relaxed);
        host.life.change(match (well, policy) {
            (true, _) => LifeState::Ready,
            (false, HealthPolicy::Require) => LifeState::Failed,
            (false, _) => LifeState::Degraded,
        });
    }

    #[cfg(feature = "http")]
    async fn is_reachable(&self) -> bool {
        let Some(http) = &self.host().http else { return true };
        http.check(&self.host().config.health_path, TIMEOUT).await.is_ok()
    }

    #[cfg(not(feature = "http"))]
    async fn is_reachable(&self) -> bool {
        true
    }
}

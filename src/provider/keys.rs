//! API keys at the door, and their figures (S28).

use super::core::Host;
use super::job::Options;
use super::rejected::Refusal;
use crate::stats::KeySnapshot;

#[cfg(not(feature = "http"))]
impl Host {
    /// Without HTTP there are no keys.
    pub(super) fn check_keys(&self, _: &Options) -> Result<(), Refusal> {
        Ok(())
    }

    /// Without HTTP there are no keys.
    pub(super) fn keys(&self) -> Vec<KeySnapshot> {
        Vec::new()
    }
}

#[cfg(feature = "http")]
impl Host {
    /// Refuses a request for which no key will be usable as long as it may wait. One whose keys are back in time
    /// is let in, and so is one that waits for a request that is on its way: nobody knows how long that takes.
    pub(super) fn check_keys(&self, options: &Options) -> Result<(), Refusal> {
        use crate::code::Code;
        use crate::state::NoKeyReason;

        let Some(http) = self.http.as_ref().filter(|_| options.is_http) else { return Ok(()) };
        let Err(no_key) = http.check_keys() else { return Ok(()) };
        let wait = options.queue_timeout.unwrap_or(self.config.queue_timeout);
        let wait = options.deadline.map_or(wait, |deadline| deadline.min(wait));
        let (limit, value) = match no_key.retry_after {
            _ if no_key.reason == NoKeyReason::Busy => return Ok(()),
            Some(back) if back <= wait => return Ok(()),
            Some(back) => ("keys_back_in_ms", u64::try_from(back.as_millis()).unwrap_or(u64::MAX)),
            None => ("keys", self.config.keys.len() as u64),
        };
        let retry_after = no_key.retry_after;
        Err(Refusal { retry_after, ..Refusal::new(Code::NoKey, limit, value) })
    }

    /// Every key as it is now.
    pub(super) fn keys(&self) -> Vec<KeySnapshot> {
        use crate::state::KeyCondition;

        let now = self.clock.now();
        let until =
            |instant: crate::time::Instant| instant.saturating_duration_since(now).as_secs_f64();
        let keys = self.http.iter().flat_map(|http| http.keys().snapshot(now));
        let told = keys.map(|key| {
            let (state, retry_after_seconds, share) = match key.condition {
                KeyCondition::Usable { share } => ("usable", 0.0, share),
                KeyCondition::Cooling { until: back } => ("cooling", until(back), 0),
                KeyCondition::Quota { until: back } => ("quota", until(back), 0),
                KeyCondition::Disabled { probe_at } => ("disabled", until(probe_at), 0),
                KeyCondition::Probing => ("probing", 0.0, 0),
            };
            KeySnapshot {
                name: key.name.to_string(),
                state: state.to_owned(),
                retry_after_seconds,
                share_percent: u64::from(share),
                weight: u64::from(key.weight),
                in_flight: u64::from(key.in_flight),
                picks: key.picks,
                rate_limited: key.rate_limited,
            }
        });
        told.collect()
    }
}

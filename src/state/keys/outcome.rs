//! What is said about keys: how a request ended, why there is no key, how a key is.

use std::fmt;
use std::time::Duration;

use crate::sync::Arc;
use crate::time::Instant;

/// How a request ended, as far as its key is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyResult {
    /// The upstream accepted the key.
    Ok {
        /// The tokens that were used; `None`: what the pick has estimated.
        tokens: Option<u64>,
    },
    /// 429: the key cools down.
    RateLimited {
        /// What Retry-After says; without it, or with 0, the pool's back-off.
        retry_after: Option<Duration>,
    },
    /// 401 or 403: the key is disabled, and probed by one request after a while.
    Unauthorized,
    /// 402: the key's quota is used up, and it rests for long.
    Quota {
        /// What Retry-After says; the key rests at least as long as the pool's options say.
        retry_after: Option<Duration>,
    },
    /// 5xx: the upstream's fault, not the key's.
    ServerError,
    /// Nothing that says something about the key: the caller's own 4xx, a transport error, a cancel.
    Ignored,
}

impl KeyResult {
    /// What a response of this HTTP status and with this Retry-After says about its key.
    pub fn from_status(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            100..=399 => Self::Ok { tokens: None },
            401 | 403 => Self::Unauthorized,
            402 => Self::Quota { retry_after },
            429 => Self::RateLimited { retry_after },
            500.. => Self::ServerError,
            _ => Self::Ignored,
        }
    }
}

/// No key of the pool is usable now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoKey {
    /// What the key waits for that is expected back first.
    pub reason: NoKeyReason,
    /// How long it is until the first key may be usable; `None` when no time is known. A lease that ends can
    /// make a key usable earlier.
    pub retry_after: Option<Duration>,
}

/// What keys wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NoKeyReason {
    /// There are no keys.
    Empty,
    /// All keys were refused by the upstream; waiting does not help.
    Disabled,
    /// A key has as many leases as it may have: it is back when one ends.
    Busy,
    /// A key has used up its own requests or tokens a minute.
    RateLimited,
    /// A key cools down after a 429.
    Cooling,
    /// A key's quota is used up.
    Quota,
}

impl NoKeyReason {
    fn text(self) -> &'static str {
        match self {
            Self::Empty => "the provider has no key",
            Self::Disabled => "every key of the provider was refused by the upstream",
            Self::Busy => "the keys of the provider have as many requests in flight as they may",
            Self::RateLimited => "the keys of the provider have used up their rate",
            Self::Cooling => "the keys of the provider cool down",
            Self::Quota => "the keys of the provider have used up their quota",
        }
    }
}

impl fmt::Display for NoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.text())?;
        match self.retry_after {
            Some(wait) => write!(f, "; the first may be back in {wait:?}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for NoKey {}

/// Why one key cannot be picked now, and from when on that may change, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: NoKeyReason,
    pub(super) until: Option<u64>,
}

/// What the refusals of several keys come to.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    soonest: Option<(u64, NoKeyReason)>,
    busy: bool,
    disabled: bool,
}

impl Refusals {
    pub(super) fn add(&mut self, refusal: Refusal) {
        match refusal.until {
            Some(until) => {
                let this = (until, refusal.reason);
                self.soonest = Some(self.soonest.map_or(this, |soonest| soonest.min(this)));
            }
            None => {
                self.busy |= refusal.reason == NoKeyReason::Busy;
                self.disabled |= refusal.reason == NoKeyReason::Disabled;
            }
        }
    }

    pub(super) fn no_key(&self, now: Instant) -> NoKey {
        let reason = match self.soonest {
            _ if self.busy => NoKeyReason::Busy,
            Some((_, reason)) => reason,
            None if self.disabled => NoKeyReason::Disabled,
            None => NoKeyReason::Empty,
        };
        let wait = |(until, _)| Instant::from_nanos(until).saturating_duration_since(now);
        NoKey { reason, retry_after: self.soonest.map(wait) }
    }
}

/// One key at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeySnapshot {
    /// The key's name.
    pub name: Arc<str>,
    /// What may be done with it.
    pub condition: KeyCondition,
    /// Its weight.
    pub weight: u32,
    /// The leases that are held.
    pub in_flight: u32,
    /// How often it was picked.
    pub picks: u64,
    /// How many reports of 429 there were.
    pub rate_limited: u64,
}

/// What may be done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyCondition {
    /// It is picked, inside its limits.
    Usable {
        /// The part of its weight that it gets, in per cent: 100, or from 20 on after it has cooled down.
        share: u32,
    },
    /// It cools down after a 429.
    Cooling {
        /// From when on it is usable.
        until: Instant,
    },
    /// Its quota is used up.
    Quota {
        /// From when on it is tried again.
        until: Instant,
    },
    /// It was refused by the upstream.
    Disabled {
        /// From when on one request may probe it.
        probe_at: Instant,
    },
    /// It was refused by the upstream, and a request that probes it is on its way.
    Probing,
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{KeyResult, NoKey, NoKeyReason};
    use std::time::Duration;

    #[test]
    fn statuses_are_classified_by_whom_they_concern() {
        let wait = Some(Duration::from_secs(3));
        let of = |status| KeyResult::from_status(status, wait);
        assert_eq!(of(200), KeyResult::Ok { tokens: None });
        assert_eq!(of(304), KeyResult::Ok { tokens: None });
        assert_eq!(of(429), KeyResult::RateLimited { retry_after: wait });
        assert_eq!(of(402), KeyResult::Quota { retry_after: wait });
        assert_eq!([of(401), of(403)], [KeyResult::Unauthorized; 2]);
        assert_eq!([of(500), of(503), of(529)], [KeyResult::ServerError; 3]);
        assert_eq!([of(400), of(404), of(422), of(0)], [KeyResult::Ignored; 4]);
    }

    #[test]
    fn the_text_says_why_and_how_long() {
        let text = |reason, seconds: Option<u64>| {
            NoKey { reason, retry_after: seconds.map(Duration::from_secs) }.to_string()
        };
        assert_eq!(
            text(NoKeyReason::Cooling, Some(7)),
            "the keys of the provider cool down; the first may be back in 7s"
        );
        assert_eq!(text(NoKeyReason::Empty, None), "the provider has no key");
    }
}

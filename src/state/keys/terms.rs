//! What a pool is told: its keys with their limits, how it chooses, what a pick asks for.

use std::time::Duration;

use super::word::MOST_IN_FLIGHT;
use crate::sync::Arc;
use crate::time::Instant;

const MINUTE: u64 = 60_000_000_000;

/// A key's name and limits; never its secret.
#[derive(Clone, Debug)]
pub struct KeySpec {
    pub(super) name: Arc<str>,
    pub(super) weight: u32,
    requests_per_minute: u64,
    tokens_per_minute: u64,
    max_in_flight: u32,
    pub(super) new_secret: bool,
}

impl KeySpec {
    /// A key of weight 1 without a limit.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            weight: 1,
            requests_per_minute: 0,
            tokens_per_minute: 0,
            max_in_flight: MOST_IN_FLIGHT,
            new_secret: false,
        }
    }

    /// Sets the key's share relative to the other keys; 0 counts as 1.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight.max(1);
        self
    }

    /// Sets how many requests a minute the key is picked for; 0 is no limit.
    #[must_use]
    pub fn requests_per_minute(mut self, requests: u64) -> Self {
        self.requests_per_minute = requests;
        self
    }

    /// Sets how many tokens a minute may be used with the key; 0 is no limit.
    #[must_use]
    pub fn tokens_per_minute(mut self, tokens: u64) -> Self {
        self.tokens_per_minute = tokens;
        self
    }

    /// Sets how many leases of the key there may be at once, at most 1,048,575; 0 is no limit.
    #[must_use]
    pub fn max_in_flight(mut self, leases: u32) -> Self {
        self.max_in_flight = if leases == 0 { MOST_IN_FLIGHT } else { leases.min(MOST_IN_FLIGHT) };
        self
    }

    /// Says that the secret behind the name has changed, so that a pool which takes over from another one
    /// begins anew with this key.
    #[must_use]
    pub fn new_secret(mut self) -> Self {
        self.new_secret = true;
        self
    }

    pub(super) fn terms(&self, burst: Duration) -> Terms {
        Terms {
            weight: self.weight,
            // Rounded up: the limit is never exceeded by rounding.
            request: MINUTE
                .checked_div(self.requests_per_minute)
                .map(|_| MINUTE.div_ceil(self.requests_per_minute)),
            tokens_per_minute: self.tokens_per_minute,
            max_in_flight: self.max_in_flight,
            burst: nanos(burst),
        }
    }
}

/// A key's limits in the units of its words.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) weight: u32,
    /// What a request costs in nanoseconds of the rate; `None` without a limit.
    pub(super) request: Option<u64>,
    tokens_per_minute: u64,
    pub(super) max_in_flight: u32,
    pub(super) burst: u64,
}

impl Terms {
    /// What `tokens` cost in nanoseconds of the rate; `None` without a limit.
    pub(super) fn tokens(&self, tokens: u64) -> Option<u64> {
        if self.tokens_per_minute == 0 {
            return None;
        }
        let cost = u128::from(tokens) * u128::from(MINUTE);
        Some(cost.div_ceil(u128::from(self.tokens_per_minute)).try_into().unwrap_or(u64::MAX))
    }
}

/// Which of the usable keys a pick takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyOrder {
    /// By turns, in smooth order and with exact shares.
    #[default]
    RoundRobin,
    /// The one with the fewest leases for its weight; by turns where they are equal.
    LeastInFlight,
    /// The one that belongs to the caller ([`KeyAsk::caller`]), by weight; if it is not usable, the same other
    /// one each time. A pick that names no caller takes the one with the fewest leases.
    Sticky,
}

/// How a pool chooses, and how long keys rest.
#[derive(Clone, Debug)]
pub struct KeyOptions {
    pub(super) order: KeyOrder,
    pub(super) burst: Duration,
    pub(super) backoff: Waits,
    pub(super) quota: Duration,
    pub(super) probe: Waits,
}

/// The first and the longest of waits that double.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

impl Default for KeyOptions {
    /// Round robin, 6 s of burst, 1 s to 60 s after a 429, 1 h after a 402, probes after 60 s to 1 h.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            order: KeyOrder::RoundRobin,
            burst: seconds(6),
            backoff: Waits { first: seconds(1), longest: seconds(60) },
            quota: seconds(3_600),
            probe: Waits { first: seconds(60), longest: seconds(3_600) },
        }
    }
}

impl KeyOptions {
    /// Sets which of the usable keys a pick takes.
    #[must_use]
    pub fn order(mut self, order: KeyOrder) -> Self {
        self.order = order;
        self
    }

    /// Sets how much of a rate may be used at once: of 60 requests a minute, a burst of 6 s lets 7 pass at one
    /// moment.
    #[must_use]
    pub fn burst(mut self, burst: Duration) -> Self {
        self.burst = burst;
        self
    }

    /// Sets how long a key cools down after a 429 without Retry-After: `first`, doubled with each 429 that
    /// follows up to `longest`, and up to half as long again, drawn at random.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = Waits { first, longest };
        self
    }

    /// Sets how long a key rests after a 402.
    #[must_use]
    pub fn quota(mut self, rest: Duration) -> Self {
        self.quota = rest;
        self
    }

    /// Sets after what time a refused key is probed by one request: `first`, doubled with each probe that is
    /// refused up to `longest`, and up to half as long again, drawn at random.
    #[must_use]
    pub fn probe(mut self, first: Duration, longest: Duration) -> Self {
        self.probe = Waits { first, longest };
        self
    }
}

/// What a pick asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyAsk {
    /// An estimate of the tokens that the request will use, corrected by its report.
    pub tokens: u64,
    /// A hash of whom a sticky pool shall give the same key each time.
    pub caller: Option<u64>,
}

impl KeyAsk {
    /// Asks for a key for a request of about this many tokens.
    pub fn tokens(tokens: u64) -> Self {
        Self { tokens, caller: None }
    }

    /// Asks for the key of a caller, by a hash of it.
    pub fn caller(caller: u64) -> Self {
        Self { tokens: 0, caller: Some(caller) }
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    (Instant::ZERO + duration).as_nanos()
}

/// Scatters the bits of `value` (the finalizer of splitmix64).
pub(super) fn scatter(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

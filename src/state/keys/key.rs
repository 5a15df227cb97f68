//! One key: whether it may be used now, and the grant of a lease.
//!
//! **State.** The state word (`word`), an instant `until`, two rates (`rate`), and counters that decide nothing.
//!
//! **Algorithm.** A grant reads the word, then `until`, decides, and exchanges the word it has read. Whoever
//! forbids the use of the key raises `until` first and then changes the word, to the next generation.
//!
//! **Invariants.** 1. `until` never decreases. 2. Each refusal that raises `until` changes the generation
//! afterwards. 3. In flight is at most the limit of those who were granted, and counts the leases that are held.
//! 4. `Probing` is left only by the lease that entered it.
//!
//! **No key before its time.** Let a refusal R with the instant T be recorded: that is, it has exchanged the word.
//! Let a grant G at `now` exchange the word too. The exchanges of one word have an order.
//! 1. G's exchange comes first: it was granted before R was recorded.
//! 2. R's comes first, and before the value that G has read: R's exchange, or one of the read-modify-writes
//!    behind it, is what G has read, so that G has acquired R (`keys.cool`), reads an `until` of at least T, and
//!    exchanges only if `now` has reached it.
//! 3. R's comes first, but after the value that G has read: the generation has changed, and G's exchange fails.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `keys.cool` | `change`: the word's exchange | `read`: the word's load | the `until` that was raised before |
//!
//! **Progress.** A grant is lock-free, a release wait-free unless it is a probe's.
//! Models: `keys_cool`, `keys_late_429`, `keys_two_429`, `keys_in_flight`, `keys_release`, `keys_probe`.

use super::outcome::{KeyCondition, KeySnapshot, NoKeyReason, Refusal};
use super::rate::Rate;
use super::terms::{KeyAsk, Terms, scatter};
use super::word::{Kind, Word};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, CachePadded};
use crate::time::Instant;

/// What is known of a key; shared by the pools that took it over from one another.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: Arc<str>,
    /// The name's hash.
    pub(super) salt: u64,
    pub(super) word: CachePadded<AtomicU64>,
    until: AtomicU64,
    requests: Rate,
    pub(super) tokens: Rate,
    /// Turns that were offered while the key recovered.
    offers: AtomicU64,
    picks: AtomicU64,
    pub(super) rate_limited: AtomicU64,
}

/// What a lease remembers of its grant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    pub(super) generation: u32,
    pub(super) probe: bool,
    /// What the tokens' estimate was charged with, and until when that occupies the rate.
    pub(super) charged: u64,
    pub(super) occupied: u64,
}

impl Key {
    pub(super) fn new(name: Arc<str>) -> Self {
        let salt = name.bytes().fold(0, |hash, byte| scatter(hash ^ u64::from(byte)));
        Self {
            name,
            salt,
            word: CachePadded::new(AtomicU64::new(Word::NEW.0)),
            until: AtomicU64::new(0),
            requests: Rate::default(),
            tokens: Rate::default(),
            offers: AtomicU64::new(0),
            picks: AtomicU64::new(0),
            rate_limited: AtomicU64::new(0),
        }
    }

    /// The word and `until`, which is at least what the word's changes have raised it to.
    fn read(&self) -> (Word, u64) {
        // ORDERING: Acquire takes `keys.cool`.
        let word = Word(self.word.load(Ordering::Acquire));
        // ORDERING: Relaxed: behind the load above it is new enough, and a newer one forbids more.
        (word, self.until.load(Ordering::Relaxed))
    }

    /// The word of a key whose time has come and that has room, as far as the word knows.
    fn open(&self, now: u64, terms: &Terms) -> Result<Word, Refusal> {
        let (word, until) = self.read();
        let refused = |reason, until| Err(Refusal { reason, until });
        match word.kind() {
            Kind::Probing => refused(NoKeyReason::Disabled, None),
            Kind::Disabled if now < until => refused(NoKeyReason::Disabled, None),
            Kind::Quota if now < until => refused(NoKeyReason::Quota, Some(until)),
            Kind::Open if now < until => refused(NoKeyReason::Cooling, Some(until)),
            _ if word.in_flight() >= terms.max_in_flight => refused(NoKeyReason::Busy, None),
            _ => Ok(word),
        }
    }

    /// Whether the key could be granted now; changes nothing.
    pub(super) fn check(&self, now: u64, terms: &Terms) -> Result<Word, Refusal> {
        let requests = terms.request.map_or(0, |_| self.requests.ready_at(terms.burst));
        let tokens = terms.tokens(0).map_or(0, |_| self.tokens.ready_at(terms.burst));
        let ready = requests.max(tokens);
        let spent = Refusal { reason: NoKeyReason::RateLimited, until: Some(ready) };
        match self.open(now, terms) {
            Ok(_) if now < ready => Err(spent),
            Err(Refusal { reason: NoKeyReason::Busy, .. }) if now < ready => Err(spent),
            Err(refusal) => {
                Err(Refusal { until: refusal.until.map(|until| until.max(ready)), ..refusal })
            }
            word => word,
        }
    }

    /// Grants a lease, or says why not.
    pub(super) fn take(&self, now: u64, terms: &Terms, ask: KeyAsk) -> Result<Grant, Refusal> {
        let mut word = self.check(now, terms)?;
        let spent = |until| Refusal { reason: NoKeyReason::RateLimited, until: Some(until) };
        if let Some(cost) = terms.request {
            self.requests.reserve(now, cost, terms.burst).map_err(spent)?;
        }
        let charged = terms.tokens(ask.tokens);
        let occupied = match charged.map(|cost| self.tokens.reserve(now, cost, terms.burst)) {
            None => 0,
            Some(Ok(occupied)) => occupied,
            Some(Err(until)) => {
                self.give_back(terms, None);
                return Err(spent(until));
            }
        };
        loop {
            let next = word.granted();
            // ORDERING: Relaxed, both: the grant publishes nothing, and a failure is looked at again. Being a
            // read-modify-write it hands `keys.cool` on.
            match self.word.compare_exchange_weak(
                word.0,
                next.0,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(_) => match self.open(now, terms) {
                    Ok(seen) => word = seen,
                    Err(refusal) => {
                        self.give_back(terms, charged);
                        return Err(refusal);
                    }
                },
            }
        }
        // ORDERING: Relaxed, a figure.
        self.picks.fetch_add(1, Ordering::Relaxed);
        Ok(Grant {
            generation: word.generation(),
            probe: word.kind() == Kind::Disabled,
            charged: charged.unwrap_or(0),
            occupied,
        })
    }

    /// Takes the reservations of a grant back that did not come about.
    fn give_back(&self, terms: &Terms, tokens: Option<u64>) {
        let all = |rate: &Rate, cost| rate.refund(0, cost, u64::MAX);
        if let Some(cost) = terms.request {
            all(&self.requests, cost);
        }
        if let Some(cost) = tokens {
            all(&self.tokens, cost);
        }
    }

    /// Whether the key takes a turn that it is offered: one that recovers takes only its share of them.
    pub(super) fn takes_turn(&self) -> bool {
        // ORDERING: Relaxed, both: how often the key is chosen, not whether it may be.
        let word = Word(self.word.load(Ordering::Relaxed));
        if word.level() == Word::FULL {
            return true;
        }
        let offer = u128::from(self.offers.fetch_add(1, Ordering::Relaxed));
        let share = u128::from(word.share());
        (offer + 1) * share / 100 > offer * share / 100
    }

    /// Ends a lease. A probe's that has not reported leaves the key to the next probe.
    pub(super) fn release(&self, probe: bool) {
        if !probe {
            // ORDERING: Relaxed: a place is free, and nothing else is said.
            self.word.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        // ORDERING: Relaxed, both here and in the exchange: as above.
        let mut word = self.word.load(Ordering::Relaxed);
        while let Err(seen) = self.word.compare_exchange_weak(
            word,
            Word(word).probe_given_up().0,
            Ordering::Relaxed,
            Ordering::Relaxed,
        ) {
            word = seen;
        }
    }

    /// Exchanges the word by `change`, which gives the next one and the instant to which `until` is raised
    /// before, or `None` to leave it.
    pub(super) fn change(&self, change: impl Fn(Word) -> Option<(Word, u64)>) {
        // ORDERING: Relaxed: it is compared by the exchange.
        let mut word = self.word.load(Ordering::Relaxed);
        while let Some((next, until)) = change(Word(word)) {
            // ORDERING: Relaxed: published by the exchange.
            self.until.fetch_max(until, Ordering::Relaxed);
            // ORDERING: Release is edge `keys.cool`; a failure is only compared again.
            match self.word.compare_exchange_weak(
                word,
                next.0,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(seen) => word = seen,
            }
        }
    }

    pub(super) fn in_flight(&self) -> u32 {
        // ORDERING: Relaxed, a gauge: nothing is read on the strength of its value.
        Word(self.word.load(Ordering::Relaxed)).in_flight()
    }

    pub(super) fn snapshot(&self, now: Instant, weight: u32) -> KeySnapshot {
        let (word, until) = self.read();
        let until = Instant::from_nanos(until);
        let condition = match word.kind() {
            Kind::Probing => KeyCondition::Probing,
            Kind::Disabled => KeyCondition::Disabled { probe_at: until },
            Kind::Quota if now < until => KeyCondition::Quota { until },
            Kind::Open if now < until => KeyCondition::Cooling { until },
            Kind::Open | Kind::Quota => KeyCondition::Usable { share: word.share() },
        };
        // ORDERING: Relaxed, both: figures.
        let picks = self.picks.load(Ordering::Relaxed);
        let rate_limited = self.rate_limited.load(Ordering::Relaxed);
        let (name, in_flight) = (Arc::clone(&self.name), word.in_flight());
        KeySnapshot { name, condition, weight, in_flight, picks, rate_limited }
    }
}

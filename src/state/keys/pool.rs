//! Which of the keys the next request takes.
//!
//! **Algorithm.** Round robin takes the next turn, and the turn after it while the key that has it is not usable or
//! leaves it out (it recovers), so that keys that are usable share among themselves as their weights say. After
//! [`MOST_TURNS`] turns, and for the other orders from the beginning, every key is looked at, the best of those that
//! could be granted is taken, and if somebody else was faster all are looked at again. [`NoKey`] is said only after a
//! look at each key that has found none.
//!
//! **Progress.** Lock-free: each look that is repeated follows a grant or a refusal that somebody else has made.
//! **Edges.** None of its own; see `key`. Models: `keys_least_in_flight`, `keys_sticky`,
//! `keys_leave_turns`.

use std::fmt;

use super::key::{Grant, Key};
use super::lease::KeyLease;
use super::outcome::{KeySnapshot, NoKey, Refusals};
use super::terms::{KeyAsk, KeyOptions, KeyOrder, KeySpec, Terms, scatter};
use super::turns::Turns;
use super::word::Word;
use crate::sync::Arc;
use crate::time::Instant;

/// The turns that a pick takes before it looks at all keys.
const MOST_TURNS: usize = 64;

/// The keys of one provider: picked by weight, inside their limits, and never before their time.
///
/// The pool knows names and numbers only; the secrets stay with whoever sends the request. Picking and giving
/// back are lock-free. A change of keys or limits makes a new pool that takes over what is known of the keys
/// ([`renew`](Self::renew)).
///
/// ```
/// use bifrost::state::{KeyAsk, KeyOptions, KeyPool, KeyResult, KeySpec};
/// use bifrost::time::Instant;
/// use std::time::Duration;
///
/// let pool = KeyPool::new([KeySpec::new("main").weight(3), KeySpec::new("spare")], KeyOptions::default());
/// let now = Instant::ZERO;
/// let lease = pool.pick(now, KeyAsk::default())?;
/// assert_eq!(&**lease.name(), "main");
/// lease.report(now, KeyResult::RateLimited { retry_after: Some(Duration::from_secs(9)) });
/// for _ in 0..4 {
///     assert_eq!(&**pool.pick(now, KeyAsk::default())?.name(), "spare");
/// }
/// # Ok::<(), bifrost::state::NoKey>(())
/// ```
pub struct KeyPool {
    places: Box<[Place]>,
    turns: Turns,
    options: KeyOptions,
}

/// A key with the limits that this pool holds it to.
pub(super) struct Place {
    pub(super) key: Arc<Key>,
    pub(super) terms: Terms,
}

impl KeyPool {
    /// A pool of these keys, in this order.
    pub fn new(keys: impl IntoIterator<Item = KeySpec>, options: KeyOptions) -> Arc<Self> {
        Self::build(keys, options, 0, |_| None)
    }

    /// A pool of these keys that takes this one's place: what is known of a key of the same name, its leases, rates
    /// and cool-downs, holds for both, unless the key has a [new secret](KeySpec::new_secret). Leases of this pool
    /// stay good.
    #[must_use]
    pub fn renew(&self, keys: impl IntoIterator<Item = KeySpec>, options: KeyOptions) -> Arc<Self> {
        Self::build(keys, options, self.turns.turn(), |name| {
            let same = self.places.iter().find(|place| *place.key.name == *name)?;
            Some(Arc::clone(&same.key))
        })
    }

    fn build(
        keys: impl IntoIterator<Item = KeySpec>,
        options: KeyOptions,
        turn: u64,
        known: impl Fn(&str) -> Option<Arc<Key>>,
    ) -> Arc<Self> {
        let place = |spec: KeySpec| {
            let terms = spec.terms(options.burst);
            let known = if spec.new_secret { None } else { known(&spec.name) };
            Place { key: known.unwrap_or_else(|| Arc::new(Key::new(spec.name))), terms }
        };
        let places: Box<[Place]> = keys.into_iter().map(place).collect();
        let weights: Vec<u32> = places.iter().map(|place| place.terms.weight).collect();
        Arc::new(Self { turns: Turns::new(&weights, turn), places, options })
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether the pool has no key at all.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The name of the key at `index`.
    pub fn name(&self, index: usize) -> Option<&Arc<str>> {
        self.places.get(index).map(|place| &place.key.name)
    }

    /// How many leases on the key at `index` are held now, those of pools before this one among them; 0 for a key
    /// that does not exist.
    pub fn in_flight(&self, index: usize) -> u32 {
        self.places.get(index).map_or(0, |place| place.key.in_flight())
    }

    /// Every key as it is at `now`, in the pool's order.
    pub fn snapshot(&self, now: Instant) -> Vec<KeySnapshot> {
        self.places.iter().map(|place| place.key.snapshot(now, place.terms.weight)).collect()
    }

    /// Whether a key could be picked at `now`; picks none.
    ///
    /// # Errors
    ///
    /// [`NoKey`] as [`pick`](Self::pick) would say it.
    ///
    /// # Progress
    ///
    /// Wait-free, and writes nothing.
    pub fn check(&self, now: Instant) -> Result<(), NoKey> {
        let mut refusals = Refusals::default();
        for place in &self.places {
            match place.key.check(now.as_nanos(), &place.terms) {
                Ok(_) => return Ok(()),
                Err(refusal) => refusals.add(refusal),
            }
        }
        Err(refusals.no_key(now))
    }

    /// Picks a usable key, until the lease is dropped or reported.
    ///
    /// A key whose refusal was recorded before the pick was granted is never picked before its time.
    ///
    /// # Errors
    ///
    /// [`NoKey`] when no key is usable; it says why, and from when on one may be.
    ///
    /// # Progress
    ///
    /// Lock-free.
    pub fn pick(self: &Arc<Self>, now: Instant, ask: KeyAsk) -> Result<KeyLease, NoKey> {
        let taken = match self.options.order {
            KeyOrder::RoundRobin => self.in_turn(now, ask),
            KeyOrder::LeastInFlight | KeyOrder::Sticky => None,
        };
        let (index, grant) = match taken {
            Some(taken) => taken,
            None => self.best(now, ask)?,
        };
        Ok(KeyLease::new(Arc::clone(self), index, grant))
    }

    fn in_turn(&self, now: Instant, ask: KeyAsk) -> Option<(usize, Grant)> {
        let turns = self.turns.len().min(MOST_TURNS);
        let mut takers =
            (0..turns).map(|_| self.turns.next()).filter(|&index| self.takes_turn(index));
        takers.find_map(|index| {
            let place = &self.places[index];
            place.key.take(now.as_nanos(), &place.terms, ask).ok().map(|grant| (index, grant))
        })
    }

    /// Whether the key takes its turn; there is nobody to leave it to when it is the only one.
    fn takes_turn(&self, index: usize) -> bool {
        self.places.len() == 1 || self.places[index].key.takes_turn()
    }

    /// Takes the best of all keys that can be granted.
    fn best(&self, now: Instant, ask: KeyAsk) -> Result<(usize, Grant), NoKey> {
        let sticky = ask.caller.filter(|_| self.options.order == KeyOrder::Sticky);
        let first = if sticky.is_some() { 0 } else { self.first_of_equals() };
        loop {
            let mut refusals = Refusals::default();
            let mut best: Option<(usize, f64)> = None;
            for index in (first..self.places.len()).chain(0..first) {
                let place = &self.places[index];
                match place.key.check(now.as_nanos(), &place.terms) {
                    Err(refusal) => refusals.add(refusal),
                    Ok(word) => {
                        let rank = place.rank(word, sticky);
                        if best.is_none_or(|(_, least)| rank < least) {
                            best = Some((index, rank));
                        }
                    }
                }
            }
            let Some((index, _)) = best else { return Err(refusals.no_key(now)) };
            let place = &self.places[index];
            if let Ok(grant) = place.key.take(now.as_nanos(), &place.terms, ask) {
                return Ok((index, grant));
            }
        }
    }

    /// Where to begin, so that equals are taken by turns.
    fn first_of_equals(&self) -> usize {
        let turns = self.turns.len().min(MOST_TURNS);
        let mut turns = (0..turns).map(|_| self.turns.next());
        turns.find(|&index| self.takes_turn(index)).unwrap_or(0)
    }

    pub(super) fn place(&self, index: usize) -> &Place {
        &self.places[index]
    }

    pub(super) fn options(&self) -> &KeyOptions {
        &self.options
    }
}

impl Place {
    /// The lower, the better: leases for the weight, or for a sticky caller the time of an exponential race whose
    /// rate is the weight (rendezvous hashing), which only the loss or the return of a key can change for a caller.
    fn rank(&self, word: Word, caller: Option<u64>) -> f64 {
        let weight = f64::from(self.terms.weight) * f64::from(word.share());
        match caller {
            None => f64::from(word.in_flight()) / weight,
            Some(caller) => {
                let drawn = scatter(scatter(caller) ^ self.key.salt) >> 12;
                -((drawn as f64 + 0.5) / (1_u64 << 52) as f64).ln() / weight
            }
        }
    }
}

impl fmt::Debug for KeyPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.places.iter().map(|place| &place.key.name)).finish()
    }
}

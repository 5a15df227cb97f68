//! Which API key the next request takes: a lock-free round robin.
//!
//! The ring knows names and numbers only; the secrets stay with whoever sends the request.
//!
//! **Algorithm.** One counter, the turn. A pick adds one to it and takes the key at `turn mod n`. The
//! values that `fetch_add` returns are all different and without a gap, whatever the threads do, so that
//! of any `k * n` picks in a row each key gets exactly `k`.
//!
//! **Progress.** [`KeyRing::pick`] and the release of a lease are wait-free: one addition each on the turn
//! and on the key's own count.
//!
//! **Edges.** None: the counters publish nothing. Names do not change after construction.
//! Models: `keys_in_turn`.

use std::fmt;
use std::time::Duration;

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, CachePadded};

/// The keys of one provider, taken in turn.
pub struct KeyRing {
    keys: Box<[Key]>,
    turn: CachePadded<AtomicU64>,
}

struct Key {
    name: Arc<str>,
    in_flight: CachePadded<AtomicU64>,
}

impl KeyRing {
    /// A ring of keys with these names, in this order.
    pub fn new<N: Into<Arc<str>>>(names: impl IntoIterator<Item = N>) -> Arc<Self> {
        let keys = names
            .into_iter()
            .map(|name| Key { name: name.into(), in_flight: CachePadded::new(AtomicU64::new(0)) })
            .collect();
        Arc::new(Self { keys, turn: CachePadded::new(AtomicU64::new(0)) })
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether the provider has no key at all.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The name of the key at `index`.
    pub fn name(&self, index: usize) -> Option<&Arc<str>> {
        self.keys.get(index).map(|key| &key.name)
    }

    /// How many leases on the key at `index` are held now; 0 for a key that does not exist.
    pub fn in_flight(&self, index: usize) -> u64 {
        // ORDERING: Relaxed, a gauge: nothing is read on the strength of its value.
        self.keys.get(index).map_or(0, |key| key.in_flight.load(Ordering::Relaxed))
    }

    /// Takes the next key in turn, until the lease is dropped.
    ///
    /// # Errors
    ///
    /// [`NoKey`] when no key is usable; today that is an empty ring.
    pub fn pick(self: &Arc<Self>) -> Result<KeyLease, NoKey> {
        let count = self.keys.len() as u64;
        if count == 0 {
            return Err(NoKey { retry_after: None });
        }
        // ORDERING: Relaxed, only the turn's own modification order matters: it makes the turns distinct.
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let index = (turn % count) as usize;
        // ORDERING: Relaxed, a gauge.
        self.keys[index].in_flight.fetch_add(1, Ordering::Relaxed);
        Ok(KeyLease { ring: Arc::clone(self), index })
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.name)).finish()
    }
}

/// The right to send one request with one key; given back on drop.
pub struct KeyLease {
    ring: Arc<KeyRing>,
    index: usize,
}

impl KeyLease {
    /// The key's place in the ring.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The key's name, never its secret.
    pub fn name(&self) -> &Arc<str> {
        &self.ring.keys[self.index].name
    }
}

impl Drop for KeyLease {
    fn drop(&mut self) {
        // ORDERING: Relaxed, a gauge.
        self.ring.keys[self.index].in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for KeyLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLease").field("index", &self.index).field("name", self.name()).finish()
    }
}

/// No key of the provider is usable now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoKey {
    /// When the first key is expected back; `None` when waiting does not help.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for NoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.retry_after {
            Some(wait) => write!(f, "no key is usable for another {wait:?}"),
            None => f.write_str("the provider has no usable key"),
        }
    }
}

impl std::error::Error for NoKey {}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{KeyRing, NoKey};
    use crate::sync::{Arc, thread};

    #[test]
    fn keys_are_taken_in_turn() {
        let ring = KeyRing::new(["a", "b", "c"]);
        let picked: Vec<_> = (0..7).map(|_| ring.pick().unwrap().index()).collect();
        assert_eq!(picked, [0, 1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn shares_are_exact_under_concurrent_picks() {
        let ring = KeyRing::new(["a", "b", "c"]);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let ring = Arc::clone(&ring);
                thread::spawn("picker", move || {
                    let mut shares = [0_u32; 3];
                    for _ in 0..3_000 {
                        shares[ring.pick().unwrap().index()] += 1;
                    }
                    shares
                })
                .unwrap()
            })
            .collect();
        let mut total = [0; 3];
        for thread in threads {
            for (sum, share) in total.iter_mut().zip(thread.join().unwrap()) {
                *sum += share;
            }
        }
        assert_eq!(total, [4_000; 3]);
    }

    #[test]
    fn a_lease_counts_until_it_is_dropped() {
        let ring = KeyRing::new(["a", "b"]);
        let (first, second, third) =
            (ring.pick().unwrap(), ring.pick().unwrap(), ring.pick().unwrap());
        assert_eq!((&**first.name(), &**second.name(), &**third.name()), ("a", "b", "a"));
        assert_eq!((ring.in_flight(0), ring.in_flight(1)), (2, 1));
        drop((first, second));
        assert_eq!((ring.in_flight(0), ring.in_flight(1)), (1, 0));
    }

    #[test]
    fn an_empty_ring_has_no_key() {
        let ring = KeyRing::new(Vec::<&str>::new());
        assert_eq!(ring.pick().unwrap_err(), NoKey { retry_after: None });
    }
}

//! The gauge of transfers that nobody waits for any more.

use crate::sync::Mutex;
use crate::time::Instant;

/// Counts transfers that were given up: each until its total limit has passed or its client is gone.
///
/// isahc tells nobody when a transfer whose future was dropped has ended: it ends with the next header or
/// body chunk that arrives, and at its total limit otherwise. The gauge takes the latter for all of them, so
/// that it is too high while a talkative server's transfers are counted and not too low for a silent one.
///
/// The lock is taken when a transfer is given up and when the gauge is read, never by one that ends well.
#[derive(Debug, Default)]
pub(super) struct Zombies(Mutex<Vec<Zombie>>);

#[derive(Debug)]
struct Zombie {
    client: u64,
    end: Instant,
}

impl Zombies {
    /// Counts a transfer of `client` until `end`; says how many that client has now.
    pub(super) fn add(&self, client: u64, now: Instant, end: Instant) -> usize {
        let mut zombies = self.0.lock();
        zombies.retain(|zombie| zombie.end > now);
        zombies.push(Zombie { client, end });
        zombies.iter().filter(|zombie| zombie.client == client).count()
    }

    /// How many may still be alive now.
    pub(super) fn count(&self, now: Instant) -> usize {
        let mut zombies = self.0.lock();
        zombies.retain(|zombie| zombie.end > now);
        zombies.len()
    }

    /// The client has closed all its connections.
    pub(super) fn forget(&self, client: u64) {
        self.0.lock().retain(|zombie| zombie.client != client);
    }
}

#[cfg(test)]
mod tests {
    use super::Zombies;
    use crate::time::Instant;
    use std::time::Duration;

    #[test]
    fn a_zombie_counts_until_its_end_or_that_of_its_client() {
        let (zombies, now) = (Zombies::default(), Instant::ZERO);
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(zombies.add(1, now, at(2)), 1);
        assert_eq!(zombies.add(2, now, at(1)), 1);
        assert_eq!(zombies.add(1, now, at(2)), 2);
        assert_eq!(zombies.add(2, now, at(3)), 2);
        assert_eq!(zombies.count(now), 4);
        assert_eq!(zombies.count(at(1)), 3, "one has reached its end");
        zombies.forget(1);
        assert_eq!(zombies.count(at(1)), 1);
    }
}

//! The gauge of transfers that nobody waits for any more.

use std::time::Instant;

use super::client::now;
use crate::sync::Mutex;

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
    pub(super) fn add(&self, client: u64, end: Instant) -> usize {
        let now = now();
        let mut zombies = self.0.lock();
        zombies.retain(|zombie| zombie.end > now);
        zombies.push(Zombie { client, end });
        zombies.iter().filter(|zombie| zombie.client == client).count()
    }

    /// How many may still be alive now.
    pub(super) fn count(&self) -> usize {
        let now = now();
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
    use crate::http::client::now;
    use std::time::Duration;

    #[test]
    fn a_zombie_counts_until_its_end_or_that_of_its_client() {
        let (zombies, hour) = (Zombies::default(), Duration::from_secs(3600));
        assert_eq!(zombies.add(1, now() + hour), 1);
        assert_eq!(zombies.add(2, now() + hour), 1);
        assert_eq!(zombies.add(1, now() + hour), 2);
        drop(zombies.add(2, now()));
        assert_eq!(zombies.count(), 3);
        zombies.forget(1);
        assert_eq!(zombies.count(), 1);
    }
}

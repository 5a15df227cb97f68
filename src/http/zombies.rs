//! The gauge of transfers that nobody waits for any more.

use std::time::Instant;

use super::client::now;
use crate::sync::Mutex;

/// Counts transfers that were given up, each until its total limit has passed.
///
/// isahc tells nobody when a transfer whose future was dropped has ended: it ends with the next header or
/// body chunk that arrives, and at its total limit otherwise. The gauge takes the latter for all of them, so
/// that it is too high while a talkative server's transfers are counted and not too low for a silent one.
///
/// The lock is taken when a transfer is given up and when the gauge is read, never by one that ends well.
#[derive(Debug, Default)]
pub(super) struct Zombies(Mutex<Vec<Instant>>);

impl Zombies {
    /// Watches a transfer that ends at `end` at the latest.
    pub(super) fn watch(&self, end: Instant) -> Transfer<'_> {
        Transfer { zombies: self, end, running: true }
    }

    /// How many may still be alive now.
    pub(super) fn count(&self) -> usize {
        let now = now();
        let mut ends = self.0.lock();
        ends.retain(|end| *end > now);
        ends.len()
    }
}

/// A running transfer; dropped before [`Transfer::ended`], it is counted.
#[derive(Debug)]
pub(super) struct Transfer<'a> {
    zombies: &'a Zombies,
    end: Instant,
    running: bool,
}

impl Transfer<'_> {
    /// The client has let go of the transfer.
    pub(super) fn ended(mut self) {
        self.running = false;
    }
}

impl Drop for Transfer<'_> {
    fn drop(&mut self) {
        if self.running {
            let now = now();
            let mut ends = self.zombies.0.lock();
            ends.retain(|end| *end > now);
            ends.push(self.end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Zombies;
    use crate::http::client::now;
    use std::time::Duration;

    #[test]
    fn a_transfer_counts_only_when_given_up_before_its_end() {
        let zombies = Zombies::default();
        let hour = Duration::from_secs(3600);
        zombies.watch(now() + hour).ended();
        assert_eq!(zombies.count(), 0);
        drop(zombies.watch(now() + hour));
        drop(zombies.watch(now()));
        assert_eq!(zombies.count(), 1);
    }
}

//! The right to use a key.

use std::fmt;

use super::key::Grant;
use super::outcome::KeyResult;
use super::pool::KeyPool;
use crate::sync::Arc;
use crate::time::Instant;

/// The right to send one request with one key; given back on drop.
///
/// A lease stays good when its pool is replaced: it goes back to the key itself, which both pools share.
pub struct KeyLease {
    pool: Arc<KeyPool>,
    index: usize,
    grant: Grant,
    reported: bool,
}

impl KeyLease {
    pub(super) fn new(pool: Arc<KeyPool>, index: usize, grant: Grant) -> Self {
        Self { pool, index, grant, reported: false }
    }

    /// The key's place in the pool that it was picked from.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The key's name, never its secret.
    pub fn name(&self) -> &Arc<str> {
        &self.pool.place(self.index).key.name
    }

    /// Whether this request finds out if a disabled key works again.
    pub fn is_probe(&self) -> bool {
        self.grant.probe
    }

    /// The key's generation when it was picked: the number of refusals by the upstream, 429 and 402 among
    /// them, that were recorded until then, modulo 2³².
    pub fn generation(&self) -> u32 {
        self.grant.generation
    }

    /// Says how the request has ended, and gives the lease back. `now` is the present time of the clock that
    /// the pick was given.
    pub fn report(mut self, now: Instant, result: KeyResult) {
        let place = self.pool.place(self.index);
        let options = self.pool.options();
        place.key.report(now.as_nanos(), self.grant, &place.terms, options, result);
        self.reported = true;
    }
}

impl Drop for KeyLease {
    fn drop(&mut self) {
        let unheard_probe = self.grant.probe && !self.reported;
        self.pool.place(self.index).key.release(unheard_probe);
    }
}

impl fmt::Debug for KeyLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLease")
            .field("index", &self.index)
            .field("name", self.name())
            .field("probe", &self.grant.probe)
            .finish()
    }
}

//! An instant that many lower and one takes: when somebody has to look at limits next.
//!
//! The one who looks takes the word (it is then "never"), passes a fence, looks at all limits and lowers the
//! word to the earliest that it found. Whoever makes a new limit makes it visible, passes a fence, and lowers
//! the word if it is later. In the order of the two fences, the second one sees what came before the first:
//! either the look sees the limit, or its maker sees the taken word and asks for another look.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `due.fences` | the fence of `take` after the word | the maker's fence after its limit | the taken word, or the limit |
//! | `due.lower` | `lower` | `take` | what the maker did before |
//!
//! Progress: wait-free. Models: `due_fences`, `due_in_due`, `due_lower`.

use crate::sync::atomic::{AtomicU64, Ordering, fence};
use crate::time::{Deadline, Instant};

/// When somebody has to look next.
#[derive(Debug)]
pub struct Due(AtomicU64);

impl Default for Due {
    fn default() -> Self {
        Self::new()
    }
}

impl Due {
    /// Never.
    pub fn new() -> Self {
        Self(AtomicU64::new(Deadline::NEVER.as_word()))
    }

    /// The instant now.
    pub fn get(&self) -> Deadline {
        // ORDERING: Relaxed: `take` acquires before anything is done about it.
        Deadline::from_word(self.0.load(Ordering::Relaxed))
    }

    /// Asks for a look at `deadline` at the latest; `true` if that was not so already. The caller has
    /// passed a SeqCst fence since it made its limit visible.
    pub fn lower(&self, deadline: Deadline) -> bool {
        let word = deadline.as_word();
        // ORDERING: Relaxed: ordered by the fence (`due.fences`); a look before this one is enough.
        if self.0.load(Ordering::Relaxed) <= word {
            return false;
        }
        // ORDERING: Release is edge `due.lower`.
        self.0.fetch_min(word, Ordering::Release) > word
    }

    /// As [`lower`](Self::lower), for a caller who has not passed a fence since it made its limit visible:
    /// the limit may be another `Due`, which its looker reads without taking it.
    pub fn lower_unfenced(&self, deadline: Deadline) -> bool {
        // ORDERING: `due.fences`: store-load against `take`.
        fence(Ordering::SeqCst);
        self.lower(deadline)
    }

    /// Takes the instant if it has come; the caller looks at every limit then. `false`: not yet.
    pub fn take(&self, now: Instant) -> bool {
        if !self.get().is_past(now) {
            return false;
        }
        // ORDERING: Relaxed: the fence acquires what the word brought (`due.lower`).
        self.0.swap(Deadline::NEVER.as_word(), Ordering::Relaxed);
        // ORDERING: `due.fences`: store-load against the maker of a limit; it also takes `due.lower`.
        fence(Ordering::SeqCst);
        true
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::Due;
    use crate::time::{Deadline, Instant};

    #[test]
    fn the_earliest_limit_decides_and_is_taken_once() {
        let due = Due::new();
        let at = |nanos| Deadline::at(Instant::from_nanos(nanos));
        assert!(!due.take(Instant::from_nanos(u64::MAX - 1)));
        assert!(due.lower(at(50)));
        assert!(!due.lower(at(60)));
        assert!(due.lower(at(40)));
        assert_eq!(due.get(), at(40));
        assert!(!due.take(Instant::from_nanos(39)));
        assert!(due.take(Instant::from_nanos(40)));
        assert!(!due.take(Instant::from_nanos(40)));
    }
}

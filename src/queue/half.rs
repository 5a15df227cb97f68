//! How many handles one half of a channel has: the last one that goes closes the channel.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `half.leave` | `leave` of each handle | `leave` of the last | what the other handles' owners did before, their sends among it |
//!
//! Progress: wait-free. Models: `channel_senders_gone`, `channel_receivers_gone`.

use crate::sync::atomic::{AtomicUsize, Ordering};

/// The count of one half's handles.
#[derive(Debug)]
pub(super) struct Half(AtomicUsize);

impl Half {
    /// A half with one handle.
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(1))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        // ORDERING: Relaxed: a figure.
        self.0.load(Ordering::Relaxed)
    }

    /// One more, made from one that there is.
    pub(super) fn join(&self) {
        // ORDERING: Relaxed: the handle that it is made from keeps the half alive.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less; `true` if it was the last.
    #[must_use]
    pub(super) fn leave(&self) -> bool {
        // ORDERING: Release is edge `half.leave`, and Acquire takes it for the last.
        self.0.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

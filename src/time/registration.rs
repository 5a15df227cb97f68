//! A thread's membership of a test clock, so that the clock knows when all is idle.

use super::Clock;
use super::simulated::SlotId;
use std::marker::PhantomData;

/// The place of a thread among those that an automatic test clock waits for; nothing on any other clock.
///
/// Whoever starts a thread takes the registration *before* it starts the thread and moves it in; there
/// [`enter`](Self::enter) binds it. From the moment it is taken until it is dropped the clock does not jump
/// while that thread is not parked in [`Clock::park`], so it cannot jump while the thread is starting.
///
/// Dropping it, bound or not, may let the clock jump.
#[derive(Debug)]
#[must_use = "dropping the registration takes the thread out of the clock's count"]
pub struct Registration(Option<Membership>);

/// A registration that is bound to this thread; see [`Registration::enter`].
#[derive(Debug)]
#[must_use = "dropping this takes the thread out of the clock's count"]
pub struct Entered {
    _membership: Option<Membership>,
    /// The clock knows the thread by its identity, so this stays on it.
    _not_send: PhantomData<*mut ()>,
}

#[derive(Debug)]
struct Membership {
    clock: Clock,
    slot: SlotId,
}

impl Registration {
    pub(super) const NONE: Self = Self(None);

    pub(super) fn new(clock: Clock, slot: SlotId) -> Self {
        Self(Some(Membership { clock, slot }))
    }

    /// Binds the registration to the calling thread, which may park on the clock until the result is
    /// dropped. A thread may enter more than once, as when it is registered and then drives a runtime that
    /// registers it too: it counts once, until the last is dropped.
    pub fn enter(self) -> Entered {
        let mut membership = self.0;
        if let Some(membership) = &mut membership {
            if let Some(time) = membership.clock.simulated() {
                membership.slot = time.enter(membership.slot);
            }
        }
        Entered { _membership: membership, _not_send: PhantomData }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Some(time) = self.clock.simulated() {
            time.leave(self.slot);
        }
    }
}

//! The flag that says whether a unit of work stands in its drivers' ready ring (S7).
//!
//! | state | meaning | next |
//! |---|---|---|
//! | 0 | nothing to do | `PENDING` by an activation, which enqueues the unit |
//! | `PENDING` | in the ready ring | `RUNNING` by the driver that popped it |
//! | `RUNNING` | a driver takes a turn | 0, or both bits by an activation |
//! | both | a driver takes a turn, and there is more to do | `PENDING` by the driver, which enqueues the unit |
//!
//! Invariant: the unit is in the ring exactly once while `PENDING` is set without `RUNNING`.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `activation.set` | `activate` | `begin`, `end` | the task that was made runnable |
//!
//! Progress: wait-free. Models: `activation_no_lost_turn`, `activation_end`.

use crate::sync::atomic::{AtomicU32, Ordering};

const PENDING: u32 = 1;
const RUNNING: u32 = 2;

/// Whether a unit stands in the ready ring; see the source of the module for the protocol.
#[derive(Debug, Default)]
pub struct Activation(AtomicU32);

impl Activation {
    /// There is something to do. `true`: the caller enqueues the unit.
    #[must_use]
    pub fn activate(&self) -> bool {
        // ORDERING: Release is edge `activation.set`. It is a read-modify-write even when the bit is set
        // already, so that the driver that clears it sees this caller's task.
        self.0.fetch_or(PENDING, Ordering::Release) == 0
    }

    /// A driver popped the unit and begins a turn.
    pub fn begin(&self) {
        // ORDERING: Acquire takes `activation.set`.
        self.0.swap(RUNNING, Ordering::Acquire);
    }

    /// The turn is over. `true`: there is more to do, and the caller enqueues the unit.
    #[must_use]
    pub fn end(&self) -> bool {
        // ORDERING: Relaxed: nothing is handed over; a failure is followed by the swap below.
        if self.0.compare_exchange(RUNNING, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            return false;
        }
        // ORDERING: Relaxed: the bit stays set; `begin` of the next turn takes `activation.set`.
        self.0.swap(PENDING, Ordering::Relaxed);
        true
    }
}

//! The flag that says whether a unit of work stands in its drivers' ready ring, and whose turn it is (S7).
//!
//! | state | meaning | next |
//! |---|---|---|
//! | 0 | nothing to do | `PENDING` by an activation, which enqueues the unit |
//! | `PENDING` | in the ready ring | `RUNNING`, in the next turn, by the driver that popped it |
//! | `RUNNING` | a driver takes a turn | 0, or both bits by an activation |
//! | both | a driver takes a turn, and there is more to do | `PENDING` by the driver, which enqueues the unit |
//!
//! A turn has a number. Whoever sees that a driver is stuck in its turn hands the unit over: `RUNNING` becomes
//! `PENDING`, the unit is enqueued, and the next turn has another number, by which the stuck driver knows later
//! that it has nothing to do here any more.
//!
//! Invariant: the unit is in the ring exactly once while `PENDING` is set without `RUNNING`.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `activation.set` | `activate` | `begin`, `end` | the task that was made runnable |
//!
//! Progress: `activate` and `begin` are wait-free, `end` and `hand_over` try again after an activation.
//!
//! Models: `activation_no_lost_turn`, `activation_end`, `activation_hand_over`.

use crate::sync::atomic::{AtomicU32, Ordering};

const PENDING: u32 = 1;
const RUNNING: u32 = 2;
const TURN: u32 = 4;

/// Whether a unit stands in the ready ring; see the source of the module for the protocol.
#[derive(Debug, Default)]
pub struct Activation(AtomicU32);

/// The number of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnId(u32);

impl TurnId {
    /// The turn of this number, which [`number`](Self::number) gave.
    pub fn of(number: u32) -> Self {
        Self(number.wrapping_mul(TURN))
    }

    /// Its number, below 2³⁰.
    pub fn number(self) -> u32 {
        self.0 / TURN
    }

    fn runs(self, word: u32) -> bool {
        word & !PENDING == self.0 | RUNNING
    }
}

impl Activation {
    /// There is something to do. `true`: the caller enqueues the unit.
    #[must_use]
    pub fn activate(&self) -> bool {
        // ORDERING: Release is edge `activation.set`. It is a read-modify-write even when the bit is set
        // already, so that the driver that clears it sees this caller's task.
        self.0.fetch_or(PENDING, Ordering::Release) & (PENDING | RUNNING) == 0
    }

    /// A driver popped the unit and begins a turn.
    pub fn begin(&self) -> TurnId {
        // The unit was in the ring: pending, and nobody's turn.
        let change = TURN + RUNNING - PENDING;
        // ORDERING: Acquire takes `activation.set`.
        let before = self.0.fetch_add(change, Ordering::Acquire);
        TurnId(before.wrapping_add(TURN) & !(PENDING | RUNNING))
    }

    /// Whether it is still this turn.
    #[inline]
    pub fn is_turn(&self, turn: TurnId) -> bool {
        // ORDERING: Relaxed: who has lost its turn and does not see it yet takes one more task, as any driver may.
        turn.runs(self.0.load(Ordering::Relaxed))
    }

    /// The turn is over. `true`: there is more to do, and the caller enqueues the unit.
    #[must_use]
    pub fn end(&self, turn: TurnId) -> bool {
        self.leave(turn, false)
    }

    /// The driver of this turn is stuck. `true`: the turn was still its own, and the caller enqueues the unit.
    #[must_use]
    pub fn hand_over(&self, turn: TurnId) -> bool {
        self.leave(turn, true)
    }

    fn leave(&self, turn: TurnId, pending: bool) -> bool {
        let mut word = turn.0 | RUNNING;
        while turn.runs(word) {
            let left = turn.0 | word & PENDING | if pending { PENDING } else { 0 };
            // ORDERING: Relaxed, both: nothing is handed over; `begin` of the next turn takes `activation.set`, which
            // this exchange continues.
            match self.0.compare_exchange(word, left, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return left & PENDING != 0,
                Err(seen) => word = seen,
            }
        }
        false
    }
}

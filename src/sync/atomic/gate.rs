//! Makes loom's search see any two operations on one atomic as dependent.
//!
//! Loom 0.7.3 compares a store with the last access of the atomic alone. A thread that loads and then
//! stores hides every earlier load of the others behind its own: no run with the other order is tried, and
//! a model of such a loop may be green after one execution.
//!
//! A gate is one more loom atomic beside the real one, stored to right after each operation on it. Two
//! stores to one atomic always conflict, and the last store is the only one that loom must remember.
//!
//! Why it hides nothing that the program may do:
//! 1. Nobody reads a gate, so no edge starts from it, not even through a fence (a load or an exchange would
//!    be read by somebody, and a later acquire fence would make an edge of it).
//! 2. The store takes no scheduling decision of its own: the search is off while it is made, so it is one
//!    step with the operation before it, and a conflict that is found at the gate goes back to that
//!    operation. A gate with decisions of its own would double the runs for each conflict.

use super::execution;
use loom::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// The companion of one atomic; empty in a model that has switched gates off.
#[derive(Debug)]
pub(super) struct Gate(Option<Arc<AtomicBool>>);

impl Gate {
    #[track_caller]
    pub(super) fn new() -> Self {
        Self(execution::gate())
    }

    /// Call right after the operation on the real atomic.
    #[track_caller]
    pub(super) fn pass(&self) {
        let Some(gate) = &self.0 else { return };
        execution::unexplored(|| {
            // ORDERING: Relaxed: nobody reads a gate; the conflict is all that is wanted.
            gate.store(false, Ordering::Relaxed);
        });
    }
}

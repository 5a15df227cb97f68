//! Atomic integers, pointers and fences.
//!
//! The plain build re-exports `std::sync::atomic`. Under `--cfg loom` the same names are wrappers over
//! loom's atomics that add four things (`docs/MEMORY.md` tells why each is needed):
//!
//! | addition | where |
//! |---|---|
//! | a gate, so that loom's search sees any two operations on one atomic as dependent | `gate` |
//! | the list of every call site with its ordering, and one site weakened at run time | `site` |
//! | `compare_exchange_weak` that does fail for no reason, a bounded number of times | `execution` |
//! | a panic on a `SeqCst` access, which loom would take for `AcqRel`; `fence(SeqCst)` is modelled | `modeled` |

#[cfg(loom)]
pub mod execution;
#[cfg(loom)]
mod gate;
#[cfg(loom)]
mod modeled;
#[cfg(loom)]
pub mod site;

#[cfg(loom)]
pub use modeled::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
#[cfg(not(loom))]
pub use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

//! Atomic integers, pointers and fences.
//!
//! The plain build re-exports `std::sync::atomic`. Under `--cfg loom` the same names are wrappers over
//! loom's atomics that add four things (`docs/MEMORY.md` tells why each is needed):
//!
//! | addition | where |
//! |---|---|
//! | a gate, so that loom's search sees any two operations on one atomic as dependent | `gate` |
//! | the list of every call site with its ordering, and one site weakened at run time | `site`, `mutant` |
//! | `compare_exchange_weak` that does fail for no reason, a bounded number of times | `execution` |
//! | a panic on a `SeqCst` access, which loom would take for `AcqRel`; `fence(SeqCst)` is modelled | `modeled` |
//!
//! Under `--cfg bifrost_chaos` they are wrappers over std's atomics, which run on real threads, and what
//! befalls each thread is its `Agent`'s to say:
//!
//! | addition | where |
//! |---|---|
//! | before an operation, a pause that a seed has drawn; a weak compare-exchange that fails for no reason | `agent` |
//! | a count of the thread's operations, and an end to a thread that makes too many | `agent` |
//! | one thread stopped in front of one operation until an event lets it go | `freeze` |
//! | the list of every call site with its ordering | `site` |

#[cfg(all(loom, bifrost_chaos))]
compile_error!("loom explores by itself: set `--cfg loom` or `--cfg bifrost_chaos`");

#[cfg(bifrost_chaos)]
pub mod agent;
#[cfg(bifrost_chaos)]
mod disturbed;
#[cfg(loom)]
pub mod execution;
#[cfg(bifrost_chaos)]
pub mod freeze;
#[cfg(loom)]
mod gate;
#[cfg(loom)]
mod modeled;
#[cfg(loom)]
pub mod mutant;
#[cfg(any(loom, bifrost_chaos))]
pub mod site;

#[cfg(bifrost_chaos)]
pub use disturbed::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
#[cfg(loom)]
pub use modeled::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
#[cfg(not(any(loom, bifrost_chaos)))]
pub use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

/// A `SeqCst` fence right behind a read-modify-write of the same thread, for the store-load order between
/// that and what the thread reads next.
///
/// On x86-64 every read-modify-write is such a fence for the processor, so that only the compiler has to be
/// told; elsewhere, and under loom, it is the fence itself.
#[inline]
#[cfg_attr(loom, track_caller)]
pub fn fence_after_rmw() {
    // ORDERING: the callers name the edge.
    #[cfg(all(target_arch = "x86_64", not(loom)))]
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
    // ORDERING: as above.
    #[cfg(not(all(target_arch = "x86_64", not(loom))))]
    fence(Ordering::SeqCst);
}

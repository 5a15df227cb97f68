//! The only place that names `std::sync`, `std::thread` or loom, with the same shapes in both worlds.
//!
//! Everything above this module is written once and runs unchanged under `--cfg loom`, so that a model
//! explores the production types and never a copy of them.
//!
//! | here | plain build | under loom |
//! |---|---|---|
//! | [`atomic`] | `std::sync::atomic` | wrappers that list every call site, make every operation visible to the search, and can weaken one ordering at run time |
//! | [`UnsafeCell`] | `core::cell::UnsafeCell` | `loom::cell::UnsafeCell`: a data race fails the model |
//! | [`Mutex`], [`Condvar`] | std, poison ignored | loom's |
//! | [`Parker`] | a state word over `std::thread::park` | the same word over loom's park |
//! | [`AtomicWaker`] | ours | ours, explored |
//! | [`Quiet`] | keeps the panics of foreign wakers away from an event's list | the same |
//! | [`cycles`] | the processor's cycle counter | none |
//! | [`thread`] | std | loom's |
//!
//! [`Mutex`] is for cold paths alone: `tests/house.rs` holds the list of files that may name it.

pub mod atomic;
mod cell;
mod contain;
pub mod cycles;
mod mutex;
mod park;
mod quiet;
#[cfg(all(unix, not(loom)))]
mod signals;
pub mod thread;
mod token;
mod waker;

pub use cell::UnsafeCell;
pub use contain::{contain, drop_caught};
pub use crossbeam_utils::{Backoff, CachePadded};
pub use mutex::{Condvar, Mutex, MutexGuard};
pub use park::{Parker, Unparker};
pub use quiet::Quiet;
pub use std::sync::{Arc, OnceLock, Weak};
pub use waker::AtomicWaker;

/// Tells the processor that this is a spin loop; under loom it yields to the other threads of the model.
#[inline]
pub fn spin_loop() {
    #[cfg(not(loom))]
    core::hint::spin_loop();
    #[cfg(loom)]
    loom::thread::yield_now();
}

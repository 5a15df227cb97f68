//! The lock-free rings.
//!
//! [`JobRing`] is a bounded multi-producer multi-consumer FIFO of record indices: a jobs' queue moves one
//! 64-bit word and the job itself stays where it is. [`IndexStack`] is the free list that hands the
//! indices out, the last returned first, so that a hot record stays in the cache.

mod job_ring;
mod stack;
mod word;

pub use job_ring::{JobRing, PopError, PopIf, PushError};
pub use stack::IndexStack;
pub use word::{MAX_CAPACITY, MAX_INDEX};

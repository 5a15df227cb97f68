//! The rings.
//!
//! [`JobRing`] is a bounded multi-producer multi-consumer FIFO of record indices: a jobs' queue moves one
//! 64-bit word and the job itself stays where it is. [`IndexStack`] is the free list that hands the
//! indices out, the last returned first, so that a hot record stays in the cache. [`Ring`] holds values of
//! any type inline and claims several slots at once; it is not lock-free, and says where.

mod batch;
mod job_ring;
mod place;
mod replace;
#[expect(clippy::module_inception, reason = "the file is called as its type is")]
mod ring;
mod stack;
mod waits;
mod word;

pub use batch::Closed;
pub(crate) use batch::Moved;
pub use job_ring::{JobRing, PopError, PopIf, PushError};
pub use ring::{Refused, Ring};
pub use stack::{IndexStack, NotPut};
pub(crate) use waits::Outlook;
pub use word::{MAX_CAPACITY, MAX_INDEX};

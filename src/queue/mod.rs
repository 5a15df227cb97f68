//! Waiting around the rings, written once for blocking, async and deadline.
//!
//! [`JobQueue`] is a [`JobRing`](crate::ring::JobRing) whose consumers can wait: [`Waiters`] keeps the idle
//! ones in the order in which they became idle, so that the longest idle is woken. Every wait is a future;
//! a thread waits for it through [`Clock::block_on_deadline`](crate::time::Clock::block_on_deadline).

mod job_queue;
mod permits;
mod side_list;
mod waiters;

pub use job_queue::{JobQueue, Pop};
pub use side_list::{Entrant, Place, Try};
pub use waiters::Waiters;

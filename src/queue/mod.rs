//! Waiting around the rings, written once for blocking, async and deadline.
//!
//! [`JobQueue`] is one or more [`JobRing`](crate::ring::JobRing)s, its lanes, whose consumers can wait:
//! [`Waiters`] keeps the idle ones in the order in which they became idle, so that the longest idle is woken,
//! and each consumer takes from the lanes in turn by [`Credits`] of its own. First in, first out holds within
//! a lane. Every wait is a future; a thread waits for it through
//! [`Clock::block_on_deadline`](crate::time::Clock::block_on_deadline).

mod credits;
mod job_queue;
mod lanes;
mod waiters;

pub use credits::Credits;
pub use job_queue::{JobQueue, Pop, SpaceWait};
pub use lanes::{LaneId, LaneSpec, MAX_LANES};
pub use waiters::Waiters;

//! Waiting around the rings, written once for blocking, async and deadline.
//!
//! [`JobQueue`] is one or more [`JobRing`](crate::ring::JobRing)s, its lanes, whose consumers can wait:
//! [`Waiters`] keeps the idle ones in the order in which they became idle, so that the longest idle is woken,
//! and each [`Consumer`] takes from the lanes in turn by [`Credits`] of its own. First in, first out holds
//! within a lane. Every wait is a future; a thread waits for it through
//! [`Clock::block_on_deadline`](crate::time::Clock::block_on_deadline).
//!
//! [`Ready`] is such a queue of units that have something to do, with a ring of its own for each thread that
//! drives, which keeps there what it made ready itself.
//!
//! [`channel`] is a [`Ring`](crate::ring::Ring) of any type with a [`Sender`] and a [`Receiver`]:
//!
//! | file | concept |
//! |---|---|
//! | `channel` | what both halves share |
//! | `sender`, `receiver`, `half` | the halves, and their handles' count |
//! | `wait` | one wait, of a thread or a task |
//! | `line` | those who wait, in their order |

mod channel;
mod channel_error;
mod consumer;
mod credits;
mod half;
mod job_queue;
mod lanes;
mod line;
mod permits;
mod ready;
mod receiver;
mod sender;
mod side_list;
mod wait;
mod waiters;
mod watch;

pub use channel::{channel, channel_with_clock};
pub use channel_error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
pub use consumer::{Consumer, Pop};
pub use credits::Credits;
pub use job_queue::JobQueue;
pub use lanes::{LaneId, LaneSpec, MAX_LANES};
pub use ready::{Ready, ReadySeat};
pub use receiver::{Receiver, Recv, RecvMany};
pub use sender::{Send, SendMany, Sender};
pub use side_list::{Entrant, Place, Try};
pub use waiters::{Waiters, Waking};
pub use watch::Watcher;

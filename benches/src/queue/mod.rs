//! The rings and the channel over them, beside everybody else's.

mod batch;
mod channels;
mod ends;
mod go_channel;
mod ours;
mod peers;
mod rounds;
mod scenarios;
mod sleeps;
mod solo;
mod transfer;
mod wake;

pub(crate) use ends::{End, Shape};
pub(crate) use ours::{JOB_RING, RING, job_ring, ring};
pub(crate) use peers::{Row, TURBO, all as all_peers};
pub(crate) use scenarios::suite;
pub(crate) use sleeps::{FUTEX_WAITS, run as sleeps};

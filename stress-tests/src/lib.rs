//! The queues of libbifrost on real threads.
//!
//! A model proves a few operations in every order; here many operations run in few orders, and what is
//! asked is what a user would notice.
//!
//! | module | question |
//! |---|---|
//! | [`linear`], [`bounded`] | could one thread, doing the calls one after another, have got the same answers? |
//! | [`window`] | … asked of thousands of short concurrent histories |
//! | [`conserve`] | did each of many million values come out once, in its producer's order? |
//! | `standstill` | one thread stands still in front of an atomic operation: do the others get on? |
//!
//! [`faulty`] and `peers` have queues with known faults, by which the questions themselves are tested.
//!
//! Everything runs in a plain build. With `--cfg bifrost_chaos` the library's atomics make seeded pauses
//! ([`seed`]) and can stop a thread; `standstill` needs that.

pub mod bounded;
pub mod conserve;
pub mod faulty;
pub mod linear;
#[cfg(bifrost_chaos)]
pub mod peers;
pub mod queue;
pub mod seed;
#[cfg(bifrost_chaos)]
pub mod standstill;
pub mod window;

//! Cancellation that propagates from parent to child.
//!
//! | file | concept |
//! |---|---|
//! | `token` | [`CancelToken`]: the handle, its flag, its event and its callbacks |
//! | `tree` | who is below whom, and what a cancel reaches: plain data under one lock |
//!
//! A token costs nothing to look at ([`CancelToken::is_cancelled`] is one load); everything else takes the
//! lock of its tree, which is for cold paths: a job without a token has none (S9).

mod token;
mod tree;

pub use token::{CancelCause, CancelRegistration, CancelToken};

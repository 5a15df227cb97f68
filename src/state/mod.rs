//! State machines in one word each.

mod keys;

pub use keys::{KeyLease, KeyRing, NoKey};

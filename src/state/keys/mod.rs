//! API keys: which one the next request takes, and which may not be used now (S28).
//!
//! | file | concept |
//! |---|---|
//! | `pool` | the choice among the keys |
//! | `turns` | smooth weighted round robin |
//! | `key` | one key: whether it may be used now, the grant; the proof that none is used before its time |
//! | `report` | what the end of a request does to its key |
//! | `word` | the key's state word |
//! | `rate` | requests and tokens a minute |
//! | `lease` | the right to use a key |
//! | `terms`, `outcome` | what the pool is told, and what it says |

mod key;
mod lease;
mod outcome;
mod pool;
mod rate;
mod report;
mod terms;
mod turns;
mod word;

#[cfg(test)]
#[cfg(not(loom))]
mod reference;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

pub use lease::KeyLease;
pub use outcome::{KeyCondition, KeyResult, KeySnapshot, NoKey, NoKeyReason};
pub use pool::KeyPool;
pub use terms::{KeyAsk, KeyOptions, KeyOrder, KeySpec};

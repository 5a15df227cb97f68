//! The state machines, in one word each, without smol or isahc, so that loom sees them.
//!
//! | file | machine |
//! |---|---|
//! | `word` | the job record's state word: phase, owners, verdict, generation |
//! | `record` | the record: state word, deadline word, wakers, stamps, and the cell of task and result |
//! | `task` | a job's body with its type erased, inline where it is small |
//! | `slab` | a provider's records and their free list |
//! | `shared` | what keeps them alive |
//! | `delivery` | where an outcome goes that no handle waits for |
//! | `unread` | how many outcomes wait there to be read |
//! | `lifecycle` | a provider's life |
//! | `activation`, `due` | whether a unit is ready, when limits are looked at |
//! | `stint` | what a thread that drives does at the moment |
//! | `keys` | API keys: turns, limits, cool-downs |
//! | `breaker` | the circuit breaker |
//! | `codel`, `estimate` | what is dropped and what is refused under overload |
//! | `limiter`, `latency` | how many jobs may be with an upstream at once |
//! | `budget`, `backoff` | how many retries there may be, and when the next one is |

mod activation;
mod backoff;
mod breaker;
mod budget;
mod codel;
mod delivery;
mod due;
mod error;
mod estimate;
mod keys;
mod latency;
mod lifecycle;
mod limiter;
#[cfg(all(test, not(loom)))]
mod limiter_tests;
#[cfg(all(test, not(loom)))]
mod overload_tests;
mod reader;
mod record;
mod records;
mod runner;
mod shared;
mod slab;
mod stint;
mod task;
mod unread;
mod word;

pub use activation::{Activation, TurnId};
pub use backoff::{Backoff, NextTry, Tried, scramble};
pub use breaker::{
    Acquired, BreakerFigures, BreakerPermit, BreakerRules, BreakerState, BreakerTransition,
    BreakerWindow, CallResult, CallTotals, CircuitBreaker, CircuitOpen, Recorded, Sample,
    SampleFate, classify,
};
pub use budget::RetryBudget;
pub use codel::{Codel, Sojourn};
pub use delivery::{Chain, Completions};
pub use due::Due;
pub use error::{JobError, PanicInfo};
pub use estimate::{Chances, Estimate, Forecast};
pub use keys::{
    KeyAsk, KeyCondition, KeyLease, KeyOptions, KeyOrder, KeyPool, KeyResult, KeySnapshot, KeySpec,
    NoKey, NoKeyReason,
};
pub use latency::{SoftSignal, Turn};
pub use lifecycle::{LifeState, Lifecycle};
pub use limiter::{LimitPermit, Limiter, MAX_LIMIT};
pub use reader::{Reader, Report, Retracted};
pub use record::{Entry, JobRecord, Meta, Origin, Stamps};
pub use runner::{Attempted, Running, Started};
pub use shared::SharedSlab;
pub use slab::{Claimed, Decided, Scan, Slab, Ticket};
pub use stint::{Seen, Stint};
pub use task::{Ended, Finish, INLINE, Run, Task};
pub use unread::Unread;
pub use word::{Phase, Verdict};

//! The state machines, in one word each, without smol or isahc, so that loom sees them.
//!
//! | file | machine |
//! |---|---|
//! | `word` | the job record's state word: phase, owners, verdict, generation |
//! | `record` | the record: state word, deadline word, wakers, stamps, and the cell of task and result |
//! | `task` | a job's body with its type erased, inline where it is small |
//! | `slab` | a provider's records and their free list |
//! | `delivery` | where an outcome goes that no handle waits for |
//! | `unread` | how many outcomes wait there to be read |
//! | `lifecycle` | a provider's life |
//! | `activation`, `due` | whether a unit is ready, when limits are looked at |
//! | `keys` | the rotation of API keys |
//! | `breaker` | the circuit breaker |

mod activation;
mod breaker;
mod delivery;
mod due;
mod error;
mod keys;
mod lifecycle;
mod reader;
mod record;
mod runner;
mod slab;
mod task;
mod unread;
mod word;

pub use activation::Activation;
pub use breaker::{
    Acquired, BreakerFigures, BreakerPermit, BreakerRules, BreakerState, BreakerTransition,
    BreakerWindow, CallResult, CallTotals, CircuitBreaker, CircuitOpen, Recorded, Sample,
    SampleFate, classify,
};
pub use delivery::{Chain, Completions};
pub use due::Due;
pub use error::{JobError, PanicInfo};
pub use keys::{KeyLease, KeyRing, NoKey};
pub use lifecycle::{LifeState, Lifecycle};
pub use reader::{Reader, Report, Retracted};
pub use record::{Entry, JobRecord, Meta, Origin, Stamps};
pub use runner::{Attempted, Running, Started};
pub use slab::{Claimed, Decided, Scan, Slab, Ticket};
pub use task::{Ended, Finish, INLINE, Run, Task};
pub use unread::Unread;
pub use word::{Phase, Verdict};

//! The state machines, in one word each, without smol or isahc, so that loom sees them.
//!
//! | file | machine |
//! |---|---|
//! | `word` | the job record's state word: phase, owners, verdict, generation |
//! | `record` | the record: state word, deadline word, wakers, stamps, and the cell of task and result |
//! | `task` | a job's body with its type erased, inline where it is small |
//! | `slab` | a provider's records and their free list |
//! | `lifecycle` | a provider's life |
//! | `keys` | the rotation of API keys |

mod error;
mod keys;
mod lifecycle;
mod reader;
mod record;
mod runner;
mod slab;
mod task;
mod word;

pub use error::{JobError, PanicInfo};
pub use keys::{KeyLease, KeyRing, NoKey};
pub use lifecycle::{LifeState, Lifecycle};
pub use reader::{Reader, Report, Retracted};
pub use record::{Entry, JobRecord, Origin, Sink, Stamps};
pub use runner::{Attempted, Running, Started};
pub use slab::{Claimed, Decided, Scan, Slab, Ticket};
pub use task::{Ended, Finish, INLINE, Run, Task};
pub use word::{Phase, Verdict};

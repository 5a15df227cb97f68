//! One isolated provider: from the door to the outcome.
//!
//! | file | station |
//! |---|---|
//! | `job`, `http_job` | [`Job`]: what is submitted, with its options |
//! | `admission`, `batch`, `blocked` | the door: [`Rejected`], or a record in a queue |
//! | `tenants` | which lane of its queue a job waits in, and how many jobs a tenant may have |
//! | `overload` | what is refused and what is dropped when there are more jobs than can be served |
//! | `keys` | API keys at the door, and their figures |
//! | `lane`, `worker` | the queues and those who serve them |
//! | `gate` | the limit on running jobs, where it follows the upstream |
//! | `circuit` | the circuit breaker: at the door, at the start of an attempt, at its end |
//! | `context` | [`JobContext`]: what a job sees of its provider |
//! | `settle` | the one place that counts and publishes an outcome; the tick |
//! | `scaling` | how many workers there are, and figures of late |
//! | `outcome`, `handle`, `completion` | [`Outcome`] and the ways to get it |
//! | `provider` | [`Provider`]: the handle for all of this |
//! | `health`, `health_watch`, `shutdown`, `snapshot` | beginning, end, and figures |

mod admission;
mod batch;
mod blocked;
mod circuit;
mod completion;
mod context;
mod core;
mod gate;
mod handle;
mod health;
#[cfg(feature = "http")]
mod health_watch;
#[cfg(feature = "http")]
mod http_job;
mod job;
mod keys;
mod lane;
mod outcome;
mod overload;
#[expect(clippy::module_inception, reason = "the module is named after its main type, as all are")]
mod provider;
mod rejected;
mod scaling;
mod settle;
mod shutdown;
mod snapshot;
mod tenants;
mod worker;

pub use self::core::{Parts, StartError};
pub use batch::{Submitted, SubmittedTo};
pub use completion::{Completion, CompletionQueue};
pub use context::JobContext;
pub use handle::JobHandle;
#[cfg(feature = "http")]
pub use http_job::{StatusError, TransferError, open_http};
pub use job::{Job, JobId};
pub use outcome::{By, Failure, Outcome, Reason, Stage};
pub use provider::Provider;
pub use rejected::Rejected;
pub use shutdown::{ShutdownError, ShutdownMode, ShutdownReport};

pub use crate::state::{JobError, LifeState, PanicInfo, Phase};

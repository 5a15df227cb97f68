//! libbifrost: the concurrency core for services that talk to many upstream providers.

pub mod cancel;
pub mod code;
pub mod config;
pub mod queue;
pub mod ring;
#[doc(hidden)]
pub mod state;
pub mod stats;
#[doc(hidden)]
pub mod sync;
pub mod time;

#[cfg(all(feature = "executor", not(loom)))]
pub mod exec;
#[cfg(all(feature = "capi", not(loom)))]
pub mod ffi;
#[cfg(all(feature = "http", not(loom)))]
pub mod http;
#[cfg(all(feature = "executor", not(loom)))]
pub mod provider;
#[cfg(all(feature = "executor", not(loom)))]
mod runtime;

#[cfg(all(feature = "executor", not(loom)))]
pub use provider::{
    Completion, CompletionQueue, Job, JobContext, JobHandle, Outcome, Provider, Rejected,
    ShutdownMode, ShutdownReport,
};
#[cfg(all(feature = "executor", not(loom)))]
pub use runtime::{Builder, Error, Runtime};

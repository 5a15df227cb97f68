//! The concurrency core for services that talk to many upstream providers: each provider has its own queue,
//! workers, limits and figures, so that one bad provider, one burst or one bug leaves the others alone.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use bifrost::config::ProviderConfig;
//! use bifrost::{Job, Outcome, Runtime, ShutdownMode};
//! use std::time::Duration;
//!
//! let runtime = Runtime::builder()
//!     .provider(ProviderConfig::new("fast").workers(2, 10).queue_capacity(100))
//!     .provider(ProviderConfig::new("slow").timeout(Duration::from_secs(2)))
//!     .build()?;
//! let fast = runtime.provider("fast").ok_or("it was just built")?;
//!
//! let job = Job::future(async { Ok::<_, std::io::Error>(6 * 7) }).label("answer");
//! let handle = fast.submit(job)?; // never waits; a refused job comes back
//! assert!(matches!(handle.wait(), Outcome::Completed(42))); // or `handle.await`, on any executor
//!
//! let report = runtime.shutdown_blocking(ShutdownMode::Finish)?;
//! assert_eq!((report.cancelled, report.abandoned), (0, 0));
//! # Ok(())
//! # }
//! ```
//!
//! # The way of a job
//!
//! ```text
//! submit(Job) ─► door ─► queue ─► worker ─► Outcome ─► counted ─► published ─► whoever waits
//!                 │        │        │
//!                 │        │        └ panics caught, time limited, cancelled where it stands
//!                 │        └ bounded; too long a wait, a cancel or a shutdown ends the job unexecuted
//!                 └ Rejected: the job comes back, with the limit that was met and its value
//! ```
//!
//! Every accepted job has exactly one [`Outcome`]. It goes to a [`JobHandle`] (a future, or a blocking
//! wait), to a [`CompletionQueue`], or to a callback.
//!
//! # Modules
//!
//! | module | what it has |
//! |---|---|
//! | [`Runtime`] | named providers, their beginning and end |
//! | [`provider`] | [`Job`], [`Provider`], [`JobHandle`], [`Outcome`] |
//! | [`http`] | HTTP requests as jobs, over pooled connections |
//! | [`config`] | settings with their defaults and ranges; TOML and JSON |
//! | [`stats`] | counters, histograms, the ledger, snapshots and their JSON |
//! | [`time`] | the clock that everything waits by, and one for tests |
//! | [`cancel`] | tokens, from parent to child |
//! | [`code`] | every status, reason and outcome with its stable number and name |
//! | [`ring`], [`queue`] | the lock-free ring under it all, and waiting around it |
//! | [`scale`] | how many workers, how large a provider |
//! | [`exec`] | executors, driver threads and the tick |
//!
//! # What is promised
//!
//! | promise | how it is kept |
//! |---|---|
//! | a provider that hangs, fails, floods or panics does not touch another's waits | nothing is shared but driver threads, which take turns; tests compare waits to the nanosecond on the test clock |
//! | an accepted job ends in exactly one outcome, and the books balance | one compare-exchange decides, the winner alone counts; models, and a million random jobs |
//! | nothing enters a closed queue | closed is a state of the ring itself |
//! | a limit that has passed is never executed, and is reported on time while every worker is stuck | limits are words in the job's record, and a tick of its own looks at them |
//! | no thread can block the queue | one compare-exchange on the slot, and hints; no operation waits for another |
//! | submitting, running and completing a job allocates nothing and takes no lock of ours | pooled records, small bodies inline, a run queue with a place for every worker; counted by a test |
//!
//! # When not to use it
//!
//! - For CPU-bound parallelism over slices: use a fork-join pool.
//! - When a job must survive the process: this is no durable queue, and knows no broker.
//! - For a single upstream with a handful of calls: a client with a timeout and a semaphore is enough.
//! - A future that blocks its thread belongs into [`Job::blocking`]; in [`Job::future`] it holds up the
//!   driver thread that polls it.
//!
//! # Features
//!
//! `http` (jobs over isahc), `tls` (`https://`), `config` (TOML and JSON text) are on by default;
//! `executor` alone gives the runtime without HTTP; `capi` adds the C ABI. Without any feature the core
//! remains: rings, queue, state machines, clock, statistics. Rust 1.85 and later.
//!
//! # The models
//!
//! Each synchronisation edge of the lock-free files has a model that fails when its ordering is weakened;
//! `make loom` runs them, `docs/MEMORY.md` lists them.

pub mod cancel;
pub mod code;
pub mod config;
pub mod queue;
pub mod ring;
pub mod scale;
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

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

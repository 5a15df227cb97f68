//! Snapshots rendered for people and programs.
//!
//! The structs hold figures and nothing else; whoever has the figures fills them. Names are in snake case
//! and end in their unit where they have one; the counters are called what their [`Code`](crate::code::Code)
//! is called.

mod json;
mod snapshot;

pub use json::SCHEMA;
pub use snapshot::{
    ProviderSnapshot, QueueSnapshot, RecordSnapshot, Snapshot, Timing, Totals, WorkerSnapshot,
};

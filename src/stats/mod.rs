//! Recording without locks: counters, gauges, histograms, and the ledger that is read from them.
//!
//! | file | concept |
//! |---|---|
//! | `counter` | [`Count`]: what is counted, in the order of a job's life |
//! | `block` | [`Blocks`]: a provider's shards, and the proof of the read order of S12 |
//! | `seat` | which shard a thread records in |
//! | `histogram` | [`Histogram`]: log-linear buckets, percentiles with a stated error |
//! | `gauge` | [`Gauge`]: a level with its high-water mark |
//! | `ledger` | [`Ledger`]: one snapshot of all counters, what follows from it, and its checks |
//! | `snapshot`, `json` | [`Snapshot`]: the figures of all providers as plain data, and as JSON |
//!
//! The structs of a snapshot hold figures and nothing else; whoever has the figures fills them. Names are in
//! snake case and end in their unit where they have one; the counters are called what their
//! [`Code`](crate::code::Code) is called.

mod block;
mod counter;
mod gauge;
mod histogram;
mod json;
mod ledger;
mod seat;
mod snapshot;

pub use block::{Blocks, Recorder};
pub use counter::Count;
pub use gauge::Gauge;
pub use histogram::{Histogram, HistogramSnapshot};
pub use json::SCHEMA;
pub use ledger::{Imbalance, Ledger};
#[cfg(not(loom))]
pub use seat::sit;
#[doc(hidden)]
pub use seat::{Seat, Seats};
pub use snapshot::{
    BreakerSnapshot, KeySnapshot, LaneSnapshot, LimiterSnapshot, ProviderSnapshot, QueueSnapshot,
    RecordSnapshot, Snapshot, TenantSnapshot, Timing, Totals, WorkerSnapshot,
};

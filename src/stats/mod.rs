//! Recording without locks: counters, gauges, histograms, and the ledger that is read from them.
//!
//! | file | concept |
//! |---|---|
//! | `counter` | [`Count`]: what is counted, in the order of a job's life |
//! | `block` | [`Blocks`]: a provider's shards, and the proof of the read order of S12 |
//! | `histogram` | [`Histogram`]: log-linear buckets, percentiles with a stated error |
//! | `gauge` | [`Gauge`]: a level with its high-water mark |
//! | `ledger` | [`Ledger`]: one snapshot of all counters, what follows from it, and its checks |

mod block;
mod counter;
mod gauge;
mod histogram;
mod ledger;

pub use block::Blocks;
pub use counter::Count;
pub use gauge::Gauge;
pub use histogram::{Histogram, HistogramSnapshot};
pub use ledger::{Imbalance, Ledger};

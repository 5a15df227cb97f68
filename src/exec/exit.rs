//! The last one out switches off the light: the drivers and the tick end when no unit needs them any more.
//!
//! One word: the number of open parts, and a bit that says that no more will come.

use super::{DriverPool, Ticker};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU64, Ordering};

const CLOSING: u64 = 1;
const PART: u64 = 2;

/// What ends with a runtime's last provider.
#[derive(Debug)]
pub struct Exit {
    state: AtomicU64,
    pool: Arc<DriverPool>,
    ticker: Arc<Ticker>,
}

impl Exit {
    /// Nothing is open yet.
    pub fn new(pool: &Arc<DriverPool>, ticker: &Arc<Ticker>) -> Self {
        Self { state: AtomicU64::new(0), pool: Arc::clone(pool), ticker: Arc::clone(ticker) }
    }

    /// One more part needs the drivers and the tick.
    pub fn open(&self) {
        // ORDERING: Relaxed: a count; nothing is handed over by it.
        self.state.fetch_add(PART, Ordering::Relaxed);
    }

    /// A part has ended.
    pub fn leave(&self) {
        // ORDERING: Relaxed: as above; closing a queue orders for itself.
        if self.state.fetch_sub(PART, Ordering::Relaxed) == PART | CLOSING {
            self.close_now();
        }
    }

    /// No more parts will come: the last one that leaves ends the drivers and the tick.
    pub fn close(&self) {
        // ORDERING: Relaxed: as above.
        if self.state.fetch_or(CLOSING, Ordering::Relaxed) & !CLOSING == 0 {
            self.close_now();
        }
    }

    fn close_now(&self) {
        self.pool.close();
        self.ticker.close();
    }
}

//! Driver threads, ready ring and tick.

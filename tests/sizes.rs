//! The sizes that speed and memory rest on. A change here is a decision, not an accident.

use bifrost::state::{INLINE, JobRecord, Running, Ticket};
use bifrost::sync::CachePadded;
use bifrost::{Job, JobHandle};
use std::mem::size_of;

#[test]
fn a_record_fills_two_pairs_of_cache_lines_and_no_more() {
    assert_eq!(INLINE, 96);
    assert_eq!(size_of::<CachePadded<JobRecord<()>>>(), 256);
}

#[test]
fn tickets_and_handles_are_small() {
    assert_eq!(size_of::<Ticket>(), 8);
    assert_eq!(size_of::<JobHandle<[u8; 1000]>>(), 24);
    // It knows its record, which it would otherwise look up some ten times a job.
    assert!(size_of::<Running<'_, (), ()>>() <= 32);
}

#[test]
fn a_job_costs_its_inline_body_and_its_options() {
    assert!(size_of::<Job<u64>>() <= INLINE + 160, "{}", size_of::<Job<u64>>());
    assert_eq!(size_of::<Job<u64>>(), size_of::<Job<[u8; 4096]>>());
}

//! Every answer of a queue under contention is one that a queue used by a single thread could have given
//! (Full and Empty are exact, and closing is one step: S3).
//!
//! With `--cfg bifrost_chaos` alone: five calls take a microsecond, and without a pause in the middle of one
//! they hardly ever overlap. `make stress` runs the long forms with seeds of their own; `BIFROST_SEED`
//! repeats one.
#![cfg(bifrost_chaos)]

use bifrost::queue::{JobQueue, Waking};
use bifrost::ring::{JobRing, Ring};
use stress_tests::peers::Stamped;
use stress_tests::queue::Queue;
use stress_tests::seed;
use stress_tests::window::{Offer, Plan, Seen, run};

const CAPACITIES: [usize; 5] = [1, 2, 3, 4, 7];

/// Runs `windows` for each capacity.
fn must_be_linearizable<Q: Queue + Send>(
    name: &str,
    seed: u64,
    windows: u64,
    offer: Offer,
    make: impl Fn(usize) -> Q + Sync,
) {
    for capacity in CAPACITIES {
        let exact = offer != Offer::Unconditional;
        let plan = Plan { seed, capacity, windows, offer, exact };
        let seen = run(plan, &make).unwrap_or_else(|violation| panic!("{name}: {violation}"));
        println!("{name}, capacity {capacity}, seed {seed}: {seen}");
        let Seen { windows: judged, concurrent, full, empty, closed, .. } = seen;
        assert_eq!(judged, windows);
        assert!(concurrent > windows / 20, "too few windows with overlapping calls: {seen}");
        assert!(full > 0 && empty > 0 && closed > 0, "an answer was never given: {seen}");
    }
}

fn job_queue(capacity: usize) -> JobQueue {
    JobQueue::new(capacity, 1, Waking::Each)
}

#[test]
fn a_job_ring_answers_as_if_used_by_one_thread() {
    must_be_linearizable("JobRing", seed::seed(1), 1000, Offer::PopIf, JobRing::new);
}

#[test]
fn a_job_queue_answers_as_if_used_by_one_thread() {
    must_be_linearizable("JobQueue", seed::seed(2), 500, Offer::Reap, job_queue);
}

#[test]
#[ignore = "long: make stress"]
fn long_histories_of_a_job_ring() {
    must_be_linearizable("JobRing", seed::fresh(), 20_000, Offer::PopIf, JobRing::new);
}

/// Its Full and Empty may be those of a slot that is being moved; everything else is as exact.
#[test]
fn a_ring_of_values_answers_as_if_used_by_one_thread() {
    must_be_linearizable("Ring", seed::seed(9), 1000, Offer::Unconditional, Ring::new);
}

#[test]
#[ignore = "long: make stress"]
fn long_histories_of_a_ring_of_values() {
    must_be_linearizable("Ring", seed::fresh(), 20_000, Offer::Unconditional, Ring::new);
}

#[test]
#[ignore = "long: make stress"]
fn long_histories_of_a_job_queue() {
    must_be_linearizable("JobQueue", seed::fresh(), 10_000, Offer::Reap, job_queue);
}

#[test]
fn a_ring_that_says_empty_over_a_slot_being_filled_is_found() {
    let plan = Plan { seed: 8, capacity: 3, windows: 20_000, offer: Offer::Plain, exact: true };
    let violation = run(plan, Stamped::new).expect_err("its Full and Empty are not exact");
    assert!(violation.contains("Pop -> Empty") || violation.contains("-> Full"), "{violation}");
}

//! No value is lost, none comes twice, and those of one producer come in order, under eight threads.
//!
//! A million operations by default, 10^8 for each queue in `make stress`, plain and with pauses.

use bifrost::queue::{JobQueue, Waking};
use bifrost::ring::{JobRing, Ring};
use stress_tests::conserve::{CONSUMERS, Load, run};
use stress_tests::faulty::{Fault, Faulty};
use stress_tests::queue::{Queue, Waiting};
use stress_tests::seed;

#[track_caller]
fn must_conserve<Q: Queue>(name: &str, load: Load, make: impl Fn(usize) -> Q) {
    let conserved = run(load, &make(load.capacity)).unwrap_or_else(|what| panic!("{name}: {what}"));
    println!("{name}, {load:?}: {conserved}");
    assert_eq!(conserved.operations, load.operations);
    assert!(conserved.full > 0 && conserved.empty > 0, "both ends were met: {conserved}");
    assert!(conserved.replaced > 0, "every call was made: {conserved}");
}

fn job_queue(capacity: usize) -> JobQueue {
    JobQueue::new(capacity, 1, Waking::Each)
}

fn short(capacity: usize, operations: u64) -> Load {
    Load { seed: seed::seed(5), one_in: 64, capacity, operations }
}

fn long(capacity: usize, operations: u64) -> Load {
    Load { seed: seed::fresh(), one_in: 4096, capacity, operations }
}

#[test]
fn a_million_operations_of_a_job_ring_are_conserved() {
    for (capacity, operations) in [(1, 40_000), (2, 40_000), (7, 120_000), (64, 800_000)] {
        must_conserve("JobRing", short(capacity, operations), JobRing::new);
    }
}

#[test]
fn a_million_operations_of_a_job_queue_are_conserved() {
    for (capacity, operations) in [(1, 40_000), (3, 160_000), (64, 800_000)] {
        must_conserve("JobQueue", short(capacity, operations), job_queue);
    }
}

#[test]
fn a_million_operations_of_a_ring_of_values_are_conserved() {
    for (capacity, operations) in [(1, 40_000), (3, 160_000), (64, 800_000)] {
        must_conserve("Ring", short(capacity, operations), Ring::new);
    }
}

#[test]
#[ignore = "long: make stress"]
fn a_hundred_million_operations_of_a_ring_of_values_are_conserved() {
    must_conserve("Ring", long(3, 10_000_000), Ring::new);
    must_conserve("Ring", long(1024, 90_000_000), Ring::new);
}

/// Threads that sleep until they are woken: that they end at all is half of what is tested.
fn must_conserve_and_end(load: Load) {
    for waking in [Waking::Each, Waking::Relay] {
        let queue = Waiting::new(load.capacity, CONSUMERS, waking);
        let conserved = run(load, &queue).unwrap_or_else(|what| panic!("{waking:?}: {what}"));
        println!("JobQueue, waiting, woken {waking:?}, {load:?}: {conserved}");
        assert_eq!(conserved.operations, load.operations);
    }
}

#[test]
fn no_wake_up_is_lost_by_those_who_wait() {
    for (capacity, operations) in [(1, 40_000), (2, 40_000), (7, 80_000)] {
        must_conserve_and_end(short(capacity, operations));
    }
}

#[test]
#[ignore = "long: make stress"]
fn no_wake_up_is_lost_in_ten_million_operations() {
    for capacity in [1, 2, 3, 7, 64] {
        must_conserve_and_end(long(capacity, 2_000_000));
    }
}

#[test]
#[ignore = "long: make stress"]
fn a_hundred_million_operations_of_a_job_ring_are_conserved() {
    for capacity in [1, 2, 3, 4, 7] {
        must_conserve("JobRing", long(capacity, 2_000_000), JobRing::new);
    }
    must_conserve("JobRing", long(64, 40_000_000), JobRing::new);
    must_conserve("JobRing", long(1024, 50_000_000), JobRing::new);
}

#[test]
#[ignore = "long: make stress"]
fn a_hundred_million_operations_of_a_job_queue_are_conserved() {
    must_conserve("JobQueue", long(3, 10_000_000), job_queue);
    must_conserve("JobQueue", long(1024, 90_000_000), job_queue);
}

#[test]
fn values_that_are_lost_doubled_or_out_of_order_are_found() {
    for fault in [Fault::Lost, Fault::Duplicated, Fault::Reordered, Fault::WrongReplaced] {
        let load = Load { capacity: 8, operations: 80_000, ..short(8, 80_000) };
        let what = run(load, &Faulty::new(load.capacity, fault)).expect_err("the fault shows");
        assert!(what.starts_with("Load { seed: "), "{what}");
    }
    let right = short(8, 80_000);
    assert!(run(right, &Faulty::new(8, Fault::None)).is_ok());
}

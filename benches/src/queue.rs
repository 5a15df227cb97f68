//! One thread pushes an index and pops it again: what an operation costs when nobody is in the way.

use crate::contest::{Contestant, Effort, hold};
use crate::report::Scenario;
use bifrost::ring::JobRing;
use concurrent_queue::ConcurrentQueue;
use crossbeam_queue::ArrayQueue;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CAPACITY: usize = 1024;

/// A contestant made of one operation.
struct Operation<F>(F);

impl<F: FnMut(u32)> Contestant for Operation<F> {
    fn run(&mut self, count: usize) -> Duration {
        let began = Instant::now();
        for number in 0..count {
            (self.0)(black_box(number as u32 & 0xfff));
        }
        began.elapsed()
    }
}

fn boxed(operation: impl FnMut(u32) + 'static) -> Box<dyn Contestant> {
    Box::new(Operation(operation))
}

fn array_queue() -> Box<dyn Contestant> {
    let queue = ArrayQueue::new(CAPACITY);
    boxed(move |index| {
        queue.push(index).expect("there is room");
        black_box(queue.pop());
    })
}

pub(crate) fn solo(effort: Effort) -> Scenario {
    let ring = JobRing::new(CAPACITY);
    let concurrent = ConcurrentQueue::bounded(CAPACITY);
    let anchor = AtomicU64::new(0);
    let ours = boxed(move |index| {
        ring.push(index).expect("there is room");
        black_box(ring.pop()).expect("it was pushed");
    });
    let concurrent = boxed(move |index| {
        concurrent.push(index).expect("there is room");
        black_box(concurrent.pop()).expect("it was pushed");
    });
    let anchor = boxed(move |index| {
        anchor.fetch_add(u64::from(index), Ordering::SeqCst);
        black_box(anchor.fetch_add(1, Ordering::SeqCst));
    });
    let mut contestants = [
        ("JobRing", ours),
        ("two fetch_adds", anchor),
        ("crossbeam ArrayQueue", array_queue()),
        ("crossbeam ArrayQueue, twin", array_queue()),
        ("concurrent-queue", concurrent),
    ];
    Scenario {
        name: "ring_solo_1024",
        unit: "ns/push+pop",
        ours: "JobRing",
        variants: &["two fetch_adds"],
        peers: &["crossbeam ArrayQueue", "concurrent-queue"],
        twins: ("crossbeam ArrayQueue", "crossbeam ArrayQueue, twin"),
        results: hold(effort, &mut contestants),
    }
}

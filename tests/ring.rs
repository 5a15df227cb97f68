//! `Ring`: what goes in comes out once, in order and whole, at every capacity and for every payload.

use bifrost::ring::{Closed, PopError, Refused, Ring};
use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

const CAPACITIES: [usize; 6] = [1, 2, 3, 255, 256, 65_536];

/// A payload that can be told from others of its type.
trait Payload: Clone + Debug + PartialEq + Send + 'static {
    fn numbered(number: usize) -> Self;
}

impl Payload for () {
    fn numbered(_: usize) -> Self {}
}

impl Payload for u8 {
    fn numbered(number: usize) -> Self {
        number as u8
    }
}

impl Payload for u64 {
    fn numbered(number: usize) -> Self {
        number as u64
    }
}

impl Payload for [u64; 32] {
    fn numbered(number: usize) -> Self {
        std::array::from_fn(|at| (number * 32 + at) as u64)
    }
}

impl Payload for String {
    fn numbered(number: usize) -> Self {
        format!("value {number}")
    }
}

fn passes_in_order<T: Payload>() {
    for capacity in CAPACITIES {
        let ring = Ring::new(capacity);
        assert_eq!(ring.capacity(), capacity);
        let mut next = 0;
        for lap in 0..3 {
            // Another phase each lap, so that a claim crosses the end somewhere else.
            let held = capacity - lap % capacity;
            for number in 0..held {
                assert_eq!(ring.len(), number);
                assert_eq!(ring.push(T::numbered(next + number)), Ok(()));
            }
            if held == capacity {
                let value = T::numbered(0);
                assert_eq!(ring.push(value.clone()), Err(Refused::Full(value)));
            }
            for number in 0..held {
                assert_eq!(ring.pop(), Ok(T::numbered(next + number)));
            }
            assert_eq!(ring.pop(), Err(PopError::Empty));
            assert!(ring.is_empty());
            next += held;
        }
    }
}

#[test]
fn values_of_every_size_come_out_in_order_at_every_capacity() {
    passes_in_order::<()>();
    passes_in_order::<u8>();
    passes_in_order::<u64>();
    assert_eq!(size_of::<[u64; 32]>(), 256);
    passes_in_order::<[u64; 32]>();
    passes_in_order::<String>();
}

#[test]
fn a_batch_takes_what_fits_and_leaves_the_rest() {
    for capacity in CAPACITIES {
        let ring = Ring::new(capacity);
        let mut values: VecDeque<String> = (0..capacity + 2).map(String::numbered).collect();
        let mut out = Vec::new();
        assert_eq!(ring.pop_n(&mut out, 5), Err(PopError::Empty));
        assert_eq!(ring.push_n(&mut values), Ok(capacity));
        assert_eq!(ring.push_n(&mut values), Ok(0));
        assert_eq!(values, [String::numbered(capacity), String::numbered(capacity + 1)]);
        assert_eq!(ring.pop_n(&mut out, 0), Ok(0));
        assert_eq!(ring.pop_n(&mut out, 2), Ok(2.min(capacity)));
        assert_eq!(ring.push_n(&mut values), Ok(2.min(capacity)));
        ring.close();
        assert_eq!(ring.push_n(&mut VecDeque::from([String::new()])), Err(Closed));
        while let Ok(count) = ring.pop_n(&mut out, usize::MAX) {
            assert!(count > 0);
        }
        let came = capacity + 2.min(capacity);
        assert_eq!(out, (0..came).map(String::numbered).collect::<Vec<_>>());
        assert_eq!(ring.pop_n(&mut out, 1), Err(PopError::Closed));
    }
}

#[test]
fn slices_are_copied_in_and_out() {
    let ring = Ring::new(3);
    assert_eq!(ring.push_slice(&[1, 2]), Ok(2));
    let mut out = [0; 4];
    assert_eq!(ring.pop_slice(&mut out[..1]), Ok(1));
    assert_eq!(ring.push_slice(&[3, 4, 5]), Ok(2));
    assert_eq!(ring.pop_slice(&mut out), Ok(3));
    assert_eq!(out, [2, 3, 4, 0]);
    assert_eq!(ring.pop_slice(&mut []), Ok(0));
    assert_eq!(ring.pop_slice(&mut out), Err(PopError::Empty));
}

#[test]
fn a_forced_push_replaces_exactly_the_oldest() {
    for capacity in [1, 2, 3, 255] {
        let ring = Ring::new(capacity);
        for number in 0..3 * capacity {
            let replaced = number.checked_sub(capacity);
            assert_eq!(ring.force_push(number), Ok(replaced));
        }
        assert_eq!(ring.len(), capacity);
        ring.close();
        assert_eq!(ring.force_push(0), Err(Refused::Closed(0)));
        let rest: Vec<usize> = std::iter::from_fn(|| ring.pop().ok()).collect();
        assert_eq!(rest, (2 * capacity..3 * capacity).collect::<Vec<_>>());
    }
}

#[test]
fn a_closed_ring_is_drained_and_then_ends() {
    let ring = Ring::new(2);
    ring.push(1).unwrap();
    assert!(!ring.is_closed());
    assert!(ring.close());
    assert!(!ring.close());
    assert!(ring.is_closed());
    assert_eq!(ring.push(2), Err(Refused::Closed(2)));
    assert_eq!((ring.pop(), ring.pop()), (Ok(1), Err(PopError::Closed)));
    let full = Ring::new(1);
    full.push(3).unwrap();
    full.close();
    assert_eq!(full.push(4), Err(Refused::Closed(4)));
    assert_eq!((full.pop(), full.pop()), (Ok(3), Err(PopError::Closed)));
}

#[test]
fn a_capacity_out_of_range_is_refused_with_the_range() {
    for capacity in [0, Ring::<u8>::MAX_CAPACITY + 1] {
        let refused = std::panic::catch_unwind(|| Ring::<u8>::new(capacity)).unwrap_err();
        let text = refused.downcast_ref::<String>().unwrap();
        assert!(text.contains("1..=65536") && text.contains(&capacity.to_string()), "{text}");
    }
}

/// Notes its drop, and panics there if it is told to.
struct Dropped {
    number: usize,
    order: Sender<usize>,
    panics: bool,
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.order.send(self.number).expect("the test listens");
        assert!(!self.panics, "told to");
    }
}

#[test]
fn what_is_left_is_dropped_once_and_the_oldest_first_though_a_drop_panics() {
    let (order, dropped_so_far) = channel();
    let ring = Ring::new(4);
    let dropped = |number| Dropped { number, order: order.clone(), panics: number == 3 };
    for number in 0..4 {
        assert!(ring.push(dropped(number)).is_ok());
    }
    drop(ring.pop());
    drop(ring.pop());
    assert!(ring.push(dropped(4)).is_ok());
    assert!(dropped_so_far.try_iter().eq([0, 1]));
    drop(ring);
    assert!(dropped_so_far.try_iter().eq([2, 3, 4]));
}

/// Producers and consumers that keep at it, by single values and by batches.
fn conserves(capacity: usize, producers: usize, consumers: usize, batch: usize) {
    const EACH: usize = 4_000;
    let ring = Arc::new(Ring::<[usize; 2]>::new(capacity));
    let popped = Arc::new(AtomicUsize::new(0));
    let pushing: Vec<_> = (0..producers)
        .map(|producer| {
            let ring = Arc::clone(&ring);
            thread::spawn(move || {
                let mut values = VecDeque::new();
                let mut next = 0;
                while next < EACH || !values.is_empty() {
                    while values.len() < batch && next < EACH {
                        values.push_back([producer, next]);
                        next += 1;
                    }
                    if ring.push_n(&mut values).expect("nobody closes yet") == 0 {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    let popping: Vec<_> = (0..consumers)
        .map(|_| {
            let (ring, popped) = (Arc::clone(&ring), Arc::clone(&popped));
            thread::spawn(move || {
                let mut last = vec![None; producers];
                let mut values = Vec::new();
                loop {
                    match ring.pop_n(&mut values, batch) {
                        Ok(_) => {}
                        Err(PopError::Closed) => return,
                        Err(_) => thread::yield_now(),
                    }
                    popped.fetch_add(values.len(), Ordering::Relaxed);
                    for [producer, number] in values.drain(..) {
                        assert!(
                            last[producer] < Some(number),
                            "a producer's values keep their order"
                        );
                        last[producer] = Some(number);
                    }
                }
            })
        })
        .collect();
    for thread in pushing {
        thread.join().expect("no assertion failed");
    }
    assert!(ring.close());
    for thread in popping {
        thread.join().expect("no assertion failed");
    }
    assert_eq!(popped.load(Ordering::Relaxed), producers * EACH);
}

#[test]
fn nothing_is_lost_doubled_or_overtaken_under_threads() {
    for capacity in [1, 3, 64] {
        conserves(capacity, 4, 4, 1);
        conserves(capacity, 2, 2, 8);
        conserves(capacity, 1, 1, 32);
    }
}

//! Producers on one side of a queue and consumers on the other.
//!
//! Each producer pushes its share; the last one to be done pushes a mark for every consumer, which ends
//! there. A run that crawls, because others crowd the machine, is cut off and tells what it moved till then.

use super::ends::{Channel, End, Payload, Shape, WaitingShape};
use crate::contest::Contestant;
use crossbeam_utils::Backoff;
use std::marker::PhantomData;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The end of a consumer: the last number that an index can be.
pub(crate) const MARK: u32 = bifrost::ring::MAX_INDEX;

/// No run is longer than about this.
const LONGEST: Duration = Duration::from_millis(500);

/// A producer that waits inside its operations looks at the time after so many; one that tries, after so
/// many that failed.
pub(crate) const BETWEEN_LOOKS: usize = 256;

/// The payload of the value with this number. The numbers start again before the mark.
pub(crate) fn value<T: Payload>(number: usize) -> T {
    T::of(number as u32 % MARK)
}

/// How many threads push and how many pop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sides {
    pub(crate) producers: usize,
    pub(crate) consumers: usize,
}

/// Runs by operations that never wait; who fails spins a little and then yields.
pub(crate) struct Trying(pub(crate) Sides);

/// Runs by operations that wait in the channel's own way.
pub(crate) struct Waiting(pub(crate) Sides);

impl<T: Payload> Shape<T> for Trying {
    type Output = Box<dyn Contestant>;

    fn of<E: End<T>>(&self, end: E) -> Self::Output {
        Box::new(Transfer { sides: self.0, way: Tried(end, PhantomData) })
    }
}

impl<T: Payload> WaitingShape<T> for Waiting {
    type Output = Box<dyn Contestant>;

    fn of<C: Channel<T>>(&self, channel: C) -> Self::Output {
        Box::new(Transfer { sides: self.0, way: Waited(channel, PhantomData) })
    }
}

/// What a thread moved: how many, and the sum of their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) count: usize,
    pub(crate) sum: u64,
}

impl Moved {
    pub(crate) fn add(&mut self, value: &impl Payload) {
        self.count += 1;
        self.sum += value.number();
    }

    fn and(self, other: Self) -> Self {
        Self { count: self.count + other.count, sum: self.sum + other.sum }
    }
}

/// When a run is to be cut off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn is_over(self) -> bool {
        Instant::now() > self.0
    }
}

/// How a thread does its share of a run.
pub(crate) trait Way: Clone + Send + 'static {
    /// Pushes up to `count` values.
    fn produce(&mut self, count: usize, deadline: Deadline) -> Moved;

    /// Pushes the marks.
    fn end(&mut self, consumers: usize);

    /// Pops until it meets a mark.
    fn consume(&mut self) -> Moved;
}

#[derive(Clone)]
struct Tried<T, E>(E, PhantomData<fn(T)>);

impl<T: Payload, E: End<T>> Way for Tried<T, E> {
    fn produce(&mut self, count: usize, deadline: Deadline) -> Moved {
        let (mut moved, mut failed) = (Moved::default(), 0_usize);
        for number in 0..count {
            let value = value::<T>(number);
            let patience = Backoff::new();
            while !self.0.push(value) {
                failed += 1;
                if failed % BETWEEN_LOOKS == 0 && deadline.is_over() {
                    return moved;
                }
                patience.snooze();
            }
            moved.add(&value);
        }
        moved
    }

    fn end(&mut self, consumers: usize) {
        for _ in 0..consumers {
            let patience = Backoff::new();
            while !self.0.push(T::of(MARK)) {
                patience.snooze();
            }
        }
    }

    fn consume(&mut self) -> Moved {
        let mut moved = Moved::default();
        loop {
            let patience = Backoff::new();
            let value = loop {
                match self.0.pop() {
                    Some(value) => break value,
                    None => patience.snooze(),
                }
            };
            if value.number() == u64::from(MARK) {
                return moved;
            }
            moved.add(&value);
        }
    }
}

#[derive(Clone)]
struct Waited<T, C>(C, PhantomData<fn(T)>);

impl<T: Payload, C: Channel<T>> Way for Waited<T, C> {
    fn produce(&mut self, count: usize, deadline: Deadline) -> Moved {
        let mut moved = Moved::default();
        for number in 0..count {
            if number % BETWEEN_LOOKS == 0 && deadline.is_over() {
                break;
            }
            let value = value::<T>(number);
            self.0.send(value);
            moved.add(&value);
        }
        moved
    }

    fn end(&mut self, consumers: usize) {
        (0..consumers).for_each(|_| self.0.send(T::of(MARK)));
    }

    fn consume(&mut self) -> Moved {
        let mut moved = Moved::default();
        loop {
            let value = self.0.recv();
            if value.number() == u64::from(MARK) {
                return moved;
            }
            moved.add(&value);
        }
    }
}

pub(crate) struct Transfer<W> {
    pub(crate) sides: Sides,
    pub(crate) way: W,
}

/// What a thread did, from when to when.
struct Share {
    began: Instant,
    ended: Instant,
    moved: Moved,
}

impl<W: Way> Transfer<W> {
    /// The shares of the producers and of the consumers.
    fn shares(&self, count: usize) -> (Vec<Share>, Vec<Share>) {
        let Sides { producers, consumers } = self.sides;
        let (start, busy) = (Barrier::new(producers + consumers), AtomicUsize::new(producers));
        let (start, busy) = (&start, &busy);
        std::thread::scope(|scope| {
            let each = count.div_ceil(producers);
            let mut producing = Vec::new();
            for _ in 0..producers {
                let mut way = self.way.clone();
                producing.push(scope.spawn(move || {
                    start.wait();
                    let began = Instant::now();
                    let moved = way.produce(each, Deadline(began + LONGEST));
                    if busy.fetch_sub(1, Ordering::AcqRel) == 1 {
                        way.end(consumers);
                    }
                    Share { began, ended: Instant::now(), moved }
                }));
            }
            let mut consuming = Vec::new();
            for _ in 0..consumers {
                let mut way = self.way.clone();
                consuming.push(scope.spawn(move || {
                    start.wait();
                    let began = Instant::now();
                    let moved = way.consume();
                    Share { began, ended: Instant::now(), moved }
                }));
            }
            let end = |threads: Vec<std::thread::ScopedJoinHandle<'_, Share>>| {
                threads.into_iter().map(|t| t.join().expect("it does not panic")).collect()
            };
            (end(producing), end(consuming))
        })
    }
}

impl<W: Way> Contestant for Transfer<W> {
    fn run(&mut self, count: usize) -> Duration {
        let (producing, consuming) = self.shares(count);
        let moved = |shares: &[Share]| {
            shares.iter().map(|share| share.moved).fold(Moved::default(), Moved::and)
        };
        let pushed = moved(&producing);
        assert_eq!(moved(&consuming), pushed, "a transfer is missing");
        let all = || producing.iter().chain(&consuming);
        let began = all().map(|share| share.began).min();
        let ended = all().map(|share| share.ended).max();
        let took = began.zip(ended).map_or(Duration::ZERO, |(began, ended)| ended - began);
        took.mul_f64(count as f64 / pushed.count.max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, MARK, Sides, Trying, value};
    use crate::queue::ends::Shape;
    use crate::queue::ours::job_ring;
    use std::time::Duration;

    #[test]
    fn no_value_is_the_mark() {
        let near = MARK as usize;
        for number in [0, near - 1, near, near + 1] {
            assert_ne!(value::<u64>(number), u64::from(MARK), "{number}");
        }
    }

    #[test]
    fn every_value_arrives_whatever_the_sides() {
        for (producers, consumers) in [(1, 1), (3, 2), (2, 3)] {
            let mut contestant = Trying(Sides { producers, consumers }).of(job_ring(4));
            assert!(contestant.run(1000) > Duration::ZERO);
        }
    }

    #[test]
    fn a_run_is_cut_off() {
        let mut contestant = Trying(Sides { producers: 1, consumers: 1 }).of(job_ring(1));
        // More than a ring of one slot moves in many times the longest run; the result is scaled up.
        assert!(contestant.run(1 << 40) > LONGEST * 100);
    }
}

//! Producers on one side of a queue and consumers on the other.
//!
//! The producers push until they are told that the time is over; the last one to stop pushes a mark for every
//! consumer, which ends there. So no consumer waits for what never comes, and all that was pushed is popped.

use super::ends::{Channel, End, Payload, Shape, WaitingShape};
use super::rounds::{Done, Timed};
use crossbeam_utils::{Backoff, CachePadded};
use std::marker::PhantomData;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The end of a consumer: the last number that an index can be.
pub(crate) const MARK: u32 = bifrost::ring::MAX_INDEX;

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
    type Output = Box<dyn Timed>;

    fn of<E: End<T>>(&self, end: E) -> Self::Output {
        Box::new(Transfer { sides: self.0, way: Tried(end, PhantomData) })
    }
}

impl<T: Payload> WaitingShape<T> for Waiting {
    type Output = Box<dyn Timed>;

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

/// Whether the time of a run is over: a word that is written once, so that looking at it before every value
/// and after every failure costs next to nothing, and the same for every queue.
#[derive(Debug, Default)]
pub(crate) struct Over(CachePadded<AtomicBool>);

impl Over {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How a thread does its share of a run.
pub(crate) trait Way: Clone + Send + 'static {
    /// Pushes values until the time is over.
    fn produce(&mut self, over: &Over) -> Moved;

    /// Pushes the marks.
    fn end(&mut self, consumers: usize);

    /// Pops until it meets a mark.
    fn consume(&mut self) -> Moved;
}

#[derive(Clone)]
struct Tried<T, E>(E, PhantomData<fn(T)>);

impl<T: Payload, E: End<T>> Way for Tried<T, E> {
    fn produce(&mut self, over: &Over) -> Moved {
        let mut moved = Moved::default();
        while !over.is_set() {
            let value = value::<T>(moved.count);
            let patience = Backoff::new();
            while !self.0.push(value) {
                if over.is_set() {
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
    fn produce(&mut self, over: &Over) -> Moved {
        let mut moved = Moved::default();
        while !over.is_set() {
            let value = value::<T>(moved.count);
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
    fn shares(&self, time: Duration) -> (Vec<Share>, Vec<Share>) {
        let Sides { producers, consumers } = self.sides;
        // This thread starts the others and only sleeps meanwhile.
        let start = &Barrier::new(producers + consumers + 1);
        let (busy, over) = (&AtomicUsize::new(producers), &Over::default());
        std::thread::scope(|scope| {
            let mut producing = Vec::new();
            for _ in 0..producers {
                let mut way = self.way.clone();
                producing.push(scope.spawn(move || {
                    start.wait();
                    let began = Instant::now();
                    let moved = way.produce(over);
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
            start.wait();
            std::thread::sleep(time);
            over.set();
            let end = |threads: Vec<std::thread::ScopedJoinHandle<'_, Share>>| {
                threads.into_iter().map(|t| t.join().expect("it does not panic")).collect()
            };
            (end(producing), end(consuming))
        })
    }
}

impl<W: Way> Timed for Transfer<W> {
    fn run_for(&mut self, time: Duration) -> Done {
        let (producing, consuming) = self.shares(time);
        let moved = |shares: &[Share]| {
            shares.iter().map(|share| share.moved).fold(Moved::default(), Moved::and)
        };
        let pushed = moved(&producing);
        assert_eq!(moved(&consuming), pushed, "a transfer is missing");
        let all = || producing.iter().chain(&consuming);
        let began = all().map(|share| share.began).min();
        let ended = all().map(|share| share.ended).max();
        let took = began.zip(ended).map_or(Duration::ZERO, |(began, ended)| ended - began);
        Done { operations: pushed.count, took }
    }
}

#[cfg(test)]
mod tests {
    use super::{MARK, Sides, Trying, Waiting, value};
    use crate::queue::ends::{Shape, WaitingShape};
    use crate::queue::ours::job_ring;
    use crate::queue::rounds::Timed;
    use bifrost::queue;
    use std::time::Duration;

    #[test]
    fn no_value_is_the_mark() {
        let near = MARK as usize;
        for number in [0, near - 1, near, near + 1] {
            assert_ne!(value::<u64>(number), u64::from(MARK), "{number}");
        }
    }

    const TIME: Duration = Duration::from_millis(3);

    /// It fails by itself if a value is missing. A round in which no thread came to run is no round.
    fn moves(mut contestant: Box<dyn Timed>) {
        let done = (0..1000).map(|_| contestant.run_for(TIME)).find(|done| done.operations > 0);
        assert!(done.is_some_and(|done| done.took > Duration::ZERO));
    }

    #[test]
    fn every_value_arrives_whatever_the_sides() {
        for (producers, consumers) in [(1, 1), (3, 2), (2, 3)] {
            let sides = Sides { producers, consumers };
            moves(Trying(sides).of(job_ring(4)));
            moves(Waiting(sides).of(queue::channel::<u64>(4)));
        }
    }

    #[test]
    fn a_run_goes_on_until_its_time_is_over() {
        let mut contestant = Trying(Sides { producers: 1, consumers: 1 }).of(job_ring(1));
        assert!(contestant.run_for(TIME).took >= TIME / 2);
    }
}

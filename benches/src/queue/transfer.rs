//! Producers on one side of a queue and consumers on the other.

use super::ends::{Channel, End, Payload, Shape, WaitingShape};
use crate::contest::Contestant;
use std::marker::PhantomData;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Numbers start again here, so that each is an index.
pub(crate) const NUMBERS: usize = 1 << 20;

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

/// How a thread does its share of a run.
pub(crate) trait Way: Clone + Send + 'static {
    /// Pushes the numbers from 0 on.
    fn produce(self, count: usize);

    /// Pops so many and adds up their numbers.
    fn consume(self, count: usize) -> u64;
}

#[derive(Clone)]
struct Tried<T, E>(E, PhantomData<fn(T)>);

impl<T: Payload, E: End<T>> Way for Tried<T, E> {
    fn produce(mut self, count: usize) {
        for number in 0..count {
            self.0.push_patiently(T::of((number % NUMBERS) as u32));
        }
    }

    fn consume(mut self, count: usize) -> u64 {
        (0..count).map(|_| self.0.pop_patiently().number()).sum()
    }
}

#[derive(Clone)]
struct Waited<T, C>(C, PhantomData<fn(T)>);

impl<T: Payload, C: Channel<T>> Way for Waited<T, C> {
    fn produce(mut self, count: usize) {
        for number in 0..count {
            self.0.send(T::of((number % NUMBERS) as u32));
        }
    }

    fn consume(mut self, count: usize) -> u64 {
        (0..count).map(|_| self.0.recv().number()).sum()
    }
}

pub(crate) struct Transfer<W> {
    pub(crate) sides: Sides,
    pub(crate) way: W,
}

/// When a thread began and ended its share.
type Span = (Instant, Instant);

impl<W: Way> Contestant for Transfer<W> {
    fn run(&mut self, count: usize) -> Duration {
        let Sides { producers, consumers } = self.sides;
        // Everybody has the same share, so a few more than asked for are moved.
        let total = count.next_multiple_of(producers * consumers);
        let start = Barrier::new(producers + consumers);
        let share = |each: usize, work: fn(W, usize) -> u64| {
            let (way, start) = (self.way.clone(), &start);
            move || {
                start.wait();
                let began = Instant::now();
                let sum = work(way, each);
                ((began, Instant::now()), sum)
            }
        };
        let (spans, sum) = std::thread::scope(|scope| {
            let producing = |way: W, each| {
                way.produce(each);
                0
            };
            let mut threads = Vec::new();
            for _ in 0..producers {
                threads.push(scope.spawn(share(total / producers, producing)));
            }
            for _ in 0..consumers {
                threads.push(scope.spawn(share(total / consumers, W::consume)));
            }
            let ended = threads.into_iter().map(|thread| thread.join().expect("it does not panic"));
            let (spans, sums): (Vec<Span>, Vec<u64>) = ended.unzip();
            (spans, sums.iter().sum::<u64>())
        });
        assert_eq!(sum, sum_of(total / producers) * producers as u64, "a transfer is missing");
        duration(&spans).mul_f64(count as f64 / total as f64)
    }
}

/// What one producer's numbers add up to.
fn sum_of(count: usize) -> u64 {
    let below = |end: usize| (end as u64 * end.saturating_sub(1) as u64) / 2;
    (count / NUMBERS) as u64 * below(NUMBERS) + below(count % NUMBERS)
}

/// From the first that began to the last that ended.
fn duration(spans: &[Span]) -> Duration {
    let began = spans.iter().map(|span| span.0).min();
    let ended = spans.iter().map(|span| span.1).max();
    began.zip(ended).map_or(Duration::ZERO, |(began, ended)| ended - began)
}

#[cfg(test)]
mod tests {
    use super::{NUMBERS, sum_of};

    #[test]
    fn the_sum_starts_again_with_the_numbers() {
        let slow = |count: usize| (0..count).map(|n| (n % NUMBERS) as u64).sum::<u64>();
        for count in [0, 1, 5, NUMBERS, NUMBERS + 3, 2 * NUMBERS + 7] {
            assert_eq!(sum_of(count), slow(count), "{count}");
        }
    }
}

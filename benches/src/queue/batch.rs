//! Several values an operation.

use super::ends::Payload;
use super::transfer::{NUMBERS, Sides, Transfer, Way};
use crate::contest::Contestant;
use crossbeam_utils::Backoff;
use std::marker::PhantomData;

/// Both ends of a queue that moves several values at once and does not wait.
pub(crate) trait BatchEnd<T>: Clone + Send + 'static {
    /// Pushes the first values, as many as there is room for, and says how many.
    fn push_some(&mut self, values: &[T]) -> usize;

    /// Pops as many as there are, at most as many as fit, and says how many.
    fn pop_some(&mut self, values: &mut [T]) -> usize;
}

/// A contestant that moves up to `size` values an operation; who moves none waits as the others do.
pub(crate) fn batches<T: Payload>(
    sides: Sides,
    size: usize,
    end: impl BatchEnd<T>,
) -> Box<dyn Contestant> {
    Box::new(Transfer { sides, way: Batches { end, size, value: PhantomData } })
}

#[derive(Clone)]
struct Batches<T, E> {
    end: E,
    size: usize,
    value: PhantomData<fn(T)>,
}

impl<T: Payload, E: BatchEnd<T>> Way for Batches<T, E> {
    fn produce(mut self, count: usize) {
        let mut batch = Vec::with_capacity(self.size);
        let mut made = 0;
        while made < count {
            let until = (made + self.size).min(count);
            batch.clear();
            batch.extend((made..until).map(|number| T::of((number % NUMBERS) as u32)));
            made = until;
            let mut rest = batch.as_slice();
            while !rest.is_empty() {
                let patience = Backoff::new();
                let pushed = loop {
                    match self.end.push_some(rest) {
                        0 => patience.snooze(),
                        pushed => break pushed,
                    }
                };
                rest = &rest[pushed..];
            }
        }
    }

    fn consume(mut self, count: usize) -> u64 {
        let mut batch = vec![T::default(); self.size];
        let (mut sum, mut taken) = (0, 0);
        while taken < count {
            let room = self.size.min(count - taken);
            let patience = Backoff::new();
            let popped = loop {
                match self.end.pop_some(&mut batch[..room]) {
                    0 => patience.snooze(),
                    popped => break popped,
                }
            };
            sum += batch[..popped].iter().map(Payload::number).sum::<u64>();
            taken += popped;
        }
        sum
    }
}

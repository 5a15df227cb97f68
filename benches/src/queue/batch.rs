//! Several values an operation.

use super::ends::Payload;
use super::rounds::Timed;
use super::transfer::{MARK, Moved, Over, Sides, Transfer, Way, value};
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
) -> Box<dyn Timed> {
    Box::new(Transfer { sides, way: Batches { end, size, value: PhantomData } })
}

#[derive(Clone)]
struct Batches<T, E> {
    end: E,
    size: usize,
    value: PhantomData<fn(T)>,
}

impl<T: Payload, E: BatchEnd<T>> Way for Batches<T, E> {
    fn produce(&mut self, over: &Over) -> Moved {
        let mut batch: Vec<T> = Vec::with_capacity(self.size);
        let mut moved = Moved::default();
        while !over.is_set() {
            batch.clear();
            batch.extend((moved.count..moved.count + self.size).map(value::<T>));
            let mut rest = batch.as_slice();
            while !rest.is_empty() {
                let patience = Backoff::new();
                let pushed = loop {
                    match self.end.push_some(rest) {
                        0 => {
                            if over.is_set() {
                                return moved;
                            }
                            patience.snooze();
                        }
                        pushed => break pushed,
                    }
                };
                rest[..pushed].iter().for_each(|value| moved.add(value));
                rest = &rest[pushed..];
            }
        }
        moved
    }

    fn end(&mut self, consumers: usize) {
        self.push_all(&vec![T::of(MARK); consumers]);
    }

    fn consume(&mut self) -> Moved {
        let mut batch = vec![T::default(); self.size];
        let mut moved = Moved::default();
        loop {
            let patience = Backoff::new();
            let popped = loop {
                match self.end.pop_some(&mut batch) {
                    0 => patience.snooze(),
                    popped => break popped,
                }
            };
            let is_value = |value: &T| value.number() != u64::from(MARK);
            let values = batch[..popped].iter().take_while(|value| is_value(value)).count();
            batch[..values].iter().for_each(|value| moved.add(value));
            if values < popped {
                // Nothing comes after the marks; the others' are given back.
                self.push_all(&batch[values + 1..popped]);
                return moved;
            }
        }
    }
}

impl<T: Payload, E: BatchEnd<T>> Batches<T, E> {
    fn push_all(&mut self, mut rest: &[T]) {
        let patience = Backoff::new();
        while !rest.is_empty() {
            rest = &rest[self.end.push_some(rest)..];
            patience.snooze();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::batches;
    use crate::queue::ours::ring;
    use crate::queue::transfer::Sides;
    use std::time::Duration;

    #[test]
    fn every_consumer_ends_though_one_pops_the_marks_of_others() {
        for consumers in 1..5 {
            let sides = Sides { producers: 2, consumers };
            let mut contestant = batches(sides, 8, ring::<u64>(16));
            assert!(contestant.run_for(Duration::from_millis(3)).operations > 0);
        }
    }
}

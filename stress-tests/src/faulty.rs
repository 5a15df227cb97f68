//! Queues with one known fault, by which the checks are tested.

use crate::bounded::{Answer, Bounded, Held, Op};
use crate::queue::Queue;
use std::sync::{Mutex, PoisonError};

/// What is wrong with a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// A push says that the number is in, and it is not.
    Lost,
    /// A pop leaves the number in.
    Duplicated,
    /// A pop takes the second oldest.
    Reordered,
    /// A push says Full while there is space.
    FalseFull,
    /// A pop says Empty while there is something.
    FalseEmpty,
    /// A push is accepted after the close.
    AcceptedAfterClose,
    /// A push is accepted though the queue is full.
    OverCapacity,
    /// A replacing push into a full queue drops the youngest.
    WrongReplaced,
    /// A pop with a condition takes a head for which it does not hold.
    IgnoredCondition,
    /// A second close says that it was the first.
    ClosedTwice,
    /// A pop looks and takes in two steps, and another thread comes between.
    Torn,
}

/// Every fault that there is.
pub const FAULTS: [Fault; 11] = [
    Fault::Lost,
    Fault::Duplicated,
    Fault::Reordered,
    Fault::FalseFull,
    Fault::FalseEmpty,
    Fault::AcceptedAfterClose,
    Fault::OverCapacity,
    Fault::WrongReplaced,
    Fault::IgnoredCondition,
    Fault::ClosedTwice,
    Fault::Torn,
];

/// A locked queue that is right but for its fault, which shows whenever it can, one time in three.
#[derive(Debug)]
pub struct Faulty {
    spec: Bounded,
    fault: Fault,
    inner: Mutex<(Held, u32)>,
}

impl Faulty {
    /// A queue of `capacity` with `fault`.
    pub fn new(capacity: usize, fault: Fault) -> Self {
        Self { spec: Bounded { capacity }, fault, inner: Mutex::default() }
    }

    fn torn_pop(&self) -> Answer {
        let looked = self.locked(|(held, _)| held.items.front().copied());
        std::thread::yield_now();
        let taken = self.locked(|(held, _)| self.spec.apply(held, Op::Pop));
        looked.map_or(taken, Answer::Popped)
    }

    fn locked<R>(&self, f: impl FnOnce(&mut (Held, u32)) -> R) -> R {
        f(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The answer of the fault, where it can show.
    fn wrong(&self, held: &mut Held, op: Op) -> Option<Answer> {
        let full = held.items.len() == self.spec.capacity;
        match (self.fault, op) {
            (Fault::Lost, Op::Push(_)) if !full && !held.closed => Some(Answer::Pushed),
            (Fault::Duplicated, Op::Pop) => held.items.front().copied().map(Answer::Popped),
            (Fault::Reordered, Op::Pop) => held.items.remove(1).map(Answer::Popped),
            (Fault::FalseFull, Op::Push(_)) if !full && !held.closed => Some(Answer::Full),
            (Fault::FalseEmpty, Op::Pop) if !held.items.is_empty() => Some(Answer::Empty),
            (Fault::AcceptedAfterClose, Op::Push(number)) if held.closed && !full => {
                held.items.push_back(number);
                Some(Answer::Pushed)
            }
            (Fault::OverCapacity, Op::Push(number)) if full && !held.closed => {
                held.items.push_back(number);
                Some(Answer::Pushed)
            }
            (Fault::WrongReplaced, Op::ForcePush(number)) if full && !held.closed => {
                let youngest = held.items.pop_back();
                held.items.push_back(number);
                Some(Answer::Replaced(youngest))
            }
            (Fault::IgnoredCondition, Op::PopIf) => held.items.pop_front().map(Answer::Popped),
            (Fault::ClosedTwice, Op::Close) if held.closed => Some(Answer::Is(true)),
            _ => None,
        }
    }
}

impl Queue for Faulty {
    fn call(&self, op: Op) -> Answer {
        if self.fault == Fault::Torn && op == Op::Pop {
            return self.torn_pop();
        }
        self.locked(|(held, calls)| {
            *calls += 1;
            let wrong = if *calls % 3 == 0 { self.wrong(held, op) } else { None };
            wrong.unwrap_or_else(|| self.spec.apply(held, op))
        })
    }
}

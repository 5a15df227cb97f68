//! The bounded queue as one thread would see it.

use crate::linear::Spec;
use std::collections::VecDeque;

/// A call on a bounded queue of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Add at the tail.
    Push(u32),
    /// Add at the tail, in the place of the oldest if the queue is full.
    ForcePush(u32),
    /// Take the oldest.
    Pop,
    /// Take the oldest if it is even.
    PopIf,
    /// As `PopIf`, but the answer does not tell a declined head from none.
    Reap,
    /// Let nothing in any more.
    Close,
    /// Ask whether it was closed.
    IsClosed,
    /// Ask whether it holds nothing.
    IsEmpty,
}

/// What a call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The number is in.
    Pushed,
    /// The number is in, and this one, if any, had to go.
    Replaced(Option<u32>),
    /// The queue holds as many as it may.
    Full,
    /// This one is out.
    Popped(u32),
    /// The condition does not hold for the head.
    Declined,
    /// There is nothing.
    Empty,
    /// Nothing was taken, for whatever reason.
    Nothing,
    /// The queue was closed (and, for a pop, holds nothing).
    Closed,
    /// The answer of `Close` (whether this call did it) and of the questions.
    Is(bool),
}

/// A queue of up to `capacity` numbers.
#[derive(Clone, Copy, Debug)]
pub struct Bounded {
    /// The most that it holds.
    pub capacity: usize,
}

/// What it holds, oldest first, and whether it was closed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Held {
    /// Oldest first.
    pub items: VecDeque<u32>,
    /// Whether anything may come.
    pub closed: bool,
}

impl Bounded {
    /// What `op` returns, having changed `held`.
    pub fn apply(&self, held: &mut Held, op: Op) -> Answer {
        let full = held.items.len() >= self.capacity;
        match op {
            Op::Push(_) | Op::ForcePush(_) if held.closed => Answer::Closed,
            Op::Push(_) if full => Answer::Full,
            Op::Push(number) => {
                held.items.push_back(number);
                Answer::Pushed
            }
            Op::ForcePush(number) => {
                let replaced = if full { held.items.pop_front() } else { None };
                held.items.push_back(number);
                Answer::Replaced(replaced)
            }
            Op::Pop => take(held, |_| true),
            Op::PopIf => take(held, is_even),
            Op::Reap => match take(held, is_even) {
                popped @ Answer::Popped(_) => popped,
                _ => Answer::Nothing,
            },
            Op::Close => Answer::Is(!std::mem::replace(&mut held.closed, true)),
            Op::IsClosed => Answer::Is(held.closed),
            Op::IsEmpty => Answer::Is(held.items.is_empty()),
        }
    }
}

/// The condition of `PopIf` and `Reap`.
pub fn is_even(number: u32) -> bool {
    number % 2 == 0
}

fn take(held: &mut Held, condition: impl Fn(u32) -> bool) -> Answer {
    match held.items.front() {
        Some(&head) if condition(head) => {
            held.items.pop_front();
            Answer::Popped(head)
        }
        Some(_) => Answer::Declined,
        None if held.closed => Answer::Closed,
        None => Answer::Empty,
    }
}

impl Spec for Bounded {
    type State = Held;
    type Op = Op;
    type Answer = Answer;

    fn start(&self) -> Held {
        Held::default()
    }

    fn call(&self, held: &Held, op: &Op) -> (Held, Answer) {
        let mut after = held.clone();
        let answer = self.apply(&mut after, *op);
        (after, answer)
    }
}

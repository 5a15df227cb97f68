//! The queues under test in one shape.

use crate::bounded::{Answer, Op, is_even};
use bifrost::queue::JobQueue;
use bifrost::ring::{JobRing, PopError, PopIf, PushError};

/// A queue that can be asked everything that [`Op`] names, from any thread.
pub trait Queue: Sync {
    /// Calls it.
    fn call(&self, op: Op) -> Answer;
}

fn refused(error: PushError) -> Answer {
    match error {
        PushError::Full => Answer::Full,
        PushError::Closed => Answer::Closed,
        other => panic!("unknown refusal: {other}"),
    }
}

fn nothing(error: PopError) -> Answer {
    match error {
        PopError::Empty => Answer::Empty,
        PopError::Closed => Answer::Closed,
        other => panic!("unknown reason: {other}"),
    }
}

impl Queue for JobRing {
    fn call(&self, op: Op) -> Answer {
        let pop_if = || match self.pop_if(is_even) {
            PopIf::Popped(index) => Answer::Popped(index),
            PopIf::Declined => Answer::Declined,
            PopIf::Nothing(error) => nothing(error),
            other => panic!("unknown answer: {other:?}"),
        };
        match op {
            Op::Push(index) => self.push(index).map_or_else(refused, |()| Answer::Pushed),
            Op::ForcePush(index) => self.force_push(index).map_or_else(refused, Answer::Replaced),
            Op::Pop => self.pop().map_or_else(nothing, Answer::Popped),
            Op::PopIf => pop_if(),
            Op::Reap => match pop_if() {
                popped @ Answer::Popped(_) => popped,
                _ => Answer::Nothing,
            },
            Op::Close => Answer::Is(self.close()),
            Op::IsClosed => Answer::Is(self.is_closed()),
            Op::IsEmpty => Answer::Is(self.is_empty()),
        }
    }
}

impl Queue for JobQueue {
    fn call(&self, op: Op) -> Answer {
        match op {
            Op::Push(index) => self.push(index).map_or_else(refused, |_woken| Answer::Pushed),
            Op::ForcePush(index) => self.force_push(index).map_or_else(refused, Answer::Replaced),
            Op::Pop => self.try_pop().map_or_else(nothing, Answer::Popped),
            // The queue has no such call: what it has does not tell why nothing was taken.
            Op::PopIf | Op::Reap => self.reap(is_even).map_or(Answer::Nothing, Answer::Popped),
            Op::Close => Answer::Is(self.close()),
            Op::IsClosed => Answer::Is(self.is_closed()),
            Op::IsEmpty => Answer::Is(self.is_empty()),
        }
    }
}

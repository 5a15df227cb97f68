//! The queues under test in one shape.

use crate::bounded::{Answer, Op, is_even};
use bifrost::queue::{Entrant, JobQueue, LaneId, LaneSpec, Try, Waking};
use bifrost::ring::{JobRing, PopError, PopIf, PushError, Refused, Ring};
use bifrost::sync::{Parker, Unparker};
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

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

impl Queue for Ring<u32> {
    fn call(&self, op: Op) -> Answer {
        let not_taken = |refused| match refused {
            Refused::Full(_) => Answer::Full,
            Refused::Closed(_) => Answer::Closed,
            other => panic!("unknown refusal: {other:?}"),
        };
        match op {
            Op::Push(value) => self.push(value).map_or_else(not_taken, |()| Answer::Pushed),
            Op::ForcePush(value) => self.force_push(value).map_or_else(not_taken, Answer::Replaced),
            // The ring has no pop with a condition.
            Op::Pop | Op::PopIf | Op::Reap => self.pop().map_or_else(nothing, Answer::Popped),
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

/// A [`JobQueue`] of three lanes, of which only one with a bit is in use.
#[derive(Debug)]
pub struct Laned(JobQueue);

impl Laned {
    /// An empty queue whose lanes have `capacity` each.
    pub fn new(capacity: usize) -> Self {
        let lane = |weight| LaneSpec { capacity, weight };
        Self(JobQueue::with_lanes(&[lane(8), lane(4), lane(1)], 1, Waking::Each))
    }
}

impl Queue for Laned {
    fn call(&self, op: Op) -> Answer {
        let Self(queue) = self;
        match op {
            Op::Push(index) => {
                queue.push_to(LaneId::LOW, index).map_or_else(refused, |_| Answer::Pushed)
            }
            Op::ForcePush(index) => {
                let replaced = queue.force_push_to(LaneId::LOW, index);
                replaced.map_or_else(refused, Answer::Replaced)
            }
            Op::Pop => {
                let popped = queue.try_pop_with(&mut queue.credits());
                popped.map_or_else(nothing, Answer::Popped)
            }
            other => queue.call(other),
        }
    }
}

/// A [`JobQueue`] whose callers wait: a push for space, a pop for an index. A wake-up that gets lost hangs.
#[derive(Debug)]
pub struct Waiting {
    queue: Arc<JobQueue>,
    consumers: AtomicU32,
}

impl Waiting {
    /// An empty queue of `capacity` for up to `consumers` threads that pop.
    pub fn new(capacity: usize, consumers: usize, waking: Waking) -> Self {
        let queue = JobQueue::new(capacity, consumers, waking);
        Self { queue: Arc::new(queue), consumers: AtomicU32::new(0) }
    }

    fn push(&self, index: u32) -> Answer {
        match self.queue.call(Op::Push(index)) {
            Answer::Full => {}
            answer => return answer,
        }
        let parker = Parker::new();
        let producer = Arc::new(Producer {
            queue: Arc::clone(&self.queue),
            index,
            answer: Mutex::new(None),
            unparker: parker.unparker(),
        });
        let _place = self.queue.wait_for_space(LaneId::NORMAL, Arc::<Producer>::clone(&producer));
        loop {
            if let Some(answer) =
                producer.answer.lock().unwrap_or_else(PoisonError::into_inner).take()
            {
                return answer;
            }
            parker.park();
        }
    }

    /// The number of the calling thread among the consumers of this queue, the only one that it pops from.
    fn number(&self) -> u32 {
        thread_local!(static NUMBER: Cell<Option<u32>> = const { Cell::new(None) });
        let number = NUMBER.get();
        let number = number.unwrap_or_else(|| self.consumers.fetch_add(1, Ordering::Relaxed));
        NUMBER.set(Some(number));
        number
    }
}

/// A thread that waits for space.
struct Producer {
    queue: Arc<JobQueue>,
    index: u32,
    answer: Mutex<Option<Answer>>,
    unparker: Unparker,
}

impl Entrant for Producer {
    fn enter(&self) -> Try {
        let answer = self.queue.call(Op::Push(self.index));
        if answer == Answer::Full {
            return Try::Full;
        }
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        self.unparker.unpark();
        Try::Done
    }
}

impl Queue for Waiting {
    fn call(&self, op: Op) -> Answer {
        match op {
            Op::Push(index) | Op::ForcePush(index) => self.push(index),
            Op::Pop | Op::PopIf => {
                let mut consumer = self.queue.consumer(self.number());
                block_on(consumer.pop()).map_or_else(nothing, Answer::Popped)
            }
            other => self.queue.call(other),
        }
    }
}

/// Waits for `future` with a parker of the library, so that its operations are disturbed as well.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let parker = Parker::new();
    let waker = parker.unparker().waker();
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => parker.park(),
        }
    }
}

//! `JobQueue`: no consumer sleeps beside an item, whatever is cancelled or closed meanwhile. A lost notification is a deadlock: no wait here has a timer to mask it, but for the one
//! that is there to be cancelled.
#![cfg(loom)]

use bifrost::queue::{JobQueue, LaneId, Waking};
use bifrost::ring::{PopError, PushError};
use bifrost::sync::atomic::{AtomicBool, Ordering::Relaxed};
use bifrost::time::{Clock, Deadline};
use loom_tests::{Bound, Model, Note, Witness, spawn};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A queue with a note behind each index that the models use.
struct Jobs {
    queue: JobQueue,
    notes: [Note; 3],
}

impl Jobs {
    fn new(capacity: usize, consumers: usize) -> Arc<Self> {
        Self::waking(capacity, consumers, Waking::Each)
    }

    fn waking(capacity: usize, consumers: usize, waking: Waking) -> Arc<Self> {
        let queue = JobQueue::new(capacity, consumers, waking);
        Arc::new(Self { queue, notes: Default::default() })
    }

    fn push(&self, index: u32) -> Result<bool, PushError> {
        self.notes[index as usize].write(index + 10);
        self.queue.push(index)
    }

    /// Waits for an index as consumer `number`.
    fn pop(&self, number: u32) -> Result<u32, PopError> {
        let popped = Clock::monotonic().block_on(self.queue.consumer(number).pop());
        popped.inspect(|index| self.read(*index))
    }

    /// Takes two indices, the second while nobody else can have the first's turn.
    fn pop_two(&self, number: u32) -> [Result<u32, PopError>; 2] {
        let clock = Clock::monotonic();
        let mut consumer = self.queue.consumer(number);
        [(); 2].map(|()| clock.block_on(consumer.pop()).inspect(|index| self.read(*index)))
    }

    /// Waits for an index as consumer `number`, whose job then goes on beside the others.
    fn pop_and_go_on(&self, number: u32, w: &Witness) -> Result<u32, PopError> {
        let mut consumer = self.queue.consumer(number);
        let popped = Clock::monotonic().block_on(consumer.pop());
        if consumer.hand_over() {
            w.saw("nobody to hand over to");
        }
        // Whoever holds on to the job for good does not look again.
        let _kept = std::mem::ManuallyDrop::new(consumer);
        popped.inspect(|index| self.read(*index))
    }

    /// Waits until a limit that has passed: the search puts its end wherever it likes.
    fn pop_or_give_up(&self, number: u32) -> Option<u32> {
        let past = Deadline::from_word(1);
        let popped =
            Clock::monotonic().block_on_deadline(self.queue.consumer(number).pop(), past)?;
        popped.ok().inspect(|index| self.read(*index))
    }

    fn read(&self, index: u32) {
        assert_eq!(self.notes[index as usize].read(), index + 10);
    }
}

#[test]
fn queue_wake() {
    let model = Model::new("queue_wake").floor(440);
    model.witness("woke").witness("nobody idle").run(|w| {
        let jobs = Jobs::new(1, 1);
        let theirs = Arc::clone(&jobs);
        let consumer = spawn(move || theirs.pop(0));
        let woke = jobs.push(0).expect("there is room");
        w.saw(if woke { "woke" } else { "nobody idle" });
        assert_eq!(consumer.join(), Ok(0));
        assert_eq!(jobs.queue.consumers().idle(), 0);
    });
}

/// A consumer that finds its item by itself leaves a stale entry; its next wait must still be found.
#[test]
fn queue_wake_two() {
    let model =
        Model::new("queue_wake_two").floor(1100).bound(Bound::Preemptions(3)).deep(Bound::Full);
    model.witness("01").run(|w| {
        let jobs = Jobs::new(2, 1);
        let theirs = Arc::clone(&jobs);
        let consumer = spawn(move || [theirs.pop(0), theirs.pop(0)]);
        for index in 0..2 {
            jobs.push(index).expect("there is room");
        }
        assert_eq!(consumer.join(), [Ok(0), Ok(1)]);
        w.saw("01");
    });
    let model = Model::new("queue_wake_two_consumers")
        .floor(12000)
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    model.witness("0").witness("1").run(|w| {
        let jobs = Jobs::new(2, 2);
        let consumer = |number| {
            let jobs = Arc::clone(&jobs);
            spawn(move || jobs.pop(number))
        };
        let consumers = [consumer(0), consumer(1)];
        for index in 0..2 {
            jobs.push(index).expect("there is room");
        }
        let popped = consumers.map(|task| task.join().expect("nobody closes"));
        assert_eq!(popped[0] + popped[1], 1, "each index comes out once");
        w.saw(&popped[0].to_string());
    });
}

/// One fence and one round of wake-ups for several indices.
#[test]
fn queue_wake_batch() {
    let model = Model::new("queue_wake_batch")
        .floor(1000)
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    model.witness("woke 0").witness("woke 1").witness("woke 2").run(|w| {
        let jobs = Jobs::new(2, 2);
        let consumer = |number| {
            let jobs = Arc::clone(&jobs);
            spawn(move || jobs.pop(number))
        };
        let consumers = [consumer(0), consumer(1)];
        for index in 0..2 {
            jobs.notes[index as usize].write(index + 10);
            jobs.queue.push_unannounced(LaneId::NORMAL, index).expect("there is room");
        }
        w.saw(&format!("woke {}", jobs.queue.announce(2)));
        let popped = consumers.map(|task| task.join().expect("nobody closes"));
        assert_eq!(popped[0] + popped[1], 1, "each index comes out once");
    });
}

/// More producers than consumers: no more indices are let in than there are permits.
#[test]
fn permits_bound() {
    let model = Model::new("permits_bound").floor(750).spurious(1).bound(Bound::Preemptions(2));
    let model = model.deep(Bound::Preemptions(4));
    model.witness("one").witness("both").run(|w| {
        let queue = Arc::new(JobQueue::direct(1, 1, Waking::Each));
        let theirs = Arc::clone(&queue);
        let task = spawn(move || {
            let pushed = theirs.push(1).is_ok();
            if pushed {
                assert_eq!(theirs.try_pop(), Ok(1), "nobody else's is in");
                theirs.release();
            }
            pushed
        });
        let mine = queue.push(0).is_ok();
        if mine {
            assert_eq!(queue.try_pop(), Ok(0), "nobody else's is in");
            queue.release();
        }
        let theirs = task.join();
        assert!(mine || theirs, "nobody is refused for nothing");
        w.saw(if mine && theirs { "both" } else { "one" });
        assert_eq!((queue.len(), queue.capacity()), (0, 0));
        assert!(queue.push(2).is_ok(), "the permit is back");
        assert_eq!(queue.push(0), Err(PushError::Full));
    });
}

/// Consumers that left stale entries behind, in another order than they come back in.
#[test]
fn queue_wake_stale() {
    let model = Model::new("queue_wake_stale").floor(26000).bound(Bound::Preemptions(2));
    model.witness("in order").witness("in another order").run(|w| {
        let jobs = Jobs::new(2, 2);
        for number in [1, 0] {
            let mut consumer = jobs.queue.consumer(number);
            let mut wait = pin!(consumer.pop());
            let mut cx = Context::from_waker(Waker::noop());
            assert!(wait.as_mut().poll(&mut cx).is_pending(), "the queue is empty");
        }
        let consumer = |number| {
            let jobs = Arc::clone(&jobs);
            spawn(move || jobs.pop(number))
        };
        let consumers = [consumer(0), consumer(1)];
        for index in 0..2 {
            jobs.push(index).expect("there is room");
        }
        let popped = consumers.map(|task| task.join().expect("nobody closes"));
        w.saw(if popped == [0, 1] { "in order" } else { "in another order" });
        assert_eq!(popped[0] + popped[1], 1, "each index comes out once");
    });
}

/// Two pushes, of which the second may leave its index to whom the first has woken; that one takes both.
#[test]
fn queue_relay() {
    let model = Model::new("queue_relay").floor(250).bound(Bound::Preemptions(1));
    model.deep(Bound::Preemptions(2)).witness("left to the woken").run(|w| {
        let jobs = Jobs::waking(2, 1, Waking::Relay);
        let theirs = Arc::clone(&jobs);
        let consumer = spawn(move || theirs.pop_two(0));
        let pusher = Arc::clone(&jobs);
        let other = spawn(move || pusher.push(1).expect("there is room"));
        let left = jobs.push(0).expect("there is room");
        if other.join() && left {
            w.saw("left to the woken");
        }
        let mut popped = consumer.join().map(|index| index.expect("nobody closes"));
        popped.sort_unstable();
        assert_eq!(popped, [0, 1]);
    });
}

/// Who hands over and who pushes meanwhile: one of them sees the other, and somebody is woken.
#[test]
fn queue_hand_over() {
    let model = Model::new("queue_hand_over").floor(100).bound(Bound::Preemptions(2));
    model.deep(Bound::Full).witness("handed over").witness("the push woke").run(|w| {
        let jobs = Jobs::waking(2, 2, Waking::Relay);
        let mut idle = [0, 1].map(|number| jobs.queue.consumer(number));
        let mut cx = Context::from_waker(Waker::noop());
        for consumer in &mut idle {
            let mut wait = std::mem::ManuallyDrop::new(consumer.pop());
            assert!(std::pin::Pin::new(&mut *wait).poll(&mut cx).is_pending());
        }
        // Wakes the first, who holds the baton from here on.
        jobs.push(0).expect("there is room");
        let theirs = Arc::clone(&jobs);
        let pusher = spawn(move || theirs.push(1).expect("there is room"));
        let [woken, sleeper] = &mut idle;
        let mut wait = std::mem::ManuallyDrop::new(woken.pop());
        let popped = std::pin::Pin::new(&mut *wait).poll(&mut cx);
        assert_eq!(popped, Poll::Ready(Ok(0)));
        drop(std::mem::ManuallyDrop::into_inner(wait));
        woken.hand_over();
        let handed_over = jobs.queue.consumers().idle() == 0;
        pusher.join();
        w.saw(if handed_over { "handed over" } else { "the push woke" });
        assert_eq!(jobs.queue.consumers().idle(), 0, "an index and a sleeper beside it");
        let mut wait = std::mem::ManuallyDrop::new(sleeper.pop());
        let popped = std::pin::Pin::new(&mut *wait).poll(&mut cx);
        assert_eq!(popped, Poll::Ready(Ok(1)));
    });
}

/// A consumer leaves while an index comes: it is woken and passes that on, or one of the two finds the other, the
/// room or the index, and a new consumer takes it.
#[test]
fn queue_leave() {
    let model = Model::new("queue_leave").floor(20).bound(Bound::Preemptions(2));
    model.witness("the pusher hired").witness("the leaver hired").run(|w| {
        let jobs = Jobs::waking(2, 1, Waking::Relay);
        let room = Arc::new(AtomicBool::new(false));
        let mut consumer = jobs.queue.consumer(0);
        let mut cx = Context::from_waker(Waker::noop());
        let mut wait = std::mem::ManuallyDrop::new(consumer.pop());
        assert!(std::pin::Pin::new(&mut *wait).poll(&mut cx).is_pending());
        let hire = |room: &AtomicBool| {
            room.load(Relaxed) && room.compare_exchange(true, false, Relaxed, Relaxed).is_ok()
        };
        let (theirs, their_room) = (Arc::clone(&jobs), Arc::clone(&room));
        let pusher = spawn(move || !theirs.push(0).expect("there is room") && hire(&their_room));
        drop(std::mem::ManuallyDrop::into_inner(wait));
        drop(consumer);
        room.store(true, Relaxed);
        let leaver = jobs.queue.needs_consumer() && hire(&room);
        let pusher = pusher.join();
        assert!(leaver || pusher, "an index, and room for a consumer that nobody makes");
        w.saw(if pusher { "the pusher hired" } else { "the leaver hired" });
    });
}

/// Two consumers whose jobs go on: the one that was woken hands over to the other, which nobody else wakes.
#[test]
fn queue_relay_two() {
    let model = Model::new("queue_relay_two").floor(1000).bound(Bound::Preemptions(1));
    model
        .deep(Bound::Preemptions(2))
        .witness("0")
        .witness("1")
        .witness("nobody to hand over to")
        .run(|w| {
            let jobs = Jobs::waking(2, 2, Waking::Relay);
            let consumer = |number| {
                let (jobs, w) = (Arc::clone(&jobs), w.clone());
                spawn(move || jobs.pop_and_go_on(number, &w))
            };
            let consumers = [consumer(0), consumer(1)];
            for index in 0..2 {
                jobs.push(index).expect("there is room");
            }
            let popped = consumers.map(|task| task.join().expect("nobody closes"));
            assert_eq!(popped[0] + popped[1], 1, "each index comes out once");
            w.saw(&popped[0].to_string());
        });
}

#[test]
fn queue_wake_close() {
    let model = Model::new("queue_wake_close")
        .floor(17000)
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    model.witness("one").witness("two").run(|w| {
        let jobs = Jobs::new(1, 2);
        let consumer = |number| {
            let jobs = Arc::clone(&jobs);
            spawn(move || jobs.pop(number))
        };
        let consumers = [consumer(0), consumer(1)];
        jobs.push(0).expect("there is room");
        assert!(jobs.queue.close());
        let popped = consumers.map(|task| task.join());
        match popped {
            [Ok(0), Err(PopError::Closed)] => w.saw("one"),
            [Err(PopError::Closed), Ok(0)] => w.saw("two"),
            _ => panic!("{popped:?}"),
        }
    });
}

/// A consumer gives up, maybe with a notification in hand: the item is then the other one's, without help.
#[test]
fn queue_wake_cancel() {
    let model = Model::new("queue_wake_cancel")
        .floor(10000)
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    model.witness("taken").witness("given up").run(|w| {
        let jobs = Jobs::new(2, 2);
        let (first, second) = (Arc::clone(&jobs), Arc::clone(&jobs));
        let hasty = spawn(move || first.pop_or_give_up(0));
        let patient = spawn(move || second.pop(1));
        jobs.push(0).expect("there is room");
        match hasty.join() {
            Some(index) => {
                assert_eq!(index, 0);
                w.saw("taken");
                jobs.push(1).expect("there is room");
                assert_eq!(patient.join(), Ok(1));
            }
            None => {
                w.saw("given up");
                assert_eq!(patient.join(), Ok(0));
            }
        }
    });
}

//! The lanes of a `JobQueue`: no consumer sleeps beside a lane whose bit was cleared while something came,
//! no lane takes anything once the queue has ended, and who waits for space in a lane gets that lane's.
#![cfg(loom)]

use bifrost::queue::{Consumer, Entrant, JobQueue, LaneId, LaneSpec, Try, Waking};
use bifrost::ring::{PopError, PushError};
use bifrost::sync::{AtomicWaker, Mutex};
use bifrost::time::Clock;
use loom_tests::{Bound, Model, Note, spawn};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

const HIGH: LaneId = LaneId::HIGH;
const LOW: LaneId = LaneId::LOW;

/// A queue of three lanes with a note behind each index that the models use.
struct Jobs {
    queue: JobQueue,
    notes: [Note; 4],
}

impl Jobs {
    fn new(capacity: usize, consumers: usize, waking: Waking) -> Arc<Self> {
        let lane = |weight| LaneSpec { capacity, weight };
        let queue = JobQueue::with_lanes(&[lane(8), lane(4), lane(1)], consumers, waking);
        Arc::new(Self { queue, notes: Default::default() })
    }

    /// As `new`, with a lane that is empty though its bit is set.
    fn with_a_bit(capacity: usize, consumers: usize, lane: LaneId, waking: Waking) -> Arc<Self> {
        let jobs = Self::new(capacity, consumers, waking);
        jobs.queue.push_to(lane, 9).expect("there is room");
        assert_eq!(jobs.queue.try_pop(), Ok(9));
        jobs
    }

    fn push(&self, lane: LaneId, index: u32) -> Result<bool, PushError> {
        self.notes[index as usize].write(index + 10);
        self.queue.push_to(lane, index)
    }

    /// Waits for an index as consumer `number`.
    fn pop(&self, number: u32) -> Result<u32, PopError> {
        self.pop_by(&mut self.queue.consumer(number))
    }

    fn pop_by(&self, consumer: &mut Consumer<'_>) -> Result<u32, PopError> {
        Clock::monotonic().block_on(consumer.pop()).inspect(|index| self.read(*index))
    }

    fn read(&self, index: u32) {
        assert_eq!(self.notes[index as usize].read(), index + 10);
    }
}

/// One who waits for space in a lane.
struct Producer {
    jobs: Arc<Jobs>,
    lane: LaneId,
    index: u32,
    is_in: Mutex<bool>,
    waker: AtomicWaker,
}

impl Producer {
    fn stand(jobs: &Arc<Jobs>, lane: LaneId, index: u32) -> Arc<Self> {
        jobs.notes[index as usize].write(index + 10);
        let producer = Arc::new(Self {
            jobs: Arc::clone(jobs),
            lane,
            index,
            is_in: Mutex::new(false),
            waker: AtomicWaker::new(),
        });
        let _place = jobs.queue.wait_for_space(lane, Arc::<Self>::clone(&producer));
        producer
    }

    fn is_in(&self) -> bool {
        *self.is_in.lock()
    }

    fn wait(&self) {
        Clock::monotonic().block_on(poll_fn(|cx| {
            self.waker.register(cx.waker());
            if self.is_in() { Poll::Ready(()) } else { Poll::Pending }
        }));
    }
}

impl Entrant for Producer {
    fn enter(&self) -> Try {
        match self.jobs.queue.push_to(self.lane, self.index) {
            Err(PushError::Full) => return Try::Full,
            pushed => pushed.expect("nobody closes"),
        };
        *self.is_in.lock() = true;
        self.waker.wake();
        Try::Done
    }
}

/// A push meets the consumer that clears the bit of its lane.
#[test]
fn lanes_bit() {
    let model = Model::new("lanes_bit").floor(450).bound(Bound::Preemptions(3)).deep(Bound::Full);
    model.witness("woke").witness("nobody idle").run(|w| {
        let jobs = Jobs::with_a_bit(1, 1, HIGH, Waking::Each);
        let theirs = Arc::clone(&jobs);
        let consumer = spawn(move || theirs.pop(0));
        let woke = jobs.push(HIGH, 0).expect("there is room");
        w.saw(if woke { "woke" } else { "nobody idle" });
        assert_eq!(consumer.join(), Ok(0));
    });
}

/// Two pushes to a lane whose bit is cleared under them: one consumer takes at most one of the two and goes,
/// the other may have gone to sleep while the bit was clear.
#[test]
fn lanes_bit_two() {
    let model = Model::new("lanes_bit_two")
        .floor(1300)
        .bound(Bound::Preemptions(1))
        .deep(Bound::Preemptions(2));
    model.witness("one each").witness("none for the hasty").run(|w| {
        let jobs = Jobs::with_a_bit(2, 1, HIGH, Waking::Each);
        let (hasty, patient) = (Arc::clone(&jobs), Arc::clone(&jobs));
        let hasty = spawn(move || hasty.queue.try_pop_with(&mut hasty.queue.credits()));
        let patient = spawn(move || patient.pop(0).expect("nobody closes"));
        for index in 0..2 {
            jobs.push(HIGH, index).expect("there is room");
        }
        let second = patient.join();
        match hasty.join() {
            Ok(first) => {
                assert_eq!(first + second, 1, "each index comes out once");
                w.saw("one each");
            }
            Err(error) => {
                assert_eq!((error, second), (PopError::Empty, 0));
                w.saw("none for the hasty");
            }
        }
    });
    let model = Model::new("lanes_bit_of_two_lanes")
        .floor(8500)
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    model.witness("high first").witness("low first").run(|w| {
        let jobs = Jobs::with_a_bit(1, 1, LOW, Waking::Each);
        let (theirs, other) = (Arc::clone(&jobs), Arc::clone(&jobs));
        let consumer = spawn(move || {
            let mut consumer = theirs.queue.consumer(0);
            [(); 2].map(|()| theirs.pop_by(&mut consumer).expect("nobody closes"))
        });
        let producer = spawn(move || other.push(HIGH, 0).expect("there is room"));
        jobs.push(LOW, 1).expect("there is room");
        producer.join();
        match consumer.join() {
            [0, 1] => w.saw("high first"),
            [1, 0] => w.saw("low first"),
            other => panic!("{other:?}"),
        }
    });
}

/// The same where consumers are woken one at a time: a push may leave its index to whoever holds the baton, and
/// that one may be the consumer that clears the bit.
#[test]
fn lanes_relay() {
    let model = Model::new("lanes_relay").floor(2300).bound(Bound::Preemptions(1));
    model.deep(Bound::Preemptions(2)).witness("0").witness("1").run(|w| {
        let jobs = Jobs::with_a_bit(2, 2, HIGH, Waking::Relay);
        let consumer = |number| {
            let jobs = Arc::clone(&jobs);
            spawn(move || {
                let mut consumer = jobs.queue.consumer(number);
                let popped = jobs.pop_by(&mut consumer);
                // The job goes on for good, and this consumer does not look again.
                consumer.hand_over();
                let _kept = std::mem::ManuallyDrop::new(consumer);
                popped.expect("nobody closes")
            })
        };
        let consumers = [consumer(0), consumer(1)];
        for index in 0..2 {
            jobs.push(HIGH, index).expect("there is room");
        }
        let popped = consumers.map(|task| task.join());
        assert_eq!(popped[0] + popped[1], 1, "each index comes out once");
        w.saw(&popped[0].to_string());
    });
}

/// Closing meets a push: what was accepted comes out before the end, and nothing comes after it.
#[test]
fn lanes_close() {
    let model = Model::new("lanes_close")
        .floor(13000)
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    model.witness("pushed").witness("refused").run(|w| {
        let jobs = Jobs::new(1, 1, Waking::Each);
        let (theirs, closer) = (Arc::clone(&jobs), Arc::clone(&jobs));
        let producer = spawn(move || theirs.push(LOW, 0));
        let closer = spawn(move || assert!(closer.queue.close(), "there is one closer"));
        let mut popped = Vec::new();
        let mut consumer = jobs.queue.consumer(0);
        while let Ok(index) = jobs.pop_by(&mut consumer) {
            popped.push(index);
        }
        assert!(jobs.queue.is_closed());
        match producer.join() {
            Ok(_) => {
                w.saw("pushed");
                assert_eq!(popped, [0], "what was accepted comes out before the end");
            }
            Err(error) => {
                w.saw("refused");
                assert_eq!((error, &popped[..]), (PushError::Closed, &[][..]));
            }
        }
        closer.join();
        assert_eq!((jobs.queue.len(), jobs.push(HIGH, 1)), (0, Err(PushError::Closed)));
    });
}

/// Space in a lane is for those who wait for that lane.
#[test]
fn lanes_space() {
    let model = Model::new("lanes_space").floor(45).bound(Bound::Preemptions(2));
    model.deep(Bound::Preemptions(3)).witness("in at once").witness("moved in").run(|w| {
        let jobs = Jobs::new(1, 1, Waking::Each);
        for (lane, index) in [(HIGH, 0), (LOW, 1)] {
            jobs.push(lane, index).expect("there is room");
        }
        let other = Producer::stand(&jobs, HIGH, 2);
        assert_eq!(jobs.queue.try_pop_with(&mut jobs.queue.credits()), Ok(0));
        assert!(other.is_in(), "whoever frees a slot moves the first in");
        assert_eq!(jobs.queue.try_pop(), Ok(2));
        jobs.push(HIGH, 2).expect("there is room");
        let other = Producer::stand(&jobs, HIGH, 0);
        let theirs = Arc::clone(&jobs);
        let mine = w.clone();
        let producer = spawn(move || {
            let producer = Producer::stand(&theirs, LOW, 3);
            mine.saw(if producer.is_in() { "in at once" } else { "moved in" });
            producer.wait();
        });
        assert_eq!(jobs.queue.reap(|index| index == 1), Some(1));
        producer.join();
        assert!(!other.is_in(), "the place is not in its lane");
        assert!(jobs.queue.is_awaited());
    });
}

//! Producers that wait for space: none stands beside a free slot, whatever the one before it does, and they
//! enter in the order of their places. A slot that nobody is told of is a deadlock: no wait here has a timer.
#![cfg(loom)]

use bifrost::queue::{Entrant, JobQueue, LaneId, Place, Try, Waking};
use bifrost::ring::PushError;
use bifrost::sync::{AtomicWaker, Mutex};
use bifrost::time::Clock;
use loom_tests::{Bound, Model, Note, spawn};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

/// A queue with a note behind each index that the models use.
struct Jobs {
    queue: JobQueue,
    notes: [Note; 3],
}

impl Jobs {
    /// One place, taken by index 0.
    fn full() -> Arc<Self> {
        let jobs = Self { queue: JobQueue::new(1, 1, Waking::Each), notes: Default::default() };
        jobs.notes[0].write(10);
        jobs.queue.push(0).expect("there is room");
        Arc::new(jobs)
    }

    /// Takes the next index, waiting for it as the only consumer.
    fn pop(&self) -> u32 {
        let popped = Clock::monotonic().block_on(self.queue.consumer(0).pop());
        let index = popped.expect("nobody closes");
        assert_eq!(self.notes[index as usize].read(), index + 10);
        index
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Entered,
    Refused,
    GivenUp,
}

struct Producer {
    jobs: Arc<Jobs>,
    index: u32,
    state: Mutex<State>,
    waker: AtomicWaker,
}

impl Producer {
    fn stand(jobs: &Arc<Jobs>, index: u32) -> (Arc<Self>, Place) {
        jobs.notes[index as usize].write(index + 10);
        let producer = Arc::new(Self {
            jobs: Arc::clone(jobs),
            index,
            state: Mutex::new(State::Waiting),
            waker: AtomicWaker::new(),
        });
        let entrant: Arc<dyn Entrant> = Arc::<Self>::clone(&producer);
        let place = jobs.queue.wait_for_space(LaneId::NORMAL, entrant);
        (producer, place)
    }

    fn state(&self) -> State {
        *self.state.lock()
    }

    fn wait(&self) -> State {
        Clock::monotonic().block_on(poll_fn(|cx| {
            self.waker.register(cx.waker());
            match self.state() {
                State::Waiting => Poll::Pending,
                ended => Poll::Ready(ended),
            }
        }))
    }

    /// Leaves the list; `false`: it was in already.
    fn give_up(&self, place: Place) -> bool {
        let mut state = self.state.lock();
        if *state == State::Waiting {
            *state = State::GivenUp;
        }
        let gave_up = *state == State::GivenUp;
        drop(state);
        self.jobs.queue.stop_waiting(LaneId::NORMAL, place);
        gave_up
    }
}

impl Entrant for Producer {
    fn enter(&self) -> Try {
        let mut state = self.state.lock();
        if *state != State::Waiting {
            return Try::Done;
        }
        *state = match self.jobs.queue.push(self.index) {
            Ok(_) => State::Entered,
            Err(PushError::Full) => return Try::Full,
            Err(_) => State::Refused,
        };
        drop(state);
        self.waker.wake();
        Try::Done
    }
}

#[test]
fn side_moves() {
    let model = Model::new("side_moves").floor(7000);
    model.witness("in at once").witness("moved in").run(|w| {
        let jobs = Jobs::full();
        let theirs = Arc::clone(&jobs);
        let mine = w.clone();
        let producer = spawn(move || {
            let (producer, _) = Producer::stand(&theirs, 1);
            mine.saw(if producer.state() == State::Entered { "in at once" } else { "moved in" });
            producer.wait()
        });
        assert_eq!(jobs.queue.try_pop(), Ok(0));
        assert_eq!(producer.join(), State::Entered);
        assert_eq!(jobs.pop(), 1);
        assert!(!jobs.queue.is_awaited(), "nobody is left behind");
    });
}

/// In a queue without places the end of a consumer's index is the space.
#[test]
fn permits_move() {
    let model = Model::new("permits_move").floor(100).bound(Bound::Preemptions(3));
    model.deep(Bound::Preemptions(4)).witness("in at once").witness("moved in").run(|w| {
        let queue = JobQueue::direct(1, 1, Waking::Each);
        let jobs = Arc::new(Jobs { queue, notes: Default::default() });
        jobs.notes[0].write(10);
        jobs.queue.push(0).expect("the consumer has nothing");
        let theirs = Arc::clone(&jobs);
        let mine = w.clone();
        let producer = spawn(move || {
            let (producer, _) = Producer::stand(&theirs, 1);
            mine.saw(if producer.state() == State::Entered { "in at once" } else { "moved in" });
            producer.wait()
        });
        assert_eq!(jobs.queue.try_pop(), Ok(0));
        assert!(jobs.queue.is_empty(), "its consumer has an index");
        jobs.queue.release();
        assert_eq!(producer.join(), State::Entered);
        assert_eq!(jobs.pop(), 1);
        assert!(!jobs.queue.is_awaited(), "nobody is left behind");
    });
}

#[test]
fn side_order() {
    let model = Model::new("side_order").floor(5800).bound(Bound::Preemptions(2));
    model.deep(Bound::Preemptions(3)).witness("12").witness("21").run(|w| {
        let jobs = Jobs::full();
        let producer = |index| {
            let jobs = Arc::clone(&jobs);
            spawn(move || {
                let (producer, place) = Producer::stand(&jobs, index);
                assert_eq!(producer.wait(), State::Entered);
                place
            })
        };
        let producers = [producer(1), producer(2)];
        assert_eq!(jobs.pop(), 0);
        let popped = [jobs.pop(), jobs.pop()];
        let [first, second] = producers.map(|producer| producer.join());
        if first < second {
            assert_eq!(popped, [1, 2], "in the order of their places");
            w.saw("12");
        } else {
            assert_eq!(popped, [2, 1], "in the order of their places");
            w.saw("21");
        }
        assert!(!jobs.queue.is_awaited(), "nobody is left behind");
    });
}

/// The slot that one who gives up would have had is the next one's.
#[test]
fn side_gives_up() {
    let model = Model::new("side_gives_up").floor(1400).bound(Bound::Preemptions(2));
    let model = model.deep(Bound::Preemptions(3)).witness("gave up").witness("was in");
    model.run(|w| {
        let jobs = Jobs::full();
        let (hasty, patient) = (Arc::clone(&jobs), Arc::clone(&jobs));
        let hasty = spawn(move || {
            let (producer, place) = Producer::stand(&hasty, 1);
            producer.give_up(place)
        });
        let patient = spawn(move || Producer::stand(&patient, 2).0.wait());
        assert_eq!(jobs.pop(), 0);
        if hasty.join() {
            w.saw("gave up");
            assert_eq!(jobs.pop(), 2);
        } else {
            w.saw("was in");
            assert_eq!(jobs.pop() + jobs.pop(), 1 + 2);
        }
        assert_eq!(patient.join(), State::Entered);
        assert!(!jobs.queue.is_awaited(), "nobody is left behind");
    });
}

#[test]
fn side_close() {
    let model = Model::new("side_close").floor(18000);
    model.witness("refused at once").witness("refused later").run(|w| {
        let jobs = Jobs::full();
        let theirs = Arc::clone(&jobs);
        let mine = w.clone();
        let producer = spawn(move || {
            let (producer, _) = Producer::stand(&theirs, 1);
            let at_once = producer.state() == State::Refused;
            mine.saw(if at_once { "refused at once" } else { "refused later" });
            producer.wait()
        });
        assert!(jobs.queue.close());
        assert_eq!(producer.join(), State::Refused);
        assert!(!jobs.queue.is_awaited(), "nobody is left behind");
    });
}

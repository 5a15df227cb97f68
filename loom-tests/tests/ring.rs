//! `JobRing`: nothing is lost, doubled or overtaken, Full and Empty are exact, and an index brings what its
//! pusher wrote.
#![cfg(loom)]

use bifrost::ring::{JobRing, PopError, PopIf, PushError};
use bifrost::sync::atomic::{AtomicBool, Ordering};
use loom_tests::{Bound, Model, Note, spawn};
use std::sync::Arc;

/// A ring with a note behind each index that the models use.
struct Jobs {
    ring: JobRing,
    notes: [Note; 4],
}

impl Jobs {
    fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { ring: JobRing::new(capacity), notes: Default::default() })
    }

    fn push(&self, index: u32) -> Result<(), PushError> {
        self.notes[index as usize].write(index + 10);
        self.ring.push(index)
    }

    fn pop(&self) -> Result<u32, PopError> {
        self.ring.pop().inspect(|index| self.read(*index))
    }

    fn read(&self, index: u32) {
        assert_eq!(self.notes[index as usize].read(), index + 10);
    }

    /// All that is left.
    fn drain(&self) -> Vec<u32> {
        std::iter::from_fn(|| self.pop().ok()).collect()
    }
}

/// The order of `popped`, for a witness; every index once.
fn order(mut popped: Vec<u32>, count: u32) -> String {
    let order = popped.iter().map(u32::to_string).collect();
    popped.sort_unstable();
    assert_eq!(popped, (0..count).collect::<Vec<_>>(), "each index comes out once");
    order
}

#[test]
fn ring_2p1c() {
    let model = Model::new("ring_2p1c").floor(2500).bound(Bound::Preemptions(3)).deep(Bound::Full);
    model.witness("01").witness("10").witness("empty").run(|w| {
        let jobs = Jobs::new(2);
        let push = |index| {
            let jobs = Arc::clone(&jobs);
            spawn(move || jobs.push(index))
        };
        let tasks = [push(0), push(1)];
        let mut popped: Vec<u32> = (0..2).filter_map(|_| jobs.pop().ok()).collect();
        if popped.is_empty() {
            w.saw("empty");
        }
        assert!(tasks.into_iter().all(|task| task.join().is_ok()), "there is room for both");
        popped.extend(jobs.drain());
        w.saw(&order(popped, 2));
    });
}

#[test]
fn ring_2p2c() {
    ring_own_push(2);
    ring_own_push(3);
    let model = Model::new("ring_2p2c")
        .floor(4800)
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    model.witness("none").witness("one").witness("two").run(|w| {
        let jobs = Jobs::new(2);
        let push = |index| {
            let jobs = Arc::clone(&jobs);
            spawn(move || jobs.push(index))
        };
        let tasks = [push(0), push(1)];
        let theirs = Arc::clone(&jobs);
        let consumer = spawn(move || theirs.pop().ok());
        let mut popped: Vec<u32> = jobs.pop().into_iter().collect();
        popped.extend(consumer.join());
        assert!(tasks.into_iter().all(|task| task.join().is_ok()), "there is room for both");
        w.saw(["none", "one", "two"][popped.len()]);
        popped.extend(jobs.drain());
        order(popped, 2);
    });
}

/// Two who push and then pop: each has pushed one, so neither can find the ring empty, wherever the hints
/// that it went by came from.
fn ring_own_push(capacity: usize) {
    let model =
        Model::new("ring_own_push").floor(500).bound(Bound::Preemptions(3)).deep(Bound::Full);
    model.witness("own").witness("other").run(move |w| {
        let jobs = Jobs::new(capacity);
        let turn = |jobs: &Jobs, index| {
            jobs.push(index).expect("there is room for both");
            jobs.pop().expect("there is one for each")
        };
        let theirs = Arc::clone(&jobs);
        let task = spawn(move || turn(&theirs, 0));
        let mine = turn(&jobs, 1);
        w.saw(if mine == 1 { "own" } else { "other" });
        order(vec![mine, task.join()], 2);
    });
}

#[test]
fn ring_cap1() {
    let model = Model::new("ring_cap1").floor(60);
    model.witness("ok ok").witness("ok full").witness("0").witness("01").witness("none").run(|w| {
        let jobs = Jobs::new(1);
        let theirs = Arc::clone(&jobs);
        let producer = spawn(move || [theirs.push(0), theirs.push(1)]);
        let popped: Vec<u32> = (0..2).filter_map(|_| jobs.pop().ok()).collect();
        w.saw(match popped[..] {
            [] => "none",
            [0] => "0",
            [0, 1] => "01",
            _ => "out of order",
        });
        let pushed = producer.join();
        w.saw(match pushed {
            [Ok(()), Ok(())] => "ok ok",
            [Ok(()), Err(PushError::Full)] => "ok full",
            _ => "refused",
        });
        let accepted = pushed.iter().filter(|result| result.is_ok()).count();
        assert_eq!(popped.len() + jobs.drain().len(), accepted);
        if popped.is_empty() && accepted == 2 {
            panic!("two indices were accepted by a ring of one that nobody popped from");
        }
    });
}

#[test]
fn ring_close() {
    let model = Model::new("ring_close").floor(1700).bound(Bound::Preemptions(3)).deep(Bound::Full);
    model.witness("pushed").witness("refused").witness("popped").witness("empty").run(|w| {
        let jobs = Jobs::new(2);
        let (producer, closer) = (Arc::clone(&jobs), Arc::clone(&jobs));
        let producer = spawn(move || producer.push(0));
        let closer = spawn(move || {
            // The closer's own note, which the end of the queue makes visible.
            closer.notes[3].write(1);
            assert!(closer.ring.close(), "there is one closer");
        });
        let mut popped = 0;
        let closed = match jobs.pop() {
            Ok(_) => {
                popped += 1;
                w.saw("popped");
                jobs.pop() == Err(PopError::Closed)
            }
            Err(PopError::Empty) => {
                w.saw("empty");
                false
            }
            Err(_) => true,
        };
        if closed {
            assert_eq!(jobs.notes[3].read(), 1);
        }
        closer.join();
        let accepted = match producer.join() {
            Ok(()) => {
                w.saw("pushed");
                1
            }
            Err(error) => {
                assert_eq!(error, PushError::Closed);
                w.saw("refused");
                0
            }
        };
        if closed {
            assert_eq!(popped, accepted, "nothing comes after the end");
        }
        assert_eq!(popped + jobs.drain().len(), accepted);
        assert_eq!((jobs.push(1), jobs.pop()), (Err(PushError::Closed), Err(PopError::Closed)));
    });
}

#[test]
fn ring_close_full() {
    let model = Model::new("ring_close_full").floor(220);
    model.witness("popped first").witness("closed first").witness("pushed").run(|w| {
        let jobs = Jobs::new(1);
        assert_eq!(jobs.push(0), Ok(()));
        let theirs = Arc::clone(&jobs);
        let closer = spawn(move || {
            let pushed = theirs.push(1);
            assert!(theirs.ring.close());
            pushed
        });
        assert_eq!(jobs.pop(), Ok(0));
        let next = jobs.pop();
        let pushed = closer.join();
        if pushed.is_ok() {
            w.saw("pushed");
        }
        match next {
            Ok(index) => assert_eq!((index, pushed), (1, Ok(()))),
            Err(PopError::Closed) => {
                w.saw("closed first");
                assert_eq!(pushed, Err(PushError::Full));
            }
            Err(_) => w.saw("popped first"),
        }
        let left = jobs.drain().len();
        assert_eq!(usize::from(next.is_ok()) + left, usize::from(pushed.is_ok()));
        assert_eq!(jobs.pop(), Err(PopError::Closed));
    });
}

#[test]
fn ring_force_push() {
    let model = Model::new("ring_force_push").floor(33);
    model.witness("replaced").witness("popped").run(|w| {
        let jobs = Jobs::new(1);
        assert_eq!(jobs.push(0), Ok(()));
        let theirs = Arc::clone(&jobs);
        let producer = spawn(move || {
            theirs.notes[1].write(11);
            let replaced = theirs.ring.force_push(1).expect("nobody closes");
            if let Some(index) = replaced {
                theirs.read(index);
            }
            replaced
        });
        let mut out: Vec<u32> = jobs.pop().into_iter().collect();
        assert_eq!(out.len(), 1, "nobody sees the ring with one index less");
        let replaced = producer.join();
        w.saw(if replaced.is_some() { "replaced" } else { "popped" });
        out.extend(replaced);
        out.extend(jobs.drain());
        order(out, 2);
    });
}

#[test]
fn ring_pop_if() {
    let model = Model::new("ring_pop_if").floor(1000);
    model.witness("reaped").witness("declined").run(|w| {
        let jobs = Jobs::new(2);
        let dead = Arc::new(AtomicBool::new(false));
        assert_eq!(jobs.push(0), Ok(()));
        let (theirs, flag) = (Arc::clone(&jobs), Arc::clone(&dead));
        let other = spawn(move || {
            // ORDERING: Relaxed: the flag never goes back, and which value is read is the model's choice.
            flag.store(true, Ordering::Relaxed);
            assert_eq!(theirs.push(1), Ok(()));
            theirs.pop()
        });
        // ORDERING: Relaxed, as above.
        let found = jobs.ring.pop_if(|index| index == 0 && dead.load(Ordering::Relaxed));
        let mut out = Vec::new();
        match found {
            PopIf::Popped(index) => {
                jobs.read(index);
                out.push(index);
                w.saw("reaped");
            }
            PopIf::Declined => w.saw("declined"),
            PopIf::Nothing(error) => {
                assert_eq!(error, PopError::Empty);
                w.saw("nothing");
            }
            _ => w.saw("unknown"),
        }
        out.extend(other.join());
        out.extend(jobs.drain());
        order(out, 2);
    });
}

/// A figure that others change: within bounds meanwhile, exact afterwards.
#[test]
fn ring_len() {
    let model = Model::new("ring_len")
        .floor(23000)
        .bound(Bound::Preemptions(3))
        .deep(Bound::Preemptions(4));
    model.witness("0").witness("1").witness("2").run(|w| {
        let jobs = Jobs::new(2);
        let theirs = Arc::clone(&jobs);
        let task = spawn(move || {
            for index in 0..3 {
                theirs.push(index).expect("there is room");
                assert_eq!(theirs.pop(), Ok(index));
            }
            theirs.push(3).expect("there is room");
        });
        w.saw(&jobs.ring.len().to_string());
        task.join();
        assert_eq!(jobs.ring.len(), 1);
    });
}

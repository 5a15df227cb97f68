//! `Ring<T>`: each value comes out once and whole, in the order of the claims; nothing enters a closed ring
//! and nothing is left behind its end; a batch stands together.
#![cfg(loom)]

use bifrost::ring::{Closed, PopError, Refused, Ring};
use loom_tests::{Bound, Model, Note, spawn};
use std::collections::VecDeque;
use std::sync::Arc;

/// All that is left.
fn drain(ring: &Ring<u32>) -> Vec<u32> {
    std::iter::from_fn(|| ring.pop().ok()).collect()
}

/// The order of `popped`, for a witness; every value below `count` once.
fn order(mut popped: Vec<u32>, count: u32) -> String {
    let order = popped.iter().map(u32::to_string).collect();
    popped.sort_unstable();
    assert_eq!(popped, (0..count).collect::<Vec<_>>(), "each value comes out once");
    order
}

#[test]
fn slots_2p1c() {
    let model = Model::new("slots_2p1c").floor(5800).bound(Bound::Preemptions(3)).deep(Bound::Full);
    model.witness("01").witness("10").witness("empty").run(|w| {
        let ring = Arc::new(Ring::new(2));
        let push = |value| {
            let ring = Arc::clone(&ring);
            spawn(move || ring.push(value))
        };
        let tasks = [push(0), push(1)];
        let mut popped: Vec<u32> = (0..2).filter_map(|_| ring.pop().ok()).collect();
        if popped.is_empty() {
            w.saw("empty");
        }
        assert!(tasks.into_iter().all(|task| task.join().is_ok()), "there is room for both");
        popped.extend(drain(&ring));
        w.saw(&order(popped, 2));
    });
}

#[test]
fn slots_1p2c() {
    let model = Model::new("slots_1p2c").floor(7900).bound(Bound::Preemptions(3)).deep(Bound::Full);
    model.witness("none").witness("one").witness("two").witness("full").run(|w| {
        let ring = Arc::new(Ring::new(1));
        let pop = || {
            let ring = Arc::clone(&ring);
            spawn(move || ring.pop().ok())
        };
        let tasks = [pop(), pop()];
        let mut pushed = 0;
        for _ in 0..2 {
            match ring.push(pushed) {
                Ok(()) => pushed += 1,
                Err(refused) => {
                    assert_eq!(refused, Refused::Full(pushed));
                    w.saw("full");
                }
            }
        }
        let mut popped: Vec<u32> = tasks.into_iter().filter_map(|task| task.join()).collect();
        w.saw(["none", "one", "two"][popped.len()]);
        popped.extend(drain(&ring));
        order(popped, pushed);
    });
}

/// Laps of a ring of one: a value of one lap is never taken for that of another.
#[test]
fn slots_cap1() {
    let model = Model::new("slots_cap1").floor(1180);
    model.witness("0").witness("01").witness("012").witness("none").run(|w| {
        let ring = Arc::new(Ring::new(1));
        let theirs = Arc::clone(&ring);
        let producer = spawn(move || {
            let mut next = 0;
            for _ in 0..3 {
                match theirs.push(next) {
                    Ok(()) => next += 1,
                    Err(refused) => assert_eq!(refused, Refused::Full(next)),
                }
            }
            next
        });
        let mut popped: Vec<u32> = (0..3).filter_map(|_| ring.pop().ok()).collect();
        w.saw(match popped[..] {
            [] => "none",
            [0] => "0",
            [0, 1] => "01",
            [0, 1, 2] => "012",
            _ => "out of order",
        });
        let pushed = producer.join();
        popped.extend(drain(&ring));
        assert_eq!(popped, (0..pushed).collect::<Vec<_>>());
    });
}

/// Pushes; who is refused knows of the close and of what the closer did.
fn push_or_know(ring: &Ring<u32>, note: &Note) -> Result<(), Refused<u32>> {
    let pushed = ring.push(0);
    if pushed.is_err() {
        assert_eq!(note.read(), 1);
        assert_eq!(ring.pop(), Err(PopError::Closed));
    }
    pushed
}

#[test]
fn slots_close() {
    let model = Model::new("slots_close")
        .floor(22900)
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    let model = model.witness("pushed").witness("refused").witness("popped").witness("empty");
    model.witness("closed").witness("known").run(|w| {
        let ring = Arc::new(Ring::new(2));
        let note = Arc::new(Note::default());
        let (producer, closer) = (Arc::clone(&ring), Arc::clone(&ring));
        let (told, written) = (Arc::clone(&note), Arc::clone(&note));
        let producer = spawn(move || push_or_know(&producer, &told));
        let closer = spawn(move || {
            written.write(1);
            assert!(closer.close(), "there is one closer");
            assert!(!closer.close(), "it is closed already");
        });
        let mut popped = 0;
        let mut closed = false;
        for _ in 0..2 {
            match ring.pop() {
                Ok(value) => {
                    assert_eq!(value, 0);
                    popped += 1;
                    w.saw("popped");
                }
                Err(PopError::Empty) => w.saw("empty"),
                Err(_) => {
                    assert_eq!(note.read(), 1);
                    closed = true;
                    w.saw("closed");
                }
            }
        }
        if ring.is_closed() {
            assert_eq!(note.read(), 1);
            w.saw("known");
        }
        closer.join();
        let accepted = match producer.join() {
            Ok(()) => {
                w.saw("pushed");
                1
            }
            Err(refused) => {
                assert_eq!(refused, Refused::Closed(0));
                w.saw("refused");
                0
            }
        };
        if closed {
            assert_eq!(popped, accepted, "nothing comes after the end");
        }
        assert_eq!(popped + drain(&ring).len(), accepted);
        assert_eq!((ring.push(1), ring.pop()), (Err(Refused::Closed(1)), Err(PopError::Closed)));
    });
}

#[test]
fn slots_force_push() {
    let model = Model::new("slots_force_push")
        .floor(5300)
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    model.witness("replaced").witness("popped").witness("refused").run(|w| {
        let ring = Arc::new(Ring::new(1));
        assert_eq!(ring.push(0), Ok(()));
        let (theirs, others) = (Arc::clone(&ring), Arc::clone(&ring));
        let producer = spawn(move || theirs.force_push(1));
        let rival = spawn(move || others.push(2).is_ok());
        let mut out: Vec<u32> = ring.pop().into_iter().collect();
        match producer.join() {
            Ok(replaced) => {
                w.saw(if replaced.is_some() { "replaced" } else { "popped" });
                out.extend(replaced);
            }
            Err(refused) => {
                assert_eq!(refused, Refused::Full(1));
                w.saw("refused");
                // It is the caller's again.
                out.push(1);
            }
        }
        if !rival.join() {
            out.push(2);
        }
        out.extend(drain(&ring));
        order(out, 3);
    });
}

/// A replacement that has begun before the close ends before the end.
#[test]
fn slots_force_push_close() {
    let model = Model::new("slots_force_push_close").floor(8500);
    let model = model.bound(Bound::Preemptions(2)).deep(Bound::Preemptions(3));
    model.witness("replaced").witness("closed").witness("added").witness("refused").run(|w| {
        let ring = Arc::new(Ring::new(1));
        assert_eq!(ring.push(0), Ok(()));
        let (theirs, closer) = (Arc::clone(&ring), Arc::clone(&ring));
        let producer = spawn(move || theirs.force_push(1));
        let closer = spawn(move || assert!(closer.close()));
        let mut out = Vec::new();
        let mut ended = false;
        for _ in 0..2 {
            match ring.pop() {
                Ok(value) => {
                    assert!(!ended, "nothing comes after the end");
                    out.push(value);
                }
                Err(error) => ended = error == PopError::Closed,
            }
        }
        closer.join();
        let left = drain(&ring);
        match producer.join() {
            Ok(Some(value)) => {
                assert_eq!(value, 0);
                w.saw("replaced");
                out.push(value);
            }
            Ok(_) => w.saw("added"),
            Err(refused) => {
                w.saw(if refused == Refused::Closed(1) { "closed" } else { "refused" });
                out.push(1);
            }
        }
        out.extend(drain(&ring));
        assert!(!ended || left.is_empty(), "nothing comes after the end");
        out.extend(left);
        order(out, 2);
        assert_eq!(ring.pop(), Err(PopError::Closed));
    });
}

/// A batch against a single push: it stands together, whole or in two parts.
#[test]
fn slots_batch() {
    let model =
        Model::new("slots_batch").floor(5300).bound(Bound::Preemptions(3)).deep(Bound::Full);
    let model = model.witness("012").witness("201").witness("part");
    model.run(|w| {
        let ring = Arc::new(Ring::new(2));
        let (theirs, others) = (Arc::clone(&ring), Arc::clone(&ring));
        let batch = spawn(move || {
            let mut values = VecDeque::from([0, 1]);
            let count = theirs.push_n(&mut values).expect("nobody closes");
            assert_eq!(values.len(), 2 - count);
            (count, Vec::from(values))
        });
        let single = spawn(move || others.push(2).is_ok());
        let mut out: Vec<u32> = ring.pop().into_iter().collect();
        let (count, back) = batch.join();
        let pushed = single.join();
        out.extend(drain(&ring));
        if !pushed {
            out.push(2);
        }
        match count {
            0 => w.saw("none"),
            1 => w.saw("part"),
            _ => {
                let text: String = out.iter().map(u32::to_string).collect();
                assert_ne!(text, "021", "a claim stands together");
                w.saw(&text);
            }
        }
        out.extend(back);
        order(out, 3);
    });
}

/// Two who take batches: no value twice, and each batch in order.
#[test]
fn slots_batch_pop() {
    let model = Model::new("slots_batch_pop")
        .floor(2900)
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    model.witness("none").witness("1").witness("2").witness("3").run(|w| {
        let ring = Arc::new(Ring::new(3));
        assert_eq!(ring.push_slice(&[0, 1]), Ok(2));
        let take = |ring: &Ring<u32>| {
            let mut values = Vec::new();
            match ring.pop_n(&mut values, 3) {
                Ok(count) => assert_eq!(count, values.len()),
                Err(error) => assert_eq!(error, PopError::Empty),
            }
            assert!(values.is_sorted());
            values
        };
        let (theirs, others) = (Arc::clone(&ring), Arc::clone(&ring));
        let taker = spawn(move || take(&theirs));
        let producer = spawn(move || assert_eq!(others.push_slice(&[2]), Ok(1)));
        let mut out = take(&ring);
        w.saw(["none", "1", "2", "3"][out.len()]);
        out.extend(taker.join());
        producer.join();
        out.extend(drain(&ring));
        order(out, 3);
        ring.close();
        assert_eq!(ring.push_slice(&[4]), Err(Closed));
    });
}

/// A figure that others change: within bounds meanwhile, exact afterwards.
#[test]
fn slots_len() {
    let model = Model::new("slots_len").floor(740);
    model.witness("0").witness("1").run(|w| {
        let ring = Arc::new(Ring::new(1));
        let theirs = Arc::clone(&ring);
        let task = spawn(move || {
            for value in 0..2 {
                assert_eq!(theirs.push(value), Ok(()));
                assert_eq!(theirs.pop(), Ok(value));
            }
            assert_eq!(theirs.push(2), Ok(()));
        });
        w.saw(&ring.len().to_string());
        task.join();
        assert_eq!(ring.len(), 1);
    });
}

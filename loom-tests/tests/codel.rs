//! `Codel` and `Estimate`: two workers change the state of a queue once, and one of two at the door is the
//! probe.
#![cfg(loom)]

use bifrost::state::{Chances, Codel, Estimate, Forecast, Sojourn};
use bifrost::time::{Deadline, Instant};
use loom_tests::{Model, spawn};
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn pop(codel: &Codel, waited: u64, now: u64) -> Sojourn {
    codel.on_pop(Duration::from_secs(waited), at(now), false)
}

/// An interval above the target is over: whoever takes a job next makes the queue bad.
#[test]
fn codel_enters_once() {
    let model = Model::new("codel_enters_once").floor(1700).witness("both old");
    model.witness("a good wait came between").witness("a good wait came last").run(|w| {
        let codel = Arc::new(Codel::new(LIMIT));
        assert_eq!(pop(&codel, 2, 0), Sojourn::Keep);
        let theirs = Arc::clone(&codel);
        let other = spawn(move || pop(&theirs, 3, 10));
        let own = pop(&codel, 3, 10);
        assert_eq!((own, other.join()), (Sojourn::Drop, Sojourn::Drop));
        assert!(codel.is_bad());
        w.saw("both old");

        let codel = Arc::new(Codel::new(LIMIT));
        assert_eq!(pop(&codel, 2, 0), Sojourn::Keep);
        let theirs = Arc::clone(&codel);
        let other = spawn(move || pop(&theirs, 0, 10));
        let own = pop(&codel, 3, 10);
        assert_eq!(other.join(), Sojourn::Keep, "a good wait is never dropped");
        assert!(!codel.is_bad(), "a good wait ends the bad time, or keeps it from beginning");
        w.saw(match own {
            Sojourn::Drop => "a good wait came last",
            Sojourn::Keep => "a good wait came between",
        });
    });
}

/// A good wait beside an old job: whatever the order, the queue has been relieved and falls back at once.
#[test]
fn codel_leaves_once() {
    let model = Model::new("codel_leaves_once").floor(15).witness("relieved").witness("bad again");
    model.run(|w| {
        let codel = Arc::new(Codel::new(LIMIT));
        assert_eq!(pop(&codel, 2, 0), Sojourn::Keep);
        assert_eq!(pop(&codel, 3, 10), Sojourn::Drop);
        let theirs = Arc::clone(&codel);
        let other = spawn(move || pop(&theirs, 0, 11));
        assert_eq!(pop(&codel, 3, 11), Sojourn::Drop, "bad, or relieved and bad again");
        assert_eq!(other.join(), Sojourn::Keep);
        w.saw(if codel.is_bad() { "bad again" } else { "relieved" });
        assert_eq!(pop(&codel, 3, 12), Sojourn::Drop);
    });
}

#[test]
fn estimate_one_probe() {
    let model = Model::new("estimate_one_probe").floor(120).witness("own").witness("other");
    model.run(|w| {
        let estimate = Arc::new(Estimate::new(LIMIT));
        estimate.tell(Some(LIMIT), at(0));
        let deadline = Deadline::at(at(1));
        let chances = Chances {
            depth: 5,
            workers: 1,
            is_one_idle: false,
            queue_deadline: deadline,
            deadline,
        };
        let theirs = Arc::clone(&estimate);
        let is_probe = move |estimate: &Estimate| match estimate.forecast(&chances, at(0)) {
            Forecast::Probe => true,
            Forecast::Unmeetable { .. } => false,
            Forecast::Fits => panic!("it does not fit"),
        };
        let other = spawn(move || is_probe(&theirs));
        let own = is_probe(&estimate);
        assert!(other.join() != own, "one of both is the probe");
        w.saw(if own { "own" } else { "other" });
        assert!(!is_probe(&estimate), "the next one comes an interval later");
    });
}

//! `Parker`: no notification is lost, and what the unparker did before is visible after.
//!
//! What is made visible is a [`Note`] or a `Relaxed` flag, so that the parker's own edge is the only
//! one there is.
#![cfg(loom)]

use bifrost::sync::Parker;
use bifrost::sync::atomic::{AtomicBool, Ordering};
use loom_tests::{Bound, Model, Note, spawn};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn park_notify() {
    Model::new("park_notify").witness("parked").witness("taken").floor(36).run(|w| {
        let (parker, note) = (Parker::new(), Arc::new(Note::default()));
        let (unparker, theirs) = (parker.unparker(), Arc::clone(&note));
        let task = spawn(move || {
            theirs.write(1);
            unparker.unpark();
        });
        if parker.take() {
            w.saw("taken");
        } else {
            parker.park();
            w.saw("parked");
        }
        assert_eq!(note.read(), 1);
        assert!(!parker.take(), "one notification is taken once");
        task.join();
    });
}

#[test]
fn park_notify_against_a_timeout() {
    Model::new("park_notify_timeout").witness("in time").witness("timed out").floor(100).run(|w| {
        let (parker, note) = (Parker::new(), Arc::new(Note::default()));
        let (unparker, theirs) = (parker.unparker(), Arc::clone(&note));
        let task = spawn(move || {
            theirs.write(1);
            unparker.unpark();
        });
        if parker.park_timeout(Duration::ZERO) {
            w.saw("in time");
        } else {
            parker.park();
            w.saw("timed out");
        }
        assert_eq!(note.read(), 1);
        assert!(!parker.take(), "one notification is taken once");
        task.join();
    });
}

#[test]
fn park_notify_from_two() {
    let model =
        Model::new("park_notify_two").bound(Bound::Preemptions(3)).deep(Bound::Full).floor(1900);
    model.witness("no park").witness("one park").witness("two parks").run(|w| {
        let parker = Parker::new();
        let flags = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
        let notify = |n: usize| {
            let (unparker, flags) = (parker.unparker(), Arc::clone(&flags));
            spawn(move || {
                // ORDERING: Relaxed: `park.notify` must carry it.
                flags[n].store(true, Ordering::Relaxed);
                unparker.unpark();
            })
        };
        let tasks = [notify(0), notify(1)];
        let mut parks = 0;
        // ORDERING: Relaxed, as above.
        while !flags.iter().all(|flag| flag.load(Ordering::Relaxed)) {
            parker.park();
            parks += 1;
        }
        w.saw(["no park", "one park", "two parks"][parks]);
        tasks.into_iter().for_each(|task| task.join());
    });
}

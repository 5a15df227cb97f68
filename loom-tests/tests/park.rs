//! `Parker`: no notification is lost, and what the unparker did before is visible after.
//!
//! What is made visible is a [`UnsafeCell`] or a `Relaxed` flag, so that the parker's own edge is the only
//! one there is.
#![cfg(loom)]

use bifrost::sync::atomic::{AtomicBool, Ordering};
use bifrost::sync::{Parker, UnsafeCell};
use loom_tests::{Bound, Model, spawn};
use std::sync::Arc;
use std::time::Duration;

/// Written once before the notification and read once after it.
struct Note(UnsafeCell<u32>);

// SAFETY: the models write before `unpark` and read after it was taken; loom checks just that.
#[expect(unsafe_code, reason = "loom judges the accesses")]
unsafe impl Sync for Note {}

impl Note {
    fn new() -> Arc<Self> {
        Arc::new(Self(UnsafeCell::new(0)))
    }

    fn write(&self) {
        self.0.with_mut(|cell| {
            // SAFETY: see the type.
            #[expect(unsafe_code, reason = "loom judges the access")]
            unsafe {
                *cell = 1
            }
        });
    }

    fn read(&self) {
        let value = self.0.with(|cell| {
            // SAFETY: see the type.
            #[expect(unsafe_code, reason = "loom judges the access")]
            unsafe {
                *cell
            }
        });
        assert_eq!(value, 1, "the note is there");
    }
}

#[test]
fn park_notify() {
    Model::new("park_notify").witness("parked").witness("taken").floor(39).run(|w| {
        let (parker, note) = (Parker::new(), Note::new());
        let (unparker, theirs) = (parker.unparker(), Arc::clone(&note));
        let task = spawn(move || {
            theirs.write();
            unparker.unpark();
        });
        if parker.take() {
            w.saw("taken");
        } else {
            parker.park();
            w.saw("parked");
        }
        note.read();
        assert!(!parker.take(), "one notification is taken once");
        task.join();
    });
}

#[test]
fn park_notify_against_a_timeout() {
    Model::new("park_notify_timeout").witness("in time").witness("timed out").floor(108).run(|w| {
        let (parker, note) = (Parker::new(), Note::new());
        let (unparker, theirs) = (parker.unparker(), Arc::clone(&note));
        let task = spawn(move || {
            theirs.write();
            unparker.unpark();
        });
        if parker.park_timeout(Duration::ZERO) {
            w.saw("in time");
        } else {
            parker.park();
            w.saw("timed out");
        }
        note.read();
        assert!(!parker.take(), "one notification is taken once");
        task.join();
    });
}

#[test]
fn park_notify_from_two() {
    let model = Model::new("park_notify_two").bound(Bound::Preemptions(3)).floor(2032);
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

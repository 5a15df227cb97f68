//! `CancelToken`: who sees the cancel sees what came before it, and who waits for it is woken.
#![cfg(loom)]

use bifrost::cancel::{CancelCause, CancelToken};
use bifrost::time::Clock;
use loom_tests::{Model, Note, spawn};
use std::sync::Arc;

#[test]
fn cancel_set() {
    let model = Model::new("cancel_set").witness("seen").witness("not yet");
    model.run(|w| {
        let (parent, note) = (CancelToken::new(), Arc::new(Note::default()));
        let child = parent.child();
        let theirs = Arc::clone(&note);
        let task = spawn(move || {
            theirs.write(1);
            assert!(parent.cancel());
        });
        match child.cause() {
            Some(CancelCause::Parent) => {
                assert_eq!(note.read(), 1);
                w.saw("seen");
            }
            None => w.saw("not yet"),
            _ => w.saw("another"),
        }
        task.join();
    });
    let model = Model::new("cancel_set_waited").witness("waited");
    model.run(|w| {
        let (token, note) = (CancelToken::new(), Arc::new(Note::default()));
        let (theirs, other) = (Arc::clone(&note), token.clone());
        let task = spawn(move || {
            theirs.write(1);
            assert!(other.cancel());
        });
        Clock::monotonic().block_on(token.cancelled());
        assert_eq!(note.read(), 1);
        w.saw("waited");
        task.join();
    });
}

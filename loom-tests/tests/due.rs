//! `Due`: a limit that is made while somebody looks is seen, or asks for the next look.
#![cfg(loom)]

use bifrost::state::Due;
use bifrost::sync::atomic::{AtomicBool, Ordering, fence};
use bifrost::time::{Deadline, Instant};
use loom_tests::{Model, Note, spawn};
use std::sync::Arc;

const EARLY: Instant = Instant::from_nanos(5);
const NOW: Instant = Instant::from_nanos(10);
const LIMIT: Instant = Instant::from_nanos(20);

#[test]
fn due_fences() {
    let model = Model::new("due_fences").floor(20);
    model.witness("seen").witness("asked for").witness("both").run(|w| {
        let shared = Arc::new((Due::new(), AtomicBool::new(false)));
        assert!(shared.0.lower(Deadline::at(EARLY)));
        let theirs = Arc::clone(&shared);
        let maker = spawn(move || {
            // ORDERING: Relaxed: the two fences of `due.fences` are what is tried.
            theirs.1.store(true, Ordering::Relaxed);
            // ORDERING: `due.fences`, the maker's side.
            fence(Ordering::SeqCst);
            theirs.0.lower(Deadline::at(LIMIT))
        });
        assert!(shared.0.take(NOW), "the early instant has come");
        // ORDERING: Relaxed, as above.
        let seen = shared.1.load(Ordering::Relaxed);
        if seen {
            shared.0.lower(Deadline::at(LIMIT));
        }
        let asked = maker.join();
        w.saw(match (seen, asked) {
            (true, false) => "seen",
            (false, true) => "asked for",
            (true, true) => "both",
            (false, false) => "lost",
        });
        assert_eq!(shared.0.get(), Deadline::at(LIMIT));
    });
}

#[test]
fn due_lower() {
    Model::new("due_lower").floor(6).witness("taken").witness("not yet").run(|w| {
        let shared = Arc::new((Due::new(), Note::default()));
        let theirs = Arc::clone(&shared);
        let maker = spawn(move || {
            theirs.1.write(1);
            assert!(theirs.0.lower(Deadline::at(EARLY)));
        });
        if shared.0.take(NOW) {
            assert_eq!(shared.1.read(), 1);
            w.saw("taken");
        } else {
            w.saw("not yet");
        }
        maker.join();
    });
}

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

/// A provider's `Due` is a limit of the ticker's: whoever lowers it asks the ticker, or is seen by it.
#[test]
fn due_in_due() {
    Model::new("due_in_due").floor(100).witness("asked").witness("seen").run(|w| {
        let shared = Arc::new((Due::new(), Due::new()));
        let (ticker, provider) = (&shared.0, &shared.1);
        assert!(ticker.lower(Deadline::at(EARLY)), "somebody else's tick");
        let theirs = Arc::clone(&shared);
        let watcher = spawn(move || {
            theirs.1.lower(Deadline::at(LIMIT)) && theirs.0.lower_unfenced(Deadline::at(LIMIT))
        });
        assert!(ticker.take(NOW));
        let next = if provider.take(NOW) { Deadline::NEVER } else { provider.get() };
        ticker.lower(next);
        let asked = watcher.join();
        assert!(ticker.get() <= Deadline::at(LIMIT), "a limit that nobody looks at");
        w.saw(if asked { "asked" } else { "seen" });
    });
}

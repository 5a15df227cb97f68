//! The hole of loom 0.7.3, and that the atomics of `bifrost::sync` close it.
//!
//! The program is loom's own open report (tokio-rs/loom, issues 166 and 392): a load before the store hides
//! the other thread's load, and the search ends after one execution. When `raw_loom_misses_an_outcome`
//! fails, loom has mended it and the gates can go.
#![cfg(loom)]

use loom_tests::{Bound, Gates, Model, spawn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The program over the atomics of `$path`; gives what the main thread read from `x`.
macro_rules! program {
    ($($path:ident)::+) => {{
        use $($path)::+::AtomicU32;
        // ORDERING: Relaxed throughout: the program is about which values are read.
        let relaxed = Ordering::Relaxed;
        let shared = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
        let theirs = Arc::clone(&shared);
        let task = spawn(move || {
            let (z, x) = &*theirs;
            z.load(relaxed);
            x.load(relaxed);
            x.store(1, relaxed);
        });
        let (z, x) = &*shared;
        z.load(relaxed);
        let read = x.load(relaxed);
        task.join();
        read
    }};
}

#[test]
fn raw_loom_misses_an_outcome() {
    let (iterations, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (count, stored) = (Arc::clone(&iterations), Arc::clone(&seen));
    loom::model(move || {
        // ORDERING: Relaxed: loom runs one execution after the other.
        count.fetch_add(1, Ordering::Relaxed);
        if program!(loom::sync::atomic) == 1 {
            // ORDERING: Relaxed, as above.
            stored.store(true, Ordering::Relaxed);
        }
    });
    // ORDERING: Relaxed, as above.
    assert!(!seen.load(Ordering::Relaxed), "loom sees the store now: are the gates still needed?");
    // ORDERING: Relaxed, as above.
    assert!(iterations.load(Ordering::Relaxed) < 4, "loom searches more than it did");
}

#[test]
fn our_atomics_reach_both_outcomes() {
    Model::new("canary").bound(Bound::Full).witness("before").witness("after").floor(4).run(|w| {
        match program!(bifrost::sync::atomic) {
            0 => w.saw("before"),
            _ => w.saw("after"),
        }
    });
}

#[test]
fn without_gates_our_atomics_are_as_blind() {
    let blind = std::panic::catch_unwind(|| {
        Model::new("canary_ungated").gates(Gates::Off).witness("before").witness("after").run(
            |w| match program!(bifrost::sync::atomic) {
                0 => w.saw("before"),
                _ => w.saw("after"),
            },
        );
    });
    let text = blind.expect_err("the model must miss a witness");
    let text = text.downcast_ref::<String>().map_or("", String::as_str);
    assert!(text.contains("never saw [\"after\"]"), "{text}");
}

#[test]
fn a_weak_exchange_fails_for_no_reason_and_no_more_often_than_allowed() {
    use bifrost::sync::atomic::AtomicU32;
    Model::new("spurious").spurious(1).witness("none").witness("one").floor(2).run(|w| {
        let word = AtomicU32::new(0);
        let mut failures = 0;
        // ORDERING: Relaxed: one thread.
        while word.compare_exchange_weak(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            failures += 1;
        }
        match failures {
            0 => w.saw("none"),
            1 => w.saw("one"),
            _ => w.saw("more"),
        }
    });
}

#[test]
#[should_panic(expected = "SeqCst access")]
fn a_seqcst_access_is_refused() {
    Model::new("seqcst").run(|_| {
        // ORDERING: SeqCst is what is refused.
        bifrost::sync::atomic::AtomicU32::new(0).load(Ordering::SeqCst);
    });
}

#[test]
#[should_panic(expected = "which it has not declared")]
fn an_undeclared_outcome_fails_the_model() {
    Model::new("undeclared").run(|w| w.saw("surprise"));
}

#[test]
#[should_panic(expected = "fewer than its floor")]
fn fewer_executions_than_the_floor_fail_the_model() {
    Model::new("floor").floor(2).run(|_| {});
}

#[test]
fn a_store_buffer_with_fences_never_reads_both_old_values() {
    use bifrost::sync::atomic::{AtomicU32, fence};
    // ORDERING: Relaxed accesses: the two SeqCst fences are what is tried (store, fence, load on each side).
    let relaxed = Ordering::Relaxed;
    Model::new("store_buffer").witness("01").witness("10").witness("11").floor(3).run(move |w| {
        let shared = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
        let theirs = Arc::clone(&shared);
        let task = spawn(move || {
            theirs.0.store(1, relaxed);
            // ORDERING: SeqCst, see above.
            fence(Ordering::SeqCst);
            theirs.1.load(relaxed)
        });
        shared.1.store(1, relaxed);
        // ORDERING: SeqCst, see above.
        fence(Ordering::SeqCst);
        let mine = shared.0.load(relaxed);
        w.saw(&format!("{mine}{}", task.join()));
    });
}

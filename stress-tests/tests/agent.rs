//! What an agent is told to do to the atomic operations of a thread, it does.
#![cfg(bifrost_chaos)]

use bifrost::sync::atomic::agent::{Agent, Exhausted, steps};
use bifrost::sync::atomic::freeze::{Place, freeze};
use bifrost::sync::atomic::site::{self, Kind};
use bifrost::sync::atomic::{AtomicU64, Ordering, fence};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

/// A program of five operations.
fn program(word: &AtomicU64) -> u64 {
    word.store(1, Ordering::Release);
    fence(Ordering::SeqCst);
    word.fetch_add(1, Ordering::Relaxed);
    let _ = word.compare_exchange(7, 8, Ordering::AcqRel, Ordering::Acquire);
    word.load(Ordering::Relaxed)
}

/// Where its operations are, in order.
fn places() -> Vec<Place> {
    Agent::new(0, 0).traced().run(|| program(&AtomicU64::new(0))).places
}

#[test]
fn each_operation_is_counted_and_listed_where_it_stands() {
    assert_eq!(steps(), 0, "a thread without an agent counts nothing");
    let counted = Agent::new(0, 0).run(|| {
        program(&AtomicU64::new(0));
        steps()
    });
    assert_eq!((counted.result, counted.places.len()), (5, 0));
    let places = places();
    assert_eq!(places.len(), 5);
    assert!(places.iter().all(|place| place.file.ends_with("tests/agent.rs")));
    let lines: Vec<u32> = places.iter().map(|place| place.line).collect();
    let mine =
        |site: &site::Site| lines.contains(&site.line) && site.file.ends_with("tests/agent.rs");
    let kinds: Vec<Kind> = site::sites().into_iter().filter(mine).map(|site| site.kind).collect();
    assert_eq!(kinds, [Kind::Store, Kind::Fence, Kind::Rmw, Kind::CasFailure, Kind::Load]);
    assert!(site::sites().iter().any(|site| site.to_string().ends_with(":store=Release")));
}

#[test]
fn a_thread_stands_still_where_it_is_told_and_nowhere_else() {
    for (at, seen) in places().into_iter().zip([0, 1, 1, 2, 2]) {
        let word = AtomicU64::new(0);
        let (stop, frozen) = freeze(at, 2);
        std::thread::scope(|scope| {
            let word = &word;
            let run = move || {
                program(word);
                word.store(0, Ordering::Relaxed);
                program(word)
            };
            let thread = scope.spawn(move || Agent::new(0, 0).frozen(stop).run(run).result);
            assert!(frozen.wait());
            assert_eq!(word.load(Ordering::Relaxed), seen, "before its second visit of {at}");
            drop(frozen);
            assert_eq!(thread.join().ok(), Some(2));
        });
    }
}

#[test]
fn who_waits_for_a_thread_that_does_not_come_is_told() {
    let (stop, frozen) = freeze(places()[0], 2);
    let word = AtomicU64::new(0);
    assert_eq!(Agent::new(0, 0).frozen(stop).run(|| program(&word)).result, 2);
    assert!(!frozen.wait());
    // And one that nobody waits for is not stopped.
    let (stop, frozen) = freeze(places()[0], 1);
    drop(frozen);
    assert_eq!(Agent::new(0, 0).frozen(stop).run(|| program(&word)).result, 2);
}

#[test]
fn a_program_ends_in_front_of_the_operation_after_its_last() {
    let word = AtomicU64::new(0);
    assert_eq!(Agent::new(0, 0).limited(5).run(|| program(&word)).result, 2);
    let run = || Agent::new(0, 0).limited(2).run(|| program(&word));
    let ended = catch_unwind(AssertUnwindSafe(run)).expect_err("the third operation is refused");
    assert!(ended.is::<Exhausted>());
    assert_eq!((word.load(Ordering::Relaxed), steps()), (1, 0), "two were made; the agent is gone");
}

/// How many tries a weak exchange takes that nobody disturbs but the agent, a hundred times.
fn tries(seed: u64, number: u64, one_in: u32) -> Vec<u32> {
    let (word, (send, receive)) = (AtomicU64::new(0), mpsc::channel());
    let run = || {
        for n in 0..100 {
            let exchange =
                || word.compare_exchange_weak(n, n + 1, Ordering::Relaxed, Ordering::Relaxed);
            let tries = (1..).find(|_| exchange().is_ok()).unwrap_or(0);
            assert_eq!(send.send(tries), Ok(()));
        }
    };
    Agent::new(seed, number).disturbed(one_in).run(run);
    receive.try_iter().collect()
}

#[test]
fn what_is_drawn_comes_from_the_seed_and_the_number_of_the_thread() {
    let drawn = tries(1, 1, 3);
    assert_eq!(drawn.len(), 100);
    assert!(drawn.iter().sum::<u32>() > 110, "some exchanges fail for no reason: {drawn:?}");
    assert_eq!(drawn, tries(1, 1, 3));
    assert_ne!(drawn, tries(2, 1, 3));
    assert_ne!(drawn, tries(1, 2, 3));
    assert_eq!(tries(1, 1, 0), [1; 100]);
}

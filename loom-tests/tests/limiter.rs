//! `Limiter`: never more in flight than the limit at the grant, whoever changes it; and the soft signal's
//! windows are judged by one thread at a time.
#![cfg(loom)]

use bifrost::state::{Limiter, SoftSignal, Turn};
use loom_tests::{Bound, Model, spawn};
use std::sync::Arc;
use std::time::Duration;

const LATENCY: Duration = Duration::from_millis(10);

/// One is in flight and the limit shrinks from two to one, while another wants in and the first may leave.
#[test]
fn limiter_shrink() {
    let model = Model::new("limiter_shrink")
        .floor(1200)
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    let model = model.witness("before the shrink, or after it").witness("after the first left");
    model.witness("refused").run(|w| {
        let limiter = Limiter::new(1, 2, 2);
        let first = limiter.acquire().expect("two may");
        let (shrinking, wanting) = (Arc::clone(&limiter), Arc::clone(&limiter));
        let shrinker = spawn(move || shrinking.set_bounds(1, 1));
        let second = spawn(move || wanting.acquire());
        let is_first_out = limiter.limit() == 2;
        drop(first);
        shrinker.join();
        let second = second.join();
        assert_eq!(limiter.limit(), 1);
        assert_eq!(limiter.in_flight(), u16::from(second.is_some()), "each permit counts once");
        assert_eq!(limiter.acquire().is_some(), second.is_none(), "one, and one alone");
        w.saw(match (&second, is_first_out) {
            (Some(_), true) => "before the shrink, or after it",
            (Some(_), false) => "after the first left",
            (None, _) => "refused",
        });
        drop(second);
        assert_eq!(limiter.in_flight(), 0);
    });
}

/// A success that would make the limit grow, beside a change of the bounds that it then would break.
#[test]
fn limiter_bounds() {
    let model = Model::new("limiter_bounds").floor(650).witness("grown").witness("not grown");
    model.run(|w| {
        let limiter = Limiter::new(1, 2, 1);
        let permit = limiter.acquire().expect("one may");
        let shrinking = Arc::clone(&limiter);
        let shrinker = spawn(move || shrinking.set_bounds(1, 1));
        permit.succeeded(LATENCY);
        w.saw(if limiter.limit() == 2 { "grown" } else { "not grown" });
        shrinker.join();
        assert_eq!((limiter.limit(), limiter.in_flight()), (1, 0));
    });
}

#[test]
fn limiter_one_cut() {
    let model = Model::new("limiter_one_cut").floor(210).witness("early").witness("late");
    model.run(|w| {
        let limiter = Limiter::new(1, 20, 20);
        let permits = [limiter.acquire(), limiter.acquire()].map(|permit| permit.expect("20 may"));
        let [own, other] = permits;
        let other = spawn(move || other.overloaded());
        w.saw(if limiter.limit() == 20 { "early" } else { "late" });
        own.overloaded();
        other.join();
        assert_eq!((limiter.limit(), limiter.in_flight()), (18, 0), "one cut an epoch");
        // At half the limit: a success adds to it, and cuts of the old epoch are over.
        let permits: Vec<_> = (0..9).filter_map(|_| limiter.acquire()).collect();
        permits.into_iter().for_each(|permit| permit.succeeded(LATENCY));
        assert_eq!(limiter.limit(), 18);
    });
}

#[test]
fn limiter_two_for_one() {
    let model = Model::new("limiter_two_for_one").floor(130).spurious(1);
    model.witness("own").witness("other").run(|w| {
        let limiter = Limiter::new(1, 1, 1);
        let theirs = Arc::clone(&limiter);
        let other = spawn(move || theirs.acquire());
        let own = limiter.acquire();
        let other = other.join();
        assert!(own.is_some() != other.is_some(), "one of both gets it");
        w.saw(if own.is_some() { "own" } else { "other" });
    });
}

#[test]
fn latency_turn() {
    let model =
        Model::new("latency_turn").floor(55).bound(Bound::Preemptions(2)).witness("one was busy");
    model.witness("two good windows").witness("a good one and a slow one").run(|w| {
        let signal = Arc::new(SoftSignal::new());
        let theirs = Arc::clone(&signal);
        let other = spawn(move || theirs.record(LATENCY, 1));
        let own = signal.record(LATENCY * 3, 1);
        let turns: Vec<Turn> = [own, other.join()].into_iter().flatten().collect();
        assert_eq!(signal.windows(), turns.len() as u64, "each judge sees the one before");
        w.saw(match turns[..] {
            [_] => "one was busy",
            [Turn::Stay, Turn::Stay] => "two good windows",
            [Turn::Cut, Turn::Stay] => "a good one and a slow one",
            _ => "something else",
        });
    });
}

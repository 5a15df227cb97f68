//! `KeyPool`: no key before its time, none above its limits, one probe, whoever picks meanwhile.
#![cfg(loom)]

use bifrost::state::{
    KeyAsk, KeyCondition, KeyLease, KeyOptions, KeyOrder, KeyPool, KeyResult, KeySpec, NoKey,
    NoKeyReason,
};
use bifrost::time::Instant;
use loom_tests::{Bound, Model, Task, spawn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const NOW: Instant = Instant::ZERO;

fn at(seconds: u64) -> Instant {
    NOW + Duration::from_secs(seconds)
}

fn options() -> KeyOptions {
    KeyOptions::default().burst(Duration::ZERO)
}

fn one(key: KeySpec) -> Arc<KeyPool> {
    KeyPool::new([key], options())
}

fn pick(pool: &Arc<KeyPool>, seconds: u64) -> Result<KeyLease, NoKey> {
    pool.pick(at(seconds), KeyAsk::default())
}

fn lease(pool: &Arc<KeyPool>, seconds: u64) -> KeyLease {
    pick(pool, seconds).expect("a key is usable")
}

fn picker(pool: &Arc<KeyPool>, seconds: u64) -> Task<Result<KeyLease, NoKey>> {
    let pool = Arc::clone(pool);
    spawn(move || pick(&pool, seconds))
}

fn limited(seconds: u64) -> KeyResult {
    KeyResult::RateLimited { retry_after: Some(Duration::from_secs(seconds)) }
}

fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[track_caller]
fn refused(picked: Result<KeyLease, NoKey>, reason: NoKeyReason, retry_after: Option<Duration>) {
    let no_key = picked.expect_err("no key is usable");
    assert_eq!((no_key.reason, no_key.retry_after), (reason, retry_after));
}

#[test]
fn keys_in_turn() {
    Model::new("keys_in_turn").floor(7).witness("first").witness("second").run(|w| {
        let pool = KeyPool::new([KeySpec::new("a"), KeySpec::new("b")], options());
        let other = picker(&pool, 0);
        let mine = lease(&pool, 0);
        assert_eq!(pool.in_flight(mine.index()), 1);
        let index = mine.index();
        assert!(other.join().expect("there are keys").index() != index, "each key has its turn");
        drop(mine);
        assert_eq!((pool.in_flight(0), pool.in_flight(1)), (0, 0));
        w.saw(["first", "second"][index]);
    });
}

#[test]
fn keys_cool() {
    Model::new("keys_cool").floor(1500).spurious(1).witness("granted").witness("refused").run(
        |w| {
            let pool = one(KeySpec::new("a"));
            let first = lease(&pool, 0);
            let other = picker(&pool, 9);
            first.report(NOW, limited(10));
            match other.join() {
                Ok(lease) => {
                    assert_eq!(
                        lease.generation(),
                        0,
                        "granted after the cool-down, before its end"
                    );
                    w.saw("granted");
                }
                picked => {
                    refused(picked, NoKeyReason::Cooling, seconds(1));
                    w.saw("refused");
                }
            }
            refused(pick(&pool, 9), NoKeyReason::Cooling, seconds(1));
            assert_eq!(lease(&pool, 10).generation(), 1);
        },
    );
}

#[test]
fn keys_late_429() {
    Model::new("keys_late_429").floor(750).witness("granted").witness("refused").run(|w| {
        let pool = one(KeySpec::new("a"));
        let (first, late) = (lease(&pool, 0), lease(&pool, 0));
        first.report(NOW, limited(5));
        let other = picker(&pool, 7);
        late.report(at(6), limited(4));
        match other.join() {
            Ok(lease) => {
                assert_eq!(lease.generation(), 1, "granted after the late 429");
                // Of before the late 429: no step of recovery.
                lease.report(at(8), KeyResult::Ok { tokens: None });
                w.saw("granted");
            }
            picked => {
                refused(picked, NoKeyReason::Cooling, seconds(3));
                w.saw("refused");
            }
        }
        refused(pick(&pool, 9), NoKeyReason::Cooling, seconds(1));
        let found = &pool.snapshot(at(10))[0];
        assert_eq!(found.condition, KeyCondition::Usable { share: 20 });
        assert_eq!(found.rate_limited, 2);
    });
}

#[test]
fn keys_two_429() {
    Model::new("keys_two_429")
        .bound(Bound::Preemptions(2))
        .deep(Bound::Full)
        .floor(1700)
        .witness("between")
        .witness("refused")
        .run(|w| {
            let pool = one(KeySpec::new("a"));
            let (short, long) = (lease(&pool, 0), lease(&pool, 0));
            let theirs = Arc::clone(&pool);
            let other = spawn(move || {
                short.report(NOW, limited(5));
                pick(&theirs, 6)
            });
            long.report(NOW, limited(9));
            refused(pick(&pool, 6), NoKeyReason::Cooling, seconds(3));
            match other.join() {
                Ok(lease) => {
                    assert_eq!(lease.generation(), 1, "granted after the longer one");
                    w.saw("between");
                }
                picked => {
                    refused(picked, NoKeyReason::Cooling, seconds(3));
                    w.saw("refused");
                }
            }
            refused(pick(&pool, 8), NoKeyReason::Cooling, seconds(1));
            assert_eq!(lease(&pool, 9).generation(), 2);
        });
}

#[test]
fn keys_in_flight() {
    let model = Model::new("keys_in_flight")
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3))
        .floor(10000)
        .witness("one")
        .witness("two");
    model.witness("three").run(|w| {
        let pool = one(KeySpec::new("a").max_in_flight(1));
        let held = Arc::new(AtomicU32::new(0));
        let use_it = |pool: &Arc<KeyPool>, held: &AtomicU32| match pick(pool, 0) {
            Ok(lease) => {
                // ORDERING: not of the model: what happens here happens at one step of it.
                assert_eq!(held.fetch_add(1, Ordering::Relaxed), 0, "two leases at once");
                // ORDERING: as above.
                held.fetch_sub(1, Ordering::Relaxed);
                drop(lease);
                1
            }
            picked => {
                refused(picked, NoKeyReason::Busy, None);
                0
            }
        };
        let others = [(); 2].map(|()| {
            let (pool, held) = (Arc::clone(&pool), Arc::clone(&held));
            spawn(move || use_it(&pool, &held))
        });
        let granted = use_it(&pool, &held) + others.into_iter().map(Task::join).sum::<usize>();
        assert_eq!(pool.in_flight(0), 0);
        w.saw(["one", "two", "three"][granted - 1]);
    });
}

#[test]
fn keys_release() {
    Model::new("keys_release").floor(60).spurious(1).witness("free").witness("busy").run(|w| {
        let pool = one(KeySpec::new("a").max_in_flight(2));
        let (first, second) = (lease(&pool, 0), lease(&pool, 0));
        let other = spawn(move || drop(first));
        match pick(&pool, 0) {
            Ok(third) => {
                assert_eq!(pool.in_flight(0), 2);
                drop(third);
                w.saw("free");
            }
            picked => {
                refused(picked, NoKeyReason::Busy, None);
                w.saw("busy");
            }
        }
        other.join();
        assert_eq!(pool.in_flight(0), 1);
        drop((second, lease(&pool, 0)));
        assert_eq!(pool.in_flight(0), 0);
    });
}

#[test]
fn keys_rate() {
    Model::new("keys_rate")
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(4))
        .floor(600)
        .spurious(1)
        .witness("mine")
        .witness("theirs")
        .run(|w| {
            let pool = one(KeySpec::new("a").requests_per_minute(60));
            let other = picker(&pool, 0);
            let (mine, theirs) = (pick(&pool, 0), other.join());
            w.saw(if mine.is_ok() { "mine" } else { "theirs" });
            assert!(mine.is_ok() != theirs.is_ok(), "one of the two");
            refused(if mine.is_ok() { theirs } else { mine }, NoKeyReason::RateLimited, seconds(1));
            assert!(pick(&pool, 1).is_ok());
        });
}

/// A pick that has reserved its rates and then finds no place gives all of it back.
#[test]
fn keys_rate_given_back() {
    let model = Model::new("keys_rate_given_back")
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3))
        .floor(2000)
        .witness("both")
        .witness("one");
    model.run(|w| {
        let key = KeySpec::new("a").max_in_flight(1).requests_per_minute(60).tokens_per_minute(60);
        let pool = KeyPool::new([key], options().burst(Duration::from_secs(1)));
        let ask = KeyAsk::tokens(1);
        let theirs = Arc::clone(&pool);
        let other = spawn(move || theirs.pick(NOW, ask).is_ok());
        let mine = pool.pick(NOW, ask).is_ok();
        let both = mine & other.join();
        assert_eq!(pool.in_flight(0), 0);
        if both {
            w.saw("both");
        } else {
            assert!(pool.pick(NOW, ask).is_ok(), "the burst is two requests");
            w.saw("one");
        }
        refused(pool.pick(NOW, ask), NoKeyReason::RateLimited, seconds(1));
    });
}

#[test]
fn keys_tokens() {
    Model::new("keys_tokens")
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3))
        .floor(1400)
        .witness("early")
        .witness("late")
        .run(|w| {
            let pool = one(KeySpec::new("a").requests_per_minute(60_000).tokens_per_minute(60));
            let first = pool.pick(NOW, KeyAsk::tokens(10)).expect("nothing was used");
            let theirs = Arc::clone(&pool);
            let other = spawn(move || theirs.pick(at(1), KeyAsk::tokens(3)));
            first.report(at(1), KeyResult::Ok { tokens: Some(1) });
            let second = match other.join() {
                Ok(lease) => {
                    w.saw("late");
                    lease
                }
                picked => {
                    refused(picked, NoKeyReason::RateLimited, seconds(9));
                    w.saw("early");
                    pool.pick(at(1), KeyAsk::tokens(3)).expect("the estimate was put right")
                }
            };
            let third = pool.pick(at(4), KeyAsk::tokens(1)).expect("three seconds later");
            let other = spawn(move || second.report(at(4), KeyResult::Ok { tokens: Some(5) }));
            third.report(at(4), KeyResult::Ok { tokens: Some(2) });
            other.join();
            refused(pick(&pool, 4), NoKeyReason::RateLimited, seconds(4));
        });
}

/// Two whose rates would do for one of them: tokens refuse the second, which gives its request back.
#[test]
fn keys_tokens_refuse() {
    let model = Model::new("keys_tokens_refuse")
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3))
        .floor(1300)
        .witness("mine")
        .witness("theirs");
    model.run(|w| {
        let key = KeySpec::new("a").requests_per_minute(60).tokens_per_minute(120);
        let pool = KeyPool::new([key], options().burst(Duration::from_secs(1)));
        let ask = KeyAsk::tokens(4);
        let theirs = Arc::clone(&pool);
        let other = spawn(move || theirs.pick(NOW, ask));
        let (mine, theirs) = (pool.pick(NOW, ask), other.join());
        w.saw(if mine.is_ok() { "mine" } else { "theirs" });
        assert!(mine.is_ok() != theirs.is_ok(), "one of the two");
        refused(if mine.is_ok() { theirs } else { mine }, NoKeyReason::RateLimited, seconds(1));
        for _ in 0..2 {
            assert!(pick(&pool, 1).is_ok(), "one request was used of a burst of two");
        }
        refused(pick(&pool, 1), NoKeyReason::RateLimited, seconds(1));
    });
}

fn disabled(pool: &Arc<KeyPool>) {
    lease(pool, 0).report(NOW, KeyResult::Unauthorized);
    refused(pick(pool, 59), NoKeyReason::Disabled, None);
}

#[test]
fn keys_probe() {
    Model::new("keys_probe").floor(600).spurious(1).witness("mine").witness("theirs").run(|w| {
        let pool = one(KeySpec::new("a"));
        disabled(&pool);
        let other = picker(&pool, 100);
        let (mine, theirs) = (pick(&pool, 100), other.join());
        w.saw(if mine.is_ok() { "mine" } else { "theirs" });
        let (probe, without) = if mine.is_ok() { (mine, theirs) } else { (theirs, mine) };
        assert!(probe.expect("one of the two").is_probe());
        refused(without, NoKeyReason::Disabled, None);
        assert!(lease(&pool, 100).is_probe(), "a probe that says nothing leaves it to the next");
    });
}

#[test]
fn keys_probe_given_up() {
    let model = Model::new("keys_probe_given_up").floor(400).spurious(1);
    model.witness("probed").witness("disabled").run(|w| {
        let pool = one(KeySpec::new("a"));
        let old = lease(&pool, 0);
        disabled(&pool);
        let probe = lease(&pool, 100);
        let other = spawn(move || drop(probe));
        drop(old);
        match pick(&pool, 100) {
            Ok(lease) => {
                assert!(lease.is_probe());
                w.saw("probed");
            }
            picked => {
                refused(picked, NoKeyReason::Disabled, None);
                w.saw("disabled");
            }
        }
        other.join();
        assert_eq!(pool.in_flight(0), 0);
        assert!(lease(&pool, 100).is_probe());
    });
}

#[test]
fn keys_probe_reports() {
    let model =
        Model::new("keys_probe_reports").bound(Bound::Preemptions(2)).deep(Bound::Full).floor(400);
    model.witness("disabled").witness("refused").run(|w| {
        let pool = one(KeySpec::new("a"));
        let late = lease(&pool, 0);
        disabled(&pool);
        let probe = lease(&pool, 100);
        let other = spawn(move || probe.report(at(100), KeyResult::Ok { tokens: None }));
        late.report(at(100), limited(50));
        match pick(&pool, 149).expect_err("the late 429 is recorded").reason {
            NoKeyReason::Disabled => w.saw("disabled"),
            reason => {
                assert_eq!(reason, NoKeyReason::Cooling);
                w.saw("refused");
            }
        }
        other.join();
        refused(pick(&pool, 149), NoKeyReason::Cooling, seconds(1));
        assert!(!lease(&pool, 150).is_probe());
    });
}

#[test]
fn keys_quota() {
    Model::new("keys_quota")
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(4))
        .floor(450)
        .witness("granted")
        .witness("refused")
        .run(|w| {
            let pool = one(KeySpec::new("a"));
            let first = lease(&pool, 0);
            let other = picker(&pool, 3_599);
            first.report(NOW, KeyResult::Quota { retry_after: None });
            refused(pick(&pool, 3_599), NoKeyReason::Quota, seconds(1));
            match other.join() {
                Ok(lease) => {
                    assert_eq!(lease.generation(), 0, "granted after the quota was used up");
                    w.saw("granted");
                }
                Err(no_key) => {
                    // The time is raised first: until the word has changed, the key is said to cool down.
                    assert!([NoKeyReason::Quota, NoKeyReason::Cooling].contains(&no_key.reason));
                    assert_eq!(no_key.retry_after, seconds(1));
                    w.saw("refused");
                }
            }
            assert_eq!(lease(&pool, 3_600).generation(), 1);
        });
}

#[test]
fn keys_recover() {
    Model::new("keys_recover").floor(900).spurious(1).witness("both steps").run(|w| {
        let pool = one(KeySpec::new("a"));
        lease(&pool, 0).report(NOW, limited(1));
        let (first, second) = (lease(&pool, 1), lease(&pool, 1));
        let other = spawn(move || first.report(at(1), KeyResult::Ok { tokens: None }));
        second.report(at(1), KeyResult::Ok { tokens: None });
        other.join();
        let share = KeyCondition::Usable { share: 30 };
        assert_eq!(pool.snapshot(at(1))[0].condition, share);
        w.saw("both steps");
    });
}

/// A key that recovers leaves turns to the others, whoever is offered them.
#[test]
fn keys_leave_turns() {
    Model::new("keys_leave_turns")
        .bound(Bound::Preemptions(2))
        .deep(Bound::Full)
        .floor(150)
        .witness("left")
        .run(|w| {
            let pool = one(KeySpec::new("a"));
            lease(&pool, 0).report(NOW, limited(1));
            let pool = pool.renew([KeySpec::new("a"), KeySpec::new("b")], options());
            let other = picker(&pool, 1);
            let mine = lease(&pool, 1).index();
            assert_eq!((mine, other.join().expect("b is usable").index()), (1, 1));
            w.saw("left");
        });
}

#[test]
fn keys_least_in_flight() {
    let model = Model::new("keys_least_in_flight")
        .bound(Bound::Preemptions(3))
        .deep(Bound::Full)
        .floor(400)
        .witness("first")
        .witness("second");
    model.run(|w| {
        let keys = [KeySpec::new("a"), KeySpec::new("b")];
        let pool = KeyPool::new(keys, options().order(KeyOrder::LeastInFlight));
        let other = picker(&pool, 0);
        let mine = lease(&pool, 0);
        let theirs = other.join().expect("there are keys");
        assert!(mine.index() != theirs.index());
        w.saw(["first", "second"][mine.index()]);
        drop(theirs);
        assert!(lease(&pool, 0).index() != mine.index());
    });
}

/// Two who want the same key at once: one gets it, the other one's second choice is free.
#[test]
fn keys_sticky() {
    Model::new("keys_sticky")
        .bound(Bound::Preemptions(2))
        .deep(Bound::Full)
        .floor(100)
        .witness("mine")
        .witness("theirs")
        .run(|w| {
            let key = |name: &'static str| KeySpec::new(name).max_in_flight(1);
            let pool = KeyPool::new([key("a"), key("b")], options().order(KeyOrder::Sticky));
            let ask = KeyAsk::caller(7);
            let wanted = pool.pick(NOW, ask).expect("there are keys").index();
            let theirs = Arc::clone(&pool);
            let other = spawn(move || theirs.pick(NOW, ask));
            let mine = pool.pick(NOW, ask).expect("there are two keys");
            let theirs = other.join().expect("there are two keys");
            assert!(mine.index() != theirs.index());
            w.saw(if mine.index() == wanted { "mine" } else { "theirs" });
        });
}

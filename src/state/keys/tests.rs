//! The pool's promises, one test each.

use super::{
    KeyAsk, KeyCondition, KeyLease, KeyOptions, KeyOrder, KeyPool, KeyResult, KeySpec, NoKey,
    NoKeyReason,
};
use crate::sync::Arc;
use crate::time::Instant;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const OK: KeyResult = KeyResult::Ok { tokens: None };
const THREADS: u64 = 8;

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

fn pool(keys: impl IntoIterator<Item = KeySpec>) -> Arc<KeyPool> {
    KeyPool::new(keys, KeyOptions::default())
}

fn one(key: KeySpec) -> Arc<KeyPool> {
    pool([key])
}

fn pick(pool: &Arc<KeyPool>, millis: u64) -> Result<KeyLease, NoKey> {
    pool.pick(at(millis), KeyAsk::default())
}

fn limited(millis: u64) -> KeyResult {
    KeyResult::RateLimited { retry_after: Some(Duration::from_millis(millis)) }
}

#[track_caller]
fn refused(picked: Result<KeyLease, NoKey>, reason: NoKeyReason, millis: Option<u64>) {
    let no_key = picked.unwrap_err();
    assert_eq!((no_key.reason, no_key.retry_after), (reason, millis.map(Duration::from_millis)));
}

fn condition(pool: &KeyPool, millis: u64) -> KeyCondition {
    pool.snapshot(at(millis))[0].condition
}

fn indices(pool: &Arc<KeyPool>, millis: u64, picks: usize) -> Vec<usize> {
    (0..picks).map(|_| pick(pool, millis).unwrap().index()).collect()
}

#[test]
fn keys_are_taken_in_smooth_order_by_weight() {
    let pool = pool([KeySpec::new("a").weight(3), KeySpec::new("b"), KeySpec::new("c")]);
    assert_eq!(indices(&pool, 0, 10), [0, 1, 0, 2, 0, 0, 1, 0, 2, 0]);
}

#[test]
fn exact_shares_under_8_threads() {
    let weights = [7, 1, 3, 2];
    let names = ["a", "b", "c", "d"];
    let pool =
        pool(weights.iter().zip(names).map(|(&weight, name)| KeySpec::new(name).weight(weight)));
    let rounds = 1_000 * THREADS;
    let of_thread = |_| {
        let pool = Arc::clone(&pool);
        thread::spawn(move || {
            for _ in 0..u64::from(weights.iter().sum::<u32>()) * rounds / THREADS {
                pick(&pool, 0).unwrap().report(at(0), OK);
            }
        })
    };
    let threads: Vec<_> = (0..THREADS).map(of_thread).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    for (key, weight) in pool.snapshot(at(0)).iter().zip(weights) {
        assert_eq!(key.picks, u64::from(weight) * rounds, "{key:?}");
        assert_eq!((key.in_flight, key.weight), (0, weight));
    }
}

#[test]
fn any_window_of_a_whole_round_has_exact_shares() {
    let weights = [5_usize, 2, 4];
    let pool =
        pool(["a", "b", "c"].iter().zip(weights).map(|(&n, w)| KeySpec::new(n).weight(w as u32)));
    let picked = indices(&pool, 0, 100);
    for window in picked.windows(11) {
        let shares = [0, 1, 2].map(|key| window.iter().filter(|&&picked| picked == key).count());
        assert_eq!(shares, weights);
    }
}

#[test]
fn the_usable_keys_keep_their_shares_among_each_other() {
    let pool = pool([KeySpec::new("a"), KeySpec::new("b").weight(2), KeySpec::new("c").weight(4)]);
    pick(&pool, 0).unwrap().report(at(0), limited(1_000));
    let picked = indices(&pool, 0, 60);
    let cooling = pool.snapshot(at(0)).iter().position(|key| key.rate_limited == 1).unwrap();
    assert_eq!(cooling, 2);
    assert_eq!((picked.iter().filter(|&&key| key == 0).count(), picked.len()), (20, 60));
    assert!(!picked.contains(&2));
}

#[test]
fn a_key_is_never_used_again_before_retry_after() {
    let pool = one(KeySpec::new("a"));
    pick(&pool, 100).unwrap().report(at(200), limited(5_000));
    assert_eq!(condition(&pool, 200), KeyCondition::Cooling { until: at(5_200) });
    refused(pick(&pool, 200), NoKeyReason::Cooling, Some(5_000));
    refused(pick(&pool, 5_199), NoKeyReason::Cooling, Some(1));
    assert_eq!(pick(&pool, 5_200).unwrap().generation(), 1);
}

#[test]
fn a_late_429_never_shortens_the_cool_down() {
    let pool = one(KeySpec::new("a"));
    let leases: Vec<_> = (0..4).map(|_| pick(&pool, 0).unwrap()).collect();
    let mut leases = leases.into_iter();
    let mut report = |millis, result| leases.next().unwrap().report(at(millis), result);
    report(0, limited(60_000));
    report(10, limited(1_000));
    assert_eq!(condition(&pool, 10), KeyCondition::Cooling { until: at(60_000) });
    report(20, KeyResult::RateLimited { retry_after: None });
    assert_eq!(condition(&pool, 20), KeyCondition::Cooling { until: at(60_000) });
    report(30, limited(60_000));
    assert_eq!(condition(&pool, 30), KeyCondition::Cooling { until: at(60_030) });
}

#[test]
fn late_429s_do_not_double_the_back_off() {
    let pool = one(KeySpec::new("a"));
    let leases: Vec<_> = (0..50).map(|_| pick(&pool, 0).unwrap()).collect();
    for lease in leases {
        lease.report(at(0), KeyResult::RateLimited { retry_after: None });
    }
    let KeyCondition::Cooling { until } = condition(&pool, 0) else { panic!("it cools down") };
    assert!((at(1_000)..=at(1_500)).contains(&until), "{until:?}");
}

#[test]
fn without_retry_after_the_cool_down_doubles_up_to_a_most() {
    let pool = one(KeySpec::new("a"));
    let mut now = 0;
    for doubled in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        let retry_after = (doubled % 4 == 0).then_some(Duration::ZERO);
        pick(&pool, now).unwrap().report(at(now), KeyResult::RateLimited { retry_after });
        let KeyCondition::Cooling { until } = condition(&pool, now) else { panic!("it cools") };
        let wait = until.saturating_duration_since(at(now)).as_millis() as u64;
        let least = doubled * 1_000;
        assert!((least..=least * 3 / 2).contains(&wait), "{wait} ms after {doubled}");
        now += wait + 1;
    }
}

#[test]
fn keys_do_not_come_back_from_a_back_off_together() {
    let pool = pool((0..20).map(|number| KeySpec::new(format!("key-{number}"))));
    let leases: Vec<_> = (0..20).map(|_| pick(&pool, 0).unwrap()).collect();
    let none = KeyResult::RateLimited { retry_after: None };
    leases.into_iter().for_each(|lease| lease.report(at(0), none));
    let mut ends: Vec<_> = pool.snapshot(at(0)).into_iter().map(|key| key.condition).collect();
    ends.dedup();
    assert_eq!(ends.len(), 20);
}

#[test]
fn a_server_error_and_what_is_ignored_are_no_penalty() {
    let pool = one(KeySpec::new("a"));
    for result in [KeyResult::ServerError, KeyResult::Ignored, OK] {
        pick(&pool, 0).unwrap().report(at(0), result);
        assert_eq!(condition(&pool, 0), KeyCondition::Usable { share: 100 });
    }
    assert_eq!(pick(&pool, 0).unwrap().generation(), 0);
}

#[test]
fn a_refused_key_is_probed_by_one_request_at_a_time() {
    let pool = one(KeySpec::new("a"));
    pick(&pool, 0).unwrap().report(at(0), KeyResult::Unauthorized);
    let KeyCondition::Disabled { probe_at } = condition(&pool, 0) else { panic!("disabled") };
    assert!((at(60_000)..=at(90_000)).contains(&probe_at));
    refused(pick(&pool, 59_999), NoKeyReason::Disabled, None);
    let probe = pick(&pool, 90_000).unwrap();
    assert!(probe.is_probe());
    assert_eq!(condition(&pool, 90_000), KeyCondition::Probing);
    refused(pick(&pool, 90_000), NoKeyReason::Disabled, None);
    probe.report(at(90_000), KeyResult::Unauthorized);
    let KeyCondition::Disabled { probe_at } = condition(&pool, 90_000) else { panic!("disabled") };
    assert!((at(210_000)..=at(270_000)).contains(&probe_at), "twice as long: {probe_at:?}");
    let probe = pick(&pool, 270_000).unwrap();
    probe.report(at(270_000), OK);
    assert_eq!(condition(&pool, 270_000), KeyCondition::Usable { share: 20 });
    assert!(!pick(&pool, 270_000).unwrap().is_probe());
}

#[test]
fn a_probe_that_says_nothing_of_the_key_leaves_it_disabled() {
    let pool = one(KeySpec::new("a"));
    pick(&pool, 0).unwrap().report(at(0), KeyResult::Unauthorized);
    pick(&pool, 90_000).unwrap().report(at(90_000), KeyResult::ServerError);
    refused(pick(&pool, 149_999), NoKeyReason::Disabled, None);
    drop(pick(&pool, 180_000).unwrap());
    let next = pick(&pool, 180_000).unwrap();
    assert!(next.is_probe(), "the next one probes");
    next.report(at(180_000), limited(7_000));
    assert_eq!(condition(&pool, 180_000), KeyCondition::Cooling { until: at(187_000) });
}

#[test]
fn a_stale_401_does_not_disable_a_key_that_a_probe_has_opened() {
    let pool = one(KeySpec::new("a"));
    let (first, stale, old) =
        (pick(&pool, 0).unwrap(), pick(&pool, 0).unwrap(), pick(&pool, 0).unwrap());
    first.report(at(0), KeyResult::Unauthorized);
    pick(&pool, 90_000).unwrap().report(at(90_000), OK);
    stale.report(at(90_000), KeyResult::Unauthorized);
    old.report(at(90_000), OK);
    assert_eq!(condition(&pool, 90_000), KeyCondition::Usable { share: 20 });
}

#[test]
fn a_key_without_quota_rests_for_long_and_is_then_tried_again() {
    let pool = one(KeySpec::new("a"));
    let (first, late) = (pick(&pool, 0).unwrap(), pick(&pool, 0).unwrap());
    first.report(at(0), KeyResult::Quota { retry_after: Some(Duration::from_secs(5)) });
    assert_eq!(condition(&pool, 0), KeyCondition::Quota { until: at(3_600_000) });
    refused(pick(&pool, 3_599_999), NoKeyReason::Quota, Some(1));
    late.report(at(0), KeyResult::Quota { retry_after: Some(Duration::from_secs(7_200)) });
    assert_eq!(condition(&pool, 0), KeyCondition::Quota { until: at(7_200_000) });
    pick(&pool, 7_200_000).unwrap().report(at(7_200_000), OK);
    assert_eq!(condition(&pool, 7_200_000), KeyCondition::Usable { share: 25 });
}

#[test]
fn the_share_comes_back_from_20_to_100_per_cent_with_successes() {
    let pool = pool([KeySpec::new("a"), KeySpec::new("b")]);
    pick(&pool, 0).unwrap().report(at(0), limited(1_000));
    let picked = indices(&pool, 1_000, 600);
    let share = picked.iter().filter(|&&key| key == 0).count();
    assert_eq!(share, 100, "a fifth of its turns: one of six");
    let mut shares = Vec::new();
    while shares.len() < 17 {
        let lease = pick(&pool, 1_000).unwrap();
        if lease.index() == 0 {
            let KeyCondition::Usable { share } = condition(&pool, 1_000) else { panic!("usable") };
            shares.push(share);
        }
        lease.report(at(1_000), OK);
    }
    assert_eq!((shares[0], shares[1], shares[15], shares[16]), (20, 25, 95, 100));
    let picked = indices(&pool, 1_000, 600);
    assert_eq!(picked.iter().filter(|&&key| key == 0).count(), 300);
}

#[test]
fn a_dropped_lease_gives_its_place_back() {
    let pool = one(KeySpec::new("a").max_in_flight(2));
    let (first, second) = (pick(&pool, 0).unwrap(), pick(&pool, 0).unwrap());
    refused(pick(&pool, 0), NoKeyReason::Busy, None);
    drop(first);
    let third = pick(&pool, 0).unwrap();
    refused(pick(&pool, 0), NoKeyReason::Busy, None);
    second.report(at(0), OK);
    assert_eq!(pool.in_flight(0), 1);
    drop(third);
    assert_eq!((pool.in_flight(0), pool.in_flight(9)), (0, 0));
}

#[test]
fn requests_a_minute_are_spread_over_the_minute() {
    let pool = one(KeySpec::new("a").requests_per_minute(60));
    assert_eq!((0..20).filter(|_| pick(&pool, 0).is_ok()).count(), 7, "6 s of burst and one");
    refused(pick(&pool, 0), NoKeyReason::RateLimited, Some(1_000));
    let granted = (0..=60_000).step_by(100).filter(|&now| pick(&pool, now).is_ok()).count();
    assert_eq!(granted, 60);
}

#[test]
fn tokens_are_charged_by_estimate_and_put_right() {
    let pool = one(KeySpec::new("a").tokens_per_minute(6_000));
    let ask = |now, tokens| pool.pick(at(now), KeyAsk::tokens(tokens));
    let first = ask(0, 1_000).unwrap();
    refused(ask(0, 1), NoKeyReason::RateLimited, Some(4_000));
    first.report(at(0), KeyResult::Ok { tokens: Some(100) });
    let second = ask(0, 0).unwrap();
    second.report(at(0), KeyResult::Ok { tokens: Some(3_000) });
    refused(ask(0, 1), NoKeyReason::RateLimited, Some(25_000));
    assert!(ask(25_000, 1).is_ok());
}

#[test]
fn no_key_says_the_earliest_time_and_the_reason() {
    refused(pick(&pool([]), 0), NoKeyReason::Empty, None);
    let pool = pool([KeySpec::new("a"), KeySpec::new("b").max_in_flight(1), KeySpec::new("c")]);
    let [a, b, c] = [(); 3].map(|()| pick(&pool, 0).unwrap());
    a.report(at(0), limited(9_000));
    c.report(at(0), KeyResult::Unauthorized);
    refused(pick(&pool, 0), NoKeyReason::Busy, Some(9_000));
    b.report(at(0), limited(4_000));
    refused(pick(&pool, 1_000), NoKeyReason::Cooling, Some(3_000));
    pick(&pool, 4_000).unwrap().report(at(4_000), KeyResult::Unauthorized);
    refused(pick(&pool, 4_000), NoKeyReason::Cooling, Some(5_000));
    pick(&pool, 9_000).unwrap().report(at(9_000), KeyResult::Unauthorized);
    refused(pick(&pool, 9_000), NoKeyReason::Disabled, None);
}

#[test]
fn a_key_that_rests_and_is_spent_is_back_when_both_are_over() {
    let pool = one(KeySpec::new("a").requests_per_minute(2));
    pick(&pool, 0).unwrap().report(at(0), limited(1_000));
    refused(pick(&pool, 0), NoKeyReason::Cooling, Some(24_000));
    refused(pick(&pool, 1_000), NoKeyReason::RateLimited, Some(23_000));
    assert!(pick(&pool, 24_000).is_ok());
}

#[test]
fn the_least_in_flight_for_its_weight_is_taken() {
    let options = KeyOptions::default().order(KeyOrder::LeastInFlight);
    let pool = KeyPool::new([KeySpec::new("a").weight(3), KeySpec::new("b")], options);
    let leases: Vec<_> = (0..8).map(|_| pick(&pool, 0).unwrap()).collect();
    assert_eq!((pool.in_flight(0), pool.in_flight(1)), (6, 2));
    let (a, b): (Vec<_>, Vec<_>) = leases.into_iter().partition(|lease| lease.index() == 0);
    drop(b);
    assert_eq!(indices(&pool, 0, 3), [1, 1, 1]);
    drop(a);
    let picked = indices(&pool, 0, 8);
    assert_eq!(picked.iter().filter(|&&key| key == 0).count(), 6, "idle keys by weight");
}

#[test]
fn a_caller_keeps_its_key_and_falls_over_to_the_same_other() {
    let options = KeyOptions::default().order(KeyOrder::Sticky);
    let keys = || ["a", "b", "c", "d"].map(KeySpec::new);
    let pool = KeyPool::new(keys(), options.clone());
    let of = |pool: &Arc<KeyPool>, caller| {
        Arc::clone(pool.pick(at(0), KeyAsk::caller(caller)).unwrap().name())
    };
    let before: Vec<_> = (0..1_000).map(|caller| of(&pool, caller)).collect();
    for name in ["a", "b", "c", "d"] {
        let share = before.iter().filter(|picked| &***picked == name).count();
        assert!((200..300).contains(&share), "{name} has {share} of 1000");
    }
    pool.pick(at(0), KeyAsk::caller(0)).unwrap().report(at(0), limited(1_000));
    let during: Vec<_> = (0..1_000).map(|caller| of(&pool, caller)).collect();
    let again: Vec<_> = (0..1_000).map(|caller| of(&pool, caller)).collect();
    assert_eq!(during, again);
    for (before_it, during_it) in before.iter().zip(&during) {
        assert!(*before_it == before[0] || before_it == during_it, "only its callers move");
        assert!(*during_it != before[0]);
    }
    let fewer = KeyPool::new(keys().into_iter().filter(|key| *key.name != *before[0]), options);
    let moved: Vec<_> = (0..1_000).map(|caller| of(&fewer, caller)).collect();
    assert_eq!(during, moved, "a key that is gone is like one that is not usable");
}

#[test]
fn a_new_pool_takes_over_what_is_known_of_its_keys() {
    let old = pool([KeySpec::new("a").max_in_flight(1), KeySpec::new("b"), KeySpec::new("gone")]);
    let [a, b, gone] = [(); 3].map(|()| pick(&old, 0).unwrap());
    b.report(at(0), limited(5_000));
    let keys = [KeySpec::new("b"), KeySpec::new("a").max_in_flight(1), KeySpec::new("new")];
    let new = old.renew(keys, KeyOptions::default());
    assert_eq!(indices(&new, 0, 3), [2, 2, 2]);
    assert_eq!((new.in_flight(0), new.in_flight(1), new.len()), (0, 1, 3));
    drop((a, gone));
    assert_eq!((old.in_flight(2), new.in_flight(1)), (0, 0));
    let lease = pick(&new, 0).unwrap();
    drop(old);
    assert!(["a", "new"].contains(&&**lease.name()));
    lease.report(at(0), limited(1));
}

#[test]
fn a_key_with_a_new_secret_begins_anew() {
    let old = one(KeySpec::new("a"));
    let (stale, held) = (pick(&old, 0).unwrap(), pick(&old, 0).unwrap());
    stale.report(at(0), KeyResult::Unauthorized);
    let same = old.renew([KeySpec::new("a")], KeyOptions::default());
    refused(pick(&same, 0), NoKeyReason::Disabled, None);
    let new = same.renew([KeySpec::new("a").new_secret()], KeyOptions::default());
    assert_eq!(new.in_flight(0), 0);
    assert_eq!(pick(&new, 0).unwrap().index(), 0);
    held.report(at(0), KeyResult::Unauthorized);
    assert_eq!(condition(&new, 0), KeyCondition::Usable { share: 100 });
}

#[test]
fn a_snapshot_and_debug_name_keys_and_figures_only() {
    let pool = pool([KeySpec::new("a").weight(2), KeySpec::new("b")]);
    let lease = pick(&pool, 0).unwrap();
    assert_eq!(format!("{pool:?}"), r#"["a", "b"]"#);
    assert_eq!(format!("{lease:?}"), r#"KeyLease { index: 0, name: "a", probe: false }"#);
    let found = &pool.snapshot(at(0))[0];
    assert_eq!((&*found.name, found.in_flight, found.picks, found.weight), ("a", 1, 1, 2));
    assert!(!pool.is_empty());
    assert_eq!(pool.name(1).map(|name| &**name), Some("b"));
    assert!(pool.name(2).is_none());
}

#[test]
fn limits_at_the_ends_of_their_ranges_are_no_trap() {
    let key = KeySpec::new("a")
        .weight(u32::MAX)
        .requests_per_minute(u64::MAX)
        .tokens_per_minute(1)
        .max_in_flight(u32::MAX);
    let options = KeyOptions::default().burst(Duration::MAX).backoff(Duration::MAX, Duration::MAX);
    let pool = KeyPool::new([key, KeySpec::new("b").weight(0)], options);
    let last = Instant::from_nanos(u64::MAX);
    for now in [Instant::ZERO, last] {
        let lease = pool.pick(now, KeyAsk::tokens(u64::MAX)).unwrap();
        lease.report(now, KeyResult::Ok { tokens: Some(u64::MAX) });
        if let Ok(lease) = pool.pick(now, KeyAsk::tokens(u64::MAX)) {
            lease.report(now, KeyResult::RateLimited { retry_after: Some(Duration::MAX) });
        }
        assert_eq!(pool.snapshot(now).len(), 2);
    }
}

/// 10⁶ picks on 8 threads that share a time and tell each other when a cool-down was recorded.
#[test]
fn no_key_is_used_before_its_time_in_a_million_picks_on_8_threads() {
    const KEYS: usize = 6;
    const MOST: u32 = 3;
    let names = ["a", "b", "c", "d", "e", "f"];
    let pool = pool(names.map(|name| KeySpec::new(name).max_in_flight(MOST)));
    let recorded: Arc<[AtomicU64; KEYS]> = Arc::default();
    let held: Arc<[AtomicU64; KEYS]> = Arc::default();
    let time = Arc::new(AtomicU64::new(0));
    let of_thread = |seed: u64| {
        let pool = Arc::clone(&pool);
        let (recorded, held, time) = (Arc::clone(&recorded), Arc::clone(&held), Arc::clone(&time));
        thread::spawn(move || {
            let mut dice = seed;
            let (mut granted, mut cooled, mut mine) = (0_u64, 0_u64, Vec::new());
            while granted < 1_000_000 / THREADS {
                dice = super::terms::scatter(dice);
                // What was recorded is read before the time and the pick: it happened before both.
                let rests: [u64; KEYS] =
                    std::array::from_fn(|key| recorded[key].load(Ordering::Acquire));
                let now = time.fetch_add(dice % 40, Ordering::AcqRel);
                let nanos = Instant::from_nanos(now);
                match pool.pick(nanos, KeyAsk::default()) {
                    Err(no_key) => assert!(no_key.reason != NoKeyReason::Disabled),
                    Ok(lease) => {
                        let key = lease.index();
                        assert!(now >= rests[key], "{key} at {now} rests until {}", rests[key]);
                        assert!(held[key].fetch_add(1, Ordering::AcqRel) < u64::from(MOST));
                        granted += 1;
                        mine.push(lease);
                    }
                }
                if mine.len() > (dice >> 20) as usize % 4 {
                    let lease = mine.swap_remove((dice >> 8) as usize % mine.len());
                    let key = lease.index();
                    held[key].fetch_sub(1, Ordering::AcqRel);
                    if (dice >> 32) % 8 == 0 {
                        let rest = 1 + (dice >> 40) % 400;
                        let retry_after = Some(Duration::from_nanos(rest));
                        lease.report(nanos, KeyResult::RateLimited { retry_after });
                        recorded[key].fetch_max(now + rest, Ordering::AcqRel);
                        cooled += 1;
                    } else {
                        lease.report(nanos, OK);
                    }
                }
            }
            for lease in mine {
                held[lease.index()].fetch_sub(1, Ordering::AcqRel);
            }
            cooled
        })
    };
    let threads: Vec<_> = (0..THREADS).map(of_thread).collect();
    let cooled: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    let found = pool.snapshot(Instant::ZERO);
    assert!(cooled > 50_000, "only {cooled} cool-downs");
    assert_eq!(found.iter().map(|key| key.picks).sum::<u64>(), 1_000_000);
    assert_eq!(found.iter().map(|key| key.rate_limited).sum::<u64>(), cooled);
    assert!(found.iter().all(|key| key.in_flight == 0));
}

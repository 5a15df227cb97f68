use super::{TimerKey, Wheel};
use crate::time::Instant;
use std::collections::BTreeMap;

const MS: u64 = 1_000_000;

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

fn expired<T>(wheel: &mut Wheel<T>, now: u64, limit: usize) -> Vec<T> {
    let mut out = Vec::new();
    let count = wheel.expire(at(now), limit, |value| out.push(value));
    assert_eq!(count, out.len());
    out
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

#[test]
fn entries_expire_in_order_and_never_early() {
    let mut wheel = Wheel::new();
    for nanos in [70 * MS, 3, 5_000 * MS, 2, 69 * MS, 1 << 62] {
        wheel.insert(at(nanos), nanos);
    }
    assert_eq!(expired(&mut wheel, 1, 9), [0; 0]);
    assert_eq!(expired(&mut wheel, 70 * MS - 1, 9), [2, 3, 69 * MS]);
    assert_eq!(wheel.next_deadline(), Some(at(70 * MS)));
    assert_eq!(expired(&mut wheel, 5_000 * MS, 9), [70 * MS, 5_000 * MS]);
    assert_eq!(expired(&mut wheel, (1 << 62) - 1, 9), [0; 0]);
    assert_eq!(expired(&mut wheel, u64::MAX, 9), [1 << 62]);
    assert!(wheel.is_empty());
    assert_eq!(wheel.next_deadline(), None);
}

#[test]
fn equal_deadlines_expire_in_the_order_of_insertion() {
    let mut wheel = Wheel::new();
    let deadline = at(900 * MS);
    for value in 0..5 {
        wheel.insert(deadline, value);
    }
    assert_eq!(expired(&mut wheel, 899 * MS, 9), [0; 0]);
    for value in 5..10 {
        wheel.insert(deadline, value);
    }
    assert_eq!(expired(&mut wheel, 900 * MS, 99), Vec::from_iter(0..10));
}

#[test]
fn the_limit_leaves_the_rest_for_the_next_call() {
    let mut wheel = Wheel::new();
    for nanos in 0..10 {
        wheel.insert(at(nanos * MS), nanos);
    }
    assert_eq!(expired(&mut wheel, 20 * MS, 0), [0; 0]);
    assert_eq!(expired(&mut wheel, 20 * MS, 4), [0, 1, 2, 3]);
    assert_eq!(wheel.next_deadline(), Some(at(4 * MS)));
    assert_eq!(expired(&mut wheel, 20 * MS, 99), Vec::from_iter(4..10));
}

#[test]
fn a_cancelled_entry_does_not_expire_and_its_key_is_dead() {
    let mut wheel = Wheel::new();
    let key = wheel.insert(at(5 * MS), 'a');
    assert_eq!(wheel.get_mut(key), Some(&mut 'a'));
    assert_eq!(wheel.cancel(key), Some('a'));
    let reused = wheel.insert(at(6 * MS), 'b');
    assert_eq!(reused.index, key.index);
    assert_eq!((wheel.cancel(key), wheel.get_mut(key)), (None, None));
    assert_eq!(expired(&mut wheel, 9 * MS, 9), ['b']);
    assert_eq!(wheel.cancel(reused), None);
}

#[test]
fn the_next_deadline_is_exact_after_the_earliest_was_cancelled() {
    let mut wheel = Wheel::new();
    let second = 1_000 * MS;
    let keys: Vec<_> = (0..100).map(|n| wheel.insert(at(second + n), n)).collect();
    for (n, key) in keys.into_iter().enumerate() {
        assert_eq!(wheel.next_deadline(), Some(at(second + n as u64)));
        wheel.cancel(key);
    }
    assert_eq!(wheel.next_deadline(), None);
    wheel.insert(at(3 * second), 0);
    assert_eq!(wheel.next_deadline(), Some(at(3 * second)));
}

#[test]
fn cancelled_entries_of_the_current_tick_leave_no_garbage() {
    let mut wheel = Wheel::new();
    for _ in 0..10_000 {
        let key = wheel.insert(at(1), ());
        wheel.cancel(key);
    }
    assert!(wheel.near.len() <= super::STALE_ALLOWANCE);
    assert_eq!(wheel.entries.len(), 1);
}

#[test]
fn time_that_goes_back_expires_nothing_and_breaks_nothing() {
    let mut wheel = Wheel::new();
    assert_eq!(expired(&mut wheel, 500 * MS, 9), [0; 0]);
    wheel.insert(at(400 * MS), 1);
    wheel.insert(at(600 * MS), 2);
    assert_eq!(expired(&mut wheel, 300 * MS, 9), [0; 0]);
    assert_eq!(expired(&mut wheel, 600 * MS, 9), [1, 2]);
}

#[test]
fn the_wheel_agrees_with_a_sorted_map() {
    for seed in 1..=8 {
        agree(Random(0x9E37_79B9_7F4A_7C15 ^ seed), 20_000);
    }
}

/// Random inserts, cancels and steps of time on a wheel and on a map by (deadline, insertion).
fn agree(mut random: Random, operations: u64) {
    let mut wheel = Wheel::new();
    let mut map: BTreeMap<(u64, u64), TimerKey> = BTreeMap::new();
    let mut live: Vec<(u64, u64)> = Vec::new();
    let mut now = 0;
    for serial in 0..operations {
        let span = 1 << random.below(46);
        match random.below(10) {
            0..5 => {
                // Whole milliseconds now and then, so that deadlines meet.
                let mut deadline = now + random.below(span);
                if random.below(4) == 0 {
                    deadline = deadline / MS * MS;
                }
                let key = wheel.insert(at(deadline), (deadline, serial));
                map.insert((deadline, serial), key);
                live.push((deadline, serial));
            }
            5..8 if !live.is_empty() => {
                let index = random.below(live.len() as u64) as usize;
                let name = live.swap_remove(index);
                // It may have expired: then its key is not in the map, and a key of it would be dead.
                if let Some(key) = map.remove(&name) {
                    assert_eq!(wheel.cancel(key), Some(name));
                    assert_eq!(wheel.cancel(key), None);
                }
            }
            _ => {
                now += random.below(span / 4 + 1);
                let limit = random.below(40) as usize;
                let due: Vec<_> = map.range(..=(now, u64::MAX)).map(|e| *e.0).take(limit).collect();
                due.iter().for_each(|name| drop(map.remove(name)));
                assert_eq!(expired(&mut wheel, now, limit), due);
            }
        }
        assert_eq!(wheel.len(), map.len());
        let next = map.first_key_value().map(|((deadline, _), _)| at(*deadline));
        assert_eq!(wheel.next_deadline(), next);
    }
    let rest: Vec<_> = map.into_keys().collect();
    assert_eq!(expired(&mut wheel, u64::MAX, usize::MAX), rest);
    assert_eq!(wheel.occupied, [0; super::LEVELS]);
}

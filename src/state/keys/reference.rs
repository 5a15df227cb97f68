//! The pool against a reference that is written for one thread, with plain fields and no word.
//!
//! Each case draws a pool and some hundred steps: picks, reports, drops, time that passes, live changes. The two
//! have to agree on every pick and every refusal, and now and then on everything there is to see.

use super::terms::{KeyAsk, KeyOptions, KeyOrder, KeySpec, scatter};
use super::{KeyCondition, KeyLease, KeyPool, KeyResult, NoKeyReason};
use crate::sync::Arc;
use crate::time::Instant;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

const CASES: u64 = 12_000;
const STEPS: u64 = 60;
const SECOND: u64 = 1_000_000_000;

struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = scatter(self.0);
        (self.0 >> 16) % sides
    }

    fn is_one_in(&mut self, sides: u64) -> bool {
        self.below(sides) == 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Usable,
    Quota,
    Disabled,
    Probing,
}

/// What is known of a key.
#[derive(Debug)]
struct Known {
    state: State,
    until: u64,
    generation: u32,
    streak: u32,
    successes: u64,
    in_flight: u32,
    requests: u64,
    tokens: u64,
    offers: u64,
    picks: u64,
    rate_limited: u64,
}

impl Known {
    fn share(&self) -> u64 {
        20 + 5 * self.successes
    }

    fn rest(&mut self, until: u64) {
        self.until = self.until.max(until);
        self.generation += 1;
        self.successes = 0;
    }
}

#[derive(Clone, Debug)]
struct Limits {
    name: &'static str,
    weight: u32,
    requests: u64,
    tokens: u64,
    in_flight: u32,
    new_secret: bool,
}

struct Held {
    known: Rc<RefCell<Known>>,
    limits: Limits,
    index: usize,
    generation: u32,
    probe: bool,
    charged: u64,
    occupied: u64,
}

struct Reference {
    keys: Vec<(Limits, Rc<RefCell<Known>>)>,
    credit: Vec<i64>,
    order: KeyOrder,
    burst: u64,
    turns: u64,
}

fn cost(limit: u64, units: u64) -> u64 {
    (units * 60 * SECOND).div_ceil(limit)
}

impl Reference {
    fn new(keys: &[Limits], order: KeyOrder, burst: u64, old: Option<&Self>) -> Self {
        let new = || Known {
            state: State::Usable,
            until: 0,
            generation: 0,
            streak: 0,
            successes: 16,
            in_flight: 0,
            requests: 0,
            tokens: 0,
            offers: 0,
            picks: 0,
            rate_limited: 0,
        };
        let known = |limits: &Limits| {
            let old = old.filter(|_| !limits.new_secret);
            let same = old.and_then(|old| old.keys.iter().find(|(l, _)| l.name == limits.name));
            let known = same.map_or_else(|| Rc::new(RefCell::new(new())), |(_, k)| Rc::clone(k));
            (limits.clone(), known)
        };
        let keys: Vec<_> = keys.iter().map(known).collect();
        let mut pool = Self { credit: vec![0; keys.len()], keys, order, burst, turns: 0 };
        for _ in 0..old.map_or(0, |old| old.turns) {
            pool.turn();
        }
        pool
    }

    /// The smooth order, computed as it goes.
    fn turn(&mut self) -> usize {
        self.turns += 1;
        let sum: i64 = self.keys.iter().map(|(limits, _)| i64::from(limits.weight)).sum();
        for (credit, (limits, _)) in self.credit.iter_mut().zip(&self.keys) {
            *credit += i64::from(limits.weight);
        }
        let most = self.credit.iter().copied().max().unwrap();
        let richest = self.credit.iter().position(|&credit| credit == most).unwrap();
        self.credit[richest] -= sum;
        richest
    }

    fn offered(&mut self) -> (usize, bool) {
        let index = self.turn();
        let mut known = self.keys[index].1.borrow_mut();
        if self.keys.len() == 1 || known.successes == 16 {
            return (index, true);
        }
        let (before, share) = (known.offers, known.share());
        known.offers += 1;
        (index, (before + 1) * share / 100 != before * share / 100)
    }

    /// Why the key cannot be picked, and until when.
    fn obstacle(&self, index: usize, now: u64) -> Option<(NoKeyReason, Option<u64>)> {
        let (limits, known) = &self.keys[index];
        let known = known.borrow();
        let mut spent = 0;
        if limits.requests > 0 {
            spent = spent.max(known.requests.saturating_sub(self.burst));
        }
        if limits.tokens > 0 {
            spent = spent.max(known.tokens.saturating_sub(self.burst));
        }
        let resting = now < known.until;
        match known.state {
            State::Probing => Some((NoKeyReason::Disabled, None)),
            State::Disabled if resting => Some((NoKeyReason::Disabled, None)),
            State::Quota if resting => Some((NoKeyReason::Quota, Some(known.until.max(spent)))),
            State::Usable if resting => Some((NoKeyReason::Cooling, Some(known.until.max(spent)))),
            _ if now < spent => Some((NoKeyReason::RateLimited, Some(spent))),
            _ if known.in_flight >= limits.in_flight => Some((NoKeyReason::Busy, None)),
            _ => None,
        }
    }

    fn grant(&mut self, index: usize, now: u64, tokens: u64) -> Held {
        let (limits, shared) = &self.keys[index];
        let mut known = shared.borrow_mut();
        if limits.requests > 0 {
            known.requests = known.requests.max(now) + cost(limits.requests, 1);
        }
        let mut charged = 0;
        if limits.tokens > 0 {
            charged = cost(limits.tokens, tokens);
            known.tokens = known.tokens.max(now) + charged;
        }
        let probe = known.state == State::Disabled;
        known.state = if probe { State::Probing } else { State::Usable };
        known.in_flight += 1;
        known.picks += 1;
        let (generation, occupied) = (known.generation, known.tokens);
        let (limits, known) = (limits.clone(), Rc::clone(shared));
        Held { known, limits, index, generation, probe, charged, occupied }
    }

    fn pick(&mut self, now: u64, ask: KeyAsk) -> Result<Held, (NoKeyReason, Option<u64>)> {
        let sum: u64 = self.keys.iter().map(|(limits, _)| u64::from(limits.weight)).sum();
        let divisor = (1..=sum).rev().find(|divisor| {
            self.keys.iter().all(|(limits, _)| u64::from(limits.weight) % divisor == 0)
        });
        let most = (sum / divisor.unwrap_or(1)).min(64);
        let sticky = ask.caller.filter(|_| self.order == KeyOrder::Sticky);
        let mut first = 0;
        if self.order == KeyOrder::RoundRobin {
            for _ in 0..most {
                let (index, takes) = self.offered();
                if takes && self.obstacle(index, now).is_none() {
                    return Ok(self.grant(index, now, ask.tokens));
                }
            }
        }
        if sticky.is_none() {
            first = (0..most)
                .map(|_| self.offered())
                .find(|&(_, takes)| takes)
                .map_or(0, |(index, _)| index);
        }
        let count = self.keys.len();
        let order = (0..count).map(|offset| (first + offset) % count);
        let free: Vec<_> = order.filter(|&index| self.obstacle(index, now).is_none()).collect();
        let rank = |index: &usize| self.rank(*index, sticky);
        let best = free.into_iter().min_by(|a, b| rank(a).total_cmp(&rank(b)));
        best.map(|index| self.grant(index, now, ask.tokens)).ok_or_else(|| self.no_key(now))
    }

    fn rank(&self, index: usize, caller: Option<u64>) -> f64 {
        let (limits, known) = &self.keys[index];
        let weight = f64::from(limits.weight) * known.borrow().share() as f64;
        let Some(caller) = caller else {
            return f64::from(known.borrow().in_flight) / weight;
        };
        let salt = limits.name.bytes().fold(0, |hash, byte| scatter(hash ^ u64::from(byte)));
        let drawn = scatter(scatter(caller) ^ salt) >> 12;
        -((drawn as f64 + 0.5) / (1_u64 << 52) as f64).ln() / weight
    }

    fn no_key(&self, now: u64) -> (NoKeyReason, Option<u64>) {
        let all: Vec<_> =
            (0..self.keys.len()).filter_map(|index| self.obstacle(index, now)).collect();
        let timed = all.iter().filter_map(|&(reason, until)| Some((until?, reason)));
        let first = timed.min();
        let has = |wanted| all.iter().any(|&(reason, _)| reason == wanted);
        let reason = match first {
            _ if has(NoKeyReason::Busy) => NoKeyReason::Busy,
            Some((_, reason)) => reason,
            None if has(NoKeyReason::Disabled) => NoKeyReason::Disabled,
            None => NoKeyReason::Empty,
        };
        (reason, first.map(|(until, _)| until - now))
    }
}

/// The wait that is drawn, from the least one and the generation.
type Wait<'a> = &'a dyn Fn(u64, u32) -> u64;

impl Held {
    fn release(self) {
        let mut known = self.known.borrow_mut();
        known.in_flight -= 1;
        if self.probe && known.state == State::Probing {
            known.state = State::Disabled;
        }
    }

    fn report(self, now: u64, result: KeyResult, wait: Wait<'_>) {
        let mut known = self.known.borrow_mut();
        known.in_flight -= 1;
        let present = self.probe || known.generation == self.generation;
        match result {
            KeyResult::Ok { tokens } => {
                if let Some(used) = tokens.filter(|_| self.limits.tokens > 0) {
                    let used = cost(self.limits.tokens, used);
                    if used > self.charged {
                        known.tokens = known.tokens.max(now) + used - self.charged;
                    } else {
                        let ahead = self.occupied.saturating_sub(now);
                        known.tokens -= ahead.min(self.charged - used).min(known.tokens);
                    }
                }
                if self.probe {
                    known.rest(0);
                    (known.state, known.streak) = (State::Usable, 0);
                } else if present && known.successes < 16 {
                    known.successes += 1;
                    if known.successes == 16 {
                        known.streak = 0;
                    }
                }
            }
            KeyResult::RateLimited { retry_after } => {
                known.rate_limited += 1;
                let streak = if present { known.streak } else { known.streak.saturating_sub(1) };
                let asked = retry_after.map_or(0, |wait| wait.as_nanos() as u64);
                let backoff = (SECOND << streak.min(10)).min(60 * SECOND);
                let rest = if asked > 0 { asked } else { wait(backoff, known.generation) };
                known.rest(now + rest);
                if present {
                    (known.state, known.streak) = (State::Usable, (known.streak + 1).min(31));
                }
            }
            KeyResult::Quota { retry_after } => {
                let asked = retry_after.map_or(0, |wait| wait.as_nanos() as u64);
                known.rest(now + asked.max(3_600 * SECOND));
                if self.probe || matches!(known.state, State::Usable | State::Quota) {
                    known.state = State::Quota;
                }
            }
            KeyResult::Unauthorized if present => {
                let streak = if self.probe { known.streak } else { 0 };
                let rest = ((60 * SECOND) << streak.min(10)).min(3_600 * SECOND);
                let rest = wait(rest, known.generation);
                known.rest(now + rest);
                (known.state, known.streak) = (State::Disabled, (streak + 1).min(31));
            }
            KeyResult::ServerError | KeyResult::Ignored if self.probe => {
                known.rest(now + wait(60 * SECOND, self.generation));
                known.state = State::Disabled;
            }
            _ => {}
        }
    }
}

struct Case {
    dice: Dice,
    now: u64,
    order: KeyOrder,
    burst: u64,
    pool: Arc<KeyPool>,
    reference: Reference,
    leases: Vec<(KeyLease, Held)>,
    tally: HashMap<&'static str, u64>,
}

fn draw_keys(dice: &mut Dice, change: bool) -> Vec<Limits> {
    let names = ["a", "b", "c", "d", "e"];
    let first = if change { dice.below(2) } else { 0 } as usize;
    let count = 1 + dice.below(4) as usize;
    let limit = |dice: &mut Dice, most| if dice.is_one_in(2) { 0 } else { 1 + dice.below(most) };
    let of = |name| Limits {
        name,
        weight: 1 + if dice.is_one_in(8) { dice.below(200) } else { dice.below(5) } as u32,
        requests: limit(dice, 120),
        tokens: limit(dice, 5_000),
        in_flight: 1 + dice.below(6) as u32,
        new_secret: change && dice.is_one_in(8),
    };
    names.into_iter().skip(first).take(count).map(of).collect()
}

fn spec(limits: &Limits) -> KeySpec {
    let spec = KeySpec::new(limits.name)
        .weight(limits.weight)
        .requests_per_minute(limits.requests)
        .tokens_per_minute(limits.tokens)
        .max_in_flight(limits.in_flight);
    if limits.new_secret { spec.new_secret() } else { spec }
}

impl Case {
    fn new(number: u64) -> Self {
        let mut dice = Dice(number);
        let orders = [KeyOrder::RoundRobin, KeyOrder::LeastInFlight, KeyOrder::Sticky];
        let order = orders[dice.below(3) as usize];
        let burst = dice.below(4) * 3 * SECOND;
        let limits = draw_keys(&mut dice, false);
        let options = KeyOptions::default().order(order).burst(Duration::from_nanos(burst));
        let pool = KeyPool::new(limits.iter().map(spec), options);
        let reference = Reference::new(&limits, order, burst, None);
        let (leases, tally) = (Vec::new(), HashMap::new());
        Self { dice, now: 0, order, burst, pool, reference, leases, tally }
    }

    fn saw(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    fn step(&mut self) {
        match self.dice.below(20) {
            0..=8 => self.pick(),
            9..=13 => self.end(),
            14 => {
                self.now += self.dice.below(90 * SECOND);
            }
            15 if self.dice.is_one_in(8) => self.now += self.dice.below(3_700 * SECOND),
            16 if self.dice.is_one_in(4) => self.change(),
            _ => self.now += self.dice.below(2 * SECOND),
        }
    }

    fn pick(&mut self) {
        let caller = (!self.dice.is_one_in(4)).then(|| self.dice.below(9));
        let ask = KeyAsk { tokens: self.dice.below(300), caller };
        let picked = self.pool.pick(Instant::from_nanos(self.now), ask);
        match (picked, self.reference.pick(self.now, ask)) {
            (Ok(lease), Ok(held)) => {
                let (mine, theirs) = (lease.index(), lease.is_probe());
                assert_eq!(
                    (mine, theirs, lease.generation()),
                    (held.index, held.probe, held.generation)
                );
                self.saw(if held.probe { "probe" } else { "picked" });
                self.leases.push((lease, held));
            }
            (Err(no_key), Err((reason, wait))) => {
                let wait = wait.map(Duration::from_nanos);
                assert_eq!((no_key.reason, no_key.retry_after), (reason, wait));
                self.saw(match reason {
                    NoKeyReason::Disabled => "disabled",
                    NoKeyReason::Busy => "busy",
                    NoKeyReason::RateLimited => "rate limited",
                    NoKeyReason::Cooling => "cooling",
                    NoKeyReason::Quota => "quota",
                    NoKeyReason::Empty => "empty",
                });
            }
            (pool, reference) => {
                panic!("{pool:?}, the reference: {:?}", reference.map(|held| held.index).err())
            }
        }
    }

    fn end(&mut self) {
        if self.leases.is_empty() {
            return;
        }
        let place = self.dice.below(self.leases.len() as u64) as usize;
        let (lease, held) = self.leases.swap_remove(place);
        let rest = self.dice.below(20) * SECOND / 2;
        let retry_after = (!self.dice.is_one_in(3)).then(|| Duration::from_nanos(rest));
        let tokens = (!self.dice.is_one_in(3)).then(|| self.dice.below(400));
        let result = match self.dice.below(16) {
            0..=6 => KeyResult::Ok { tokens },
            7..=9 => KeyResult::RateLimited { retry_after },
            10 => KeyResult::Unauthorized,
            11 if self.dice.is_one_in(3) => KeyResult::Quota { retry_after },
            12 => KeyResult::ServerError,
            13 => KeyResult::Ignored,
            _ => {
                held.release();
                drop(lease);
                return self.saw("dropped");
            }
        };
        let salt = lease.name().bytes().fold(0, |hash, byte| scatter(hash ^ u64::from(byte)));
        held.report(self.now, result, &|wait, generation| {
            let drawn = u128::from(scatter(salt ^ u64::from(generation)));
            wait + ((u128::from(wait / 2) * drawn) >> 64) as u64
        });
        lease.report(Instant::from_nanos(self.now), result);
        self.saw("reported");
    }

    fn change(&mut self) {
        let limits = draw_keys(&mut self.dice, true);
        let burst = Duration::from_nanos(self.burst);
        let options = KeyOptions::default().order(self.order).burst(burst);
        self.pool = self.pool.renew(limits.iter().map(spec), options);
        let old = &self.reference;
        self.reference = Reference::new(&limits, self.order, self.burst, Some(old));
        self.saw("changed");
    }

    fn compare(&self) {
        let found = self.pool.snapshot(Instant::from_nanos(self.now));
        assert_eq!(found.len(), self.reference.keys.len());
        for (found, (limits, known)) in found.iter().zip(&self.reference.keys) {
            let known = known.borrow();
            let until = Instant::from_nanos(known.until);
            let condition = match known.state {
                State::Probing => KeyCondition::Probing,
                State::Disabled => KeyCondition::Disabled { probe_at: until },
                State::Quota if self.now < known.until => KeyCondition::Quota { until },
                State::Usable if self.now < known.until => KeyCondition::Cooling { until },
                _ => KeyCondition::Usable { share: known.share() as u32 },
            };
            assert_eq!((&*found.name, found.condition), (limits.name, condition));
            let figures = (found.in_flight, found.picks, found.rate_limited, found.weight);
            assert_eq!(figures, (known.in_flight, known.picks, known.rate_limited, limits.weight));
        }
    }
}

#[test]
fn the_pool_does_what_the_reference_does() {
    let mut tally = HashMap::new();
    for number in 0..CASES {
        let mut case = Case::new(number);
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..STEPS {
                case.step();
                case.compare();
            }
            case.leases.drain(..).for_each(|(lease, held)| {
                held.release();
                drop(lease);
            });
            case.compare();
        }));
        if let Err(panic) = run {
            eprintln!("case {number}, after {:?}", case.tally);
            std::panic::resume_unwind(panic);
        }
        for (what, count) in case.tally {
            *tally.entry(what).or_insert(0) += count;
        }
    }
    println!("{CASES} cases: {tally:?}");
    for what in
        ["picked", "probe", "disabled", "busy", "rate limited", "cooling", "quota", "changed"]
    {
        assert!(tally.get(what).is_some_and(|&count| count > 500), "{what} in {tally:?}");
    }
}

//! Random lives of a breaker, step by step beside the reference.

use std::time::Duration;

use super::reference::{Change, Pass, Reference};
use super::rules::{
    BreakerRules, BreakerState, BreakerTransition, BreakerWindow, CallTotals, Sample, SampleFate,
};
use super::{BreakerPermit, CircuitBreaker};
use crate::time::Instant;

const CASES: u64 = 12_000;
const STEPS: usize = 160;

/// Marsaglia's xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn is(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn number(&mut self, least: u64, most: u64) -> u32 {
        (least + self.below(most - least + 1)) as u32
    }

    fn millis(&mut self, least: u64, most: u64) -> Duration {
        // Not whole milliseconds, so that rounding is seen.
        let nanos = self.below(2) * self.below(1_000_000);
        Duration::from_millis(least + self.below(most - least + 1)) + Duration::from_nanos(nanos)
    }

    fn rules(&mut self) -> BreakerRules {
        let window = if self.is(60) {
            BreakerWindow::Time(Duration::from_millis([100, 1_000, 10_000][self.below(3) as usize]))
        } else {
            BreakerWindow::Calls(self.number(1, 30) as usize)
        };
        BreakerRules {
            window,
            min_calls: self.number(1, 12),
            failure_rate: self.number(20, 100),
            failures_in_row: self.number(0, 6),
            slow_rate: self.number(20, 100),
            open: self.millis(1, 6_000),
            open_max: self.millis(1, 60_000),
            jitter: self.number(0, 40),
            calm: self.millis(0, 20_000),
            probes: self.number(1, 5),
            probes_to_decide: self.number(1, 7),
            half_open: self.millis(1, 30_000),
        }
    }
}

/// The reference, and what the threads of a provider would keep.
struct Life {
    reference: Reference,
    totals: CallTotals,
    now: Instant,
    changes: [u64; 6],
    stale: u64,
}

fn plain(change: BreakerTransition) -> Change {
    (change.from, change.to, change.at, change.generation)
}

impl Life {
    fn new(rules: BreakerRules, seed: u64) -> Self {
        Self {
            reference: Reference::new(rules, seed),
            totals: CallTotals { ok: seed >> 30, slow: seed >> 31 },
            now: Instant::from_nanos((seed % 5) * (seed % 20_000_000_000)),
            changes: [0; 6],
            stale: 0,
        }
    }

    fn same(&mut self, ours: Option<BreakerTransition>, expected: Option<Change>) {
        assert_eq!(ours.map(plain), expected);
        if let Some((_, to, ..)) = expected {
            self.changes[to as usize] += 1;
        }
    }

    fn acquire<'a>(
        &mut self,
        breaker: &'a CircuitBreaker,
    ) -> Option<(BreakerPermit<&'a CircuitBreaker>, Pass)> {
        let ours = breaker.acquire(self.now);
        let (expected, changes) = self.reference.acquire(self.now);
        let mut changes = changes.into_iter();
        for transition in ours.transitions.into_iter().flatten() {
            let change = changes.next();
            self.same(Some(transition), change);
        }
        assert_eq!(changes.next(), None);
        match (ours.permit, expected) {
            (Ok(permit), Ok(pass)) => {
                assert_eq!((permit.is_probe(), permit.generation()), (pass.probe, pass.generation));
                Some((permit, pass))
            }
            (Err(ours), Err(expected)) => {
                assert_eq!(ours, expected);
                None
            }
            (ours, expected) => panic!("{ours:?}, and not {expected:?}"),
        }
    }

    fn record(&mut self, permit: BreakerPermit<&CircuitBreaker>, pass: Pass, sample: Sample) {
        let totals = self.totals;
        let ours = permit.record(sample, self.now, || totals);
        let (fate, change) = self.reference.record(pass, sample, self.now);
        assert_eq!(ours.fate, fate);
        self.same(ours.transition, change);
        self.stale += u64::from(fate == SampleFate::Stale);
        if let (SampleFate::Counted, Sample::Success { slow }) = (fate, sample) {
            self.totals.ok += 1;
            self.totals.slow += u64::from(slow);
        }
    }

    fn command(&mut self, breaker: &CircuitBreaker, number: u64) {
        let (done, to) = match number {
            0 => (breaker.force_open(self.now), BreakerState::ForcedOpen),
            1 => (breaker.disable(self.now), BreakerState::Disabled),
            2 => (breaker.metrics_only(self.now), BreakerState::MetricsOnly),
            _ => (breaker.reset(self.now), BreakerState::Closed),
        };
        let change = self.reference.command(to, self.now);
        self.same(Some(done), Some(change));
    }

    fn compare(&self, breaker: &CircuitBreaker) {
        let reference = &self.reference;
        assert_eq!(breaker.check(self.now), reference.check(self.now));
        assert_eq!(breaker.next_change(), reference.next_change());
        assert_eq!(breaker.state(), reference.state);
    }

    fn figures(&self, breaker: &CircuitBreaker) {
        let (reference, figures) = (&self.reference, breaker.figures(self.now, || self.totals));
        let sums = (figures.calls, figures.failures, figures.slow);
        assert_eq!(sums, reference.sums(self.now));
        assert_eq!((figures.state, figures.generation), (reference.state, reference.generation));
        assert_eq!((figures.failures_in_row, figures.probes), (reference.row, reference.out));
    }
}

/// One life; the changes by the state that was entered, and the stale completions.
fn live(seed: u64) -> ([u64; 6], u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let rules = dice.rules();
    let draw = dice.below(u64::MAX);
    let (breaker, mut life) = (CircuitBreaker::new(rules, draw), Life::new(rules, draw));
    let mut permits = Vec::new();
    let mut failing = dice.below(101);
    let (slow, ignored) = (dice.below(60), dice.below(20));
    for _ in 0..STEPS {
        match dice.below(100) {
            0..35 if permits.len() < 12 => permits.extend(life.acquire(&breaker)),
            35..75 if !permits.is_empty() => {
                let (permit, pass) = permits.swap_remove(dice.below(permits.len() as u64) as usize);
                let slow = dice.is(slow);
                let sample = if dice.is(ignored) {
                    Sample::Ignored
                } else if dice.is(failing) {
                    let retry_after = dice.is(10).then(|| dice.millis(0, 20_000));
                    Sample::Failure { slow, retry_after }
                } else {
                    Sample::Success { slow }
                };
                life.record(permit, pass, sample);
            }
            75..78 if !permits.is_empty() => {
                let (permit, pass) = permits.swap_remove(0);
                drop(permit);
                life.reference.release(pass);
            }
            78..85 => {
                let totals = life.totals;
                let ours = breaker.fold(life.now, || totals);
                let change = life.reference.fold(life.now);
                life.same(ours, change);
            }
            85..98 => {
                let most = [30, 300, 3_000, 40_000][dice.below(4) as usize];
                life.now = life.now + dice.millis(0, most);
            }
            98 => failing = dice.below(101),
            99 if dice.is(30) => life.command(&breaker, dice.below(6)),
            _ => life.figures(&breaker),
        }
        life.compare(&breaker);
    }
    (life.changes, life.stale)
}

#[test]
fn the_breaker_decides_as_its_reference_does_in_12_000_random_lives() {
    let (mut changes, mut stale) = ([0; 6], 0);
    for seed in 1..=CASES {
        let (of_life, more) = std::panic::catch_unwind(|| live(seed))
            .unwrap_or_else(|_| panic!("the life of seed {seed} went another way"));
        for (sum, more) in changes.iter_mut().zip(of_life) {
            *sum += more;
        }
        stale += more;
    }
    for state in BreakerState::ALL {
        let entered = changes[state as usize];
        assert!(entered > CASES / 20, "{} was entered {entered} times", state.name());
    }
    assert!(stale > CASES, "{stale} stale completions");
    println!("{CASES} lives of {STEPS} steps, changes by state {changes:?}, {stale} stale");
}

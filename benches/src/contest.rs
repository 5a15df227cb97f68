//! Several contestants in one process, their rounds interleaved in an order that is shuffled each time.

use crate::random::Random;
use crate::sample::Sample;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// A whole suite within a minute.
    Quick,
    /// For figures that are told.
    Full,
}

/// How many rounds, and how long each contestant runs in one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) round: Duration,
}

impl Plan {
    pub(crate) const fn new(rounds: usize, round_ms: u64) -> Self {
        Self { rounds, round: Duration::from_millis(round_ms) }
    }
}

impl Effort {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }
}

/// One that is measured.
pub(crate) trait Contestant {
    /// Does `count` operations and says how long they took.
    fn run(&mut self, count: usize) -> Duration;

    /// How many operations to ask for, so that a round takes about `time`.
    fn fit(&mut self, time: Duration) -> usize {
        calibrate(self, time)
    }
}

/// Nanoseconds an operation of each contestant, a figure a round.
pub(crate) type Results = BTreeMap<&'static str, Sample>;

/// Lets the contestants run in turn. Each gets as many operations a round as fill its time.
pub(crate) fn hold_as(
    plan: Plan,
    contestants: &mut [(&'static str, Box<dyn Contestant>)],
) -> Results {
    let counts: Vec<usize> =
        contestants.iter_mut().map(|(_, contestant)| contestant.fit(plan.round)).collect();
    hold_counts(plan.rounds, &counts, contestants)
}

/// [`hold_as`] with as many operations a round as `counts` says for each.
pub(crate) fn hold_counts(
    rounds: usize,
    counts: &[usize],
    contestants: &mut [(&'static str, Box<dyn Contestant>)],
) -> Results {
    // Each process has an order of its own, so that no contestant always follows the same one.
    let mut random = Random::new(u64::from(std::process::id()));
    let mut results = Results::new();
    let mut order: Vec<usize> = (0..contestants.len()).collect();
    for _ in 0..rounds {
        random.shuffle(&mut order);
        for &place in &order {
            let (name, contestant) = &mut contestants[place];
            let took = contestant.run(counts[place]).as_nanos() as f64;
            results.entry(name).or_default().0.push(took / counts[place] as f64);
        }
    }
    results
}

/// How many operations take about `time`; a warm-up as well.
fn calibrate<C: Contestant + ?Sized>(contestant: &mut C, time: Duration) -> usize {
    let mut count = 1024;
    loop {
        let took = contestant.run(count);
        if took >= time {
            return count;
        }
        let factor = time.as_secs_f64() / took.as_secs_f64().max(1e-6);
        // A little more than it seems to need, or the last step takes several runs.
        count = (count as f64 * (factor * 1.1).clamp(1.2, 8.0)) as usize;
    }
}

#[cfg(test)]
mod tests {
    use super::{Contestant, Plan, hold_as};
    use std::time::Duration;

    /// Takes as long as it says, without taking it.
    struct Steady(Duration);

    impl Contestant for Steady {
        fn run(&mut self, count: usize) -> Duration {
            self.0 * count as u32
        }
    }

    #[test]
    fn every_contestant_has_a_figure_of_each_round() {
        let mut contestants: [(&str, Box<dyn Contestant>); 2] = [
            ("slow", Box::new(Steady(Duration::from_nanos(40)))),
            ("fast", Box::new(Steady(Duration::from_nanos(10)))),
        ];
        let results = hold_as(Plan::new(5, 1), &mut contestants);
        assert_eq!(results["slow"].0, [40.0; 5]);
        assert_eq!(results["fast"].0, [10.0; 5]);
    }
}

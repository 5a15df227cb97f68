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

impl Effort {
    fn rounds(self) -> usize {
        match self {
            Self::Quick => 31,
            Self::Full => 101,
        }
    }

    fn round(self) -> Duration {
        match self {
            Self::Quick => Duration::from_millis(60),
            Self::Full => Duration::from_millis(150),
        }
    }
}

/// One that is measured.
pub(crate) trait Contestant {
    /// Does `count` operations and says how long they took.
    fn run(&mut self, count: usize) -> Duration;
}

/// Nanoseconds an operation of each contestant, a figure a round.
pub(crate) type Results = BTreeMap<&'static str, Sample>;

/// Lets the contestants run in turn. Each gets as many operations a round as fill its time.
pub(crate) fn hold(
    effort: Effort,
    contestants: &mut [(&'static str, Box<dyn Contestant>)],
) -> Results {
    let mut random = Random::new(2);
    let counts: Vec<usize> = contestants
        .iter_mut()
        .map(|(_, contestant)| calibrate(contestant.as_mut(), effort.round()))
        .collect();
    let mut results = Results::new();
    let mut order: Vec<usize> = (0..contestants.len()).collect();
    for _ in 0..effort.rounds() {
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
fn calibrate(contestant: &mut dyn Contestant, time: Duration) -> usize {
    let mut count = 1024;
    loop {
        let took = contestant.run(count);
        if took >= time {
            return count;
        }
        let factor = time.as_secs_f64() / took.as_secs_f64().max(1e-6);
        count = (count as f64 * factor.clamp(1.2, 8.0)) as usize;
    }
}

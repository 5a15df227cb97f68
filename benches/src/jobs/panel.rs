//! Rounds of several contestants with more than one figure each: time, CPU time and sleeps an operation.

use super::figures::Figures;
use crate::contest::{Effort, Results};
use crate::random::Random;
use crate::usage;
use std::time::Duration;

/// What a round took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    pub(super) wall: Duration,
    /// Of all threads of the contestant's process.
    pub(super) cpu: Duration,
    /// Voluntary context switches: how often a thread went to sleep.
    pub(super) switches: u64,
}

/// One that does as many jobs as it is told.
pub(super) trait Rounds {
    fn run(&mut self, jobs: usize) -> Cost;

    /// The time alone, with nothing done beside the jobs.
    fn bare(&mut self, jobs: usize) -> Duration {
        self.run(jobs).wall
    }
}

pub(super) type Entry = (&'static str, Box<dyn Rounds>);

/// One in this process: a function that does so many jobs and says how long they took.
pub(super) struct Inside<F>(pub(super) F);

impl<F: FnMut(usize) -> Duration> Rounds for Inside<F> {
    fn run(&mut self, jobs: usize) -> Cost {
        let (cpu, switches) = (usage::cpu(), usage::switches());
        let wall = (self.0)(jobs);
        Cost { wall, cpu: usage::cpu() - cpu, switches: usage::switches() - switches }
    }

    fn bare(&mut self, jobs: usize) -> Duration {
        (self.0)(jobs)
    }
}

pub(super) fn inside(name: &'static str, round: impl FnMut(usize) -> Duration + 'static) -> Entry {
    (name, Box::new(Inside(round)))
}

/// How many rounds of which length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    rounds: usize,
    round: Duration,
}

impl Pace {
    /// Of the main scenario.
    pub(super) fn main(effort: Effort) -> Self {
        match effort {
            Effort::Quick => Self { rounds: 15, round: Duration::from_millis(25) },
            Effort::Full => Self { rounds: 101, round: Duration::from_millis(100) },
        }
    }

    /// Of the others.
    pub(super) fn side(effort: Effort) -> Self {
        match effort {
            Effort::Quick => Self { rounds: 7, round: Duration::from_millis(20) },
            Effort::Full => Self { rounds: 31, round: Duration::from_millis(100) },
        }
    }
}

/// The figures of a contest, each for all contestants.
#[derive(Debug, Default)]
pub(super) struct Panel {
    /// Nanoseconds a job.
    wall: Results,
    /// CPU nanoseconds a job.
    cpu: Results,
    /// Voluntary context switches in 1,000 jobs.
    switches: Results,
}

impl Panel {
    /// A scenario of the time, with the sleeps beside it, and one of the CPU time; `roles` says who is who.
    pub(super) fn figures(
        &self,
        [wall, cpu]: [&'static str; 2],
        group: &'static str,
        roles: impl Fn(Figures) -> Figures,
    ) -> Vec<Figures> {
        let of = |name, unit, results: &Results| {
            roles(Figures::new(name, unit, "bifrost", results.clone()))
        };
        let wall = of(wall, "ns/job", &self.wall).group(group);
        let cpu = of(cpu, "CPU ns/job", &self.cpu).group("cpu").shown();
        vec![wall.detail("sleeps/1000 jobs", self.switches.clone()), cpu]
    }
}

/// Lets the contestants run in turn, in an order that is shuffled each time.
pub(super) fn hold(pace: Pace, contestants: &mut [Entry]) -> Panel {
    let mut random = Random::new(u64::from(std::process::id()));
    let counts: Vec<usize> =
        contestants.iter_mut().map(|(_, one)| calibrate(one.as_mut(), pace.round)).collect();
    let mut panel = Panel::default();
    let mut order: Vec<usize> = (0..contestants.len()).collect();
    for _ in 0..pace.rounds {
        random.shuffle(&mut order);
        for &place in &order {
            let (name, contestant) = &mut contestants[place];
            let cost = contestant.run(counts[place]);
            let each = 1.0 / counts[place] as f64;
            let note = |results: &mut Results, value: f64| {
                results.entry(name).or_default().0.push(value * each);
            };
            note(&mut panel.wall, cost.wall.as_nanos() as f64);
            note(&mut panel.cpu, cost.cpu.as_nanos() as f64);
            note(&mut panel.switches, 1e3 * cost.switches as f64);
        }
    }
    panel
}

/// How many jobs take about `time`; a warm-up as well.
fn calibrate(contestant: &mut dyn Rounds, time: Duration) -> usize {
    let mut jobs = 256;
    loop {
        let took = contestant.run(jobs).wall;
        if took * 10 >= time * 9 {
            return jobs;
        }
        let factor = time.as_secs_f64() / took.as_secs_f64().max(1e-6);
        jobs = (jobs as f64 * factor.clamp(1.2, 16.0)) as usize;
    }
}

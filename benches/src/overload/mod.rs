//! How much of what the workers can do is of use while more jobs come than they can serve (S19).
//!
//! Ten workers, jobs of two seconds, a hundred places, ten seconds for each job from its submission to its end.
//! Time is virtual, so the figures are the same on every machine; a round is a run with a seed of its own.

mod pool;

use crate::contest::Effort;
use crate::figure::{Better, Figure, Role};
use crate::goals::{Bound, Goal};
use crate::sample::{Ratio, Sample};
use pool::{Discipline, Tally};

/// The scenarios of this one have the others beside it.
const DEFAULT: &str = "default";
const DISCIPLINES: [Discipline; 4] = [
    Discipline { name: DEFAULT, estimate: true, codel: true },
    Discipline { name: "codel", estimate: false, codel: true },
    Discipline { name: "estimate", estimate: true, codel: false },
    Discipline { name: "fifo", estimate: false, codel: false },
];
const LOADS: [f64; 4] = [0.8, 1.2, 2.0, 5.0];
const LATE: &str = "executed after expiry";

/// All runs of a discipline at a load.
struct Runs {
    discipline: &'static str,
    load: f64,
    tallies: Vec<Tally>,
}

fn name(discipline: &str, load: f64) -> String {
    format!("{discipline}/{load}")
}

/// The scenarios whose names are wanted.
pub(crate) fn suite(effort: Effort, wanted: &dyn Fn(&str) -> bool) -> Vec<Figure> {
    let seeds = match effort {
        Effort::Quick => 1..=3,
        Effort::Full => 1..=11,
    };
    let mut seen: Vec<Runs> = Vec::new();
    for discipline in DISCIPLINES {
        for load in LOADS {
            if wanted(&name(discipline.name, load)) || wanted(&name(DEFAULT, load)) {
                let tallies = seeds.clone().map(|seed| pool::run(discipline, load, seed));
                let tallies = tallies.collect();
                seen.push(Runs { discipline: discipline.name, load, tallies });
            }
        }
    }
    let wanted = seen.iter().filter(|runs| wanted(&name(runs.discipline, runs.load)));
    wanted.map(|ours| figure(ours, &seen)).collect()
}

fn figure(ours: &Runs, seen: &[Runs]) -> Figure {
    let is_default = ours.discipline == DEFAULT;
    let group = if is_default { "overload" } else { "disciplines" };
    let unit = "goodput in % of capacity".to_owned();
    let mut figure = Figure::empty(&name(ours.discipline, ours.load), group, unit, Better::Higher);
    enter(&mut figure, Role::Ours, ours);
    if is_default {
        let others = seen.iter().filter(|runs| runs.load == ours.load);
        for runs in others.filter(|runs| runs.discipline != DEFAULT) {
            enter(&mut figure, Role::Shown, runs);
        }
    }
    figure
}

fn enter(figure: &mut Figure, role: Role, runs: &Runs) {
    figure.enter(role, runs.discipline);
    let sample = |of: &dyn Fn(&Tally) -> f64| Sample(runs.tallies.iter().map(of).collect());
    let share = |of: fn(&Tally) -> u64| {
        sample(&|tally| 100.0 * of(tally) as f64 / tally.arrived.max(1) as f64)
    };
    let details = [
        ("% refused by the estimate", share(|tally| tally.refused_by_estimate)),
        ("% refused by the full queue", share(|tally| tally.refused_full)),
        ("% dropped by CoDel", share(|tally| tally.dropped)),
        ("% expired in the queue", share(|tally| tally.expired)),
        ("% executed in vain", share(|tally| tally.in_vain)),
        (LATE, sample(&|tally| tally.executed_after_expiry as f64)),
    ];
    let details = details.map(|(what, sample)| (what.to_owned(), sample));
    figure.details.insert(runs.discipline.to_owned(), details.into());
    figure.samples.insert(runs.discipline.to_owned(), sample(&|tally| tally.goodput));
}

/// Nine tenths of the capacity under every overload, and no job executed in vain after its time.
pub(crate) fn goals(figures: &[Figure]) -> Vec<Goal> {
    let of = |load: &f64| {
        let figure = figures.iter().find(|figure| figure.name == name(DEFAULT, *load))?;
        let what = format!("{}, goodput in % of capacity", figure.name);
        let is = Ratio { median: figure.value(DEFAULT), interval: figure.spread(DEFAULT) };
        Some(Goal { id: "S19", what, bound: Bound::AtLeast(90.0, 98.0), is })
    };
    let mut goals: Vec<Goal> = LOADS.iter().filter(|load| **load > 1.0).filter_map(of).collect();
    let late = figures.iter().flat_map(|figure| figure.details.values());
    let late: Vec<f64> =
        late.filter_map(|details| details.get(LATE)).flat_map(|sample| sample.0.clone()).collect();
    if !late.is_empty() {
        let (sum, what) = (late.iter().sum(), "jobs executed after their time, of all".to_owned());
        let is = Ratio { median: sum, interval: [sum; 2] };
        goals.push(Goal { id: "S19", what, bound: Bound::AtMost(0.0, 0.0), is });
    }
    goals
}

#[cfg(test)]
mod tests {
    use super::suite;
    use crate::contest::Effort;

    #[test]
    fn a_scenario_is_the_same_each_time_and_is_met() {
        let run = || suite(Effort::Quick, &|name| name == "default/5");
        let (once, again) = (run(), run());
        assert_eq!(once, again, "virtual time");
        assert_eq!(once.len(), 1);
        assert_eq!(once[0].shown, ["codel", "estimate", "fifo"]);
        assert!(super::goals(&once).iter().all(super::Goal::is_met), "{:?}", super::goals(&once));
    }
}

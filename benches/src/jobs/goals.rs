//! What the suite is for, in numbers.

use super::{closed, flood, idle, micro, open, tail};
use crate::figure::Figure;
use crate::goals::{Bound, Goal};
use crate::sample::{Ratio, Sample};

struct Figures<'a>(&'a [Figure]);

impl<'a> Figures<'a> {
    fn named(&self, name: &str) -> Option<&'a Figure> {
        self.0.iter().find(|figure| figure.name == name)
    }

    fn of(&self, name: &str, row: &str) -> Option<&'a Sample> {
        self.named(name)?.samples.get(row)
    }

    fn ours(&self, name: &str) -> Option<&'a Sample> {
        let figure = self.named(name)?;
        figure.samples.get(figure.ours.as_deref()?)
    }

    /// How many times faster ours is.
    fn against(&self, id: &'static str, name: &str, peer: &str, goal: [f64; 2]) -> Option<Goal> {
        let is = Ratio::of(&self.named(name)?.ours_over(peer)?);
        let what = format!("{name}, against {peer}");
        Some(Goal { id, what, bound: Bound::AtLeast(goal[0], goal[1]), is })
    }

    /// How large ours is.
    fn most(&self, id: &'static str, name: &str, unit: &str, goal: [f64; 2]) -> Option<Goal> {
        let is = Ratio::of(self.ours(name)?);
        Some(Goal {
            id,
            what: format!("{name}, {unit}"),
            bound: Bound::AtMost(goal[0], goal[1]),
            is,
        })
    }

    /// By how many milliseconds ours exceeds what the machine did to a thread that only sleeps.
    fn above_hiccup(&self, name: &'static str) -> Option<Goal> {
        let hiccups = self.of(tail::NAMES[3], "hiccup beside bifrost")?;
        let pairs = self.ours(name)?.0.iter().zip(&hiccups.0);
        let above = Sample(pairs.map(|(ours, hiccup)| (ours - hiccup) / 1e3).collect());
        let what = format!("{name}, ms above the worst hiccup");
        let bound = Bound::AtMost(10.0, 2.0);
        Some(Goal { id: "P12", what, bound, is: Ratio::of(&above) })
    }

    /// How many times the futex's time ours is.
    fn parked(&self) -> Option<Goal> {
        let name = open::CROSS[0];
        let is = Ratio::of(&self.ours(name)?.over(self.of(name, open::FUTEX)?));
        let what = format!("{name}, times a raw futex");
        Some(Goal { id: "P14", what, bound: Bound::AtMost(1.1, 1.05), is })
    }
}

/// Those of the goals whose scenarios were measured.
pub(crate) fn goals(figures: &[Figure]) -> Vec<Goal> {
    let figures = Figures(figures);
    let closed = closed::SCENES[0].names[0];
    let [smol, tokio, pooled, context] = [
        "async-channel + smol",
        "flume + tokio",
        "Go channels, pooled replies",
        "Go channels, context",
    ];
    let go = "Go channels";
    let [p50, p99, p999, _] = open::SAME;
    [
        figures.against("P11", closed, pooled, [1.0, 1.5]),
        figures.against("P11", closed, context, [2.0, 3.0]),
        figures.against("P11", closed, smol, [1.3, 2.0]),
        figures.against("P11", closed, tokio, [0.8, 1.2]),
        figures.above_hiccup(tail::NAMES[2]),
        figures.above_hiccup(tail::NAMES[3]),
        figures.against("P13", flood::SINGLE[0], go, [0.9, 1.2]),
        figures.against("P13", flood::BATCHED[0], go, [2.5, 5.0]),
        figures.most("P14", p50, "µs", [1.0, 0.5]),
        figures.most("P14", p99, "µs", [3.5, 1.75]),
        figures.most("P14", p999, "µs", [30.0, 15.0]),
        figures.parked(),
        figures.most("P15", idle::SMALL.names[0], "MiB", [2.0, 2.0]),
        figures.most("P15", idle::LARGE.names[0], "MiB", [100.0, 100.0]),
        figures.most("P15", idle::SMALL.names[2], "sleeps", [0.0, 0.0]),
        figures.most("P15", idle::LARGE.names[2], "sleeps", [0.0, 0.0]),
        figures.most("P17", micro::DEADLINE, "ns", [5.0, 1.0]),
        figures.most("P18", micro::COUNT, "ns", [2.0, 2.0]),
        figures.most("P18", micro::RECORD, "ns", [3.0, 3.0]),
        figures.most("P18", micro::COUNTERS, "µs", [1000.0, 1000.0]),
        figures.most("P18", micro::PERCENTILES, "µs", [50.0, 50.0]),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::goals;
    use crate::figure::{Better, Figure, Role};
    use crate::sample::Sample;

    fn figure(name: &str, rows: &[(Role, &str, f64)]) -> Figure {
        let mut figure = Figure::empty(name, "g", "u".to_owned(), Better::Lower);
        for &(role, name, value) in rows {
            figure.enter(role, name);
            figure.samples.insert(name.to_owned(), Sample(vec![value; 3]));
        }
        figure
    }

    #[test]
    fn a_goal_is_told_only_of_what_was_measured() {
        let closed = figure(
            "jobs_closed_loop_20x10_c64",
            &[(Role::Ours, "bifrost", 200.0), (Role::Peer, "flume + tokio", 150.0)],
        );
        let told = goals(&[closed]);
        assert_eq!(told.len(), 1);
        assert!((told[0].is.median - 0.75).abs() < 1e-9 && !told[0].is_met(), "{told:?}");
    }

    #[test]
    fn the_tail_is_measured_from_the_hiccup() {
        let max = figure(
            "jobs_tail_20x10_c64_max",
            &[(Role::Ours, "bifrost", 9_000.0), (Role::Shown, "hiccup beside bifrost", 4_000.0)],
        );
        let told = goals(&[max]);
        assert!((told[0].is.median - 5.0).abs() < 1e-9 && told[0].is_met(), "{told:?}");
    }

    #[test]
    fn a_parked_wake_is_a_multiple_of_the_futex() {
        let cross = figure(
            "jobs_open_loop_5k_cross_thread_p50",
            &[(Role::Ours, "bifrost", 24.0), (Role::Shown, "raw futex", 20.0)],
        );
        let told = goals(&[cross]);
        assert!((told[0].is.median - 1.2).abs() < 1e-9 && !told[0].is_met(), "{told:?}");
    }
}

//! The goals that a suite is for, and whether its figures meet them.

use crate::figure::Figure;
use crate::groups::{self, Against};
use crate::jobs;
use crate::overload;
use crate::queue::FUTEX_WAITS;
use crate::report::ratio_json;
use crate::sample::Ratio;
use serde_json::{Value, json};

/// On which side of the bound a figure must lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    /// At least this; what we are after.
    AtLeast(f64, f64),
    /// At most this; what we are after.
    AtMost(f64, f64),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Goal {
    pub(crate) id: &'static str,
    pub(crate) what: String,
    pub(crate) bound: Bound,
    pub(crate) is: Ratio,
}

impl Goal {
    pub(crate) fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(least, _) => self.is.median >= least,
            Bound::AtMost(most, _) => self.is.median <= most,
        }
    }

    pub(crate) fn bound_text(&self) -> String {
        match self.bound {
            Bound::AtLeast(goal, after) => format!("≥ {goal} (after {after})"),
            Bound::AtMost(goal, after) => format!("≤ {goal} (after {after})"),
        }
    }

    pub(crate) fn verdict(&self) -> &'static str {
        if self.is_met() { "met" } else { "missed" }
    }

    pub(crate) fn line(&self) -> String {
        let (bound, verdict) = (self.bound_text(), self.verdict());
        format!("{:<4} {:<66} {:<24} {bound}: {verdict}", self.id, self.what, self.is.to_string())
    }

    pub(crate) fn to_json(&self) -> Value {
        let (side, goal, after) = match self.bound {
            Bound::AtLeast(goal, after) => ("at_least", goal, after),
            Bound::AtMost(goal, after) => ("at_most", goal, after),
        };
        let mut value = ratio_json(self.is);
        value["id"] = json!(self.id);
        value["what"] = json!(self.what);
        value[side] = json!(goal);
        value["after"] = json!(after);
        value["met"] = json!(self.is_met());
        value
    }
}

pub(crate) fn of_suite(suite: &str, figures: &[Figure]) -> Vec<Goal> {
    match suite {
        "queue" => queue(figures),
        "jobs" => jobs::goals(figures),
        "stall" => stall(figures),
        "overload" => overload::goals(figures),
        _ => Vec::new(),
    }
}

/// A mean of a group against one peer.
fn mean(
    figures: &[Figure],
    id: &'static str,
    group: &str,
    peer: &str,
    goal: f64,
    after: f64,
) -> Option<Goal> {
    let is = groups::mean(&groups::members(figures, group), Against::One(peer))?;
    let what = format!("{group}, geometric mean over its scenarios, against {peer}");
    Some(Goal { id, what, bound: Bound::AtLeast(goal, after), is })
}

fn queue(figures: &[Figure]) -> Vec<Goal> {
    let mut goals = vec![
        mean(figures, "P2", "try", "crossfire", 1.1, 1.5),
        worst(figures, "P3", "try"),
        mean(figures, "P4", "try", "crossbeam ArrayQueue", 1.4, 2.0),
        mean(figures, "P4", "try", "concurrent-queue", 1.7, 2.5),
        cost(figures, "P5", "ring_solo_1024", "two fetch_adds", 1.1, 1.05),
        mean(figures, "P6", "blocking", "crossfire", 1.0, 1.3),
        mean(figures, "P6", "blocking", "crossbeam-channel", 1.3, 1.6),
        mean(figures, "P6", "blocking", "async-channel", 8.0, 11.0),
        mean(figures, "P7", "blocking", "Go channel", 2.0, 4.0),
        cost(figures, "P8", "wake_parked", "raw futex", 1.1, 1.05),
        futex_waits(figures),
    ];
    let of_peers = |id, name, goal, after| {
        let figure = figures.iter().find(|figure| figure.name == name)?;
        let what = format!("{name}, against its best peer, {}", figure.best_peer()?);
        Some(Goal { id, what, bound: Bound::AtLeast(goal, after), is: figure.to_best()? })
    };
    goals.push(of_peers("P9", "batch32_1p1c_1024", 3.0, 5.0));
    goals.push(of_peers("P9", "batch32_4p4c_1024", 3.0, 5.0));
    goals.push(of_peers("P10", "payload64_4p4c_1024", 1.0, 1.3));
    goals.into_iter().flatten().collect()
}

/// How many futex calls a consumer of ours makes for one sleep, where they could be counted.
fn futex_waits(figures: &[Figure]) -> Option<Goal> {
    let figure = figures.iter().find(|figure| figure.name == "wake_parked")?;
    let waits = figure.details.get(figure.ours.as_deref()?)?.get(FUTEX_WAITS)?;
    let what = format!("wake_parked, {FUTEX_WAITS}");
    Some(Goal { id: "P8", what, bound: Bound::AtMost(1.0, 1.0), is: Ratio::of(waits) })
}

/// The scenario of a group in which ours is least good against the best peer there. It misses the goal
/// only if its whole interval lies below.
fn worst(figures: &[Figure], id: &'static str, group: &str) -> Option<Goal> {
    let members = groups::members(figures, group);
    let ratios = members.iter().filter_map(|figure| Some((figure, figure.to_best()?)));
    let (figure, ratio) =
        ratios.min_by(|(_, a), (_, b)| a.interval[1].total_cmp(&b.interval[1]))?;
    let what =
        format!("{}, the worst scenario's upper end, against {}", figure.name, figure.best_peer()?);
    let is = Ratio { median: ratio.interval[1], ..ratio };
    Some(Goal { id, what, bound: Bound::AtLeast(0.8, 1.0), is })
}

/// How many times the floor's cost ours has.
fn cost(
    figures: &[Figure],
    id: &'static str,
    name: &str,
    floor: &str,
    goal: f64,
    after: f64,
) -> Option<Goal> {
    let figure = figures.iter().find(|figure| figure.name == name)?;
    let ratios = figure.ratios(floor, figure.ours.as_deref()?)?;
    let what = format!("{name}, cost against {floor}");
    Some(Goal { id, what, bound: Bound::AtMost(goal, after), is: Ratio::of(&ratios) })
}

fn stall(figures: &[Figure]) -> Vec<Goal> {
    let of = |figure: &Figure| {
        let ours = figure.ours.as_deref()?;
        let windows = figure.value(ours);
        let what = format!("{}, windows in which others are blocked or starved", figure.name);
        let is = Ratio { median: windows, interval: [windows; 2] };
        Some(Goal { id: "P1", what, bound: Bound::AtMost(0.0, 0.0), is })
    };
    figures.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::{Bound, Goal, cost, worst};
    use crate::figure::{Better, Figure, Role};
    use crate::sample::{Ratio, Sample};

    fn figure(name: &str, better: Better, ours: Vec<f64>, other: Vec<f64>) -> Figure {
        let mut figure = Figure::empty(name, "g", "u".to_owned(), better);
        figure.enter(Role::Ours, "ours");
        figure.enter(Role::Peer, "peer");
        figure.samples.insert("ours".to_owned(), Sample(ours));
        figure.samples.insert("peer".to_owned(), Sample(other));
        figure
    }

    #[test]
    fn a_cost_is_ours_over_the_floor() {
        let figure = figure("f", Better::Lower, vec![12.0; 5], vec![10.0; 5]);
        let goal = cost(&[figure], "P5", "f", "peer", 1.1, 1.0).expect("both were measured");
        assert!((goal.is.median - 1.2).abs() < 1e-9 && !goal.is_met(), "{goal:?}");
    }

    #[test]
    fn the_worst_scenario_is_judged_by_the_upper_end() {
        let wide = [0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 0.5].to_vec();
        let figures = [
            figure("wide", Better::Higher, wide, vec![1.0; 7]),
            figure("low", Better::Higher, vec![0.7; 7], vec![1.0; 7]),
        ];
        let goal = worst(&figures, "P3", "g").expect("both were measured");
        assert!(goal.what.starts_with("low") && !goal.is_met(), "{goal:?}");
        let goal = worst(&figures[..1], "P3", "g").expect("it was measured");
        assert!(goal.is_met(), "{goal:?}");
    }

    #[test]
    fn a_bound_is_met_from_its_own_side() {
        let is = Ratio { median: 1.0, interval: [1.0; 2] };
        let goal = |bound| Goal { id: "P", what: String::new(), bound, is };
        assert!(goal(Bound::AtLeast(1.0, 2.0)).is_met() && goal(Bound::AtMost(1.0, 0.5)).is_met());
        assert!(
            !goal(Bound::AtLeast(1.1, 2.0)).is_met() && !goal(Bound::AtMost(0.9, 0.5)).is_met()
        );
    }
}

//! What a suite found, as JSON and as text.

use crate::contest::Effort;
use crate::figure::{Better, Figure};
use crate::goals::{self, Goal};
use crate::groups::{self, Against};
use crate::machine::Machine;
use crate::sample::{Ratio, Sample};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// The version of the JSON's shape.
const SCHEMA: u32 = 1;

/// The scenarios of a suite, its groups and goals.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) suite: String,
    pub(crate) effort: Effort,
    pub(crate) processes: usize,
    pub(crate) machine: Machine,
    pub(crate) figures: Vec<Figure>,
}

pub(crate) fn ratio_json(ratio: Ratio) -> Value {
    json!({ "ratio": ratio.median, "ci95": ratio.interval })
}

impl Figure {
    /// The ratio of ours to the best peer; none where there is no ours, or counts of zero.
    pub(crate) fn to_best(&self) -> Option<Ratio> {
        let ratio = Ratio::of(&self.ours_over(self.best_peer()?)?);
        ratio.median.is_finite().then_some(ratio)
    }

    fn values(&self, names: &[String]) -> Value {
        let measured = names.iter().filter(|name| self.samples.contains_key(*name));
        measured.map(|name| (name.clone(), json!(self.value(name)))).collect()
    }

    fn to_json(&self) -> Value {
        let best = self.to_best();
        let spread = |(name, sample): (&String, &Sample)| {
            let quantiles = [0.1, 0.5, 0.9].map(|q| sample.quantile(q));
            (name.clone(), json!({ "p10_p50_p90": quantiles, "rounds": sample.0.len() }))
        };
        let details = self.details.iter().map(|(name, details)| {
            let medians = details.iter().map(|(detail, of)| (detail.clone(), json!(of.median())));
            (name.clone(), medians.collect::<Value>())
        });
        json!({
            "name": self.name,
            "group": self.group,
            "unit": self.unit,
            "better": self.better,
            "total": self.total,
            "ours": self.ours.as_ref().map(|name| self.value(name)),
            "contestant": self.ours,
            "peers": self.values(&self.peers),
            "ci95": best.map(|ratio| ratio.interval),
            "best_peer": self.best_peer(),
            "ratio_to_best": best.map(|ratio| ratio.median),
            "variants": self.values(&self.shown),
            "aa": self.aa().map(ratio_json),
            "spread": self.samples.iter().map(spread).collect::<Value>(),
            "details": details.collect::<Value>(),
        })
    }

    fn write_to(&self, text: &mut String) -> std::fmt::Result {
        let better = match self.better {
            Better::Higher => "higher",
            Better::Lower => "lower",
        };
        writeln!(text, "\n{} ({}, {better} is better)", self.name, self.unit)?;
        writeln!(
            text,
            "  {:<30} {:>9} {:>9} {:>9}   ours is better by",
            "",
            "p10",
            self.total.name(),
            "p90"
        )?;
        for name in self.ranked() {
            let [low, high] = self.spread(name);
            write!(text, "  {name:<30} {low:>9.1} {:>9.1} {high:>9.1}", self.value(name))?;
            match self.ours_over(name) {
                Some(_) if self.ours.as_deref() == Some(name) => writeln!(text, "   -")?,
                Some(ratios) if ratios.median().is_finite() => {
                    writeln!(text, "   {}", Ratio::of(&ratios))?;
                }
                _ => writeln!(text)?,
            }
        }
        if let (Some(aa), Some((peer, _))) = (self.aa(), &self.twins) {
            writeln!(text, "  A/A ({peer} against itself): {aa}")?;
        }
        for (name, details) in &self.details {
            let details: Vec<String> =
                details.iter().map(|(of, rounds)| format!("{of} {:.2}", rounds.median())).collect();
            writeln!(text, "  {name}: {}", details.join(", "))?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { median, interval: [low, high] } = self;
        write!(f, "{median:.3} [{low:.3}, {high:.3}]")
    }
}

impl Report {
    pub(crate) fn geomean(&self) -> Option<Ratio> {
        groups::mean(&self.figures, Against::Best)
    }

    /// The file names of a group's charts begin with this.
    pub(crate) fn stem(&self, group: &str) -> String {
        if group == self.suite { group.to_owned() } else { format!("{}-{group}", self.suite) }
    }

    /// Where, with what and when.
    pub(crate) fn origin(&self) -> String {
        let machine = &self.machine;
        let go = machine.go.as_deref().unwrap_or("no Go");
        format!("{}, {}, {go}, {}", machine.hardware, machine.rust, machine.date)
    }

    pub(crate) fn goals(&self) -> Vec<Goal> {
        goals::of_suite(&self.suite, &self.figures)
    }

    pub(crate) fn to_json(&self) -> String {
        let figures: Vec<Value> = self.figures.iter().map(Figure::to_json).collect();
        let groups = groups::names(&self.figures).into_iter().map(|group| {
            let figures = groups::members(&self.figures, group);
            let mut means = Map::new();
            for (against, ratio) in groups::means(&figures) {
                means.insert(against, ratio_json(ratio));
            }
            (group.to_owned(), Value::Object(means))
        });
        let value = json!({
            "schema": SCHEMA,
            "suite": self.suite,
            "effort": self.effort.name(),
            "processes": self.processes,
            "git": self.machine.git,
            "machine": self.machine.hardware,
            "date": self.machine.date,
            "rust": self.machine.rust,
            "go": self.machine.go,
            "peer_versions": self.machine.peers,
            "scenarios": figures,
            "geomean_ratio_to_best": self.geomean().map(|ratio| ratio.median),
            "groups": groups.collect::<Value>(),
            "goals": self.goals().iter().map(Goal::to_json).collect::<Vec<_>>(),
        });
        format!("{value:#}\n")
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        self.write_to(&mut text).unwrap_or_default();
        text
    }

    fn write_to(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "suite {}: {}, revision {}", self.suite, self.origin(), self.machine.git)?;
        for figure in &self.figures {
            figure.write_to(text)?;
        }
        for group in groups::names(&self.figures) {
            let means = groups::means(&groups::members(&self.figures, group));
            if means.is_empty() {
                continue;
            }
            writeln!(text, "\n{group}, ours is better by (geometric mean over its scenarios)")?;
            for (against, ratio) in means {
                writeln!(text, "  {against:<30} {ratio}")?;
            }
        }
        let goals = self.goals();
        if !goals.is_empty() {
            writeln!(text, "\ngoals")?;
        }
        goals.iter().try_for_each(|goal| writeln!(text, "  {}", goal.line()))
    }
}

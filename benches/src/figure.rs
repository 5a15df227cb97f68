//! A scenario as it was measured: the rounds of every contestant, and what follows from them.

use crate::contest::{Contestant, Plan, Results, hold_as, hold_counts};
use crate::sample::{Ratio, Sample};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a contestant is to the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Ours,
    /// One that ours is compared with.
    Peer,
    /// The peer of the same name once more, which ends in [`TWIN`]: how far equal things differ.
    Twin,
    /// Another shape of ours or a floor of the machine: shown, not compared.
    Shown,
}

/// What the name of a twin has more than its peer's.
pub(crate) const TWIN: &str = ", twin";

pub(crate) struct Entry {
    pub(crate) role: Role,
    pub(crate) name: &'static str,
    pub(crate) contestant: Box<dyn Contestant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// What the rounds of a contestant come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Total {
    Median,
    /// Of counts, of which none may get lost.
    Sum,
}

/// What a scenario is called, which geometric mean it is part of, and what it counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Title {
    pub(crate) name: &'static str,
    pub(crate) group: &'static str,
    pub(crate) unit: Unit,
}

/// How the time of an operation is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Millions of operations a second.
    Millions,
    /// Nanoseconds an operation.
    Nanoseconds(&'static str),
    /// Microseconds an operation.
    Microseconds(&'static str),
}

/// Owned, so that a process can hand it to the one that pools.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) unit: String,
    pub(crate) better: Better,
    pub(crate) total: Total,
    pub(crate) ours: Option<String>,
    pub(crate) shown: Vec<String>,
    pub(crate) peers: Vec<String>,
    pub(crate) twins: Option<(String, String)>,
    pub(crate) samples: BTreeMap<String, Sample>,
    /// What else was seen of a contestant: the name of a figure and its rounds.
    pub(crate) details: BTreeMap<String, BTreeMap<String, Sample>>,
}

impl Total {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Median => "median",
            Self::Sum => "sum",
        }
    }
}

impl Unit {
    fn better(self) -> Better {
        match self {
            Self::Millions => Better::Higher,
            Self::Nanoseconds(_) | Self::Microseconds(_) => Better::Lower,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Millions => "M/s".to_owned(),
            Self::Nanoseconds(name) | Self::Microseconds(name) => name.to_owned(),
        }
    }

    fn of_nanoseconds(self, sample: Sample) -> Sample {
        let tell = |ns: f64| match self {
            Self::Millions => 1e3 / ns,
            Self::Nanoseconds(_) => ns,
            Self::Microseconds(_) => ns / 1e3,
        };
        Sample(sample.0.into_iter().map(tell).collect())
    }
}

impl Figure {
    /// Lets the contestants run in turn, each as many operations a round as fill its time.
    pub(crate) fn hold(title: Title, plan: Plan, entries: Vec<Entry>) -> Self {
        Self::of(title, entries, |contestants| hold_as(plan, contestants))
    }

    /// Lets the contestants run in turn, `count` operations a round each.
    pub(crate) fn hold_count(
        title: Title,
        rounds: usize,
        count: usize,
        entries: Vec<Entry>,
    ) -> Self {
        Self::of(title, entries, |contestants| {
            hold_counts(rounds, &vec![count; contestants.len()], contestants)
        })
    }

    fn of(
        title: Title,
        entries: Vec<Entry>,
        hold: impl FnOnce(&mut [(&'static str, Box<dyn Contestant>)]) -> Results,
    ) -> Self {
        let mut figure =
            Self::empty(title.name, title.group, title.unit.name(), title.unit.better());
        for entry in &entries {
            figure.enter(entry.role, entry.name);
        }
        let mut contestants: Vec<_> =
            entries.into_iter().map(|entry| (entry.name, entry.contestant)).collect();
        let results = hold(&mut contestants).into_iter();
        let tell =
            |(name, sample): (&str, Sample)| (name.to_owned(), title.unit.of_nanoseconds(sample));
        figure.samples = results.map(tell).collect();
        figure
    }

    /// A scenario nobody has run in yet.
    pub(crate) fn empty(name: &str, group: &str, unit: String, better: Better) -> Self {
        Self {
            name: name.to_owned(),
            group: group.to_owned(),
            unit,
            better,
            total: Total::Median,
            ours: None,
            shown: Vec::new(),
            peers: Vec::new(),
            twins: None,
            samples: BTreeMap::new(),
            details: BTreeMap::new(),
        }
    }

    /// Says what a contestant is, by whose name its rounds will stand.
    pub(crate) fn enter(&mut self, role: Role, name: &str) {
        match role {
            Role::Ours => self.ours = Some(name.to_owned()),
            Role::Peer => self.peers.push(name.to_owned()),
            Role::Shown => self.shown.push(name.to_owned()),
            Role::Twin => {
                let original = name.strip_suffix(TWIN).unwrap_or(name);
                self.twins = Some((original.to_owned(), name.to_owned()));
            }
        }
    }

    /// Adds the rounds that another process measured.
    pub(crate) fn pool(&mut self, other: Self) {
        for (name, sample) in other.samples {
            self.samples.entry(name).or_default().0.extend(sample.0);
        }
        for (name, details) in other.details {
            let own = self.details.entry(name).or_default();
            for (detail, sample) in details {
                own.entry(detail).or_default().0.extend(sample.0);
            }
        }
    }

    /// What the rounds of this contestant come to.
    pub(crate) fn value(&self, name: &str) -> f64 {
        let of = |sample: &Sample| match self.total {
            Total::Median => sample.median(),
            Total::Sum => sample.0.iter().sum(),
        };
        self.samples.get(name).map_or(f64::NAN, of)
    }

    /// What else was seen of anybody.
    pub(crate) fn details_named(&self) -> Vec<&str> {
        let names = self.details.values().flat_map(BTreeMap::keys).map(String::as_str);
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Where the middle eight of ten rounds lie.
    pub(crate) fn spread(&self, name: &str) -> [f64; 2] {
        let at = |q| self.samples.get(name).map_or(f64::NAN, |sample| sample.quantile(q));
        [at(0.1), at(0.9)]
    }

    /// How many times better `name` is than `other`, round by round.
    pub(crate) fn ratios(&self, name: &str, other: &str) -> Option<Sample> {
        let (name, other) = (self.samples.get(name)?, self.samples.get(other)?);
        Some(match self.better {
            Better::Higher => name.over(other),
            Better::Lower => other.over(name),
        })
    }

    /// How many times better ours is than `other`.
    pub(crate) fn ours_over(&self, other: &str) -> Option<Sample> {
        self.ratios(self.ours.as_deref()?, other)
    }

    /// What the twin is to its peer: around 1 but for the noise.
    pub(crate) fn aa(&self) -> Option<Ratio> {
        let (original, twin) = self.twins.as_ref()?;
        self.ratios(twin, original).as_ref().map(Ratio::of)
    }

    pub(crate) fn best_peer(&self) -> Option<&str> {
        let measured = self.peers.iter().filter(|peer| self.samples.contains_key(*peer));
        measured.min_by(|a, b| self.order(a, b)).map(String::as_str)
    }

    /// The better first.
    fn order(&self, a: &str, b: &str) -> std::cmp::Ordering {
        let (a, b) = (self.value(a), self.value(b));
        match self.better {
            Better::Lower => a.total_cmp(&b),
            Better::Higher => b.total_cmp(&a),
        }
    }

    /// All contestants, the best first.
    pub(crate) fn ranked(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.samples.keys().map(String::as_str).collect();
        names.sort_by(|a, b| self.order(a, b));
        names
    }
}

#[cfg(test)]
mod tests {
    use super::{Better, Figure, Role};
    use crate::sample::Sample;

    fn figure(better: Better) -> Figure {
        let mut figure = Figure::empty("f", "g", "u".to_owned(), better);
        for (role, name, rounds) in [
            (Role::Ours, "ours", [10.0, 20.0, 30.0]),
            (Role::Peer, "a", [5.0, 5.0, 5.0]),
            (Role::Peer, "b", [40.0, 40.0, 40.0]),
            (Role::Twin, "a, twin", [5.0, 10.0, 5.0]),
        ] {
            figure.enter(role, name);
            figure.samples.insert(name.to_owned(), Sample(rounds.to_vec()));
        }
        figure
    }

    #[test]
    fn a_ratio_above_one_means_that_ours_is_better_either_way() {
        let ratios = |better| figure(better).ours_over("a").expect("both were measured").0;
        assert_eq!(ratios(Better::Higher), [2.0, 4.0, 6.0]);
        assert_eq!(ratios(Better::Lower), [0.5, 0.25, 5.0 / 30.0]);
    }

    #[test]
    fn the_best_peer_is_neither_ours_nor_the_twin() {
        assert_eq!(figure(Better::Higher).best_peer(), Some("b"));
        assert_eq!(figure(Better::Lower).best_peer(), Some("a"));
    }

    #[test]
    fn the_twin_is_compared_with_its_peer() {
        assert_eq!(figure(Better::Higher).aa().map(|aa| aa.median), Some(1.0));
    }

    #[test]
    fn pooled_rounds_stay_paired() {
        let mut pooled = figure(Better::Higher);
        pooled.pool(figure(Better::Higher));
        let ratios = pooled.ours_over("a").expect("both were measured").0;
        assert_eq!(ratios, [2.0, 4.0, 6.0, 2.0, 4.0, 6.0]);
    }
}

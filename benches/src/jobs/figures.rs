//! The figures of one scenario on their way to the report.

use crate::contest::Results;
use crate::figure::{Better, Figure, Role};
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct Figures {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) ours: &'static str,
    pub(super) variants: Vec<&'static str>,
    pub(super) peers: Vec<&'static str>,
    pub(super) twins: Option<(&'static str, &'static str)>,
    /// The geometric mean that it is part of.
    pub(super) group: &'static str,
    pub(super) results: Results,
    /// What else was seen in the same rounds.
    details: Vec<(&'static str, Results)>,
}

impl Figures {
    pub(super) fn new(
        name: &'static str,
        unit: &'static str,
        ours: &'static str,
        results: Results,
    ) -> Self {
        Self {
            name,
            unit,
            ours,
            variants: Vec::new(),
            peers: Vec::new(),
            twins: None,
            group: "",
            results,
            details: Vec::new(),
        }
    }

    pub(super) fn variants(mut self, names: &[&'static str]) -> Self {
        self.variants.extend(names);
        self
    }

    pub(super) fn peers(mut self, names: &[&'static str]) -> Self {
        self.peers.extend(names);
        self
    }

    pub(super) fn peers_if(self, there: bool, names: &[&'static str]) -> Self {
        if there { self.peers(names) } else { self }
    }

    pub(super) fn twins(mut self, twins: (&'static str, &'static str)) -> Self {
        self.twins = Some(twins);
        self
    }

    pub(super) fn group(mut self, group: &'static str) -> Self {
        self.group = group;
        self
    }

    pub(super) fn ours(mut self, name: &'static str) -> Self {
        self.ours = name;
        self
    }

    pub(super) fn with(mut self, results: Results) -> Self {
        self.results = results;
        self
    }

    pub(super) fn detail(mut self, name: &'static str, results: Results) -> Self {
        self.details.push((name, results));
        self
    }

    /// Shows the peers without comparing with them: what is counted here is compared elsewhere as time, or
    /// may be 0.
    pub(super) fn shown(mut self) -> Self {
        let peers = std::mem::take(&mut self.peers);
        self.variants.extend(peers);
        self
    }

    /// As the report wants it, without the rounds of those whom the scenario does not name.
    pub(super) fn into_figure(self) -> Figure {
        let mut figure = Figure::empty(self.name, self.group, self.unit.to_owned(), Better::Lower);
        figure.enter(Role::Ours, self.ours);
        self.variants.iter().for_each(|name| figure.enter(Role::Shown, name));
        self.peers.iter().for_each(|name| figure.enter(Role::Peer, name));
        figure.twins = self.twins.map(|(one, twin)| (one.to_owned(), twin.to_owned()));
        let twin = self.twins.map(|(_, twin)| twin);
        let named = |name: &&str| {
            [self.ours]
                .iter()
                .chain(&self.variants)
                .chain(&self.peers)
                .chain(&twin)
                .any(|one| one == name)
        };
        for (name, sample) in self.results {
            if named(&name) {
                figure.samples.insert(name.to_owned(), sample);
            }
        }
        for (detail, results) in self.details {
            for (name, sample) in results.into_iter().filter(|(name, _)| named(name)) {
                let details: &mut BTreeMap<_, _> =
                    figure.details.entry(name.to_owned()).or_default();
                details.insert(detail.to_owned(), sample);
            }
        }
        figure
    }
}

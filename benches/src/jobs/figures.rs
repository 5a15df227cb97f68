//! The figures of one scenario on their way to the report.

use crate::contest::Results;

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

    /// Takes the rounds of those away that the scenario does not name.
    pub(super) fn named_only(mut self) -> Self {
        let Self { ours, variants, peers, twins, .. } = &self;
        let twins = twins.iter().flat_map(|(one, other)| [*one, *other]);
        let named: Vec<_> =
            variants.iter().chain(peers).copied().chain([*ours]).chain(twins).collect();
        self.results.retain(|name, _| named.contains(name));
        self
    }
}

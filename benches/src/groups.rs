//! Geometric means over the scenarios of a group.

use crate::figure::Figure;
use crate::sample::{Ratio, Sample};
use std::collections::BTreeMap;

/// The row of a mean that is not about one peer.
pub(crate) const BEST: &str = "best peer of each scenario";
/// The row of the twin.
pub(crate) const TWINS: &str = "A/A: a peer against itself";

/// What ours is laid beside.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Against<'a> {
    /// Each scenario's own best.
    Best,
    /// One peer, or a row that is only shown.
    One(&'a str),
}

/// The groups in the order of their first scenarios.
pub(crate) fn names(figures: &[Figure]) -> Vec<&str> {
    let mut names = Vec::new();
    for figure in figures {
        if !names.contains(&figure.group.as_str()) {
            names.push(figure.group.as_str());
        }
    }
    names
}

pub(crate) fn members(figures: &[Figure], group: &str) -> Vec<Figure> {
    figures.iter().filter(|figure| figure.group == group).cloned().collect()
}

/// How much better ours is, over all scenarios that have ours; none if one of them lacks the other.
pub(crate) fn mean(figures: &[Figure], against: Against<'_>) -> Option<Ratio> {
    let comparable = figures.iter().filter(|figure| figure.to_best().is_some());
    let ratios: Option<Vec<Sample>> = comparable
        .map(|figure| match against {
            Against::Best => figure.ours_over(figure.best_peer()?),
            Against::One(peer) => figure.ours_over(peer),
        })
        .collect();
    Ratio::mean_of(&ratios?)
}

/// What the twins are to their peers, over all scenarios.
pub(crate) fn aa(figures: &[Figure]) -> Option<Ratio> {
    let ratios: Option<Vec<Sample>> = figures
        .iter()
        .map(|figure| {
            let (original, twin) = figure.twins.as_ref()?;
            figure.ratios(twin, original)
        })
        .collect();
    Ratio::mean_of(&ratios?)
}

/// Every mean that can be told of a group, by what ours is laid beside.
pub(crate) fn means(figures: &[Figure]) -> Vec<(String, Ratio)> {
    let Some(best) = mean(figures, Against::Best) else { return Vec::new() };
    let mut means = vec![(BEST.to_owned(), best)];
    let peers: BTreeMap<&str, Ratio> = figures
        .iter()
        .flat_map(|figure| figure.peers.iter().chain(&figure.shown))
        .filter_map(|peer| Some((peer.as_str(), mean(figures, Against::One(peer))?)))
        .collect();
    let mut peers: Vec<_> = peers.into_iter().collect();
    peers.sort_by(|(_, a), (_, b)| a.median.total_cmp(&b.median));
    means.extend(peers.into_iter().map(|(name, ratio)| (name.to_owned(), ratio)));
    means.extend(aa(figures).map(|ratio| (TWINS.to_owned(), ratio)));
    means
}

#[cfg(test)]
mod tests {
    use super::{Against, aa, mean, members, names};
    use crate::figure::{Better, Figure, Role};
    use crate::sample::Sample;

    fn figure(name: &str, group: &str, rows: &[(Role, &str, f64)]) -> Figure {
        let mut figure = Figure::empty(name, group, "M/s".to_owned(), Better::Higher);
        for &(role, name, value) in rows {
            figure.enter(role, name);
            figure.samples.insert(name.to_owned(), Sample(vec![value; 7]));
        }
        figure
    }

    fn pair() -> [Figure; 2] {
        let rows = |ours, a, b| {
            [
                (Role::Ours, "ours", ours),
                (Role::Peer, "a", a),
                (Role::Peer, "b", b),
                (Role::Twin, "a, twin", a),
            ]
        };
        [figure("x", "g", &rows(8.0, 1.0, 4.0)), figure("y", "g", &rows(8.0, 4.0, 1.0))]
    }

    fn close(ratio: Option<crate::sample::Ratio>, to: f64) -> bool {
        ratio.is_some_and(|ratio| (ratio.median - to).abs() < 1e-9)
    }

    #[test]
    fn the_best_is_chosen_in_each_scenario() {
        assert!(close(mean(&pair(), Against::Best), 2.0));
        assert!(close(mean(&pair(), Against::One("a")), 4.0));
        assert!(close(aa(&pair()), 1.0));
    }

    #[test]
    fn a_peer_that_lacks_a_scenario_has_no_mean() {
        let mut figures = pair();
        figures[1].samples.remove("b");
        assert!(mean(&figures, Against::One("b")).is_none());
        assert!(mean(&figures, Against::One("a")).is_some());
    }

    #[test]
    fn a_scenario_without_ours_is_left_out() {
        let mut figures = pair().to_vec();
        figures.push(figure("z", "g", &[(Role::Peer, "a", 1.0)]));
        assert!(close(mean(&figures, Against::One("a")), 4.0));
    }

    #[test]
    fn groups_keep_their_scenarios_apart() {
        let mut figures = pair().to_vec();
        figures.push(figure("z", "h", &[(Role::Peer, "a", 1.0)]));
        assert_eq!(names(&figures), ["g", "h"]);
        assert_eq!(members(&figures, "h").len(), 1);
    }
}

//! Figures of several rounds.

use crate::random::Random;
use serde::{Deserialize, Serialize};

/// Resamplings of a bootstrap.
const RESAMPLES: usize = 2000;

/// What the rounds of one contestant gave, in the order of the rounds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Sample(pub(crate) Vec<f64>);

/// How many times better one is than another; above 1 the first is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    /// Holds it with 95 %.
    pub(crate) interval: [f64; 2],
}

impl Ratio {
    pub(crate) fn of(ratios: &Sample) -> Self {
        Self { median: ratios.median(), interval: ratios.interval() }
    }

    /// The geometric mean of the medians of several samples of ratios, each resampled by itself.
    pub(crate) fn mean_of(samples: &[Sample]) -> Option<Self> {
        if samples.is_empty() {
            return None;
        }
        let mut random = Random::new(1);
        let mut means = Vec::with_capacity(RESAMPLES);
        for _ in 0..RESAMPLES {
            means.push(geomean(samples.iter().map(|sample| sample.resampled(&mut random))));
        }
        let median = geomean(samples.iter().map(Sample::median));
        Some(Self { median, interval: Sample(means).middle() })
    }
}

fn geomean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    (values.map(f64::ln).sum::<f64>() / count).exp()
}

impl Sample {
    /// The value that the fraction `q` of the rounds does not exceed.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (sorted.len().saturating_sub(1) as f64 * q).round() as usize;
        sorted.get(place).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// This sample divided by another, round by round.
    pub(crate) fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(own, other)| own / other).collect())
    }

    /// The interval that holds the median with 95 %, by resampling the rounds.
    pub(crate) fn interval(&self) -> [f64; 2] {
        let mut random = Random::new(1);
        Self((0..RESAMPLES).map(|_| self.resampled(&mut random)).collect()).middle()
    }

    /// The median of as many rounds, drawn from these with repetition.
    fn resampled(&self, random: &mut Random) -> f64 {
        let drawn = self.0.iter().map(|_| self.0[random.below(self.0.len())]);
        Self(drawn.collect()).median()
    }

    /// The middle 95 %.
    fn middle(&self) -> [f64; 2] {
        [self.quantile(0.025), self.quantile(0.975)]
    }
}

#[cfg(test)]
mod tests {
    use super::{Ratio, Sample};

    #[test]
    fn the_interval_of_equal_rounds_is_a_point() {
        assert_eq!(Sample(vec![2.0; 9]).interval(), [2.0, 2.0]);
    }

    #[test]
    fn the_interval_lies_around_the_median() {
        let sample = Sample((0..31).map(f64::from).collect());
        let [low, high] = sample.interval();
        assert_eq!(sample.median(), 15.0);
        assert!((8.0..15.0).contains(&low) && (16.0..23.0).contains(&high), "{low} {high}");
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let ratios = Sample(vec![1.0, 8.0]).over(&Sample(vec![2.0, 4.0]));
        assert_eq!(ratios.0, [0.5, 2.0]);
    }

    #[test]
    fn the_mean_over_scenarios_is_geometric() {
        let mean = Ratio::mean_of(&[Sample(vec![0.5; 5]), Sample(vec![8.0; 5])]);
        let mean = mean.expect("there are samples");
        assert!((mean.median - 2.0).abs() < 1e-9, "{mean:?}");
        assert!(mean.interval.iter().all(|end| (end - 2.0).abs() < 1e-9), "{mean:?}");
        assert_eq!(Ratio::mean_of(&[]), None);
    }

    #[test]
    fn the_mean_of_spread_ratios_has_an_interval_around_it() {
        let spread = Sample((1..=31).map(|round| f64::from(round) / 16.0).collect());
        let mean = Ratio::mean_of(&[spread.clone(), spread]).expect("there are samples");
        let [low, high] = mean.interval;
        assert!(low < 0.95 && high > 1.05 && mean.median == 1.0, "{mean:?}");
    }
}

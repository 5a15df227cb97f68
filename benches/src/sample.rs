//! Figures of several rounds.

use crate::random::Random;

/// Resamplings of a bootstrap.
const RESAMPLES: usize = 2000;

/// What the rounds of one contestant gave, in the order of the rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample(pub(crate) Vec<f64>);

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
        let mut resample = || {
            let drawn = self.0.iter().map(|_| self.0[random.below(self.0.len())]);
            Self(drawn.collect()).median()
        };
        let medians = Self((0..RESAMPLES).map(|_| resample()).collect());
        [medians.quantile(0.025), medians.quantile(0.975)]
    }
}

#[cfg(test)]
mod tests {
    use super::Sample;

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
}

//! Durations of many jobs: 16 buckets an octave, as in the Go program, so that both round alike.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A percentile is at most 1/16 above the exact one; the maximum is exact.
#[derive(Debug)]
pub(super) struct Histogram {
    buckets: Box<[AtomicU64]>,
    max: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: (0..64 * 16).map(|_| AtomicU64::new(0)).collect(), max: AtomicU64::new(0) }
    }
}

fn bucket_of(ns: u64) -> usize {
    let shift = (ns | 16).ilog2() - 4;
    ((shift as usize) << 4) + (ns >> shift) as usize
}

fn upper_end(bucket: usize) -> u64 {
    if bucket < 32 {
        return bucket as u64;
    }
    let shift = (bucket >> 4) - 1;
    (((bucket - (shift << 4)) as u64 + 1) << shift) - 1
}

impl Histogram {
    pub(super) fn record(&self, time: Duration) {
        let ns = time.as_nanos() as u64;
        self.buckets[bucket_of(ns)].fetch_add(1, Ordering::Relaxed);
        if ns > self.max.load(Ordering::Relaxed) {
            self.max.fetch_max(ns, Ordering::Relaxed);
        }
    }

    pub(super) fn merge(&self, other: &Self) {
        for (own, other) in self.buckets.iter().zip(&other.buckets) {
            own.fetch_add(other.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.max.fetch_max(other.max.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    pub(super) fn max(&self) -> u64 {
        self.max.load(Ordering::Relaxed)
    }

    /// What the fraction `q` does not exceed, in nanoseconds.
    pub(super) fn percentile(&self, q: f64) -> u64 {
        let rank = ((self.count() as f64 * q).ceil() as u64).max(1);
        let mut below = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            below += count.load(Ordering::Relaxed);
            if below >= rank {
                return upper_end(bucket).min(self.max());
            }
        }
        self.max()
    }

    /// The count, and p50, p99, p99.9, p99.99 and the maximum in nanoseconds: the answer of the Go program.
    pub(super) fn numbers(&self) -> Vec<f64> {
        let of = |q| self.percentile(q) as f64;
        vec![self.count() as f64, of(0.5), of(0.99), of(0.999), of(0.9999), self.max() as f64]
    }
}

#[cfg(test)]
mod tests {
    use super::{Histogram, bucket_of, upper_end};
    use std::time::Duration;

    #[test]
    fn a_bucket_ends_where_the_next_begins() {
        for bucket in 0..900 {
            assert_eq!(bucket_of(upper_end(bucket)), bucket);
            assert_eq!(bucket_of(upper_end(bucket) + 1), bucket + 1);
        }
    }

    #[test]
    fn percentiles_are_at_most_a_sixteenth_too_high() {
        let histogram = Histogram::default();
        for micros in 1..=10_000 {
            histogram.record(Duration::from_micros(micros));
        }
        assert_eq!((histogram.count(), histogram.max()), (10_000, 10_000_000));
        for (q, exact) in [(0.5, 5_000_000.0), (0.99, 9_900_000.0), (0.9999, 9_999_000.0)] {
            let found = histogram.percentile(q) as f64;
            assert!((exact..=exact * 17.0 / 16.0).contains(&found), "{q}: {found}");
        }
    }
}

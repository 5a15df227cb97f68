//! A histogram of durations that is written without a lock and read while it is written.
//!
//! Algorithm: the log-linear buckets of HdrHistogram. Time is cut into units of 4 ns; the first 16 units
//! have a bucket each, and so has each sixteenth of every octave above 64 ns, up to 2^42 ns (73 minutes);
//! one last bucket holds all that is longer. A bucket above 64 ns is at most 1/16 of its lower end wide.
//!
//! Invariants: 1. every value that a bucket counts is in the sum, and not above the maximum, when the
//! bucket's count is seen. 2. The number of records is the sum of the buckets; there is no second counter
//! that could disagree.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `histogram.bucket` | `record` raises its bucket, last | `add_to` reads the buckets, first | the record's part of the sum and of the maximum (invariant 1) |
//!
//! Where one thread at a time records, `record_alone` does the same with loads and stores.
//!
//! Progress: `record` is two fetch-adds, wait-free; a value above all before it raises the maximum with a
//! compare-exchange that repeats while others raise it too (lock-free, and rarer with each record).
//! `add_to` is wait-free.
//!
//! Models: `histogram_bucket`, `blocks_own`. Under loom the range ends at 64 ns, so that a model has few words to search.

use crate::sync::atomic::{AtomicU64, Ordering};

/// Nanoseconds in the unit of the first buckets, as a power of two.
const UNIT_BITS: u32 = 2;
/// Buckets in an octave, as a power of two.
const SUB_BITS: u32 = 4;
/// Octaves above the linear start of 64 ns: up to 2^42 ns.
const OCTAVES: usize = if cfg!(loom) { 0 } else { 36 };
/// The bucket of everything too long for the others.
const OVERFLOW: usize = (OCTAVES + 1) << SUB_BITS;
const BUCKETS: usize = OVERFLOW + 1;

/// The bucket of a duration.
#[inline]
const fn bucket_of(ns: u64) -> usize {
    let units = ns >> UNIT_BITS;
    // Below the first full octave the highest bit counts as set: a shift of 0, and buckets of one unit.
    let shift = (units | (1 << SUB_BITS)).ilog2() - SUB_BITS;
    let bucket = ((shift as usize) << SUB_BITS) + (units >> shift) as usize;
    if bucket < OVERFLOW { bucket } else { OVERFLOW }
}

/// The shortest duration in a bucket, in nanoseconds.
const fn lower_end(bucket: usize) -> u64 {
    let octave = bucket >> SUB_BITS;
    let shift = octave.saturating_sub(1);
    ((bucket - (shift << SUB_BITS)) as u64) << (shift as u32 + UNIT_BITS)
}

/// Durations in log-linear buckets. See the module for the layout.
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
    max: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// An empty histogram, 4.7 KiB.
    pub fn new() -> Self {
        Self {
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            sum: AtomicU64::new(0),
            max: AtomicU64::new(0),
        }
    }

    /// Records a duration of `ns` nanoseconds.
    #[inline]
    pub fn record(&self, ns: u64) {
        // ORDERING: Relaxed: a stale value only costs a needless `fetch_max`, for the maximum never sinks.
        if ns > self.max.load(Ordering::Relaxed) {
            // ORDERING: Relaxed: `histogram.bucket` below publishes it.
            self.max.fetch_max(ns, Ordering::Relaxed);
        }
        // ORDERING: Relaxed: `histogram.bucket` below publishes it.
        self.sum.fetch_add(ns, Ordering::Relaxed);
        // ORDERING: Release is edge `histogram.bucket`; later fetch-adds continue its release sequence.
        self.buckets[bucket_of(ns)].fetch_add(1, Ordering::Release);
    }

    /// As [`record`](Self::record), for the only one who records here: no read-modify-write is needed.
    #[inline]
    pub(super) fn record_alone(&self, ns: u64) {
        // ORDERING: Relaxed, all loads: nobody else writes. The stores are published by the bucket's.
        if ns > self.max.load(Ordering::Relaxed) {
            self.max.store(ns, Ordering::Relaxed);
        }
        let sum = self.sum.load(Ordering::Relaxed);
        self.sum.store(sum.wrapping_add(ns), Ordering::Relaxed);
        let bucket = &self.buckets[bucket_of(ns)];
        // ORDERING: Relaxed: as above.
        let count = bucket.load(Ordering::Relaxed);
        // ORDERING: Release is edge `histogram.bucket`.
        bucket.store(count + 1, Ordering::Release);
    }

    /// What is recorded now.
    pub fn snapshot(&self) -> HistogramSnapshot {
        let mut snapshot = HistogramSnapshot::default();
        self.add_to(&mut snapshot);
        snapshot
    }

    /// Adds what is recorded now to `snapshot`, as [`HistogramSnapshot::merge`] does.
    pub fn add_to(&self, snapshot: &mut HistogramSnapshot) {
        snapshot.buckets.resize(BUCKETS, 0);
        for (total, bucket) in snapshot.buckets.iter_mut().zip(&self.buckets) {
            // ORDERING: Acquire takes `histogram.bucket`; the loads below come after it.
            let n = bucket.load(Ordering::Acquire);
            *total += n;
            snapshot.count += n;
        }
        // ORDERING: Relaxed: what the buckets above counted is visible through `histogram.bucket`.
        snapshot.sum = snapshot.sum.saturating_add(self.sum.load(Ordering::Relaxed));
        // ORDERING: Relaxed, as the sum.
        snapshot.max = snapshot.max.max(self.max.load(Ordering::Relaxed));
    }
}

/// What one or several histograms held. Empty, it owns no memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistogramSnapshot {
    buckets: Vec<u64>,
    count: u64,
    sum: u64,
    max: u64,
}

impl HistogramSnapshot {
    /// Adds the records of another snapshot.
    pub fn merge(&mut self, other: &Self) {
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (total, n) in self.buckets.iter_mut().zip(&other.buckets) {
            *total += n;
        }
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    /// The records that came since `earlier`, a snapshot of the same histograms. The maximum stays that of all
    /// records: when it came is not known.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = earlier.buckets.iter().chain(std::iter::repeat(&0));
        let buckets: Vec<u64> =
            self.buckets.iter().zip(before).map(|(n, before)| n.saturating_sub(*before)).collect();
        let (count, sum) = (buckets.iter().sum(), self.sum.saturating_sub(earlier.sum));
        Self { buckets, count, sum, max: self.max }
    }

    /// How many durations were recorded; exact.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The durations added up, in nanoseconds; exact until one histogram has seen 584 years of them. Read
    /// while others record, it may hold a few records more than [`count`](Self::count) does.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The longest duration in nanoseconds, exact; 0 if there is none.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The mean duration in nanoseconds; 0 if there is none.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }

    /// The duration in nanoseconds that the fraction `q` (0 to 1, cut to that range) of all records does not
    /// exceed, by nearest rank; 0 if there is no record.
    ///
    /// With `v` the exact answer, the result is at least `v` and at most `v + max(3, v / 16)`: the upper end
    /// of the bucket of `v`, but never more than the maximum. Above 73 minutes the result is the maximum.
    pub fn percentile(&self, q: f64) -> u64 {
        let rank =
            ((self.count as f64 * q.clamp(0.0, 1.0)).ceil() as u64).clamp(1, self.count.max(1));
        let mut below = 0;
        for (bucket, n) in self.buckets.iter().enumerate().take(OVERFLOW) {
            below += n;
            if below >= rank {
                return (lower_end(bucket + 1) - 1).min(self.max);
            }
        }
        self.max
    }

    /// The median; see [`percentile`](Self::percentile).
    pub fn p50(&self) -> u64 {
        self.percentile(0.5)
    }

    /// What 90 % do not exceed; see [`percentile`](Self::percentile).
    pub fn p90(&self) -> u64 {
        self.percentile(0.9)
    }

    /// What 99 % do not exceed; see [`percentile`](Self::percentile).
    pub fn p99(&self) -> u64 {
        self.percentile(0.99)
    }

    /// What 99.9 % do not exceed; see [`percentile`](Self::percentile).
    pub fn p999(&self) -> u64 {
        self.percentile(0.999)
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{BUCKETS, Histogram, HistogramSnapshot, OVERFLOW, bucket_of, lower_end};
    use crate::sync::Arc;
    use crate::sync::atomic::{AtomicBool, Ordering};
    use crate::sync::thread;

    fn next(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    #[test]
    fn buckets_follow_each_other_without_gap_or_overlap() {
        assert_eq!(lower_end(0), 0);
        for bucket in 0..OVERFLOW {
            let (low, above) = (lower_end(bucket), lower_end(bucket + 1));
            assert!(low < above, "{bucket}");
            assert_eq!((bucket_of(low), bucket_of(above - 1)), (bucket, bucket));
            assert!(above - low <= (low / 16).max(4), "{bucket} is too wide");
        }
    }

    #[test]
    fn the_range_goes_from_nothing_to_73_minutes_and_takes_the_rest_too() {
        assert_eq!(lower_end(OVERFLOW), 1 << 42);
        assert_eq!((bucket_of(0), bucket_of(64)), (0, 16));
        assert_eq!((bucket_of((1 << 42) - 1), bucket_of(1 << 42)), (OVERFLOW - 1, OVERFLOW));
        assert_eq!(bucket_of(u64::MAX), OVERFLOW);
        let histogram = Histogram::new();
        histogram.record(3 << 42);
        histogram.record(5);
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.percentile(1.0), snapshot.p50()), (3 << 42, 7));
    }

    #[test]
    fn percentiles_keep_to_the_stated_error_on_many_distributions() {
        let mut state = 0x9E37_79B9_7F4A_7C15;
        let mut seed = move || next(&mut state);
        let distributions: Vec<(&str, Vec<u64>)> = vec![
            ("constant", vec![123_457; 5000]),
            ("one", vec![77]),
            ("tiny", (0..5000).map(|_| seed() % 130).collect()),
            ("uniform", (0..5000).map(|_| seed() % 1_000_000_007).collect()),
            ("octaves", (0..5000).map(|_| seed() >> (22 + seed() % 42)).collect()),
            (
                "exponential",
                (0..5000)
                    .map(|_| (-((seed() as f64 + 1.0) / 2f64.powi(64)).ln() * 1e6) as u64)
                    .collect(),
            ),
            (
                "two peaks",
                (0..5000).map(|n| if n % 50 == 0 { 900_000_000 } else { 1000 + n }).collect(),
            ),
        ];
        for (name, mut values) in distributions {
            let histogram = Histogram::new();
            values.iter().for_each(|&value| histogram.record(value));
            let snapshot = histogram.snapshot();
            values.sort_unstable();
            for q in [0.0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0] {
                let rank = ((values.len() as f64 * q).ceil() as usize).clamp(1, values.len());
                let (exact, got) = (values[rank - 1], snapshot.percentile(q));
                assert!(got >= exact, "{name} {q}: {got} < {exact}");
                assert!(got - exact <= (exact / 16).max(3), "{name} {q}: {got} for {exact}");
            }
            assert_eq!(snapshot.count(), values.len() as u64, "{name}");
            assert_eq!(snapshot.sum(), values.iter().sum::<u64>(), "{name}");
            assert_eq!(Some(&snapshot.max()), values.last(), "{name}");
            assert_eq!(snapshot.mean(), snapshot.sum() as f64 / values.len() as f64, "{name}");
        }
    }

    #[test]
    fn an_empty_histogram_and_odd_fractions_give_numbers() {
        let empty = HistogramSnapshot::default();
        assert_eq!((empty.p50(), empty.p999(), empty.max(), empty.mean()), (0, 0, 0, 0.0));
        let histogram = Histogram::new();
        histogram.record(10);
        histogram.record(1000);
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.percentile(-1.0), snapshot.percentile(f64::NAN)), (11, 11));
        assert_eq!((snapshot.percentile(7.0), snapshot.percentile(f64::INFINITY)), (1000, 1000));
    }

    #[test]
    fn merging_equals_recording_into_one() {
        let (one, two, both) = (Histogram::new(), Histogram::new(), Histogram::new());
        let mut state = 7;
        for n in 0..2000 {
            let value = next(&mut state) >> (n % 50);
            // Small enough that the sums do not saturate.
            let value = value >> 12;
            if n % 3 == 0 { &one } else { &two }.record(value);
            both.record(value);
        }
        let mut merged = HistogramSnapshot::default();
        merged.merge(&one.snapshot());
        merged.merge(&HistogramSnapshot::default());
        merged.merge(&two.snapshot());
        assert_eq!(merged, both.snapshot());
    }

    #[test]
    fn what_came_since_an_earlier_snapshot_is_told_without_what_was_there() {
        let (both, later) = (Histogram::new(), Histogram::new());
        let nothing = both.snapshot();
        (0..100).for_each(|_| both.record(1_000_000));
        let earlier = both.snapshot();
        for value in [10, 2_000, 2_100, 70_000] {
            both.record(value);
            later.record(value);
        }
        let (since, alone) = (both.snapshot().since(&earlier), later.snapshot());
        assert_eq!((since.count(), since.sum(), since.max()), (4, alone.sum(), 1_000_000));
        assert_eq!((since.p50(), since.buckets), (alone.p50(), alone.buckets));
        assert_eq!(both.snapshot().since(&HistogramSnapshot::default()), both.snapshot());
        assert_eq!(earlier.since(&earlier).count(), 0);
        assert_eq!(nothing.since(&earlier).count(), 0, "the wrong way round is nothing");
    }

    /// Takes snapshots until told to stop; each must hold what its buckets hold, and no less than before.
    fn watch(histogram: &Histogram, stop: &AtomicBool) {
        let mut last = 0;
        loop {
            // ORDERING: Relaxed: only ends the loop.
            let stop = stop.load(Ordering::Relaxed);
            let snapshot = histogram.snapshot();
            let highest = snapshot.buckets.iter().rposition(|&n| n > 0).unwrap_or(0);
            assert!(snapshot.max() >= lower_end(highest), "{} in {highest}", snapshot.max());
            let least: u64 = (0..BUCKETS).map(|b| snapshot.buckets[b] * lower_end(b)).sum();
            assert!(snapshot.sum() >= least, "{} < {least}", snapshot.sum());
            assert!(snapshot.count() >= last, "{} < {last}", snapshot.count());
            last = snapshot.count();
            if stop {
                return;
            }
        }
    }

    #[test]
    fn whatever_a_snapshot_counts_is_in_its_sum_and_below_its_maximum() {
        const RECORDS: usize = 4000;
        for _ in 0..50 {
            let histogram = Arc::new(Histogram::new());
            let stop = Arc::new(AtomicBool::new(false));
            let (watched, stopped) = (histogram.clone(), stop.clone());
            let watcher = thread::spawn("watcher", move || watch(&watched, &stopped)).unwrap();
            let writers: Vec<_> = (0..2)
                .map(|_| {
                    let histogram = histogram.clone();
                    // Lower ends, growing to the end: neither the sum nor the maximum has any slack.
                    thread::spawn("writer", move || {
                        (0..RECORDS)
                            .for_each(|n| histogram.record(lower_end(n * OVERFLOW / RECORDS)));
                    })
                })
                .collect();
            for writer in writers {
                writer.unwrap().join().unwrap();
            }
            // ORDERING: Relaxed: only ends the watcher's loop.
            stop.store(true, Ordering::Relaxed);
            watcher.join().unwrap();
            let exact: u64 = (0..RECORDS).map(|n| lower_end(n * OVERFLOW / RECORDS)).sum();
            let snapshot = histogram.snapshot();
            assert_eq!((snapshot.count(), snapshot.sum()), (2 * RECORDS as u64, 2 * exact));
        }
    }
}

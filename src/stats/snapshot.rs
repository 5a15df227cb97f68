//! The figures of all providers at one time, as plain data.

use super::json;
use crate::stats::{HistogramSnapshot, Ledger};
use serde::Serialize;

/// Nanoseconds in a second.
const NANOS: f64 = 1e9;

/// The figures of a whole runtime at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Seconds since the runtime was built.
    pub uptime_seconds: f64,
    /// One entry a provider.
    pub providers: Vec<ProviderSnapshot>,
}

impl Snapshot {
    /// All providers taken together.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals { providers: self.providers.len() as u64, ..Totals::default() };
        for provider in &self.providers {
            totals.workers.add(&provider.workers);
            totals.blocking_workers.add(&provider.blocking_workers);
            totals.queue.add(&provider.queue);
            totals.records.add(&provider.records);
            totals.ledger.merge(&provider.ledger);
            totals.wait.merge(&provider.wait);
            totals.run.merge(&provider.run);
        }
        totals
    }

    /// The provider of this name.
    pub fn provider(&self, name: &str) -> Option<&ProviderSnapshot> {
        self.providers.iter().find(|provider| provider.name == name)
    }
}

/// The figures of one provider at one time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ProviderSnapshot {
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub state: String,
    /// Seconds since it was added.
    pub uptime_seconds: f64,
    /// Its async workers.
    pub workers: WorkerSnapshot,
    /// Its blocking workers.
    pub blocking_workers: WorkerSnapshot,
    /// Its queue.
    pub queue: QueueSnapshot,
    /// The lanes of its queue: high, normal and low priority, and those of tenants.
    pub lanes: Vec<LaneSnapshot>,
    /// Its tenants that have a limit.
    pub tenants: Vec<TenantSnapshot>,
    /// The limit on its running jobs, if it is adaptive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limiter: Option<LimiterSnapshot>,
    /// Its circuit breaker.
    pub breaker: BreakerSnapshot,
    /// Its API keys.
    pub keys: Vec<KeySnapshot>,
    /// Its pool of job records.
    pub records: RecordSnapshot,
    /// Its counters.
    #[serde(serialize_with = "json::ledger")]
    pub ledger: Ledger,
    /// How long jobs waited before an attempt began.
    #[serde(serialize_with = "json::timing")]
    pub wait: HistogramSnapshot,
    /// How long attempts ran.
    #[serde(serialize_with = "json::timing")]
    pub run: HistogramSnapshot,
}

/// The figures of all providers taken together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// How many providers there are.
    pub providers: u64,
    /// All async workers.
    pub workers: WorkerSnapshot,
    /// All blocking workers.
    pub blocking_workers: WorkerSnapshot,
    /// All queues.
    pub queue: QueueSnapshot,
    /// All job records.
    pub records: RecordSnapshot,
    /// All counters.
    #[serde(serialize_with = "json::ledger")]
    pub ledger: Ledger,
    /// How long jobs waited before an attempt began.
    #[serde(serialize_with = "json::timing")]
    pub wait: HistogramSnapshot,
    /// How long attempts ran.
    #[serde(serialize_with = "json::timing")]
    pub run: HistogramSnapshot,
}

/// Workers of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WorkerSnapshot {
    /// Workers that are always there.
    pub configured_min: u64,
    /// Workers that there may be.
    pub configured_max: u64,
    /// Workers that there are.
    pub spawned: u64,
    /// Workers that have a job.
    pub busy: u64,
    /// Workers that wait for one.
    pub idle: u64,
    /// Workers held by a job that was decided without them.
    pub zombie: u64,
}

impl WorkerSnapshot {
    fn add(&mut self, other: &Self) {
        self.configured_min += other.configured_min;
        self.configured_max += other.configured_max;
        self.spawned += other.spawned;
        self.busy += other.busy;
        self.idle += other.idle;
        self.zombie += other.zombie;
    }
}

/// A queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QueueSnapshot {
    /// Jobs in it, without the dead ones.
    pub depth: u64,
    /// Jobs that it can hold.
    pub capacity: u64,
    /// Places held by jobs that have ended already.
    pub dead_slots: u64,
}

/// A lane of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LaneSnapshot {
    /// `high`, `normal`, `low`, or `tenant:` and the tenant's name.
    pub name: String,
    /// Its turns while every lane has jobs.
    pub weight: u64,
    /// Places that are taken, by jobs that have ended already too.
    pub slots: u64,
    /// Jobs that it can hold.
    pub capacity: u64,
}

/// An adaptive limit on running jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LimiterSnapshot {
    /// How many may run now.
    pub limit: u64,
    /// How many do.
    pub in_flight: u64,
}

/// A tenant with a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TenantSnapshot {
    /// Its name.
    pub name: String,
    /// Its jobs, waiting and running.
    pub in_flight: u64,
    /// How many it may have.
    pub max_in_flight: u64,
}

/// An API key; never its secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct KeySnapshot {
    /// Its name.
    pub name: String,
    /// `usable`, `cooling` (after a 429), `quota` (after a 402), `disabled` (after a 401 or 403) or `probing`.
    pub state: String,
    /// Seconds until it is tried again; 0 for one that may be used now, or is being probed.
    pub retry_after_seconds: f64,
    /// The part of its weight that it gets now, in per cent: 0 for one that may not be used, less than 100 for one
    /// that recovers.
    pub share_percent: u64,
    /// Its weight.
    pub weight: u64,
    /// Requests that are on their way with it.
    pub in_flight: u64,
    /// Requests that it was picked for.
    pub picks: u64,
    /// Answers of 429.
    pub rate_limited: u64,
}

impl QueueSnapshot {
    fn add(&mut self, other: &Self) {
        self.depth += other.depth;
        self.capacity += other.capacity;
        self.dead_slots += other.dead_slots;
    }
}

/// A circuit breaker. Its changes of state are counted in the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BreakerSnapshot {
    /// `closed`, `open`, `half_open`, `forced_open`, `disabled` or `metrics_only`.
    pub state: String,
    /// Which state it is since the beginning, from 0.
    pub generation: u64,
    /// Calls in its window.
    pub calls: u64,
    /// Failures among them.
    pub failures: u64,
    /// Slow calls among them.
    pub slow: u64,
    /// Failures since the last success.
    pub failures_in_row: u64,
    /// Probes that are out.
    pub probes: u64,
}

/// A pool of job records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RecordSnapshot {
    /// Records in the pool.
    pub capacity: u64,
    /// Records that no job holds.
    pub free: u64,
}

impl RecordSnapshot {
    fn add(&mut self, other: &Self) {
        self.capacity += other.capacity;
        self.free += other.free;
    }
}

/// What is told of a histogram. Counts, sum and maximum are exact; a percentile is at most 1/16 above the
/// exact one and never below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Timing {
    /// How many durations were recorded.
    pub count: u64,
    /// Their mean.
    pub mean_seconds: f64,
    /// What half of them do not exceed.
    pub p50_seconds: f64,
    /// What 90 % do not exceed.
    pub p90_seconds: f64,
    /// What 99 % do not exceed.
    pub p99_seconds: f64,
    /// What 99.9 % do not exceed.
    pub p999_seconds: f64,
    /// The longest.
    pub max_seconds: f64,
    /// The longest, exact.
    pub max_nanoseconds: u64,
    /// All of them together.
    pub sum_seconds: f64,
    /// All of them together, exact.
    pub sum_nanoseconds: u64,
}

impl From<&HistogramSnapshot> for Timing {
    fn from(histogram: &HistogramSnapshot) -> Self {
        let seconds = |ns: u64| ns as f64 / NANOS;
        Self {
            count: histogram.count(),
            mean_seconds: histogram.mean() / NANOS,
            p50_seconds: seconds(histogram.p50()),
            p90_seconds: seconds(histogram.p90()),
            p99_seconds: seconds(histogram.p99()),
            p999_seconds: seconds(histogram.p999()),
            max_seconds: seconds(histogram.max()),
            max_nanoseconds: histogram.max(),
            sum_seconds: seconds(histogram.sum()),
            sum_nanoseconds: histogram.sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        BreakerSnapshot, ProviderSnapshot, QueueSnapshot, RecordSnapshot, Snapshot, Timing,
        WorkerSnapshot,
    };
    use crate::stats::{Blocks, Count, Histogram};

    fn provider(name: &str, n: u64) -> ProviderSnapshot {
        let blocks = Blocks::new();
        blocks.add(Count::Submitted, 3 * n);
        blocks.add(Count::QueueFull, n);
        blocks.record_wait(100 * n);
        blocks.record_run(1000 * n);
        let workers = WorkerSnapshot {
            configured_min: n,
            configured_max: 2 * n,
            spawned: 3 * n,
            busy: 4 * n,
            idle: 5 * n,
            zombie: 6 * n,
        };
        ProviderSnapshot {
            name: name.to_owned(),
            state: "ready".to_owned(),
            uptime_seconds: 1.5,
            workers,
            blocking_workers: WorkerSnapshot { zombie: 7 * n, ..workers },
            lanes: Vec::new(),
            tenants: Vec::new(),
            limiter: None,
            breaker: BreakerSnapshot::default(),
            keys: Vec::new(),
            queue: QueueSnapshot { depth: n, capacity: 2 * n, dead_slots: 3 * n },
            records: RecordSnapshot { capacity: 5 * n, free: 6 * n },
            ledger: blocks.ledger(),
            wait: blocks.wait(),
            run: blocks.run(),
        }
    }

    #[test]
    fn totals_are_the_sum_of_the_providers() {
        let snapshot =
            Snapshot { uptime_seconds: 2.0, providers: vec![provider("a", 1), provider("b", 10)] };
        let (totals, whole) = (snapshot.totals(), provider("both", 11));
        assert_eq!(totals.providers, 2);
        assert_eq!(
            (totals.workers, totals.blocking_workers),
            (whole.workers, whole.blocking_workers)
        );
        assert_eq!((totals.queue, totals.records), (whole.queue, whole.records));
        assert_eq!(totals.ledger, whole.ledger);
        assert_eq!((totals.wait.count(), totals.wait.sum(), totals.wait.max()), (2, 1100, 1000));
        assert_eq!((totals.run.count(), totals.run.sum(), totals.run.max()), (2, 11_000, 10_000));
        assert_eq!(snapshot.provider("b").map(|b| b.queue.depth), Some(10));
        assert_eq!(snapshot.provider("c"), None);
    }

    #[test]
    fn timing_is_in_seconds_and_exact_in_nanoseconds() {
        let histogram = Histogram::new();
        (0..1000).for_each(|_| histogram.record(2_000_000));
        histogram.record(3_000_000_000);
        let timing = Timing::from(&histogram.snapshot());
        assert_eq!((timing.count, timing.max_nanoseconds), (1001, 3_000_000_000));
        assert_eq!(timing.sum_nanoseconds, 5_000_000_000);
        assert_eq!((timing.sum_seconds, timing.max_seconds), (5.0, 3.0));
        assert_eq!(timing.mean_seconds, 5.0 / 1001.0);
        for percentile in [timing.p50_seconds, timing.p90_seconds, timing.p999_seconds] {
            assert!((0.002..=0.002 * 17.0 / 16.0).contains(&percentile), "{percentile}");
        }
    }
}

//! A model of theory as a real provider on a clock that jumps.

use super::formulas::Model;
use bifrost::config::{OverflowPolicy, OverloadConfig, ProviderConfig, RuntimeConfig};
use bifrost::time::{Clock, Instant, TestClock};
use bifrost::{Job, Runtime, ShutdownMode};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The stamp of a job that was refused.
const REFUSED: u64 = u64::MAX;

/// How a model is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) model: Model,
    pub(crate) seed: u64,
    pub(crate) jobs: usize,
    /// The mean service time.
    pub(crate) service: Duration,
    /// Both limits of the jobs; the provider ticks every hundredth of it, between 1 and 50 ms.
    pub(crate) timeout: Duration,
}

/// What a run gave.
pub(crate) struct Run {
    setup: Setup,
    /// The wait of each job in nanoseconds, in the order of their submission, as the jobs saw it.
    waits: Vec<Option<u64>>,
    /// What the provider's histogram of waits holds: count and sum in nanoseconds.
    pub(crate) recorded: (u64, u64),
    /// Real time that it took.
    pub(crate) took: Duration,
}

/// The randomness of a run: the same for the pool and for the reference.
struct Arrivals {
    state: u64,
    gap: f64,
    service: f64,
    now: u64,
}

impl Arrivals {
    fn new(setup: &Setup) -> Self {
        let service = setup.service.as_nanos() as f64;
        Self { state: setup.seed, gap: service / setup.model.rate(), service, now: 0 }
    }

    /// Splitmix64.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Exponentially distributed nanoseconds.
    fn exponential(&mut self, mean: f64) -> u64 {
        let uniform = ((self.random() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        (-uniform.ln() * mean).round() as u64
    }

    /// The instant of the next arrival and its service time, in nanoseconds.
    fn next(&mut self) -> (u64, u64) {
        self.now += self.exponential(self.gap);
        (self.now, self.exponential(self.service))
    }
}

/// Runs the model with the real pool, in this thread.
pub(crate) fn run(setup: Setup) -> Run {
    let real = Clock::monotonic();
    let began = real.now();
    let clock = TestClock::automatic();
    let _here = clock.register_thread().enter();
    let runtime = build(&setup, &clock);
    let provider = runtime.provider("a").expect("it was configured");
    let stamps: Arc<[AtomicU64]> = (0..setup.jobs).map(|_| AtomicU64::new(REFUSED)).collect();
    runtime.run(async {
        let mut arrivals = Arrivals::new(&setup);
        for place in 0..setup.jobs {
            let (at, service) = arrivals.next();
            clock.sleep_until(Instant::from_nanos(at)).await;
            let submitted = clock.now();
            assert_eq!(submitted.as_nanos(), at, "the clock stops at every timer");
            let stamps = Arc::clone(&stamps);
            let job = Job::with_context(move |context| async move {
                let wait = context.clock().now().saturating_duration_since(submitted);
                stamps[place].store(wait.as_nanos() as u64, Ordering::Relaxed);
                context.sleep(Duration::from_nanos(service)).await;
                Ok::<_, std::io::Error>(())
            });
            drop(provider.submit(job));
        }
    });
    let report = runtime.shutdown_blocking(ShutdownMode::Finish).expect("this is no job");
    assert_eq!((report.cancelled, report.abandoned), (0, 0));
    let wait = provider.snapshot().wait;
    let waits = stamps.iter().map(|stamp| stamp.load(Ordering::Relaxed));
    Run {
        setup,
        waits: waits.map(|wait| (wait != REFUSED).then_some(wait)).collect(),
        recorded: (wait.count(), wait.sum()),
        took: real.now().saturating_duration_since(began),
    }
}

fn build(setup: &Setup, clock: &Clock) -> Runtime {
    let Model { servers, room, .. } = setup.model;
    let provider = ProviderConfig::new("a")
        .workers(servers, servers)
        .queue_capacity(room.unwrap_or(1000))
        .overflow(OverflowPolicy::Error)
        // Its default is all off, a provider's is not.
        .overload(OverloadConfig::default())
        .queue_timeout(setup.timeout)
        .timeout(setup.timeout);
    let config = RuntimeConfig::default().drivers(0).shutdown_timeout(Duration::from_secs(3600));
    let runtime = Runtime::builder().clock(clock).config(config).provider(provider).build();
    runtime.expect("the settings are in range")
}

impl Run {
    /// Waits of the jobs after the first `skip`, while the system filled: how many were refused, how many
    /// had to wait, and the mean wait in service times of those that were served.
    pub(crate) fn summary(&self, skip: usize) -> Summary {
        let waits = &self.waits[skip..];
        let served = waits.iter().flatten();
        let jobs = waits.len() as f64;
        let accepted = served.clone().count() as f64;
        let sum: u64 = served.clone().sum();
        Summary {
            refused: 1.0 - accepted / jobs,
            waited: served.filter(|wait| **wait > 0).count() as f64 / accepted,
            mean_wait: sum as f64 / accepted / self.setup.service.as_nanos() as f64,
        }
    }

    /// All waits that the jobs saw: count and sum in nanoseconds.
    pub(crate) fn seen(&self) -> (u64, u64) {
        let served = self.waits.iter().flatten();
        (served.clone().count() as u64, served.sum())
    }

    /// How many jobs waited neither more nor less than in a queue that a few lines of arithmetic serve.
    pub(crate) fn differences(&self) -> usize {
        let expected = reference(&self.setup);
        self.waits.iter().zip(expected).filter(|(wait, expected)| *wait != expected).count()
    }

    /// Real time a job.
    pub(crate) fn nanos_a_job(&self) -> f64 {
        self.took.as_nanos() as f64 / self.waits.len() as f64
    }

    /// Arrivals, starts and ends.
    pub(crate) fn events(&self) -> u64 {
        self.waits.len() as u64 + 2 * self.seen().0
    }
}

/// What [`Run::summary`] gives.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Summary {
    pub(crate) refused: f64,
    pub(crate) waited: f64,
    pub(crate) mean_wait: f64,
}

/// The waits by recursion over the jobs (Kiefer and Wolfowitz): first come, first served.
fn reference(setup: &Setup) -> Vec<Option<u64>> {
    let Model { servers, room, .. } = setup.model;
    let mut arrivals = Arrivals::new(setup);
    let mut free: BinaryHeap<_> = std::iter::repeat_n(Reverse(0), servers).collect();
    let mut inside = BinaryHeap::new();
    let serve = |_| {
        let (at, service) = arrivals.next();
        while inside.peek().is_some_and(|Reverse(end)| *end <= at) {
            inside.pop();
        }
        if room.is_some_and(|room| inside.len() >= servers + room) {
            return None;
        }
        let Reverse(first) = free.pop()?;
        let start = at.max(first);
        free.push(Reverse(start + service));
        inside.push(Reverse(start + service));
        Some(start - at)
    };
    (0..setup.jobs).map(serve).collect()
}

//! The real pool under more load than it can serve, in virtual time.

use crate::random::Random;
use bifrost::config::{OverflowPolicy, OverloadConfig, ProviderConfig, RuntimeConfig};
use bifrost::stats::{Count, Ledger};
use bifrost::time::{Instant, TestClock};
use bifrost::{Job, Runtime, ShutdownMode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const WORKERS: usize = 10;
const PLACES: usize = 100;
const SERVICE: Duration = Duration::from_secs(2);
/// How long a job may wait, and how long it may take from its submission to its end.
const LIMIT: Duration = Duration::from_secs(10);
/// How long the queue fills before anything is counted: many times the limit, which is what the states of the
/// disciplines last.
const WARM_UP: Duration = Duration::from_secs(100);
const COUNTED: Duration = Duration::from_secs(500);

/// What is done about overload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Discipline {
    pub(super) name: &'static str,
    pub(super) estimate: bool,
    pub(super) codel: bool,
}

/// What became of the jobs of one run, after its warm-up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Jobs that ended in time, in per cent of what the workers can do.
    pub(super) goodput: f64,
    pub(super) arrived: u64,
    pub(super) refused_by_estimate: u64,
    pub(super) refused_full: u64,
    pub(super) dropped: u64,
    /// Their time was over before they ran.
    pub(super) expired: u64,
    /// Their time was over while they ran: work in vain.
    pub(super) in_vain: u64,
    /// Seen by the jobs themselves, in the whole run.
    pub(super) executed_after_expiry: u64,
}

/// Poisson arrivals at `load` times what the workers can serve.
pub(super) fn run(discipline: Discipline, load: f64, seed: u64) -> Tally {
    let clock = TestClock::automatic();
    let _here = clock.register_thread().enter();
    let runtime = build(discipline, &clock);
    let provider = runtime.provider("upstream").expect("it was configured");
    let late = Arc::new(AtomicU64::new(0));
    let ledger = || provider.snapshot().ledger;
    let (before, after) = runtime.run(async {
        let mut random = Random::new(seed);
        let mean = SERVICE.as_secs_f64() / WORKERS as f64 / load;
        let begin = clock.now() + WARM_UP;
        let (mut at, mut before) = (clock.now(), None);
        loop {
            at = at + Duration::from_secs_f64(random.exponential(mean));
            if at >= begin && before.is_none() {
                clock.sleep_until(begin).await;
                before = Some(ledger());
            }
            if at >= begin + COUNTED {
                clock.sleep_until(begin + COUNTED).await;
                return (before.unwrap_or_default(), ledger());
            }
            clock.sleep_until(at).await;
            drop(provider.submit(job(at, &late).deadline(LIMIT)));
        }
    });
    runtime.shutdown_blocking(ShutdownMode::Cancel).expect("this is no job");
    // Relaxed: nothing else runs any more.
    Tally { executed_after_expiry: late.load(Ordering::Relaxed), ..tally(&before, &after) }
}

fn job(submitted: Instant, late: &Arc<AtomicU64>) -> Job<()> {
    let late = Arc::clone(late);
    Job::with_context(move |context| async move {
        if context.clock().now() >= submitted + LIMIT {
            late.fetch_add(1, Ordering::Relaxed);
        }
        context.sleep(SERVICE).await;
        Ok::<_, std::io::Error>(())
    })
}

fn build(discipline: Discipline, clock: &TestClock) -> Runtime {
    let mut overload = OverloadConfig::default();
    (overload.estimate, overload.codel) = (discipline.estimate, discipline.codel);
    let provider = ProviderConfig::new("upstream")
        .workers(WORKERS, WORKERS)
        .queue_capacity(PLACES)
        .queue_timeout(LIMIT)
        .overflow(OverflowPolicy::Error)
        .overload(overload);
    let config = RuntimeConfig::default().drivers(0);
    let runtime = Runtime::builder().clock(clock).config(config).provider(provider).build();
    runtime.expect("the settings are in range")
}

fn tally(before: &Ledger, after: &Ledger) -> Tally {
    let of = |count| after.get(count) - before.get(count);
    let capacity = COUNTED.as_secs_f64() * WORKERS as f64 / SERVICE.as_secs_f64();
    Tally {
        goodput: 100.0 * of(Count::Completed) as f64 / capacity,
        arrived: of(Count::Submitted),
        refused_by_estimate: of(Count::DeadlineUnmeetable),
        refused_full: of(Count::QueueFull),
        dropped: of(Count::DroppedCodel),
        expired: of(Count::TimedOutQueue),
        in_vain: of(Count::TimedOutExec),
        executed_after_expiry: 0,
    }
}

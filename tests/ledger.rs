//! The ledger against an independent tally (S12): a million random jobs from eight threads, each outcome
//! counted by the one who got it, while another thread holds every snapshot to the inequalities.

use bifrost::cancel::CancelToken;
use bifrost::code::Code;
use bifrost::config::{BreakerMode, OverflowPolicy, ProviderConfig, RuntimeConfig};
use bifrost::provider::JobError;
use bifrost::stats::Count;
use bifrost::time::TestClock;
use bifrost::{Job, JobHandle, Provider, Runtime, ShutdownMode};
use std::collections::{HashMap, VecDeque};
use std::panic::{resume_unwind, set_hook};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const THREADS: u64 = 8;
const JOBS: usize = 1_000_000;
const MS: Duration = Duration::from_millis(1);
/// Handles that a submitter keeps before it waits for the oldest.
const KEPT: usize = 64;

/// Codes of outcomes and refusals as the callers saw them.
type Tally = HashMap<Code, u64>;

/// Numbers that come again with the same seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

fn random_job(random: &mut Random) -> Job<u64> {
    let job = match random.below(100) {
        0..=69 => Job::new(|_| Ok::<_, JobError>(1)),
        70..=79 => Job::new(|_| Err::<u64, _>(JobError::new("no"))),
        // The unwinder takes its time.
        80 => Job::new(|_| -> Result<u64, JobError> { resume_unwind(Box::new(())) }),
        81..=85 => Job::blocking(|_| Ok::<_, JobError>(1)),
        86..=95 => Job::future(async {
            futures_lite::future::yield_now().await;
            Ok::<_, JobError>(1)
        }),
        _ => Job::with_context(|context| async move {
            context.sleep(3 * MS).await;
            Ok::<_, JobError>(1)
        }),
    };
    match random.below(20) {
        0 => job.timeout(2 * MS),
        1 => job.queue_timeout(MS),
        2 => job.deadline(2 * MS),
        3 => job.deadline(Duration::ZERO),
        4 => job.overflow(OverflowPolicy::DropNewest),
        5 => job.overflow(OverflowPolicy::DropOldest),
        _ => job,
    }
}

/// Submits its share; what it cannot wait for yet comes back with the tally.
fn submit_share(provider: &Provider, seed: u64, submitted: &AtomicUsize) -> Tally {
    let mut random = Random(seed);
    let (mut tally, mut kept) = (Tally::new(), VecDeque::<JobHandle<u64>>::new());
    for _ in 0..JOBS / THREADS as usize {
        submitted.fetch_add(1, Ordering::Relaxed);
        let above = CancelToken::new();
        let token = (random.below(50) == 0).then(|| above.child());
        let mut job = random_job(&mut random);
        if let Some(token) = &token {
            job = job.cancel_token(token);
        }
        let admitted = match random.below(200) {
            0 => provider.submit_blocking(job.overflow(OverflowPolicy::Block(MS))),
            _ => provider.submit(job),
        };
        match admitted {
            Ok(handle) => {
                if random.below(20) == 0 {
                    handle.cancel();
                }
                if let Some(token) = token {
                    [token, above][random.below(2) as usize].cancel();
                }
                kept.push_back(handle);
            }
            Err(rejected) => *tally.entry(rejected.reason).or_default() += 1,
        }
        if kept.len() == KEPT {
            let oldest = kept.pop_front().map(|handle| handle.wait().code());
            *tally.entry(oldest.unwrap_or(Code::Ok)).or_default() += 1;
        }
    }
    for handle in kept {
        *tally.entry(handle.wait().code()).or_default() += 1;
    }
    tally
}

/// What the provider says of each code that a caller can see.
fn counted(provider: &Provider) -> Tally {
    let ledger = provider.snapshot().ledger;
    let counts = Code::all().filter_map(|code| {
        let count = Count::rejected(code).or(Count::outcome(code))?;
        Some((code, ledger.get(count))).filter(|(_, n)| *n > 0)
    });
    counts.collect()
}

/// Every code that some job has to have met.
const EXPECTED: [Code; 11] = [
    Code::Ok,
    Code::Failed,
    Code::Panicked,
    Code::TimedOutQueue,
    Code::TimedOutExec,
    Code::CancelledCaller,
    Code::CancelledShutdown,
    Code::CancelledParent,
    Code::DroppedOverflow,
    Code::QueueFull,
    Code::ShuttingDown,
];

fn silence_panics_on_purpose() {
    set_hook(Box::new(|info| {
        if !std::thread::current().name().unwrap_or_default().starts_with("bf:") {
            eprintln!("{info}");
        }
    }));
}

fn runtime(clock: &TestClock) -> Runtime {
    let mut config = ProviderConfig::new("a").workers(2, 16).blocking_workers(0, 4);
    // Its jobs fail on purpose.
    config.breaker.mode = BreakerMode::Off;
    Runtime::builder()
        .clock(clock)
        .config(RuntimeConfig::default().drivers(2))
        .provider(
            config.queue_capacity(256).result_buffer(128).queue_timeout(50 * MS).timeout(100 * MS),
        )
        .build()
        .expect("the settings are good")
}

/// Holds every snapshot to the inequalities while time goes on; how many it looked at.
fn watch(provider: Provider, clock: TestClock, over: Arc<AtomicBool>) -> JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut looks = 0_u64;
        while !over.load(Ordering::SeqCst) {
            let ledger = provider.snapshot().ledger;
            ledger.check_order().unwrap_or_else(|error| panic!("after {looks} looks: {error}"));
            looks += 1;
            clock.advance(MS / 4);
            std::thread::yield_now();
        }
        looks
    })
}

fn workers(provider: &Provider) -> u64 {
    let snapshot = provider.snapshot();
    snapshot.workers.spawned + snapshot.blocking_workers.spawned
}

#[test]
fn a_million_random_jobs_balance_with_what_their_callers_saw() {
    silence_panics_on_purpose();
    let clock = TestClock::new();
    let runtime = runtime(&clock);
    let provider = runtime.provider("a").expect("it is there");
    let submitted = Arc::new(AtomicUsize::new(0));
    let over = Arc::new(AtomicBool::new(false));

    let watcher = watch(provider.clone(), clock.clone(), Arc::clone(&over));
    let submitters: Vec<_> = (0..THREADS)
        .map(|seed| {
            let (provider, submitted) = (provider.clone(), Arc::clone(&submitted));
            std::thread::spawn(move || submit_share(&provider, seed, &submitted))
        })
        .collect();
    // The end comes before the last jobs do: they are cancelled by it or refused.
    while submitted.load(Ordering::Relaxed) < JOBS * 98 / 100 {
        std::thread::yield_now();
    }
    let report = runtime.shutdown_blocking(ShutdownMode::Cancel).expect("this is no job");
    let mut seen = Tally::new();
    for submitter in submitters {
        for (code, n) in submitter.join().expect("a submitter ends") {
            *seen.entry(code).or_default() += n;
        }
    }
    over.store(true, Ordering::SeqCst);
    let looks = watcher.join().expect("the inequalities hold");

    // Time ran faster than threads can: the shutdown's grace may have been over before they left.
    while workers(&provider) > 0 {
        std::thread::yield_now();
    }
    assert_eq!(counted(&provider), seen);
    assert_eq!(seen.values().sum::<u64>(), JOBS as u64);
    let snapshot = provider.snapshot();
    snapshot.ledger.check_quiet(0, 0).expect("the provider is quiet");
    assert_eq!(snapshot.ledger.submitted(), JOBS as u64);
    assert_eq!(snapshot.records.free, snapshot.records.capacity);
    assert_eq!(report.cancelled, seen.get(&Code::CancelledShutdown).copied().unwrap_or(0));
    assert!(looks > 1_000, "only {looks} looks");
    for code in EXPECTED {
        assert!(seen.contains_key(&code), "no job was {code}: {seen:?}");
    }
}

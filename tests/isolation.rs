//! Providers are isolated (S1): whatever happens to A, the queue waits of B's jobs are, on the test clock,
//! exactly those of a run without it.

use bifrost::config::{OverflowPolicy, ProviderConfig, RuntimeConfig};
use bifrost::provider::JobError;
use bifrost::time::TestClock;
use bifrost::{CompletionQueue, Job, Provider, Runtime, ShutdownMode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const JOBS: u64 = 2_000;
/// The steps of B's time.
const STEP: Duration = MS;

/// What goes wrong with A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// There is no A.
    Absent,
    /// Its jobs never end.
    Hanging,
    /// Its jobs fail at once.
    Failing,
    /// It gets more than it can take, with every policy.
    Flooding,
    /// Its jobs panic.
    Panicking,
    /// Its jobs are cancelled, in the queue and while running.
    Cancelling,
    /// It is shut down in the middle.
    Ending,
}

fn configs(trouble: Trouble) -> Vec<ProviderConfig> {
    let b = ProviderConfig::new("b").workers(3, 3).queue_capacity(64).queue_timeout(1000 * MS);
    let a = ProviderConfig::new("a").workers(4, 8).queue_capacity(32).result_buffer(50);
    if trouble == Trouble::Absent { vec![b] } else { vec![a.timeout(50 * MS), b] }
}

/// Makes trouble for A at one step of time.
fn trouble_a(provider: &Provider, trouble: Trouble, step: u64) {
    for number in 0..20 {
        let job = match trouble {
            Trouble::Hanging | Trouble::Cancelling | Trouble::Ending => {
                Job::future(std::future::pending::<Result<u64, JobError>>())
            }
            Trouble::Panicking => Job::new(|_| -> Result<u64, JobError> {
                std::panic::resume_unwind(Box::new("on purpose"))
            }),
            Trouble::Flooding => Job::with_context(|context| async move {
                context.sleep(MS / 3).await;
                Ok::<_, JobError>(1)
            }),
            _ => Job::new(|_| Err(JobError::new("on purpose"))),
        };
        let policies =
            [OverflowPolicy::Error, OverflowPolicy::DropNewest, OverflowPolicy::DropOldest];
        let job = job.overflow(policies[number % 3]);
        if let Ok(handle) = provider.submit(job)
            && trouble == Trouble::Cancelling
            && number % 2 == 0
        {
            handle.cancel();
        }
    }
    if trouble == Trouble::Ending && step == 50 {
        let mut ending = Box::pin(provider.shutdown(ShutdownMode::Cancel, MS));
        let begun = futures_lite::future::block_on(futures_lite::future::poll_once(&mut ending));
        assert!(begun.is_none(), "its jobs do not end by themselves");
    }
}

/// Gives B its jobs, two a millisecond of one millisecond and a bit each, and tells how long each waited
/// and ran, in nanoseconds.
async fn serve_b(runtime: &Runtime, clock: &TestClock, trouble: Trouble) -> Vec<(u64, u64, u64)> {
    let b = runtime.provider("b").expect("it is there");
    let a = runtime.provider("a");
    let queue = CompletionQueue::new(clock);
    let mut waits = Vec::new();
    let take = |waits: &mut Vec<_>| {
        queue.poll(usize::MAX, |completion| {
            assert!(completion.outcome.completed().is_some(), "{trouble:?}: a job of B failed");
            let nanos = |time: Duration| u64::try_from(time.as_nanos()).expect("it is short");
            waits.push((
                completion.user_data,
                nanos(completion.queued_for),
                nanos(completion.ran_for),
            ));
        });
    };
    for step in 0..JOBS / 2 {
        if let Some(a) = &a {
            trouble_a(a, trouble, step);
        }
        for number in [2 * step, 2 * step + 1] {
            let service = MS + MS * (number % 7) as u32 / 8;
            let job = Job::with_context(move |context| async move {
                context.sleep(service).await;
                Ok::<_, JobError>(())
            });
            b.submit_to(&queue, job.user_data(number)).expect("B has room");
        }
        clock.sleep(STEP).await;
        take(&mut waits);
    }
    while waits.len() < JOBS as usize {
        clock.sleep(STEP).await;
        take(&mut waits);
    }
    waits.sort_unstable();
    waits
}

fn run(trouble: Trouble) -> Vec<(u64, u64, u64)> {
    let clock = TestClock::automatic();
    let _here = clock.register_thread().enter();
    let runtime = Runtime::builder()
        .clock(&clock)
        .config(RuntimeConfig::default().drivers(0))
        .providers(configs(trouble))
        .build()
        .expect("the settings are good");
    let waits = runtime.run(serve_b(&runtime, &clock, trouble));
    if let Some(a) = runtime.provider("a") {
        let snapshot = a.snapshot();
        let records = snapshot.records;
        assert!(records.capacity < 1_000, "A's memory is bounded by its buffers");
        assert!(snapshot.ledger.submitted() == 20 * JOBS / 2);
    }
    runtime.shutdown_blocking(ShutdownMode::Cancel).expect("this is no job");
    for provider in runtime.providers() {
        let snapshot = provider.snapshot();
        assert_eq!(snapshot.records.free, snapshot.records.capacity, "{trouble:?}");
    }
    waits
}

#[test]
fn queue_waits_of_b_are_exactly_those_without_a() {
    let alone = run(Trouble::Absent);
    let waited = alone.iter().filter(|wait| wait.1 > 0).count();
    assert!(waited > JOBS as usize / 10, "B is busy enough that its jobs wait: {waited}");
    for trouble in [
        Trouble::Hanging,
        Trouble::Failing,
        Trouble::Flooding,
        Trouble::Panicking,
        Trouble::Cancelling,
        Trouble::Ending,
    ] {
        assert!(run(trouble) == alone, "B noticed that A was {trouble:?}");
    }
}

/// On threads, where time is the test's but the order is the system's: no job of B is lost or late beyond
/// the step in which it was due.
#[test]
fn b_serves_on_shared_drivers_while_a_is_flooded() {
    let clock = TestClock::new();
    let runtime = Runtime::builder()
        .clock(&clock)
        .config(RuntimeConfig::default().drivers(2))
        .providers(configs(Trouble::Flooding))
        .build()
        .expect("the settings are good");
    let (a, b) = (runtime.provider("a"), runtime.provider("b").expect("it is there"));
    let a = a.expect("it is there");
    let over = Arc::new(AtomicBool::new(false));
    let ending = Arc::clone(&over);
    let flood = std::thread::spawn(move || {
        while !ending.load(Ordering::SeqCst) {
            trouble_a(&a, Trouble::Panicking, 0);
            trouble_a(&a, Trouble::Failing, 0);
        }
    });
    for number in 0..2_000_u64 {
        let handle = b.submit(Job::new(move |_| Ok::<_, JobError>(number))).expect("B has room");
        assert_eq!(handle.wait().completed(), Some(number));
    }
    over.store(true, Ordering::SeqCst);
    flood.join().expect("the flood ends");
    runtime.shutdown_blocking(ShutdownMode::Cancel).expect("this is no job");
    let waits = b.snapshot().wait;
    assert_eq!((waits.count(), waits.max()), (2_000, 0), "no time passed");
}

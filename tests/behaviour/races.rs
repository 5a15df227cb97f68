//! Ends that race for a job: exactly one wins, and it is counted once (S11, S3).

use crate::world::{
    SECOND, TICK, World, assert_books_are_closed, submit, unguarded, with_threads, workers,
};
use bifrost::cancel::CancelToken;
use bifrost::code::Code;
use bifrost::config::{OverflowPolicy, ProviderConfig};
use bifrost::exec::{DriverPool, Drivers, Exit, Ticker};
use bifrost::provider::{JobError, Parts};
use bifrost::stats::Count;
use bifrost::time::TestClock;
use bifrost::{Job, JobHandle, Outcome, Provider, ShutdownMode};
use smol::channel::bounded;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

with_threads! {
    an_end_a_cancel_and_a_timeout_give_one_outcome:
        [unguarded(workers(2).queue_timeout(3600 * SECOND))],
    a_cancel_in_the_queue_races_the_start: [workers(2)],
    tokens_names_and_handles_race_for_one_cancel: [workers(2)],
    nothing_is_lost_when_everything_happens_at_once: [unguarded(chaotic("a")), unguarded(chaotic("b"))],
}

const ROUNDS: usize = 10_000;

fn chaotic(name: &str) -> ProviderConfig {
    ProviderConfig::new(name)
        .workers(1, 8)
        .blocking_workers(0, 4)
        .queue_capacity(16)
        .result_buffer(64)
}

async fn an_end_a_cancel_and_a_timeout_give_one_outcome(world: World) {
    let provider = world.provider();
    let (hand, taken) =
        mpsc::sync_channel::<(bifrost::provider::JobId, smol::channel::Sender<()>)>(1);
    let canceller = provider.clone();
    let won = Arc::new(AtomicUsize::new(0));
    let cancels = Arc::clone(&won);
    let thread = std::thread::spawn(move || {
        for (round, (id, go)) in taken.into_iter().enumerate() {
            if round % 3 == 0 {
                go.close();
            }
            cancels.fetch_add(usize::from(canceller.cancel(id)), Ordering::SeqCst);
            go.close();
        }
    });
    let mut seen = [0_u64; 3];
    for round in 0..ROUNDS {
        let (go, gone) = bounded::<()>(1);
        let job = Job::future(async move {
            gone.recv().await.unwrap_or_default();
            Ok::<_, JobError>(1)
        });
        let handle = submit(&provider, job.timeout(SECOND));
        hand.send((handle.id(), go)).expect("the canceller lives");
        if round % 2 == 0 {
            world.clock.advance(SECOND);
        }
        match handle.await {
            Outcome::Completed(1) => seen[0] += 1,
            Outcome::Cancelled(_) => seen[1] += 1,
            Outcome::TimedOut(_) => seen[2] += 1,
            outcome => panic!("{outcome:?}"),
        }
    }
    drop(hand);
    thread.join().expect("the canceller ends");
    world.settle().await;
    let ledger = provider.snapshot().ledger;
    assert_eq!(ledger.ended(), ROUNDS as u64);
    let timed_out = ledger.get(Count::TimedOutExec) + ledger.get(Count::TimedOutQueue);
    let counted = [ledger.get(Count::Completed), ledger.get(Count::CancelledCaller), timed_out];
    assert_eq!(counted, seen);
    assert_eq!(won.load(Ordering::SeqCst) as u64, seen[1], "each cancel that says so has won");
    assert!(seen.iter().all(|n| *n > 0), "every end wins at times: {seen:?}");
}

async fn a_cancel_in_the_queue_races_the_start(world: World) {
    let provider = world.provider();
    let runs = Arc::new(AtomicU64::new(0));
    let (mut completed, mut cancelled) = (0, 0);
    for _ in 0..ROUNDS {
        let inside = Arc::clone(&runs);
        let job = Job::new(move |_| Ok::<_, JobError>(inside.fetch_add(1, Ordering::SeqCst)));
        let handle = submit(&provider, job);
        let won = handle.cancel();
        let code = handle.await.code();
        assert_eq!(code == Code::CancelledCaller, won, "the outcome is the winner's: {code}");
        completed += u64::from(!won);
        cancelled += u64::from(won);
    }
    world.settle().await;
    let ledger = provider.snapshot().ledger;
    assert_eq!(ledger.get(Count::Completed), completed);
    assert_eq!(ledger.get(Count::CancelledCaller), cancelled);
    // What ran and was cancelled all the same left a late result.
    assert_eq!(runs.load(Ordering::SeqCst), completed + ledger.get(Count::LateResults));
}

async fn tokens_names_and_handles_race_for_one_cancel(world: World) {
    let provider = world.provider();
    for _ in 0..1_000 {
        let token = CancelToken::new();
        let job = Job::future(std::future::pending::<Result<u64, JobError>>());
        let handle = submit(&provider, job.cancel_token(&token.child()));
        let (by_name, by_token) = (provider.clone(), token);
        let id = handle.id();
        let thread = std::thread::spawn(move || by_name.cancel(id));
        let own = handle.cancel();
        by_token.cancel();
        let named = thread.join().expect("it ends");
        let code = handle.await.code();
        assert!(!(own && named), "two have won");
        assert_eq!(code == Code::CancelledCaller, own || named);
        assert!(matches!(code, Code::CancelledCaller | Code::CancelledParent));
    }
    world.settle().await;
    assert_eq!(provider.snapshot().ledger.ended(), 1_000);
}

/// Submitters, cancellers, dropped handles, every policy, panics and expiries on all threads at once.
async fn nothing_is_lost_when_everything_happens_at_once(world: World) {
    let providers = world.runtime.providers();
    let over = Arc::new(AtomicBool::new(false));
    let ran = Arc::new(AtomicU64::new(0));
    let dropped = Arc::new(AtomicU64::new(0));
    let made = Arc::new(AtomicU64::new(0));
    let (clock, ending) = (world.clock.clone(), Arc::clone(&over));
    let time = std::thread::spawn(move || {
        while !ending.load(Ordering::SeqCst) {
            clock.advance(20 * TICK * 1_000_000);
            std::thread::yield_now();
        }
    });
    let threads: Vec<_> = (0..4_u64)
        .map(|seed| {
            let providers = providers.clone();
            let (ran, dropped, made) = (Arc::clone(&ran), Arc::clone(&dropped), Arc::clone(&made));
            std::thread::spawn(move || {
                let mut random = crate::world::Random::new(seed);
                for _ in 0..5_000 {
                    let provider = &providers[random.below(2) as usize];
                    let job = chaotic_job(&mut random, &ran, &dropped, &made);
                    if let Ok(handle) = provider.submit(job) {
                        treat(&mut random, handle);
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("a submitter ends");
    }
    world.runtime.shutdown_blocking(ShutdownMode::Finish).expect("this is no job");
    over.store(true, Ordering::SeqCst);
    time.join().expect("time ends");
    // Time ran faster than threads can: the shutdown's grace may have been over before they left.
    let is_left = |provider: &Provider| {
        let snapshot = provider.snapshot();
        snapshot.workers.spawned + snapshot.blocking_workers.spawned == 0
    };
    world.until(|| world.runtime.providers().iter().all(is_left)).await;
    assert_eq!(dropped.load(Ordering::SeqCst), made.load(Ordering::SeqCst), "each is dropped once");
    assert!(ran.load(Ordering::SeqCst) > 0);
    let snapshot = world.runtime.snapshot().totals().ledger;
    assert_eq!(snapshot.submitted(), 20_000);
}

/// Counts its drop.
struct Witness(Arc<AtomicU64>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn chaotic_job(
    random: &mut crate::world::Random,
    ran: &Arc<AtomicU64>,
    dropped: &Arc<AtomicU64>,
    made: &Arc<AtomicU64>,
) -> Job<u64> {
    made.fetch_add(1, Ordering::SeqCst);
    let (witness, ran) = (Witness(Arc::clone(dropped)), Arc::clone(ran));
    let kind = random.below(6);
    let body = move || {
        let _witness = &witness;
        ran.fetch_add(1, Ordering::SeqCst);
        match kind {
            0 => Err(JobError::new("no")),
            1 => panic!("on purpose"),
            _ => Ok(1),
        }
    };
    let job = match random.below(4) {
        0 => Job::blocking(move |_| body()),
        1 => Job::with_context(move |context| async move {
            context.sleep(30 * TICK * 1_000_000).await;
            body()
        }),
        2 => Job::future(async move {
            futures_lite::future::yield_now().await;
            body()
        }),
        _ => Job::new(move |_| body()),
    };
    let job = match random.below(4) {
        0 => job.overflow(OverflowPolicy::DropNewest),
        1 => job.overflow(OverflowPolicy::DropOldest),
        _ => job,
    };
    match random.below(5) {
        0 => job.queue_timeout(TICK * 40_000_000),
        1 => job.timeout(TICK * 20_000_000),
        2 => job.deadline(TICK * 60_000_000),
        _ => job,
    }
}

fn treat(random: &mut crate::world::Random, handle: JobHandle<u64>) {
    match random.below(4) {
        0 => drop(handle),
        1 => {
            handle.cancel();
        }
        2 => drop(handle.wait()),
        _ => {
            handle.cancel();
            drop(handle.wait());
        }
    }
}

/// A submission that is accepted while the provider shuts down has one outcome; one that is not comes back.
#[test]
fn every_job_accepted_beside_a_shutdown_has_one_outcome() {
    crate::world::watched(|| {
        let clock = TestClock::new();
        let (hand, taken) = mpsc::sync_channel(1);
        let (answer, answers) = mpsc::channel();
        let submitter = std::thread::spawn(move || {
            for provider in taken {
                answer.send(submit_until_refused(&provider)).expect("the test listens");
            }
        });
        let mut cancelled = 0;
        // A pool has a place for so many providers over its life.
        for _ in 0..ROUNDS / 2_500 {
            let pool = DriverPool::start(
                "own",
                Drivers::Threads { count: 1, spin: Duration::ZERO },
                2_500,
                &clock,
            );
            let pool = Arc::new(pool.expect("there is a thread"));
            for round in 0..2_500 {
                let provider = open(&pool, &clock);
                hand.send(provider.clone()).expect("the submitter lives");
                let mode = [ShutdownMode::Cancel, ShutdownMode::Finish][round % 2];
                let report = clock.block_on(provider.shutdown(mode, SECOND));
                let codes = answers.recv().expect("the submitter answers");
                let ended = |code| codes.iter().filter(|ended| **ended == code).count();
                let ends = (ended(Code::Ok), ended(Code::CancelledShutdown));
                assert_eq!(ends.0 + ends.1, codes.len(), "{codes:?}");
                assert_eq!(report.expect("this is no job").cancelled, ends.1 as u64);
                cancelled += ends.1;
                assert_books_are_closed(&provider);
            }
            pool.close();
            pool.join();
        }
        assert!(cancelled > 0, "some came between the two");
        drop(hand);
        submitter.join().expect("the submitter ends");
    });
}

fn open(pool: &Arc<DriverPool>, clock: &TestClock) -> Provider {
    let ticker = Arc::new(Ticker::new(clock));
    let exit = Arc::new(Exit::new(pool, &ticker));
    let parts = Parts {
        runtime: usize::MAX,
        clock,
        pool,
        spin: Duration::ZERO,
        ticker: &ticker,
        exit: &exit,
        http: None,
    };
    let config = workers(1).queue_capacity(64).blocking_workers(0, 0).result_buffer(64);
    let provider = Provider::start(config, parts).expect("there is a place");
    clock.block_on(provider.check_and_open());
    provider
}

fn submit_until_refused(provider: &Provider) -> Vec<Code> {
    let mut handles = Vec::new();
    while let Ok(handle) = provider.submit(crate::world::value(1)) {
        handles.push(handle);
        if handles.len() == 64 {
            break;
        }
    }
    handles.into_iter().map(|handle| handle.wait().code()).collect()
}

//! Every refusal of S10 that a door can give: with its limit, without a handle, the job given back.

use crate::world::{
    SECOND, World, everywhere, occupy, stuck, submit, value, with_threads, workers,
};
use bifrost::code::Code;
use bifrost::config::{HealthPolicy, ProviderConfig};
use bifrost::exec::{DriverPool, Drivers, Exit, Ticker};
use bifrost::provider::{JobError, LifeState, Parts};
use bifrost::stats::Count;
use bifrost::{CompletionQueue, Job, Outcome, Provider, Rejected, ShutdownMode};
use std::sync::Arc;
use std::time::Duration;

everywhere! {
    a_full_queue_refuses: [workers(1).queue_capacity(2)],
    unread_outcomes_refuse_the_next_job: [narrow()],
    handles_on_every_record_refuse_the_next_job: [narrow()],
    a_provider_that_drains_or_has_stopped_refuses: [workers(1)],
    a_lane_without_workers_refuses: [workers(1).blocking_workers(0, 0)],
    a_refused_job_comes_back_unchanged: [workers(1).queue_capacity(1), ProviderConfig::new("b")],
}

with_threads! {
    a_provider_that_could_not_start_refuses: [unreachable()],
    a_provider_that_is_being_checked_refuses: [workers(1)],
    a_refused_blocking_job_comes_back: [workers(1).blocking_workers(1, 1).queue_capacity(1)],
}

/// One worker, one place in each of three lanes, one unread outcome: five records.
fn narrow() -> ProviderConfig {
    workers(1).queue_capacity(1).result_buffer(1).blocking_workers(0, 0)
}

fn unreachable() -> ProviderConfig {
    workers(1).base_url("http://127.0.0.1:1").health(HealthPolicy::Require)
}

fn assert_refused<T: Send + 'static>(
    provider: &Provider,
    job: Job<T>,
    reason: Code,
    limit: (&str, u64),
) -> Job<T> {
    let count = Count::rejected(reason).expect("it is a reason to refuse");
    let before = provider.snapshot().ledger;
    let Rejected { reason: why, job, provider: who, limit: which, value, .. } =
        provider.submit(job).map(drop).expect_err("the door is shut");
    assert_eq!((why, &*who, (which, value)), (reason, provider.name(), limit));
    let after = provider.snapshot().ledger;
    assert_eq!(after.get(count), before.get(count) + 1);
    assert_eq!(after.submitted(), before.submitted() + 1);
    assert_eq!(after.accepted(), before.accepted());
    job
}

async fn a_full_queue_refuses(world: World) {
    let provider = world.provider();
    let (_running, _held) = occupy(&provider).await;
    let _waiting = [submit(&provider, value(1)), submit(&provider, value(2))];
    drop(assert_refused(&provider, value(3), Code::QueueFull, ("queue_capacity", 2)));
    let error = provider.submit(value(3)).map(drop).expect_err("it is still full");
    assert_eq!(
        error.to_string(),
        format!("provider a refused the job: {} (queue_capacity = 2)", Code::QueueFull)
    );
}

async fn unread_outcomes_refuse_the_next_job(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    provider.submit_to(&queue, value(0)).expect("nothing is unread");
    world.settle().await;
    let job = assert_refused(&provider, value(3), Code::LimitReached, ("result_buffer", 1));
    assert!(queue.try_next().is_some());
    assert!(matches!(submit(&provider, job).await, Outcome::Completed(3)));
}

async fn handles_on_every_record_refuse_the_next_job(world: World) {
    let provider = world.provider();
    let mut unread = Vec::new();
    for number in 0..5 {
        unread.push(submit(&provider, value(number)));
        world.settle().await;
    }
    let job = assert_refused(&provider, value(5), Code::LimitReached, ("records", 5));
    let outcome = unread.remove(0).await;
    assert!(matches!(outcome, Outcome::Completed(0)), "{outcome:?}");
    assert!(matches!(submit(&provider, job).await, Outcome::Completed(5)));
}

async fn a_provider_that_drains_or_has_stopped_refuses(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let mut ending = Box::pin(provider.shutdown(ShutdownMode::Finish, SECOND));
    assert!(futures_lite::future::poll_once(&mut ending).await.is_none());
    let draining = LifeState::Draining as u64;
    drop(assert_refused(&provider, value(1), Code::ShuttingDown, ("state", draining)));
    assert!(Code::ShuttingDown.is_retryable());
    held.let_go();
    assert!(ending.await.is_ok());
    assert!(matches!(running.await, Outcome::Completed(7)));
    let stopped = LifeState::Stopped as u64;
    drop(assert_refused(&provider, value(1), Code::ShuttingDown, ("state", stopped)));
}

async fn a_lane_without_workers_refuses(world: World) {
    let provider = world.provider();
    let (job, _held) = stuck();
    drop(assert_refused(&provider, job, Code::Invalid, ("blocking_workers.max", 0)));
}

async fn a_refused_job_comes_back_unchanged(world: World) {
    let (provider, other) = (world.named("a"), world.named("b"));
    let (_running, _held) = occupy(&provider).await;
    let _waiting = submit(&provider, value(1).priority(3));
    let witness = Arc::new(());
    let inside = Arc::clone(&witness);
    let big = [7_u64; 64];
    let job = Job::new(move |context| {
        drop(inside);
        let said = (context.label().map(str::to_owned), context.priority());
        Ok::<_, JobError>((said, context.tenant().map(str::to_owned), big[63]))
    });
    let job = job.label("mine").tenant("them").priority(3).timeout(SECOND).user_data(9);
    let before = format!("{job:?}");
    let job = assert_refused(&provider, job, Code::QueueFull, ("queue_capacity_high", 1));
    assert_eq!(format!("{job:?}"), before);
    assert_eq!(Arc::strong_count(&witness), 2, "its body was neither run nor dropped");
    let completion = submit(&other, job).completion().await;
    assert_eq!((completion.user_data, &*completion.provider), (9, "b"));
    let said = ((Some("mine".to_owned()), 3), Some("them".to_owned()), 7);
    assert_eq!(completion.outcome.completed(), Some(said));
    assert_eq!(Arc::strong_count(&witness), 1);
}

async fn a_provider_that_could_not_start_refuses(world: World) {
    let provider = world.provider();
    assert_eq!(provider.state(), LifeState::Failed);
    let failed = LifeState::Failed as u64;
    drop(assert_refused(&provider, value(1), Code::NotReady, ("state", failed)));
    assert!(provider.submit_async(value(2)).await.is_err());
}

async fn a_provider_that_is_being_checked_refuses(world: World) {
    let clock = world.clock.clock();
    let pool = DriverPool::start("own", Drivers::Embedder, 1, &clock).expect("no thread is needed");
    let (pool, ticker) = (Arc::new(pool), Arc::new(Ticker::new(&clock)));
    let parts = Parts {
        runtime: usize::MAX,
        clock: &clock,
        spin: Duration::ZERO,
        pool: &pool,
        ticker: &ticker,
        exit: &Arc::new(Exit::new(&pool, &ticker)),
        http: None,
    };
    let provider = Provider::start(workers(1), parts).expect("the settings are good");
    assert_eq!(provider.state(), LifeState::Checking);
    let checking = LifeState::Checking as u64;
    let job = assert_refused(&provider, value(1), Code::NotReady, ("state", checking));
    provider.check_and_open().await;
    assert_eq!(provider.state(), LifeState::Ready);
    let mut handle = submit(&provider, job);
    while pool.turn() {}
    assert!(matches!(handle.try_take(), Some(Outcome::Completed(1))));
}

async fn a_refused_blocking_job_comes_back(world: World) {
    let provider = world.provider();
    let (first, held) = stuck();
    let first = submit(&provider, first);
    held.started().await;
    let waiting = submit(&provider, Job::blocking(|_| Ok::<_, JobError>(1)));
    let job = Job::blocking(|_| Ok::<_, JobError>(2));
    let job = assert_refused(&provider, job, Code::QueueFull, ("queue_capacity", 1));
    held.let_go();
    assert!(matches!(first.await, Outcome::Completed(7)));
    assert!(matches!(waiting.await, Outcome::Completed(1)));
    assert!(matches!(submit(&provider, job).await, Outcome::Completed(2)));
}

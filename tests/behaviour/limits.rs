//! Queue wait, execution and deadline: two clocks, never early, never executed late (S16, S18, S22).

use crate::world::{
    MS, SECOND, TICK, World, everywhere, held, occupy, stuck, submit, value, with_threads, workers,
};
use bifrost::provider::{JobError, Stage};
use bifrost::stats::Count;
use bifrost::{Job, JobHandle, Outcome};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

everywhere! {
    a_limit_is_never_early: [workers(1)],
    execution_counts_from_the_start: [workers(1).queue_timeout(100 * SECOND)],
    the_queue_limit_does_not_count_while_running: [workers(1).queue_timeout(SECOND)],
    a_deadline_covers_the_wait: [workers(1)],
    a_deadline_covers_the_run: [workers(1)],
    a_deadline_that_has_passed_is_never_executed: [workers(1)],
    a_job_that_outlived_its_wait_is_not_executed_by_a_free_worker: [workers(1)],
    limits_far_apart_each_come_at_their_time: [workers(1).queue_timeout(3600 * SECOND)],
    a_job_knows_what_time_is_left: [workers(1)],
    completion_tells_how_long_it_waited_and_ran: [workers(1)],
}

with_threads! {
    waiting_jobs_hear_of_their_end_while_every_worker_is_stuck:
        [workers(1).blocking_workers(2, 2).queue_timeout(SECOND)],
}

fn timed_out(outcome: &Outcome<u64>) -> Option<Stage> {
    match outcome {
        Outcome::TimedOut(stage) => Some(*stage),
        _ => None,
    }
}

/// A job that says whether it ever ran.
fn witness() -> (Job<u64>, Arc<AtomicBool>) {
    let ran = Arc::new(AtomicBool::new(false));
    let inside = Arc::clone(&ran);
    let job = Job::new(move |_| {
        inside.store(true, Ordering::SeqCst);
        Ok::<_, JobError>(1)
    });
    (job, ran)
}

async fn a_limit_is_never_early(world: World) {
    let provider = world.provider();
    let (job, held) = held();
    let mut running = submit(&provider, job.timeout(SECOND));
    held.started().await;
    let mut waiting = submit(&provider, value(1).queue_timeout(SECOND));
    let start = world.now();
    // On one thread a settlement is itself a step of time.
    world.pass(SECOND - 3 * TICK).await;
    world.settle().await;
    assert!(running.try_take().is_none() && waiting.try_take().is_none());
    // The tick has just looked: it looks again a millisecond later.
    world.pass(MS).await;
    assert_eq!(timed_out(&waiting.await), Some(Stage::Queue));
    assert_eq!(timed_out(&running.await), Some(Stage::Execution));
    assert!(world.now() <= start + SECOND + MS);
}

async fn execution_counts_from_the_start(world: World) {
    let provider = world.provider();
    let (first, first_held) = occupy(&provider).await;
    let (job, held) = held();
    let mut second = submit(&provider, job.timeout(10 * SECOND));
    world.pass(50 * SECOND).await;
    first_held.let_go();
    held.started().await;
    assert!(matches!(first.await, Outcome::Completed(7)));
    let start = world.now();
    world.pass(9 * SECOND).await;
    world.settle().await;
    assert!(second.try_take().is_none(), "it has run for nine of its ten seconds");
    world.pass(SECOND).await;
    assert_eq!(timed_out(&second.await), Some(Stage::Execution));
    assert!(world.now() <= start + 10 * SECOND + TICK);
}

async fn the_queue_limit_does_not_count_while_running(world: World) {
    let provider = world.provider();
    let (mut running, held) = occupy(&provider).await;
    world.pass(30 * SECOND).await;
    world.settle().await;
    assert!(running.try_take().is_none());
    held.let_go();
    assert!(matches!(running.await, Outcome::Completed(7)));
}

async fn a_deadline_covers_the_wait(world: World) {
    let provider = world.provider();
    let (_running, _held) = occupy(&provider).await;
    let (job, ran) = witness();
    let waiting = submit(&provider, job.queue_timeout(3 * SECOND).deadline(SECOND));
    let start = world.now();
    world.pass(SECOND).await;
    assert_eq!(timed_out(&waiting.await), Some(Stage::Queue));
    assert_eq!(world.now(), start + SECOND);
    assert!(!ran.load(Ordering::SeqCst));
}

async fn a_deadline_covers_the_run(world: World) {
    let provider = world.provider();
    let (_first, first_held) = occupy(&provider).await;
    let (job, held) = held();
    let start = world.now();
    let second = submit(&provider, job.timeout(10 * SECOND).deadline(4 * SECOND));
    world.pass(3 * SECOND).await;
    first_held.let_go();
    held.started().await;
    world.pass(SECOND).await;
    assert_eq!(timed_out(&second.await), Some(Stage::Execution));
    assert_eq!(world.now(), start + 4 * SECOND);
}

async fn a_deadline_that_has_passed_is_never_executed(world: World) {
    let provider = world.provider();
    for _ in 0..200 {
        let (job, ran) = witness();
        let outcome = submit(&provider, job.deadline(Duration::ZERO)).await;
        assert_eq!(timed_out(&outcome), Some(Stage::Queue));
        assert!(!ran.load(Ordering::SeqCst));
    }
    assert_eq!(provider.snapshot().ledger.get(Count::Started), 0);
}

async fn a_job_that_outlived_its_wait_is_not_executed_by_a_free_worker(world: World) {
    let provider = world.provider();
    for _ in 0..100 {
        let (_running, held) = occupy(&provider).await;
        let (job, ran) = witness();
        let waiting = submit(&provider, job.queue_timeout(SECOND));
        // The worker becomes free in the very instant in which the wait ends.
        world.pass(SECOND).await;
        held.let_go();
        assert_eq!(timed_out(&waiting.await), Some(Stage::Queue));
        assert!(!ran.load(Ordering::SeqCst));
    }
}

async fn limits_far_apart_each_come_at_their_time(world: World) {
    let provider = world.provider();
    let (job, held) = held();
    let _running = submit(&provider, job.timeout(7200 * SECOND));
    held.started().await;
    let start = world.now();
    let waits = [MS, 7 * MS, SECOND, 61 * SECOND, 1800 * SECOND]
        .map(|limit| (limit, submit(&provider, value(1).queue_timeout(limit))));
    for (limit, waiting) in waits {
        let rest = (start + limit).saturating_duration_since(world.now());
        world.pass(rest).await;
        assert_eq!(timed_out(&waiting.await), Some(Stage::Queue));
        assert_eq!(world.now(), start + limit);
    }
}

async fn a_job_knows_what_time_is_left(world: World) {
    let provider = world.provider();
    let job = Job::with_context(|context| async move {
        let left = context.time_left();
        context.sleep(SECOND).await;
        Ok::<_, JobError>((left, context.time_left()))
    });
    let handle = submit(&provider, job.timeout(5 * SECOND).deadline(4 * SECOND));
    world.settle().await;
    world.pass(SECOND).await;
    let (before, after) = handle.await.completed().expect("it has time");
    assert_eq!(before, Some(4 * SECOND));
    assert_eq!(after, Some(3 * SECOND));
}

async fn completion_tells_how_long_it_waited_and_ran(world: World) {
    let provider = world.provider();
    let (_first, first_held) = occupy(&provider).await;
    let (job, held) = held();
    let second = submit(&provider, job.user_data(5));
    let third = submit(&provider, value(1).queue_timeout(4 * SECOND));
    let id = second.id();
    world.pass(2 * SECOND).await;
    first_held.let_go();
    held.started().await;
    world.pass(2 * SECOND).await;
    let third = third.completion().await;
    assert_eq!((third.queued_for, third.ran_for), (4 * SECOND, Duration::ZERO));
    world.pass(SECOND).await;
    held.let_go();
    let completion = second.completion().await;
    assert_eq!((completion.id, completion.user_data), (id, 5));
    assert_eq!((completion.queued_for, completion.ran_for), (2 * SECOND, 3 * SECOND));
}

async fn waiting_jobs_hear_of_their_end_while_every_worker_is_stuck(world: World) {
    let provider = world.provider();
    let mut stuck_jobs = Vec::new();
    for _ in 0..2 {
        let (job, held) = stuck();
        let handle = submit(&provider, job);
        held.started().await;
        stuck_jobs.push((handle, held));
    }
    let ran = Arc::new(AtomicBool::new(false));
    let waiting: Vec<JobHandle<u64>> = (0..50)
        .map(|_| {
            let ran = Arc::clone(&ran);
            let job = Job::blocking(move |_| {
                ran.store(true, Ordering::SeqCst);
                Ok::<_, JobError>(1)
            });
            submit(&provider, job)
        })
        .collect();
    let start = world.now();
    world.pass(SECOND).await;
    for handle in waiting {
        assert_eq!(timed_out(&handle.await), Some(Stage::Queue));
    }
    assert_eq!(world.now(), start + SECOND);
    for (handle, held) in stuck_jobs {
        held.let_go();
        assert!(matches!(handle.await, Outcome::Completed(7)));
    }
    assert!(!ran.load(Ordering::SeqCst));
}

//! A queue without places: a job is only let in against a worker that has nothing to do (S16).

use crate::world::{
    Held, SECOND, World, everywhere, held, occupy, stuck, submit, value, with_threads, workers,
};
use bifrost::code::Code;
use bifrost::config::{OverflowPolicy, ProviderConfig};
use bifrost::provider::By;
use bifrost::stats::Count;
use bifrost::{Outcome, Provider, ShutdownMode};
use futures_lite::future::poll_once;
use std::sync::Barrier;

everywhere! {
    as_many_jobs_are_let_in_as_workers_have_nothing: [direct(3)],
    a_worker_that_may_still_be_hired_has_nothing_to_do:
        [ProviderConfig::new("a").workers(1, 4).queue_capacity(0)],
    whoever_has_an_outcome_may_submit_the_next_job: [direct(1)],
    a_job_that_dies_before_it_runs_gives_its_permit_back: [direct(1)],
    a_cancelled_worker_keeps_its_permit_until_it_lets_go: [direct(1)],
    drop_newest_drops_the_newcomer: [direct(1).overflow(OverflowPolicy::DropNewest)],
    drop_oldest_has_nothing_to_drop: [direct(1).overflow(OverflowPolicy::DropOldest)],
    blocked_submissions_enter_one_for_each_worker_that_is_free:
        [direct(2).overflow(OverflowPolicy::Block(100 * SECOND))],
    a_batch_is_let_in_as_far_as_there_are_workers: [direct(3)],
    a_shutdown_refuses_as_such: [direct(1)],
    jobs_of_every_priority_are_let_in_against_the_same_workers: [direct(2)],
    records_are_those_of_workers_and_results: [direct(3).result_buffer(5)],
}

with_threads! {
    eight_threads_never_let_more_in_than_workers_have_nothing: [direct(5)],
    a_zombie_keeps_its_permit_and_its_spare_has_another:
        [ProviderConfig::new("a").workers(1, 1).blocking_workers(0, 4).queue_capacity(0)],
}

fn direct(count: usize) -> ProviderConfig {
    workers(count).queue_capacity(0).blocking_workers(0, 0)
}

fn assert_full(provider: &Provider) {
    let rejected = provider.submit(value(9)).map(drop).expect_err("every worker has a job");
    let limit = (rejected.limit, rejected.value);
    assert_eq!((rejected.reason, limit), (Code::QueueFull, ("queue_capacity", 0)));
}

async fn jobs_of_every_priority_are_let_in_against_the_same_workers(world: World) {
    let provider = world.provider();
    let (job, held_low) = held();
    let low = submit(&provider, job.priority(-1));
    let (job, held_high) = held();
    let high = submit(&provider, job.priority(1));
    for priority in [1, 0, -1] {
        let refused = provider.submit(value(9).priority(priority)).map(drop).expect_err("both are");
        let met = (refused.reason, refused.limit, refused.value);
        assert_eq!(met, (Code::QueueFull, "queue_capacity", 0));
    }
    let lanes = provider.snapshot().lanes;
    let lanes: Vec<_> = lanes.iter().map(|lane| (lane.name.as_str(), lane.capacity)).collect();
    assert_eq!(lanes, [("normal", 0)]);
    held_low.let_go();
    held_high.let_go();
    assert_eq!((low.await.completed(), high.await.completed()), (Some(7), Some(7)));
}

async fn as_many_jobs_are_let_in_as_workers_have_nothing(world: World) {
    let provider = world.provider();
    for _ in 0..3 {
        let (jobs, holds): (Vec<_>, Vec<_>) = (0..3).map(|_| held()).unzip();
        let handles: Vec<_> = jobs.into_iter().map(|job| submit(&provider, job)).collect();
        // Whether they have started or not.
        assert_full(&provider);
        for held in &holds {
            held.started().await;
        }
        assert_full(&provider);
        holds.iter().for_each(Held::let_go);
        for handle in handles {
            assert!(matches!(handle.await, Outcome::Completed(7)));
        }
    }
    assert_eq!(provider.snapshot().queue.capacity, 0);
}

async fn a_worker_that_may_still_be_hired_has_nothing_to_do(world: World) {
    let provider = world.provider();
    let mut running = Vec::new();
    for _ in 0..4 {
        running.push(occupy(&provider).await);
    }
    assert_eq!(provider.snapshot().workers.spawned, 4);
    assert_full(&provider);
}

async fn whoever_has_an_outcome_may_submit_the_next_job(world: World) {
    let provider = world.provider();
    for number in 0..200 {
        assert_eq!(submit(&provider, value(number)).await.completed(), Some(number));
    }
}

async fn a_job_that_dies_before_it_runs_gives_its_permit_back(world: World) {
    let provider = world.provider();
    for _ in 0..20 {
        let handle = submit(&provider, value(1));
        let cancelled = handle.cancel();
        let outcome = handle.await;
        assert_eq!(matches!(outcome, Outcome::Cancelled(By::Caller)), cancelled, "{outcome:?}");
        world.settle().await;
    }
    let (_running, _held) = occupy(&provider).await;
    assert_full(&provider);
}

async fn a_cancelled_worker_keeps_its_permit_until_it_lets_go(world: World) {
    let provider = world.provider();
    for _ in 0..20 {
        let (running, _held) = occupy(&provider).await;
        assert!(running.cancel());
        assert!(matches!(running.await, Outcome::Cancelled(By::Caller)));
        world.settle().await;
        assert_eq!(submit(&provider, value(2)).await.completed(), Some(2));
    }
    let (_running, _held) = occupy(&provider).await;
    assert_full(&provider);
}

async fn drop_newest_drops_the_newcomer(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    assert_eq!(submit(&provider, value(9)).await.code(), Code::DroppedOverflow);
    held.let_go();
    assert_eq!(running.await.completed(), Some(7));
}

async fn drop_oldest_has_nothing_to_drop(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    assert_full(&provider);
    held.let_go();
    assert_eq!(running.await.completed(), Some(7));
    assert_eq!(submit(&provider, value(3)).await.completed(), Some(3));
    assert_eq!(provider.snapshot().ledger.get(Count::DroppedOverflow), 0);
}

async fn blocked_submissions_enter_one_for_each_worker_that_is_free(world: World) {
    let provider = world.provider();
    let (mut handles, mut holds) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let (handle, held) = occupy(&provider).await;
        handles.push(handle);
        holds.push(held);
    }
    let mut blocked = Vec::new();
    for _ in 0..3 {
        let (job, held) = held();
        let mut submission = Box::pin(provider.submit_async(job));
        assert!(poll_once(&mut submission).await.is_none());
        blocked.push(submission);
        holds.push(held);
    }
    for (ended, submission) in blocked.into_iter().enumerate() {
        holds[ended].let_go();
        assert_eq!(handles.remove(0).await.completed(), Some(7));
        holds[ended + 2].started().await;
        assert_eq!(provider.snapshot().ledger.blocked(), 2 - ended as u64);
        handles.push(submission.await.expect("it is in"));
    }
    assert_full_when_blocking(&provider).await;
    holds.iter().for_each(Held::let_go);
}

async fn assert_full_when_blocking(provider: &Provider) {
    let mut blocked = Box::pin(provider.submit_async(value(1)));
    assert!(poll_once(&mut blocked).await.is_none());
}

async fn a_batch_is_let_in_as_far_as_there_are_workers(world: World) {
    let provider = world.provider();
    let (_running, _held) = occupy(&provider).await;
    let (jobs, holds): (Vec<_>, Vec<_>) = (0..5).map(|_| held()).unzip();
    let submitted = provider.submit_batch(jobs);
    assert_eq!(submitted.handles.len(), 2);
    assert_eq!(submitted.rejection.map(|rejected| rejected.job.len()), Some(3));
    for held in &holds[..2] {
        held.started().await;
    }
}

async fn a_shutdown_refuses_as_such(world: World) {
    let provider = world.provider();
    let (_running, held) = occupy(&provider).await;
    let mut ending = Box::pin(provider.shutdown(ShutdownMode::Finish, SECOND));
    assert!(poll_once(&mut ending).await.is_none());
    let rejected = provider.submit(value(9)).map(drop).expect_err("the door is shut");
    assert_eq!(rejected.reason, Code::ShuttingDown);
    held.let_go();
    assert!(ending.await.is_ok());
}

async fn records_are_those_of_workers_and_results(world: World) {
    assert_eq!(world.provider().snapshot().records.capacity, 3 + 5);
}

async fn eight_threads_never_let_more_in_than_workers_have_nothing(world: World) {
    const THREADS: usize = 8;
    let provider = world.provider();
    let barrier = Barrier::new(THREADS + 1);
    std::thread::scope(|scope| {
        let rounds = || {
            let mut let_in = Vec::new();
            for _ in 0..100 {
                barrier.wait();
                let (job, held) = held();
                let handle = provider.submit(job);
                let_in.push(handle.is_ok());
                barrier.wait();
                held.let_go();
                if let Ok(handle) = handle {
                    assert_eq!(handle.wait().completed(), Some(7));
                }
            }
            let_in
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(rounds)).collect();
        for _ in 0..100 {
            barrier.wait();
            barrier.wait();
        }
        let let_in: Vec<Vec<bool>> =
            threads.into_iter().map(|thread| thread.join().expect("it ends")).collect();
        for round in 0..100 {
            let count = let_in.iter().filter(|thread| thread[round]).count();
            assert_eq!(count, 5, "in round {round}");
        }
    });
}

async fn a_zombie_keeps_its_permit_and_its_spare_has_another(world: World) {
    let provider = world.provider();
    let mut running = Vec::new();
    for _ in 0..4 {
        let (job, held) = stuck();
        running.push((submit(&provider, job), held));
    }
    for (_, held) in &running {
        held.started().await;
    }
    let refused = |provider: &Provider| {
        let (job, _held) = stuck();
        provider.submit(job).map(drop).expect_err("every worker has a job").reason
    };
    assert_eq!(refused(&provider), Code::QueueFull);
    // One of four may have a spare.
    let (first, first_held) = running.remove(0);
    let (second, second_held) = running.remove(0);
    assert!(first.cancel() && second.cancel());
    assert_eq!(provider.snapshot().blocking_workers.zombie, 2);
    let (job, held) = stuck();
    let spare = submit(&provider, job);
    held.started().await;
    assert_eq!(refused(&provider), Code::QueueFull);
    // The other zombie has the spare now, and the one that has recovered is a worker like any other.
    first_held.let_go();
    world.until(|| provider.snapshot().blocking_workers.zombie == 1).await;
    let (job, third_held) = stuck();
    let third = submit(&provider, job);
    assert_eq!(refused(&provider), Code::QueueFull);
    second_held.let_go();
    world.until(|| provider.snapshot().blocking_workers.zombie == 0).await;
    assert_eq!(refused(&provider), Code::QueueFull);
    held.let_go();
    third_held.let_go();
    assert_eq!((spare.await.completed(), third.await.completed()), (Some(7), Some(7)));
    let (job, last_held) = stuck();
    let last = submit(&provider, job);
    last_held.let_go();
    assert_eq!(last.await.completed(), Some(7));
}

//! Jobs that block: their own threads, zombies, spares, and a provider that says when it is crippled (S14).

use crate::world::{Held, SECOND, World, everywhere, stuck, submit, with_threads, workers};
use bifrost::config::ProviderConfig;
use bifrost::provider::{JobError, LifeState, Stage};
use bifrost::stats::Count;
use bifrost::{Job, JobHandle, Outcome, Provider, ShutdownMode};

with_threads! {
    blocking_workers_come_as_jobs_need_them: [lane(3)],
    a_zombie_answers_on_time_and_gets_a_spare: [lane(4)],
    zombies_past_a_quarter_degrade_the_provider_until_they_end: [lane(4)],
    a_queued_job_gets_the_spare_without_a_new_submission: [lane(4)],
    spares_are_no_more_than_a_quarter: [lane(4)],
    a_late_result_is_counted_and_discarded: [lane(1)],
    a_zombie_is_named_by_a_shutdown_that_does_not_wait_for_it: [lane(1)],
    async_jobs_go_on_beside_stuck_ones: [lane(2)],
}

everywhere! {
    async_workers_come_as_jobs_need_them: [ProviderConfig::new("a").workers(1, 4)],
}

fn lane(max: usize) -> ProviderConfig {
    workers(1).blocking_workers(0, max).timeout(SECOND).queue_timeout(100 * SECOND)
}

/// Gets `count` jobs stuck.
async fn get_stuck(provider: &Provider, count: usize) -> Vec<(JobHandle<u64>, Held)> {
    let mut all = Vec::new();
    for _ in 0..count {
        let (job, held) = stuck();
        let handle = submit(provider, job);
        held.started().await;
        all.push((handle, held));
    }
    all
}

fn assert_timed_out(outcome: &Outcome<u64>) {
    assert!(matches!(outcome, Outcome::TimedOut(Stage::Execution)), "{outcome:?}");
}

/// Spawned and zombie workers of the blocking lane.
fn figures(provider: &Provider) -> (u64, u64) {
    let workers = provider.snapshot().blocking_workers;
    (workers.spawned, workers.zombie)
}

async fn blocking_workers_come_as_jobs_need_them(world: World) {
    let provider = world.provider();
    assert_eq!(figures(&provider), (0, 0));
    let running = get_stuck(&provider, 3).await;
    assert_eq!(figures(&provider), (3, 0));
    let waiting = submit(&provider, Job::blocking(|_| Ok::<_, JobError>(1)));
    assert_eq!(figures(&provider), (3, 0), "never more than the most");
    for (handle, held) in running {
        held.let_go();
        assert!(matches!(handle.await, Outcome::Completed(7)));
    }
    assert!(matches!(waiting.await, Outcome::Completed(1)));
    world.settle_with(3).await;
    // The threads stay; one after another needs no more of them.
    for _ in 0..10 {
        let handle = submit(&provider, Job::blocking(|_| Ok::<_, JobError>(1)));
        assert!(matches!(handle.await, Outcome::Completed(1)));
        world.settle_with(3).await;
    }
    assert_eq!(figures(&provider), (3, 0));
}

async fn async_workers_come_as_jobs_need_them(world: World) {
    let provider = world.provider();
    assert_eq!(provider.snapshot().workers.spawned, 1);
    // A worker that has not come to its first wait yet is not idle.
    world.settle().await;
    let mut running = Vec::new();
    for expected in 1..=4 {
        running.push(crate::world::occupy(&provider).await);
        assert_eq!(provider.snapshot().workers.spawned, expected);
        assert_eq!(provider.snapshot().workers.busy, expected);
    }
    let waiting = submit(&provider, crate::world::value(1));
    world.settle().await;
    let workers = provider.snapshot().workers;
    assert_eq!((workers.spawned, workers.busy, workers.idle), (4, 4, 0));
    drop(running);
    assert!(matches!(waiting.await, Outcome::Completed(1)));
}

async fn a_zombie_answers_on_time_and_gets_a_spare(world: World) {
    let provider = world.provider();
    let mut running = get_stuck(&provider, 1).await;
    let start = world.now();
    world.pass(SECOND).await;
    let (first, first_held) = running.remove(0);
    assert_timed_out(&first.await);
    assert_eq!(world.now(), start + SECOND);
    assert_eq!(figures(&provider), (1, 1));
    assert_eq!(provider.state(), LifeState::Ready, "one of four is a quarter");
    let others = get_stuck(&provider, 4).await;
    assert_eq!(figures(&provider), (5, 1), "four that work beside the zombie");
    first_held.let_go();
    for (handle, held) in others {
        held.let_go();
        assert!(matches!(handle.await, Outcome::Completed(7)));
    }
    world.until(|| figures(&provider) == (4, 0)).await;
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.get(Count::Zombies), ledger.get(Count::ZombiesRecovered)), (1, 1));
    assert_eq!(ledger.get(Count::LateResults), 1);
}

async fn zombies_past_a_quarter_degrade_the_provider_until_they_end(world: World) {
    let provider = world.provider();
    let mut running = get_stuck(&provider, 2).await;
    world.pass(SECOND).await;
    let (second, second_held) = running.remove(1);
    let (first, first_held) = running.remove(0);
    assert_timed_out(&first.await);
    assert_timed_out(&second.await);
    assert_eq!(figures(&provider).1, 2);
    assert_eq!(provider.state(), LifeState::Degraded);
    let handle = submit(&provider, Job::blocking(|_| Ok::<_, JobError>(1)));
    assert!(matches!(handle.await, Outcome::Completed(1)), "it still serves");
    first_held.let_go();
    world.until(|| provider.state() == LifeState::Ready).await;
    assert_eq!(figures(&provider).1, 1);
    second_held.let_go();
    world.until(|| figures(&provider).1 == 0).await;
}

async fn a_queued_job_gets_the_spare_without_a_new_submission(world: World) {
    let provider = world.provider();
    let running = get_stuck(&provider, 4).await;
    let waiting = submit(&provider, Job::blocking(|_| Ok::<_, JobError>(1)));
    world.pass(SECOND).await;
    assert!(matches!(waiting.await, Outcome::Completed(1)));
    for (handle, held) in running {
        assert_timed_out(&handle.await);
        held.let_go();
    }
    world.until(|| figures(&provider).1 == 0).await;
}

async fn spares_are_no_more_than_a_quarter(world: World) {
    let provider = world.provider();
    let running = get_stuck(&provider, 4).await;
    world.pass(SECOND).await;
    let mut helds = Vec::new();
    for (handle, held) in running {
        assert_timed_out(&handle.await);
        helds.push(held);
    }
    let mut others = get_stuck(&provider, 1).await;
    let waiting = submit(&provider, Job::blocking(|_| Ok::<_, JobError>(1)));
    assert_eq!(figures(&provider), (5, 4));
    drop(helds);
    let (handle, held) = others.remove(0);
    held.let_go();
    assert!(matches!(handle.await, Outcome::Completed(7)));
    assert!(matches!(waiting.await, Outcome::Completed(1)));
    world.until(|| figures(&provider).1 == 0 && figures(&provider).0 <= 4).await;
}

async fn a_late_result_is_counted_and_discarded(world: World) {
    let provider = world.provider();
    let mut running = get_stuck(&provider, 1).await;
    world.pass(SECOND).await;
    let (handle, held) = running.remove(0);
    assert_timed_out(&handle.await);
    held.let_go();
    world.until(|| figures(&provider).1 == 0).await;
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.get(Count::LateResults), ledger.get(Count::Completed)), (1, 0));
    assert_eq!((ledger.ended(), ledger.get(Count::TimedOutExec)), (1, 1));
}

async fn a_zombie_is_named_by_a_shutdown_that_does_not_wait_for_it(world: World) {
    let provider = world.provider();
    let mut running = get_stuck(&provider, 1).await;
    world.pass(SECOND).await;
    let (handle, held) = running.remove(0);
    let id = handle.id();
    assert_timed_out(&handle.await);
    let report = world.runtime.shutdown(ShutdownMode::Finish).await.expect("this is no job");
    assert_eq!((report.finished, report.cancelled, report.abandoned), (0, 0, 0));
    assert_eq!(report.zombies, [("a".to_owned(), id)]);
    assert_eq!(provider.state(), LifeState::Stopped);
    held.let_go();
    world.until(|| figures(&provider) == (0, 0)).await;
    let report = world.runtime.shutdown(ShutdownMode::Finish).await.expect("this is no job");
    assert_eq!(report.zombies, []);
}

async fn async_jobs_go_on_beside_stuck_ones(world: World) {
    let provider = world.provider();
    let running = get_stuck(&provider, 2).await;
    for number in 0..100 {
        let outcome = submit(&provider, crate::world::value(number)).await;
        assert!(matches!(outcome, Outcome::Completed(n) if n == number));
    }
    for (handle, held) in running {
        held.let_go();
        assert!(matches!(handle.await, Outcome::Completed(7)));
    }
}

//! The end of a provider and of a runtime (S3, S4).

use crate::world::{
    SECOND, TICK, World, everywhere, held, occupy, stuck, stuck_on_the_driver, submit, value,
    with_threads, workers,
};
use bifrost::config::ProviderConfig;
use bifrost::provider::{By, JobError, LifeState, ShutdownError};
use bifrost::stats::Count;
use bifrost::{Job, Outcome, ShutdownMode};
use futures_lite::future::poll_once;
use smol::channel::bounded;
use std::sync::Arc;

everywhere! {
    cancel_ends_what_waits_and_lets_what_runs_finish: [workers(1)],
    finish_runs_what_waits: [workers(1)],
    what_runs_too_long_is_asked_to_stop_and_dropped: [workers(1)],
    a_shutdown_is_idempotent: [workers(1)],
    a_shutdown_from_inside_a_job_is_refused: [workers(1)],
    a_shutdown_from_inside_a_callback_is_refused: [workers(1)],
    one_provider_ends_and_the_others_go_on: [workers(1), ProviderConfig::new("b")],
    a_dropped_shutdown_leaves_the_door_shut: [workers(1)],
    a_shutdown_right_after_a_cancel_leaves_no_zombie: [workers(8)],
    the_figures_stay_after_the_end: [workers(1)],
}

with_threads! {
    finish_runs_what_waits_on_threads: [workers(1).blocking_workers(0, 2)],
    a_closure_is_asked_to_stop_before_it_is_abandoned: [workers(1).blocking_workers(1, 1)],
    a_shutdown_from_inside_a_blocking_job_is_refused: [workers(1).blocking_workers(1, 1)],
    shutdowns_side_by_side_report_the_same_end: [workers(2)],
    a_stuck_driver_and_its_idle_worker_do_not_hold_a_shutdown: [workers(2)],
}

async fn cancel_ends_what_waits_and_lets_what_runs_finish(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let waiting: Vec<_> = (0..20).map(|number| submit(&provider, value(number))).collect();
    let mut ending = Box::pin(world.runtime.shutdown(ShutdownMode::Cancel));
    assert!(poll_once(&mut ending).await.is_none());
    assert_eq!(provider.state(), LifeState::Draining);
    for handle in waiting {
        assert!(matches!(handle.await, Outcome::Cancelled(By::Shutdown)));
    }
    held.let_go();
    let report = ending.await.expect("this is no job");
    assert!(matches!(running.await, Outcome::Completed(7)));
    assert_eq!((report.finished, report.cancelled, report.abandoned), (1, 20, 0));
    assert_eq!((report.zombies.len(), provider.state()), (0, LifeState::Stopped));
}

async fn finish_runs_what_waits(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let waiting: Vec<_> = (0..20).map(|number| submit(&provider, value(number))).collect();
    let mut ending = Box::pin(world.runtime.shutdown(ShutdownMode::Finish));
    assert!(poll_once(&mut ending).await.is_none());
    held.let_go();
    let report = ending.await.expect("this is no job");
    for (number, handle) in (0..).zip(waiting) {
        assert!(matches!(handle.await, Outcome::Completed(n) if n == number));
    }
    assert!(matches!(running.await, Outcome::Completed(7)));
    assert_eq!((report.finished, report.cancelled, report.abandoned), (21, 0, 0));
}

async fn what_runs_too_long_is_asked_to_stop_and_dropped(world: World) {
    let provider = world.provider();
    let (holds, dropped) = bounded::<()>(1);
    let (starting, started) = bounded(1);
    let job = Job::future(async move {
        let _holds = holds;
        starting.send(()).await?;
        std::future::pending::<Result<u64, JobError>>().await
    });
    let running = submit(&provider, job.timeout(100 * SECOND));
    started.recv().await.expect("it starts");
    let start = world.now();
    let mut ending = Box::pin(provider.shutdown(ShutdownMode::Finish, 5 * SECOND));
    assert!(poll_once(&mut ending).await.is_none());
    world.pass(5 * SECOND - 2 * TICK).await;
    assert!(poll_once(&mut ending).await.is_none());
    world.pass(2 * TICK).await;
    let report = ending.await.expect("this is no job");
    assert!(matches!(running.await, Outcome::Cancelled(By::Shutdown)));
    assert!(dropped.recv().await.is_err());
    assert_eq!((report.finished, report.cancelled, report.abandoned), (0, 1, 0));
    assert_eq!(world.now(), start + 5 * SECOND, "a future needs no grace");
}

async fn a_shutdown_is_idempotent(world: World) {
    let provider = world.provider();
    let handle = submit(&provider, value(1));
    let first = world.runtime.shutdown(ShutdownMode::Finish).await.expect("this is no job");
    assert!(matches!(handle.await, Outcome::Completed(1)));
    assert!(first.finished <= 1, "it may have ended before");
    for mode in [ShutdownMode::Finish, ShutdownMode::Cancel] {
        let again = world.runtime.shutdown(mode).await.expect("this is no job");
        assert_eq!(again, bifrost::ShutdownReport::default());
        let again = provider.shutdown(mode, SECOND).await.expect("this is no job");
        assert_eq!(again, bifrost::ShutdownReport::default());
    }
    assert_eq!(provider.state(), LifeState::Stopped);
}

async fn a_shutdown_from_inside_a_job_is_refused(world: World) {
    let provider = world.provider();
    let (runtime, own) = (Arc::clone(&world.runtime), provider.clone());
    let job = Job::future(async move {
        let refused = [
            runtime.shutdown(ShutdownMode::Cancel).await.map(drop),
            runtime.shutdown_blocking(ShutdownMode::Cancel).map(drop),
            own.shutdown(ShutdownMode::Cancel, SECOND).await.map(drop),
        ];
        Ok::<_, JobError>(refused)
    });
    let refused = submit(&provider, job).await.completed().expect("it returns");
    assert_eq!(refused, [Err(ShutdownError::InsideJob); 3]);
    assert_eq!(provider.state(), LifeState::Ready);
    assert!(matches!(submit(&provider, value(1)).await, Outcome::Completed(1)));
}

async fn a_shutdown_from_inside_a_callback_is_refused(world: World) {
    let provider = world.provider();
    let runtime = Arc::clone(&world.runtime);
    let (told, answer) = bounded(1);
    let callback = move |_| {
        let refused = runtime.shutdown_blocking(ShutdownMode::Cancel).map(drop);
        told.try_send(refused).expect("there is room");
    };
    provider.submit_with(value(1), callback).expect("there is room");
    assert_eq!(answer.recv().await, Ok(Err(ShutdownError::InsideJob)));
    assert_eq!(provider.state(), LifeState::Ready);
}

async fn one_provider_ends_and_the_others_go_on(world: World) {
    let (first, second) = (world.named("a"), world.named("b"));
    first.shutdown(ShutdownMode::Cancel, SECOND).await.expect("this is no job");
    assert_eq!((first.state(), second.state()), (LifeState::Stopped, LifeState::Ready));
    assert!(first.submit(value(1)).is_err());
    assert!(matches!(submit(&second, value(2)).await, Outcome::Completed(2)));
}

async fn a_dropped_shutdown_leaves_the_door_shut(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let waiting = submit(&provider, value(1));
    let mut ending = Box::pin(provider.shutdown(ShutdownMode::Finish, SECOND));
    assert!(poll_once(&mut ending).await.is_none());
    drop(ending);
    assert!(provider.submit(value(2)).is_err());
    held.let_go();
    assert!(matches!(running.await, Outcome::Completed(7)));
    assert!(matches!(waiting.await, Outcome::Completed(1)));
    assert_eq!(provider.state(), LifeState::Draining);
}

async fn a_shutdown_right_after_a_cancel_leaves_no_zombie(world: World) {
    let provider = world.provider();
    let mut running = Vec::new();
    for _ in 0..8 {
        running.push(occupy(&provider).await);
    }
    for (handle, _) in &running {
        assert!(handle.cancel());
    }
    let report = provider.shutdown(ShutdownMode::Cancel, SECOND).await.expect("this is no job");
    assert_eq!(report.zombies, []);
    assert_eq!(provider.snapshot().workers.spawned, 0);
    for (handle, held) in running {
        assert!(matches!(handle.await, Outcome::Cancelled(By::Caller)));
        assert!(held.go.is_closed(), "its future is gone");
    }
}

async fn the_figures_stay_after_the_end(world: World) {
    let provider = world.provider();
    assert!(matches!(submit(&provider, value(1)).await, Outcome::Completed(1)));
    world.runtime.shutdown(ShutdownMode::Cancel).await.expect("this is no job");
    let snapshot = world.runtime.snapshot();
    let figures = snapshot.provider("a").expect("it is still there");
    assert_eq!((figures.ledger.get(Count::Completed), &*figures.state), (1, "stopped"));
}

async fn finish_runs_what_waits_on_threads(world: World) {
    let provider = world.provider();
    let mut running = Vec::new();
    for _ in 0..2 {
        let (job, held) = stuck();
        let handle = submit(&provider, job);
        held.started().await;
        running.push((handle, held));
    }
    let give = |number| Job::blocking(move |_| Ok::<_, JobError>(number));
    let waiting: Vec<_> = (0..20).map(|number| submit(&provider, give(number))).collect();
    let mut ending = Box::pin(provider.shutdown(ShutdownMode::Finish, 5 * SECOND));
    assert!(poll_once(&mut ending).await.is_none());
    for (handle, held) in running {
        held.let_go();
        assert!(matches!(handle.await, Outcome::Completed(7)));
    }
    let report = ending.await.expect("this is no job");
    assert_eq!((report.finished, report.cancelled), (22, 0));
    for (number, handle) in (0..).zip(waiting) {
        assert!(matches!(handle.await, Outcome::Completed(n) if n == number));
    }
}

async fn a_closure_is_asked_to_stop_before_it_is_abandoned(world: World) {
    let provider = world.provider();
    let (starting, started) = bounded(1);
    let job = Job::blocking(move |context| {
        starting.send_blocking(())?;
        while !context.is_cancelled() {
            std::thread::yield_now();
        }
        Ok::<_, JobError>(5)
    });
    let running = submit(&provider, job);
    started.recv().await.expect("it starts");
    let mut ending = Box::pin(provider.shutdown(ShutdownMode::Finish, 5 * SECOND));
    assert!(poll_once(&mut ending).await.is_none());
    world.pass(5 * SECOND).await;
    let report = ending.await.expect("this is no job");
    let outcome = running.await;
    assert!(matches!(outcome, Outcome::Completed(5)), "it ended by itself: {outcome:?}");
    assert_eq!((report.finished, report.cancelled, report.abandoned), (1, 0, 0));
}

async fn a_shutdown_from_inside_a_blocking_job_is_refused(world: World) {
    let provider = world.provider();
    let (runtime, own) = (Arc::clone(&world.runtime), provider.clone());
    let job = Job::blocking(move |context| {
        let ending = own.shutdown(ShutdownMode::Cancel, SECOND);
        let refused = [
            runtime.shutdown_blocking(ShutdownMode::Cancel).map(drop),
            context.clock().block_on(ending).map(drop),
        ];
        Ok::<_, JobError>(refused)
    });
    let refused = submit(&provider, job).await.completed().expect("it returns");
    assert_eq!(refused, [Err(ShutdownError::InsideJob); 2]);
    assert!(matches!(submit(&provider, value(1)).await, Outcome::Completed(1)));
}

async fn shutdowns_side_by_side_report_the_same_end(world: World) {
    let provider = world.provider();
    let (job, held) = held();
    let running = submit(&provider, job);
    held.started().await;
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let runtime = Arc::clone(&world.runtime);
            std::thread::spawn(move || runtime.shutdown_blocking(ShutdownMode::Finish))
        })
        .collect();
    world.settle_with(4).await;
    held.let_go();
    for thread in threads {
        let report = thread.join().expect("it ends").expect("it is no job");
        assert_eq!((report.finished, report.abandoned), (1, 0));
    }
    assert!(matches!(running.await, Outcome::Completed(7)));
}

/// The idle worker cannot leave: the only turn of its executor is with the stuck job.
async fn a_stuck_driver_and_its_idle_worker_do_not_hold_a_shutdown(world: World) {
    let provider = world.provider();
    let (job, held) = stuck_on_the_driver();
    let running = submit(&provider, job);
    let id = running.id();
    held.started().await;
    let mut ending = Box::pin(provider.shutdown(ShutdownMode::Cancel, SECOND));
    // Its time, and the second that it has after it was asked.
    for _ in 0..2 {
        assert!(poll_once(&mut ending).await.is_none());
        world.pass(SECOND).await;
    }
    let report = ending.await.expect("this is no job");
    assert_eq!((report.abandoned, report.zombies), (1, vec![("a".to_owned(), id)]));
    assert!(matches!(running.await, Outcome::Abandoned));
    // Asked again it waits for nothing.
    let again = provider.shutdown(ShutdownMode::Cancel, SECOND).await.expect("this is no job");
    assert_eq!(again.zombies, [("a".to_owned(), id)]);
    held.let_go();
    world.until(|| provider.snapshot().workers.spawned == 0).await;
}

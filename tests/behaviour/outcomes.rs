//! Every outcome of S11 that a job can have, seen counted by whoever sees it.

use crate::world::{
    SECOND, World, everywhere, held, occupy, stuck, submit, value, with_threads, workers,
};
use bifrost::cancel::CancelToken;
use bifrost::code::Code;
use bifrost::config::OverflowPolicy;
use bifrost::provider::{By, JobError, Reason, Stage};
use bifrost::stats::Count;
use bifrost::{Job, Outcome, Provider, ShutdownMode};

fn assert_counted(provider: &Provider, count: Count, ended: u64) {
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.get(count), ledger.ended()), (1, ended), "{}", count.name());
}

everywhere! {
    a_job_that_returns_is_completed: [workers(1)],
    a_job_that_fails_keeps_its_cause_and_error: [workers(1)],
    a_job_that_waits_too_long_times_out_in_the_queue: [workers(1)],
    a_job_that_runs_too_long_times_out_in_execution: [workers(1)],
    a_job_without_room_is_dropped_by_the_policy: [workers(1).queue_capacity(1)],
    a_job_is_cancelled_by_its_caller: [workers(1)],
    a_job_is_cancelled_through_a_token_above_its_own: [workers(1)],
    a_job_is_cancelled_by_a_shutdown: [workers(1)],
    a_job_that_panics_says_where_and_why: [workers(1)],
}

with_threads! {
    a_job_that_does_not_end_is_abandoned: [workers(1).blocking_workers(1, 1)],
}

async fn a_job_that_returns_is_completed(world: World) {
    let provider = world.provider();
    let outcome = submit(&provider, value(7)).await;
    assert!(matches!(outcome, Outcome::Completed(7)), "{outcome:?}");
    assert_eq!(outcome.code(), Code::Ok);
    assert_counted(&provider, Count::Completed, 1);
}

async fn a_job_that_fails_keeps_its_cause_and_error(world: World) {
    let provider = world.provider();
    let job = Job::new(|_| Err::<(), _>(JobError::with_code(Code::HttpStatus, "no route")));
    let Outcome::Failed(failure) = submit(&provider, job).await else { panic!("it succeeded") };
    assert_eq!((failure.cause, failure.attempts), (Code::HttpStatus, 1));
    assert_eq!(failure.error.to_string(), "no route");
    assert_counted(&provider, Count::Failed, 1);
    let job = Job::future(async { Err::<(), _>(std::io::Error::other("own")) });
    let Outcome::Failed(failure) = submit(&provider, job).await else { panic!("it succeeded") };
    assert_eq!(failure.cause, Code::JobError);
}

async fn a_job_that_waits_too_long_times_out_in_the_queue(world: World) {
    let provider = world.provider();
    let (running, _held) = occupy(&provider).await;
    let waiting = submit(&provider, value(1).queue_timeout(SECOND));
    let start = world.now();
    world.pass(SECOND).await;
    let outcome = waiting.await;
    assert!(matches!(outcome, Outcome::TimedOut(Stage::Queue)), "{outcome:?}");
    assert_eq!(world.now(), start + SECOND);
    assert_counted(&provider, Count::TimedOutQueue, 1);
    drop(running);
}

async fn a_job_that_runs_too_long_times_out_in_execution(world: World) {
    let provider = world.provider();
    let (job, held) = held();
    let running = submit(&provider, job.timeout(SECOND));
    held.started().await;
    let start = world.now();
    world.pass(SECOND).await;
    let outcome = running.await;
    assert!(matches!(outcome, Outcome::TimedOut(Stage::Execution)), "{outcome:?}");
    assert_eq!(world.now(), start + SECOND);
    assert_counted(&provider, Count::TimedOutExec, 1);
}

async fn a_job_without_room_is_dropped_by_the_policy(world: World) {
    let provider = world.provider();
    let (_running, _held) = occupy(&provider).await;
    let _waiting = submit(&provider, value(1));
    let outcome = submit(&provider, value(2).overflow(OverflowPolicy::DropNewest)).await;
    assert!(matches!(outcome, Outcome::Dropped(Reason::Overflow)), "{outcome:?}");
    assert_counted(&provider, Count::DroppedOverflow, 1);
}

async fn a_job_is_cancelled_by_its_caller(world: World) {
    let provider = world.provider();
    let (running, _held) = occupy(&provider).await;
    assert!(running.cancel());
    let outcome = running.await;
    assert!(matches!(outcome, Outcome::Cancelled(By::Caller)), "{outcome:?}");
    assert_counted(&provider, Count::CancelledCaller, 1);
}

async fn a_job_is_cancelled_through_a_token_above_its_own(world: World) {
    let provider = world.provider();
    let (job, held) = held();
    let above = CancelToken::new();
    let running = submit(&provider, job.cancel_token(&above.child()));
    held.started().await;
    above.cancel();
    let outcome = running.await;
    assert!(matches!(outcome, Outcome::Cancelled(By::Parent)), "{outcome:?}");
    assert_counted(&provider, Count::CancelledParent, 1);
}

async fn a_job_is_cancelled_by_a_shutdown(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let waiting = submit(&provider, value(1));
    let mut ending = Box::pin(provider.shutdown(ShutdownMode::Cancel, SECOND));
    assert!(futures_lite::future::poll_once(&mut ending).await.is_none());
    let outcome = waiting.await;
    held.let_go();
    let report = ending.await;
    assert!(matches!(outcome, Outcome::Cancelled(By::Shutdown)), "{outcome:?}");
    assert!(matches!(running.await, Outcome::Completed(7)));
    let report = report.expect("this is no job");
    assert_eq!((report.finished, report.cancelled, report.abandoned), (1, 1, 0));
    assert_counted(&provider, Count::CancelledShutdown, 2);
}

async fn a_job_that_panics_says_where_and_why(world: World) {
    let provider = world.provider();
    let job = Job::new(|_| -> Result<(), JobError> { panic!("at {}", 7) }).label("mine");
    let Outcome::Panicked(panic) = submit(&provider, job).await else { panic!("it returned") };
    assert_eq!((&*panic.message, &*panic.task), ("at 7", "mine"));
    assert_counted(&provider, Count::Panicked, 1);
    assert!(matches!(submit(&provider, value(1)).await, Outcome::Completed(1)));
}

async fn a_job_that_does_not_end_is_abandoned(world: World) {
    let provider = world.provider();
    let (job, held) = stuck();
    let running = submit(&provider, job);
    let id = running.id();
    held.started().await;
    let (closer, clock) = (provider.clone(), world.clock.clone());
    let ending = std::thread::spawn(move || {
        clock.block_on(closer.shutdown(ShutdownMode::Finish, 5 * SECOND))
    });
    world.settle_with(1).await;
    world.pass(5 * SECOND).await;
    world.settle_with(1).await;
    assert_eq!(running.state(), bifrost::state::Phase::Running, "it is asked to stop first");
    world.pass(SECOND).await;
    let outcome = running.await;
    assert!(matches!(outcome, Outcome::Abandoned), "{outcome:?}");
    assert_counted(&provider, Count::Abandoned, 1);
    let report = ending.join().expect("the shutdown ends").expect("it is no job");
    assert_eq!((report.finished, report.cancelled, report.abandoned), (0, 0, 1));
    assert_eq!(report.zombies, [("a".to_owned(), id)]);
    held.let_go();
    world.until(|| provider.snapshot().blocking_workers.spawned == 0).await;
}

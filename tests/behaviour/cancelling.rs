//! Cancelling: in the queue, while running, after the end, by handle, name and token.

use crate::world::{World, everywhere, held, occupy, submit, value, with_threads, workers};
use bifrost::cancel::CancelToken;
use bifrost::provider::{By, JobError, LifeState};
use bifrost::state::Phase;
use bifrost::stats::Count;
use bifrost::{Job, Outcome};
use smol::channel::bounded;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

everywhere! {
    a_waiting_job_is_cancelled_and_never_executed: [workers(1)],
    a_running_future_is_dropped: [workers(1)],
    cancelling_after_the_end_does_nothing: [workers(1)],
    a_job_is_cancelled_by_its_name: [workers(1)],
    a_stale_name_cancels_nobody: [workers(1).queue_capacity(1).result_buffer(1)],
    a_token_cancels_what_waits_and_what_runs: [workers(1)],
    a_token_cancelled_before_the_submission_lets_nothing_run: [workers(2)],
    one_token_cancels_ten_thousand_jobs: [workers(1).queue_capacity(10_000)],
    a_job_may_cancel_itself_and_others: [workers(2)],
    cancelling_many_futures_at_once_is_no_degradation: [workers(8)],
    the_shared_token_stays_with_the_other_jobs: [workers(1)],
}

with_threads! {
    a_running_closure_sees_that_it_is_cancelled: [workers(1).blocking_workers(1, 1)],
}

fn by(outcome: &Outcome<u64>) -> Option<By> {
    match outcome {
        Outcome::Cancelled(by) => Some(*by),
        _ => None,
    }
}

/// A job that counts its runs.
fn counted(runs: &Arc<AtomicUsize>) -> Job<u64> {
    let runs = Arc::clone(runs);
    Job::new(move |_| {
        runs.fetch_add(1, Ordering::SeqCst);
        Ok::<_, JobError>(1)
    })
}

async fn a_waiting_job_is_cancelled_and_never_executed(world: World) {
    let provider = world.provider();
    let runs = Arc::new(AtomicUsize::new(0));
    let (running, held) = occupy(&provider).await;
    let waiting = submit(&provider, counted(&runs));
    assert_eq!(waiting.state(), Phase::Queued);
    assert!(waiting.cancel());
    assert!(!waiting.cancel(), "it has its outcome");
    assert_eq!(by(&waiting.await), Some(By::Caller));
    held.let_go();
    assert!(matches!(running.await, Outcome::Completed(7)));
    assert!(matches!(submit(&provider, value(1)).await, Outcome::Completed(1)));
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    assert_eq!(Arc::strong_count(&runs), 1, "its closure is dropped");
}

async fn a_running_future_is_dropped(world: World) {
    let provider = world.provider();
    let (starting, started) = bounded(1);
    let (holds, dropped) = bounded::<()>(1);
    let job = Job::future(async move {
        starting.send(()).await?;
        let () = std::future::pending().await;
        drop(holds);
        Ok::<_, JobError>(1)
    });
    let handle = submit(&provider, job);
    started.recv().await.expect("it starts");
    assert!(handle.cancel());
    assert_eq!(by(&handle.await), Some(By::Caller));
    assert!(dropped.recv().await.is_err(), "the future is gone with what it held");
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.get(Count::CancelledCaller), ledger.get(Count::LateResults)), (1, 0));
}

async fn cancelling_after_the_end_does_nothing(world: World) {
    let provider = world.provider();
    let mut handle = submit(&provider, value(1));
    let id = handle.id();
    world.settle().await;
    assert_eq!(handle.state(), Phase::Published);
    assert!(!handle.cancel() && !provider.cancel(id));
    assert!(matches!(handle.try_take(), Some(Outcome::Completed(1))));
    assert!(!handle.cancel());
    assert_eq!(handle.state(), Phase::Free);
    assert_eq!(provider.snapshot().ledger.get(Count::CancelledCaller), 0);
}

async fn a_job_is_cancelled_by_its_name(world: World) {
    let provider = world.provider();
    let (running, _held) = occupy(&provider).await;
    let id = running.id();
    assert_eq!(provider.job_state(id), Some(Phase::Running));
    assert!(provider.cancel(id));
    assert!(!provider.cancel(id));
    assert_eq!(by(&running.await), Some(By::Caller));
}

async fn a_stale_name_cancels_nobody(world: World) {
    let provider = world.provider();
    let mut names = Vec::new();
    for number in 0..100 {
        let handle = submit(&provider, value(number));
        names.push(handle.id());
        assert!(matches!(handle.await, Outcome::Completed(n) if n == number));
        world.settle().await;
    }
    let (mut running, held) = occupy(&provider).await;
    assert!(names.iter().any(|old| old.index() == running.id().index()), "a record is reused");
    for old in names {
        assert!(!provider.cancel(old));
        assert_eq!(provider.job_state(old), None);
    }
    assert!(running.try_take().is_none());
    held.let_go();
    assert!(matches!(running.await, Outcome::Completed(7)));
}

async fn a_token_cancels_what_waits_and_what_runs(world: World) {
    let provider = world.provider();
    let above = CancelToken::new();
    let own = above.child();
    let (running, held) = occupy(&provider).await;
    let waiting = submit(&provider, value(1).cancel_token(&own));
    own.cancel();
    assert_eq!(by(&waiting.await), Some(By::Caller));
    held.let_go();
    assert!(matches!(running.await, Outcome::Completed(7)));
    let (job, held) = crate::world::held();
    let other = above.child();
    let running = submit(&provider, job.cancel_token(&other));
    held.started().await;
    other.cancel();
    assert_eq!(by(&running.await), Some(By::Caller));
    assert!(!above.is_cancelled());
}

async fn a_token_cancelled_before_the_submission_lets_nothing_run(world: World) {
    let provider = world.provider();
    let runs = Arc::new(AtomicUsize::new(0));
    let own = CancelToken::new();
    own.cancel();
    let above = CancelToken::new();
    let below = above.child();
    above.cancel();
    for _ in 0..500 {
        let outcome = submit(&provider, counted(&runs).cancel_token(&own)).await;
        assert_eq!(by(&outcome), Some(By::Caller));
        let outcome = submit(&provider, counted(&runs).cancel_token(&below)).await;
        assert_eq!(by(&outcome), Some(By::Parent));
    }
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    assert_eq!(provider.snapshot().ledger.get(Count::Started), 0);
}

async fn one_token_cancels_ten_thousand_jobs(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let token = CancelToken::new();
    let runs = Arc::new(AtomicUsize::new(0));
    let handles: Vec<_> =
        (0..10_000).map(|_| submit(&provider, counted(&runs).cancel_token(&token))).collect();
    token.cancel();
    for handle in handles {
        assert_eq!(by(&handle.await), Some(By::Caller));
    }
    assert_eq!(provider.snapshot().ledger.get(Count::CancelledCaller), 10_000);
    held.let_go();
    assert!(matches!(running.await, Outcome::Completed(7)));
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

async fn a_job_may_cancel_itself_and_others(world: World) {
    let provider = world.provider();
    let (other, _held) = occupy(&provider).await;
    let (canceller, target) = (provider.clone(), other.id());
    let job = Job::with_context(move |context| async move {
        let cancelled = (canceller.cancel(target), canceller.cancel(context.id()));
        assert!(context.is_cancelled());
        assert_eq!(cancelled, (true, true));
        Ok::<_, JobError>(1)
    });
    assert_eq!(by(&submit(&provider, job).await), Some(By::Caller));
    assert_eq!(by(&other.await), Some(By::Caller));
    world.settle().await;
    assert_eq!(provider.snapshot().ledger.get(Count::LateResults), 1);
}

async fn cancelling_many_futures_at_once_is_no_degradation(world: World) {
    let provider = world.provider();
    let mut running = Vec::new();
    for _ in 0..8 {
        running.push(occupy(&provider).await);
    }
    for (handle, _) in &running {
        assert!(handle.cancel());
        assert_eq!(provider.state(), LifeState::Ready);
    }
    world.settle().await;
    assert_eq!(provider.state(), LifeState::Ready);
    assert_eq!(provider.snapshot().workers.zombie, 0);
}

async fn the_shared_token_stays_with_the_other_jobs(world: World) {
    let provider = world.provider();
    let token = CancelToken::new();
    assert!(matches!(
        submit(&provider, value(1).cancel_token(&token)).await,
        Outcome::Completed(1)
    ));
    let (job, held) = held();
    let running = submit(&provider, job.cancel_token(&token));
    held.started().await;
    assert!(running.cancel(), "cancelling a job leaves its token alone");
    assert!(!token.is_cancelled());
    assert_eq!(by(&running.await), Some(By::Caller));
}

async fn a_running_closure_sees_that_it_is_cancelled(world: World) {
    let provider = world.provider();
    let (starting, started) = bounded(1);
    let (telling, told) = bounded::<()>(1);
    let (answering, answer) = bounded(1);
    let job = Job::blocking(move |context| {
        let before = context.is_cancelled();
        starting.send_blocking(())?;
        told.recv_blocking().unwrap_or_default();
        answering.send_blocking((before, context.is_cancelled()))?;
        Ok::<_, JobError>(1)
    });
    let handle = submit(&provider, job);
    started.recv().await.expect("it starts");
    assert!(handle.cancel());
    assert_eq!(by(&handle.await), Some(By::Caller));
    drop(telling);
    assert_eq!(answer.recv().await, Ok((false, true)));
    world.settle_with(1).await;
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.get(Count::CancelledCaller), ledger.get(Count::LateResults)), (1, 1));
    assert_eq!(ledger.get(Count::Completed), 0);
}

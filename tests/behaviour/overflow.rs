//! A full queue under each policy of S17, and the dead jobs in it (S18).

use crate::world::{
    SECOND, World, everywhere, held, occupy, stuck, submit, value, with_threads, workers,
};
use bifrost::cancel::CancelToken;
use bifrost::code::Code;
use bifrost::config::{OverflowPolicy, ProviderConfig};
use bifrost::provider::{By, JobError, LifeState, Reason};
use bifrost::stats::Count;
use bifrost::{Job, JobHandle, Outcome, Provider, ShutdownMode};
use futures_lite::future::poll_once;
use std::future::Future;
use std::task::Poll;

everywhere! {
    drop_newest_drops_the_newcomer: [full().overflow(OverflowPolicy::DropNewest)],
    drop_oldest_drops_one_of_the_same_lane: [full()],
    a_blocked_submission_gets_the_space_that_comes: [blocking_policy()],
    a_blocked_submission_is_refused_when_its_time_is_over: [blocking_policy()],
    a_blocked_submission_that_is_dropped_counts_as_refused: [blocking_policy()],
    a_blocked_submission_is_refused_by_a_shutdown: [blocking_policy()],
    a_blocked_submission_ends_with_its_token: [blocking_policy()],
    space_that_a_cancelled_submission_got_goes_to_the_next:
        [workers(1).queue_capacity(1).overflow(OverflowPolicy::Block(SECOND))],
    many_blocked_submissions_all_get_in: [blocking_policy()],
    submit_never_waits_whatever_the_policy: [blocking_policy()],
    dead_jobs_leave_queued_at_once_and_their_place_when_reaped: [workers(1).queue_capacity(4)],
    a_dead_job_behind_a_live_head_keeps_its_place: [workers(1).queue_capacity(2)],
    a_submission_that_meets_full_reaps_dead_heads: [workers(1).queue_capacity(2)],
}

with_threads! {
    a_blocked_thread_gets_the_space_that_comes: [blocking_policy()],
    a_blocked_thread_is_refused_when_its_time_is_over: [blocking_policy()],
    a_blocked_thread_is_refused_by_a_shutdown: [blocking_policy()],
    a_blocking_job_blocks_its_submitter: [blocking_policy().blocking_workers(1, 1)],
}

fn full() -> ProviderConfig {
    workers(1).queue_capacity(2)
}

fn blocking_policy() -> ProviderConfig {
    full().overflow(OverflowPolicy::Block(3 * SECOND)).queue_timeout(100 * SECOND)
}

/// Occupies the worker and fills the queue.
async fn fill(provider: &Provider) -> (crate::world::Held, Vec<JobHandle<u64>>) {
    let (running, held) = occupy(provider).await;
    let mut handles = vec![running];
    let capacity = provider.config().queue_capacity as u64;
    handles.extend((0..capacity).map(|number| submit(provider, value(number))));
    (held, handles)
}

fn count(provider: &Provider, count: Count) -> u64 {
    provider.snapshot().ledger.get(count)
}

async fn drop_newest_drops_the_newcomer(world: World) {
    let provider = world.provider();
    let (held, handles) = fill(&provider).await;
    let newest = submit(&provider, value(9)).await;
    assert!(matches!(newest, Outcome::Dropped(Reason::Overflow)), "{newest:?}");
    held.let_go();
    for handle in handles {
        assert!(matches!(handle.await, Outcome::Completed(_)));
    }
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.accepted(), ledger.rejected()), (4, 0), "dropped jobs were accepted");
    assert_eq!(ledger.get(Count::DroppedOverflow), 1);
}

async fn drop_oldest_drops_one_of_the_same_lane(world: World) {
    let provider = world.provider();
    let (held, mut handles) = fill(&provider).await;
    let newest = submit(&provider, value(9).overflow(OverflowPolicy::DropOldest));
    let oldest = handles.remove(1).await;
    assert!(matches!(oldest, Outcome::Dropped(Reason::Overflow)), "{oldest:?}");
    assert_eq!(count(&provider, Count::DroppedOverflow), 1);
    assert_eq!(provider.snapshot().queue.depth, 2);
    held.let_go();
    assert!(matches!(handles.remove(1).await, Outcome::Completed(1)));
    assert!(matches!(newest.await, Outcome::Completed(9)));
}

async fn a_blocked_submission_gets_the_space_that_comes(world: World) {
    let provider = world.provider();
    let (held, handles) = fill(&provider).await;
    let mut blocked = Box::pin(provider.submit_async(value(9)));
    assert!(poll_once(&mut blocked).await.is_none());
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.blocked(), ledger.accepted() - 1), (1, 3), "it is not accepted yet");
    world.pass(SECOND).await;
    held.let_go();
    let handle = blocked.await.expect("space came in time");
    assert!(matches!(handle.await, Outcome::Completed(9)));
    for handle in handles {
        assert!(matches!(handle.await, Outcome::Completed(_)));
    }
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.blocked(), ledger.rejected(), ledger.submitted()), (0, 0, 4));
}

async fn a_blocked_submission_is_refused_when_its_time_is_over(world: World) {
    let provider = world.provider();
    let (_held, _handles) = fill(&provider).await;
    let start = world.now();
    let mut blocked = Box::pin(provider.submit_async(value(9)));
    assert!(poll_once(&mut blocked).await.is_none());
    world.pass(2 * SECOND).await;
    assert!(poll_once(&mut blocked).await.is_none());
    world.pass(SECOND).await;
    let rejected = blocked.await.map(drop).expect_err("no space came");
    assert_eq!((rejected.reason, rejected.limit), (Code::QueueFull, "queue_capacity"));
    assert_eq!(world.now(), start + 3 * SECOND);
    assert_eq!(count(&provider, Count::QueueFull), 1);
    assert_eq!(provider.snapshot().ledger.blocked(), 0);
    drop(rejected.job);
}

async fn a_blocked_submission_that_is_dropped_counts_as_refused(world: World) {
    let provider = world.provider();
    let (held, handles) = fill(&provider).await;
    let mut first = Box::pin(provider.submit_async(value(8)));
    let mut second = Box::pin(provider.submit_async(value(9)));
    assert!(poll_once(&mut first).await.is_none());
    assert!(poll_once(&mut second).await.is_none());
    drop(first);
    assert_eq!(count(&provider, Count::QueueFull), 1);
    held.let_go();
    let handle = second.await.expect("the place of the first is the second's");
    assert!(matches!(handle.await, Outcome::Completed(9)));
    for handle in handles {
        assert!(matches!(handle.await, Outcome::Completed(_)));
    }
}

async fn a_blocked_submission_is_refused_by_a_shutdown(world: World) {
    let provider = world.provider();
    let (held, handles) = fill(&provider).await;
    let mut blocked = Box::pin(provider.submit_async(value(9)));
    assert!(poll_once(&mut blocked).await.is_none());
    let mut ending = Box::pin(provider.shutdown(ShutdownMode::Finish, SECOND));
    assert!(poll_once(&mut ending).await.is_none());
    let rejected = blocked.await.map(drop).expect_err("the door is shut");
    assert_eq!(rejected.reason, Code::ShuttingDown);
    held.let_go();
    let report = ending.await.expect("this is no job");
    assert_eq!((report.finished, report.cancelled), (3, 0));
    for handle in handles {
        assert!(matches!(handle.await, Outcome::Completed(_)));
    }
}

async fn a_blocked_submission_ends_with_its_token(world: World) {
    let provider = world.provider();
    let (_held, _handles) = fill(&provider).await;
    let token = CancelToken::new();
    let start = world.now();
    let mut blocked = Box::pin(provider.submit_async(value(9).cancel_token(&token)));
    assert!(poll_once(&mut blocked).await.is_none());
    token.cancel();
    let outcome = blocked.await.expect("a cancelled job needs no space").await;
    assert!(matches!(outcome, Outcome::Cancelled(By::Caller)), "{outcome:?}");
    assert_eq!(world.now(), start);
    assert_eq!(provider.snapshot().ledger.blocked(), 0);
}

async fn space_that_a_cancelled_submission_got_goes_to_the_next(world: World) {
    let provider = world.provider();
    let (running, running_held) = occupy(&provider).await;
    let (next, next_held) = held();
    let next = submit(&provider, next);
    let token = CancelToken::new();
    let mut first = Box::pin(provider.submit_async(value(8).cancel_token(&token)));
    let mut second = Box::pin(provider.submit_async(value(9)));
    assert!(poll_once(&mut first).await.is_none() && poll_once(&mut second).await.is_none());
    let start = world.now();
    running_held.let_go();
    next_held.started().await;
    // One place is free, and the first was told of it.
    token.cancel();
    let cancelled = first.await.expect("a cancelled job needs no space").await;
    assert!(matches!(cancelled, Outcome::Cancelled(By::Caller)), "{cancelled:?}");
    let second = second.await.expect("the place was not taken");
    assert_eq!(world.now(), start);
    next_held.let_go();
    for (handle, result) in [(running, 7), (next, 7), (second, 9)] {
        assert_eq!(handle.await.completed(), Some(result));
    }
}

async fn many_blocked_submissions_all_get_in(world: World) {
    let provider = world.provider();
    let (held, handles) = fill(&provider).await;
    let mut blocked: Vec<_> =
        (0..50).map(|number| Box::pin(provider.submit_async(value(number)))).collect();
    for submission in &mut blocked {
        assert!(poll_once(submission).await.is_none());
    }
    assert_eq!(provider.snapshot().ledger.blocked(), 50);
    held.let_go();
    let admitted = futures_lite::future::poll_fn(|cx| {
        blocked.retain_mut(|submission| match submission.as_mut().poll(cx) {
            Poll::Ready(handle) => handle.map(drop).is_err(),
            Poll::Pending => true,
        });
        if blocked.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    });
    admitted.await;
    world.settle().await;
    assert_eq!(count(&provider, Count::Completed), 53);
    for handle in handles {
        assert!(matches!(handle.await, Outcome::Completed(_)));
    }
}

async fn submit_never_waits_whatever_the_policy(world: World) {
    let provider = world.provider();
    let (_held, _handles) = fill(&provider).await;
    let rejected = provider.submit(value(9)).map(drop).expect_err("the queue is full");
    assert_eq!(rejected.reason, Code::QueueFull);
    assert_eq!(count(&provider, Count::Blocked), 0);
}

async fn dead_jobs_leave_queued_at_once_and_their_place_when_reaped(world: World) {
    let provider = world.provider();
    let (_held, handles) = fill(&provider).await;
    let queue = provider.snapshot().queue;
    // Three lanes, of async and of blocking jobs each.
    assert_eq!((queue.depth, queue.dead_slots, queue.capacity), (4, 0, 24));
    for handle in &handles[1..4] {
        assert!(handle.cancel());
    }
    let snapshot = provider.snapshot();
    assert_eq!(snapshot.ledger.queued(), 1);
    assert_eq!(snapshot.queue.depth, 1);
    // The tick reaps them.
    world.settle().await;
    world.pass(SECOND).await;
    world.settle().await;
    let queue = provider.snapshot().queue;
    assert_eq!((queue.depth, queue.dead_slots), (1, 0));
}

async fn a_dead_job_behind_a_live_head_keeps_its_place(world: World) {
    let provider = world.provider();
    let (held, mut handles) = fill(&provider).await;
    assert!(handles[2].cancel());
    world.pass(SECOND).await;
    world.settle().await;
    let queue = provider.snapshot().queue;
    assert_eq!((queue.depth, queue.dead_slots), (1, 1));
    assert_eq!(provider.snapshot().ledger.queued(), 1);
    let json = world.runtime.snapshot().to_json();
    assert_eq!(json.matches(r#""dead_slots":1"#).count(), 2, "of the provider and in all: {json}");
    let rejected = provider.submit(value(9)).map(drop).expect_err("the head lives");
    assert_eq!(rejected.reason, Code::QueueFull);
    held.let_go();
    assert!(matches!(handles.remove(1).await, Outcome::Completed(0)));
    world.settle().await;
    assert_eq!(provider.snapshot().queue.dead_slots, 0);
}

async fn a_submission_that_meets_full_reaps_dead_heads(world: World) {
    let provider = world.provider();
    let (held, handles) = fill(&provider).await;
    assert!(handles[1].cancel() && handles[2].cancel());
    let late = [submit(&provider, value(8)), submit(&provider, value(9))];
    held.let_go();
    for handle in late {
        assert!(matches!(handle.await, Outcome::Completed(8 | 9)));
    }
}

async fn a_blocked_thread_gets_the_space_that_comes(world: World) {
    let provider = world.provider();
    let (held, _handles) = fill(&provider).await;
    let submitter = provider.clone();
    let thread = std::thread::spawn(move || {
        submitter.submit_blocking(value(9)).expect("space came in time").wait()
    });
    world.settle_with(1).await;
    assert_eq!(provider.snapshot().ledger.blocked(), 1);
    held.let_go();
    let outcome = thread.join().expect("the thread ends");
    assert!(matches!(outcome, Outcome::Completed(9)), "{outcome:?}");
}

async fn a_blocked_thread_is_refused_when_its_time_is_over(world: World) {
    let provider = world.provider();
    let (_held, _handles) = fill(&provider).await;
    let submitter = provider.clone();
    let thread =
        std::thread::spawn(move || submitter.submit_blocking(value(9)).map(drop).map_err(Box::new));
    world.settle_with(1).await;
    world.pass(3 * SECOND).await;
    let rejected = thread.join().expect("the thread ends").expect_err("no space came");
    assert_eq!(rejected.reason, Code::QueueFull);
}

async fn a_blocked_thread_is_refused_by_a_shutdown(world: World) {
    let provider = world.provider();
    let (held, handles) = fill(&provider).await;
    let submitter = provider.clone();
    let thread =
        std::thread::spawn(move || submitter.submit_blocking(value(9)).map(drop).map_err(Box::new));
    world.settle_with(1).await;
    let mut ending = Box::pin(provider.shutdown(ShutdownMode::Cancel, SECOND));
    assert!(poll_once(&mut ending).await.is_none());
    let rejected = thread.join().expect("the thread ends").expect_err("the door is shut");
    assert_eq!(rejected.reason, Code::ShuttingDown);
    held.let_go();
    assert!(ending.await.is_ok());
    assert_eq!(provider.state(), LifeState::Stopped);
    drop(handles);
}

async fn a_blocking_job_blocks_its_submitter(world: World) {
    let provider = world.provider();
    let (job, held) = stuck();
    let _running = submit(&provider, job);
    held.started().await;
    let give = |number| Job::blocking(move |_| Ok::<u64, JobError>(number));
    let waiting = [submit(&provider, give(1)), submit(&provider, give(2))];
    let mut blocked = Box::pin(provider.submit_async(give(3)));
    assert!(poll_once(&mut blocked).await.is_none());
    held.let_go();
    let handle = blocked.await.expect("space came in time");
    assert!(matches!(handle.await, Outcome::Completed(3)));
    for handle in waiting {
        assert!(matches!(handle.await, Outcome::Completed(1 | 2)));
    }
}

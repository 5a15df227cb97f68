//! A panic of foreign code stays where it is: an outcome or a count, and the worker lives on (S13).

use crate::world::{
    SECOND, World, everywhere, held, occupy, submit, unguarded, value, with_threads, workers,
};
use bifrost::code::Code;
use bifrost::config::OverflowPolicy;
use bifrost::provider::JobError;
use bifrost::stats::Count;
use bifrost::{CompletionQueue, Job, Outcome, Provider, ShutdownMode};
use futures_lite::future::poll_once;
use smol::channel::bounded;
use std::future::Future;
use std::panic::panic_any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

everywhere! {
    a_panic_in_a_poll_is_the_outcome: [workers(1)],
    a_panic_in_a_closure_is_the_outcome: [workers(1)],
    a_panic_before_the_future_is_made_is_the_outcome: [workers(1)],
    a_panic_in_the_drop_of_a_finished_future_is_the_outcome: [workers(1)],
    a_panic_in_the_drop_of_a_cancelled_future_is_counted: [workers(1)],
    a_panic_in_the_drop_of_a_job_that_never_ran_is_counted: [workers(1)],
    a_panic_in_the_drop_of_a_job_without_room_is_counted: [workers(1).queue_capacity(1)],
    a_panic_in_the_drop_of_an_unread_result_is_counted: [workers(1)],
    a_panic_in_the_drop_of_a_late_result_is_counted: [workers(1)],
    a_panic_in_the_drop_of_a_result_without_a_handle_is_counted: [workers(1)],
    a_payload_whose_drop_panics_is_leaked: [workers(1)],
    a_panic_without_a_text_is_told: [workers(1)],
    a_waker_that_panics_harms_nobody: [workers(1)],
    a_waker_that_panics_in_a_completion_queue_harms_nobody: [workers(1)],
    a_waker_that_panics_in_a_blocked_submission_harms_nobody:
        [workers(1).queue_capacity(1).overflow(OverflowPolicy::Block(SECOND))],
    a_waker_that_panics_in_a_shutdown_harms_nobody: [workers(1)],
    a_callback_that_panics_is_counted: [workers(1)],
    a_refused_callback_whose_drop_panics_leaves_nothing_behind: [workers(1).queue_capacity(1)],
    a_notification_that_panics_is_counted: [workers(1)],
    panics_one_after_another_leave_the_worker_alive: [unguarded(workers(1))],
}

with_threads! {
    a_panic_in_a_blocking_closure_is_the_outcome: [workers(1).blocking_workers(1, 1)],
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("dropped");
        }
    }
}

/// Panics when it is dropped, with a payload that does the same.
struct ChainBomb;

impl Drop for ChainBomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic_any(Bomb);
        }
    }
}

struct BrokenWaker;

impl Wake for BrokenWaker {
    fn wake(self: Arc<Self>) {
        panic!("a waker that breaks");
    }
}

/// Polls once with a waker that panics.
fn poll_broken<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(Arc::new(BrokenWaker))))
}

fn message<T>(outcome: Outcome<T>) -> String {
    match outcome {
        Outcome::Panicked(panic) => panic.message,
        _ => panic!("it did not panic"),
    }
}

fn caught(provider: &Provider) -> u64 {
    provider.snapshot().ledger.get(Count::PanicsCaught)
}

async fn assert_lives(provider: &Provider) {
    let outcome = submit(provider, value(1)).await;
    assert!(matches!(outcome, Outcome::Completed(1)), "{outcome:?}");
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.get(Count::WorkersStarted), ledger.get(Count::WorkersEnded)), (1, 0));
}

async fn a_panic_in_a_poll_is_the_outcome(world: World) {
    let provider = world.provider();
    let (sender, receiver) = bounded::<()>(1);
    let job = Job::future(async move {
        receiver.recv().await.unwrap_or_default();
        if true {
            panic!("in its second poll");
        }
        Ok::<(), JobError>(())
    });
    let handle = submit(&provider, job);
    world.settle().await;
    drop(sender);
    assert_eq!(message(handle.await), "in its second poll");
    assert_lives(&provider).await;
}

async fn a_panic_in_a_closure_is_the_outcome(world: World) {
    let provider = world.provider();
    let job = Job::new(|_| -> Result<(), JobError> { panic!("here") });
    assert_eq!(message(submit(&provider, job).await), "here");
    assert_lives(&provider).await;
}

async fn a_panic_before_the_future_is_made_is_the_outcome(world: World) {
    let provider = world.provider();
    let job =
        Job::with_context(|_| -> std::future::Ready<Result<(), JobError>> { panic!("early") });
    assert_eq!(message(submit(&provider, job).await), "early");
    assert_lives(&provider).await;
}

async fn a_panic_in_the_drop_of_a_finished_future_is_the_outcome(world: World) {
    struct Done(Bomb);
    impl Future for Done {
        type Output = Result<u64, JobError>;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
            Poll::Ready(Ok(1))
        }
    }
    let provider = world.provider();
    let outcome = submit(&provider, Job::future(Done(Bomb)).label("mine")).await;
    let Outcome::Panicked(panic) = outcome else { panic!("it did not panic") };
    assert_eq!((&*panic.message, &*panic.task), ("the job's drop panicked", "mine"));
    assert_lives(&provider).await;
}

async fn a_panic_in_the_drop_of_a_cancelled_future_is_counted(world: World) {
    let provider = world.provider();
    let (starting, started) = bounded(1);
    let bomb = ChainBomb;
    let job = Job::future(async move {
        let _bomb = bomb;
        starting.send(()).await?;
        std::future::pending::<Result<(), JobError>>().await
    });
    let handle = submit(&provider, job);
    started.recv().await.expect("it starts");
    assert!(handle.cancel());
    assert!(matches!(handle.await, Outcome::Cancelled(_)));
    assert_lives(&provider).await;
    assert_eq!(caught(&provider), 1);
}

async fn a_panic_in_the_drop_of_a_job_that_never_ran_is_counted(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let bomb = Bomb;
    let waiting = submit(
        &provider,
        Job::new(move |_| {
            drop(bomb);
            Ok::<_, JobError>(1)
        }),
    );
    assert!(waiting.cancel());
    assert!(matches!(waiting.await, Outcome::Cancelled(_)));
    held.let_go();
    assert!(matches!(running.await, Outcome::Completed(7)));
    assert_lives(&provider).await;
    assert_eq!(caught(&provider), 1);
}

async fn a_panic_in_the_drop_of_a_job_without_room_is_counted(world: World) {
    let provider = world.provider();
    let (_running, _held) = occupy(&provider).await;
    let _waiting = submit(&provider, value(1));
    for policy in [OverflowPolicy::DropNewest, OverflowPolicy::DropOldest] {
        let bomb = Bomb;
        let job = Job::new(move |_| {
            drop(bomb);
            Ok::<_, JobError>(1)
        });
        drop(submit(&provider, job.overflow(policy)));
    }
    let _next = submit(&provider, value(1).overflow(OverflowPolicy::DropOldest));
    assert_eq!(caught(&provider), 2);
}

async fn a_panic_in_the_drop_of_an_unread_result_is_counted(world: World) {
    let provider = world.provider();
    let handle = submit(&provider, Job::new(|_| Ok::<_, JobError>(Bomb)));
    world.settle().await;
    drop(handle);
    assert_eq!(caught(&provider), 1);
    assert_lives(&provider).await;
}

async fn a_panic_in_the_drop_of_a_late_result_is_counted(world: World) {
    let provider = world.provider();
    let canceller = provider.clone();
    let job = Job::new(move |context| {
        canceller.cancel(context.id());
        Ok::<_, JobError>(Bomb)
    });
    assert!(matches!(submit(&provider, job).await, Outcome::Cancelled(_)));
    assert_lives(&provider).await;
    assert_eq!(caught(&provider), 1);
}

async fn a_panic_in_the_drop_of_a_result_without_a_handle_is_counted(world: World) {
    let provider = world.provider();
    let (sender, receiver) = bounded::<()>(1);
    let job = Job::future(async move {
        receiver.recv().await.unwrap_or_default();
        Ok::<_, JobError>(Bomb)
    });
    drop(submit(&provider, job));
    drop(sender);
    assert_lives(&provider).await;
    assert_eq!(caught(&provider), 1);
}

async fn a_payload_whose_drop_panics_is_leaked(world: World) {
    let provider = world.provider();
    let job = Job::new(|_| -> Result<(), JobError> { panic_any(ChainBomb) });
    assert_eq!(message(submit(&provider, job).await), "a panic without a text");
    assert_lives(&provider).await;
}

async fn a_panic_without_a_text_is_told(world: World) {
    let provider = world.provider();
    let job = Job::new(|_| -> Result<(), JobError> { panic_any(7) });
    assert_eq!(message(submit(&provider, job).await), "a panic without a text");
}

async fn a_waker_that_panics_harms_nobody(world: World) {
    let provider = world.provider();
    let (mut running, held) = occupy(&provider).await;
    assert!(poll_broken(Pin::new(&mut running)).is_pending());
    held.let_go();
    assert_lives(&provider).await;
    assert!(matches!(running.try_take(), Some(Outcome::Completed(7))));
    let (job, held) = held_job();
    let mut running = submit(&provider, job);
    held.started().await;
    assert!(poll_broken(Pin::new(&mut running)).is_pending());
    assert!(running.cancel(), "the canceller wakes it, too");
    assert!(matches!(running.try_take(), Some(Outcome::Cancelled(_))));
    assert_lives(&provider).await;
}

fn held_job() -> (Job<u64>, crate::world::Held) {
    held()
}

async fn a_waker_that_panics_in_a_completion_queue_harms_nobody(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    let (job, held) = held();
    provider.submit_to(&queue, job).expect("there is room");
    held.started().await;
    let mut broken = Box::pin(queue.wait(1, 1, |_| {}));
    assert!(poll_broken(broken.as_mut()).is_pending());
    let mut numbers = Vec::new();
    let mut good = Box::pin(queue.wait(1, 1, |completion| numbers.push(completion.outcome.code())));
    assert!(poll_once(&mut good).await.is_none());
    held.let_go();
    assert_eq!(good.await, 1, "the wait behind the broken one is woken");
    drop(broken);
    assert_lives(&provider).await;
}

async fn a_waker_that_panics_in_a_blocked_submission_harms_nobody(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let waiting = submit(&provider, value(2));
    let mut broken = Box::pin(provider.submit_async(value(3)));
    assert!(poll_broken(broken.as_mut()).is_pending());
    held.let_go();
    assert!(matches!(running.await, Outcome::Completed(7)));
    assert!(matches!(waiting.await, Outcome::Completed(2)));
    let handle = broken.await.expect("there is space");
    assert!(matches!(handle.await, Outcome::Completed(3)));
    assert_lives(&provider).await;
}

async fn a_waker_that_panics_in_a_shutdown_harms_nobody(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let mut broken = Box::pin(provider.shutdown(ShutdownMode::Finish, SECOND));
    assert!(poll_broken(broken.as_mut()).is_pending());
    let mut good = Box::pin(provider.shutdown(ShutdownMode::Finish, SECOND));
    assert!(poll_once(&mut good).await.is_none());
    held.let_go();
    assert!(matches!(running.await, Outcome::Completed(7)));
    assert!(good.await.is_ok());
    assert!(broken.await.is_ok());
}

async fn a_callback_that_panics_is_counted(world: World) {
    let provider = world.provider();
    let submitted = provider.submit_with(value(1), |_| panic_any(ChainBomb));
    submitted.expect("there is room");
    assert_lives(&provider).await;
    assert_eq!(caught(&provider), 1);
}

async fn a_refused_callback_whose_drop_panics_leaves_nothing_behind(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let waiting = submit(&provider, value(1));
    let free = provider.snapshot().records.free;
    for _ in 0..8 {
        let bomb = Bomb;
        let refused = provider.submit_with(value(2), move |_| drop(bomb));
        assert_eq!(refused.map_err(|refused| refused.reason), Err(Code::QueueFull));
    }
    assert_eq!(provider.snapshot().records.free, free);
    assert_eq!(provider.snapshot().ledger.get(Count::QueueFull), 8);
    held.let_go();
    for handle in [running, waiting] {
        assert!(handle.await.completed().is_some());
    }
}

async fn a_notification_that_panics_is_counted(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::with_notify(&world.clock, || panic!("in the notification"));
    provider.submit_to(&queue, value(5)).expect("there is room");
    assert_lives(&provider).await;
    assert!(matches!(queue.try_next().map(|c| c.outcome), Some(Outcome::Completed(5))));
}

async fn panics_one_after_another_leave_the_worker_alive(world: World) {
    let provider = world.provider();
    for round in 0..100 {
        let job = Job::new(move |_| -> Result<(), JobError> { panic!("{round}") });
        assert_eq!(message(submit(&provider, job).await), round.to_string());
    }
    assert_lives(&provider).await;
    assert_eq!(provider.snapshot().ledger.get(Count::Panicked), 100);
}

async fn a_panic_in_a_blocking_closure_is_the_outcome(world: World) {
    let provider = world.provider();
    let bomb = Bomb;
    let job = Job::blocking(move |_| -> Result<(), JobError> {
        let _bomb = bomb;
        panic!("on a thread")
    });
    assert_eq!(message(submit(&provider, job).await), "on a thread");
    let job = Job::blocking(|_| Ok::<_, JobError>(1));
    assert!(matches!(submit(&provider, job).await, Outcome::Completed(1)));
    assert_eq!(provider.snapshot().ledger.get(Count::WorkersEnded), 0);
}

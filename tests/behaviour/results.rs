//! Outcomes that nobody has read: they close the door, and never a worker (S15).

use crate::world::{World, everywhere, held, occupy, submit, value, with_threads, workers};
use bifrost::code::Code;
use bifrost::config::ProviderConfig;
use bifrost::provider::JobError;
use bifrost::{CompletionQueue, Job, Outcome, Provider};
use futures_lite::future::poll_once;
use std::sync::atomic::{AtomicU64, Ordering};

everywhere! {
    completions_past_the_result_buffer_refuse_the_next_job: [buffer(4)],
    each_outcome_that_is_read_lets_one_job_in: [buffer(4)],
    all_queues_of_a_provider_share_its_result_buffer: [buffer(3)],
    another_provider_has_a_result_buffer_of_its_own:
        [buffer(1), ProviderConfig::new("b").workers(1, 1).result_buffer(2)],
    jobs_in_flight_end_whatever_is_unread: [buffer(1)],
    whoever_reads_an_outcome_may_submit_the_next_job_at_once: [buffer(1)],
    a_queue_that_is_dropped_has_read_its_outcomes: [buffer(2)],
    a_queue_after_another_counts_from_nothing: [buffer(2)],
    a_job_that_never_ran_counts_as_well: [buffer(1)],
    a_handle_takes_a_record_and_no_place_in_the_result_buffer: [buffer(1)],
    a_callback_has_read_its_outcome: [buffer(1)],
}

with_threads! {
    eight_threads_never_pass_the_result_buffer_by_more_than_is_in_flight:
        [workers(4).queue_capacity(8).result_buffer(16)],
}

fn buffer(outcomes: usize) -> ProviderConfig {
    workers(1).queue_capacity(8).result_buffer(outcomes).blocking_workers(0, 0)
}

/// Ends `jobs` jobs one after another, and leaves their outcomes in `queue`.
async fn leave(world: &World, provider: &Provider, queue: &CompletionQueue<u64>, jobs: u64) {
    for number in 0..jobs {
        provider.submit_to(queue, value(number)).expect("fewer than the buffer are unread");
        world.settle().await;
    }
}

fn assert_refused(provider: &Provider, buffer: u64) {
    let rejected = provider.submit(value(9)).map(drop).expect_err("the buffer is full");
    let limit = (rejected.limit, rejected.value);
    assert_eq!((rejected.reason, limit), (Code::LimitReached, ("result_buffer", buffer)));
}

async fn completions_past_the_result_buffer_refuse_the_next_job(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    leave(&world, &provider, &queue, 4).await;
    let before = provider.snapshot();
    assert_refused(&provider, 4);
    let rejected = provider.submit_to(&queue, value(9)).expect_err("the buffer is full");
    assert_eq!((rejected.reason, rejected.limit), (Code::LimitReached, "result_buffer"));
    let after = provider.snapshot();
    assert_eq!(after.ledger.rejected(), before.ledger.rejected() + 2);
    assert_eq!((after.workers.busy, after.records.free), (0, before.records.free));
}

async fn each_outcome_that_is_read_lets_one_job_in(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    leave(&world, &provider, &queue, 4).await;
    for _ in 0..10 {
        assert_refused(&provider, 4);
        assert!(queue.try_next().is_some());
        leave(&world, &provider, &queue, 1).await;
    }
    assert_eq!(queue.poll(9, |_| {}), 4);
    leave(&world, &provider, &queue, 4).await;
    assert_refused(&provider, 4);
}

async fn all_queues_of_a_provider_share_its_result_buffer(world: World) {
    let provider = world.provider();
    let queues: [CompletionQueue<u64>; 3] =
        std::array::from_fn(|_| CompletionQueue::new(&world.clock));
    for queue in &queues {
        leave(&world, &provider, queue, 1).await;
    }
    assert_refused(&provider, 3);
    assert!(queues[1].try_next().is_some());
    leave(&world, &provider, &queues[0], 1).await;
    assert_refused(&provider, 3);
}

async fn another_provider_has_a_result_buffer_of_its_own(world: World) {
    let (a, b) = (world.provider(), world.named("b"));
    let queue = CompletionQueue::new(&world.clock);
    leave(&world, &a, &queue, 1).await;
    assert_refused(&a, 1);
    leave(&world, &b, &queue, 2).await;
    assert_refused(&b, 2);
}

async fn jobs_in_flight_end_whatever_is_unread(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    let (job, held) = held();
    provider.submit_to(&queue, job).expect("nothing is unread");
    held.started().await;
    for number in 0..8 {
        provider.submit_to(&queue, value(number)).expect("nothing is unread");
    }
    held.let_go();
    world.settle().await;
    let snapshot = provider.snapshot();
    assert_eq!((snapshot.ledger.ended(), snapshot.workers.busy), (9, 0), "no worker is pinned");
    for _ in 0..9 {
        assert_refused(&provider, 1);
        assert!(queue.try_next().is_some());
    }
    assert!(matches!(submit(&provider, value(1)).await, Outcome::Completed(1)));
}

async fn whoever_reads_an_outcome_may_submit_the_next_job_at_once(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    provider.submit_to(&queue, value(0)).expect("nothing is unread");
    for number in 1..50 {
        let mut next = None;
        let again = |completion: bifrost::provider::Completion<u64>| {
            assert_eq!(completion.outcome.completed(), Some(number - 1));
            next = Some(provider.submit_to(&queue, value(number)));
        };
        assert_eq!(queue.wait(1, 1, again).await, 1);
        next.expect("it was called").expect("nothing is unread");
    }
    assert_eq!(queue.wait(1, 1, |_| {}).await, 1);
}

async fn a_queue_that_is_dropped_has_read_its_outcomes(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    leave(&world, &provider, &queue, 2).await;
    assert_refused(&provider, 2);
    drop(queue);
    assert!(matches!(submit(&provider, value(1)).await, Outcome::Completed(1)));
}

async fn a_queue_after_another_counts_from_nothing(world: World) {
    let provider = world.provider();
    for _ in 0..5 {
        let queue = CompletionQueue::new(&world.clock);
        leave(&world, &provider, &queue, 2).await;
        assert_refused(&provider, 2);
        assert!(queue.try_next().is_some());
    }
    let queue = CompletionQueue::new(&world.clock);
    leave(&world, &provider, &queue, 2).await;
}

async fn a_job_that_never_ran_counts_as_well(world: World) {
    let provider = world.provider();
    let (_running, held) = occupy(&provider).await;
    let queue = CompletionQueue::new(&world.clock);
    let id = provider.submit_to(&queue, value(1)).expect("nothing is unread");
    assert!(provider.cancel(id));
    assert_refused(&provider, 1);
    held.let_go();
    let cancelled = queue.try_next().expect("it has its outcome");
    assert_eq!(cancelled.outcome.code(), Code::CancelledCaller);
    drop(submit(&provider, value(1)));
}

async fn a_handle_takes_a_record_and_no_place_in_the_result_buffer(world: World) {
    let provider = world.provider();
    let records = provider.snapshot().records.capacity;
    assert_eq!(records, 3 * 8 + 1 + 1, "places of three lanes, workers and result buffer");
    let mut unread = Vec::new();
    for number in 0..records {
        unread.push(submit(&provider, value(number)));
        world.settle().await;
    }
    let rejected = provider.submit(value(9)).map(drop).expect_err("no record is free");
    let limit = (rejected.limit, rejected.value);
    assert_eq!((rejected.reason, limit), (Code::LimitReached, ("records", records)));
    drop(unread.pop());
    assert!(matches!(submit(&provider, rejected.job).await, Outcome::Completed(9)));
    for (number, mut handle) in (0..).zip(unread) {
        assert_eq!(poll_once(&mut handle).await.and_then(Outcome::completed), Some(number));
    }
}

async fn a_callback_has_read_its_outcome(world: World) {
    let provider = world.provider();
    for number in 0..20 {
        provider.submit_with(value(number), drop).expect("nothing is unread");
        world.settle().await;
    }
}

async fn eight_threads_never_pass_the_result_buffer_by_more_than_is_in_flight(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    let accepted = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut reason = Code::QueueFull;
                while reason == Code::QueueFull {
                    let job = Job::new(|_| Ok::<u64, JobError>(1));
                    match provider.submit_to(&queue, job) {
                        Ok(_) => drop(accepted.fetch_add(1, Ordering::Relaxed)),
                        Err(rejected) => reason = rejected.reason,
                    }
                }
                assert_eq!(reason, Code::LimitReached);
            });
        }
    });
    world.settle().await;
    let accepted = accepted.into_inner();
    // What was in flight when the last place was taken: the places, the workers, and those at the door.
    assert!((16..16 + 8 + 4 + 8).contains(&accepted), "{accepted}");
    assert_refused(&provider, 16);
    assert_eq!(queue.poll(usize::MAX, |_| {}) as u64, accepted, "none is lost");
}

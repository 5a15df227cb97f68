//! Many jobs through the door at once.

use crate::world::{SECOND, World, everywhere, held, occupy, value, with_threads, workers};
use bifrost::cancel::CancelToken;
use bifrost::code::Code;
use bifrost::config::{OverflowPolicy, ProviderConfig};
use bifrost::provider::JobError;
use bifrost::stats::Count;
use bifrost::{CompletionQueue, Job, Outcome};
use smol::channel::bounded;

everywhere! {
    a_batch_for_a_completion_queue_ends_there_in_order: [workers(1)],
    a_batch_of_none_does_nothing: [workers(1)],
    a_batch_wakes_as_many_workers_as_it_has_jobs: [workers(4)],
    a_batch_starts_the_workers_that_it_needs:
        [ProviderConfig::new("a").workers(1, 4)],
    a_batch_has_both_kinds_of_jobs: [workers(1).blocking_workers(0, 1)],
    a_batch_past_the_result_buffer_is_refused_whole: [workers(1).result_buffer(1)],
    each_job_of_a_batch_has_its_own_limit_and_token: [workers(1).blocking_workers(0, 0)],
    a_batch_never_waits_and_drops_as_the_policy_says:
        [workers(1).queue_capacity(2).overflow(OverflowPolicy::DropOldest)],
}

with_threads! {
    batches_of_many_threads_lose_nothing: [workers(3).queue_capacity(64)],
}

async fn a_batch_for_a_completion_queue_ends_there_in_order(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    let jobs = (0..20).map(|number| value(number).user_data(number));
    let submitted = provider.submit_batch_to(&queue, jobs);
    assert!(submitted.rejection.is_none());
    let mut ids = Vec::new();
    let mut numbers = Vec::new();
    let take = |completion: bifrost::provider::Completion<u64>| {
        ids.push(completion.id);
        numbers.push(completion.user_data);
    };
    assert_eq!(queue.wait(20, 20, take).await, 20);
    assert_eq!(ids, submitted.ids);
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
}

async fn a_batch_of_none_does_nothing(world: World) {
    let provider = world.provider();
    let submitted = provider.submit_batch(Vec::<Job<u64>>::new());
    assert!(submitted.handles.is_empty() && submitted.rejection.is_none());
    assert_eq!(provider.snapshot().ledger.submitted(), 0);
}

async fn a_batch_wakes_as_many_workers_as_it_has_jobs(world: World) {
    let provider = world.provider();
    world.settle().await;
    assert_eq!(provider.snapshot().workers.idle, 4);
    let (jobs, held): (Vec<_>, Vec<_>) = (0..3).map(|_| held()).unzip();
    let submitted = provider.submit_batch(jobs);
    // None of them ends before all have started.
    for held in &held {
        held.started().await;
    }
    world.settle().await;
    let workers = provider.snapshot().workers;
    assert_eq!((workers.busy, workers.idle), (3, 1));
    held.iter().for_each(crate::world::Held::let_go);
    for handle in submitted.handles {
        assert!(matches!(handle.await, Outcome::Completed(7)));
    }
}

async fn a_batch_starts_the_workers_that_it_needs(world: World) {
    let provider = world.provider();
    let (jobs, held): (Vec<_>, Vec<_>) = (0..6).map(|_| held()).unzip();
    let submitted = provider.submit_batch(jobs);
    for held in &held[..4] {
        held.started().await;
    }
    assert_eq!(provider.snapshot().workers.spawned, 4);
    held.iter().for_each(crate::world::Held::let_go);
    for handle in submitted.handles {
        assert!(matches!(handle.await, Outcome::Completed(7)));
    }
}

async fn a_batch_has_both_kinds_of_jobs(world: World) {
    let provider = world.provider();
    let (telling, told) = bounded(1);
    let blocking = Job::blocking(move |_| {
        telling.send_blocking(3)?;
        Ok::<u64, JobError>(2)
    });
    let submitted = provider.submit_batch([value(1), blocking]);
    assert_eq!(told.recv().await, Ok(3));
    for (number, handle) in (1..).zip(submitted.handles) {
        assert_eq!(handle.await.completed(), Some(number));
    }
}

async fn a_batch_past_the_result_buffer_is_refused_whole(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    provider.submit_to(&queue, value(0)).expect("nothing is unread");
    world.settle().await;
    let submitted = provider.submit_batch_to(&queue, (1..4).map(value));
    let rejection = submitted.rejection.expect("one is unread");
    assert_eq!((submitted.ids.len(), rejection.job.len()), (0, 3));
    assert_eq!((rejection.reason, rejection.limit), (Code::LimitReached, "result_buffer"));
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.submitted(), ledger.get(Count::LimitReached)), (4, 3));
}

async fn each_job_of_a_batch_has_its_own_limit_and_token(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let token = CancelToken::new();
    let gone = CancelToken::new();
    gone.cancel();
    let jobs = [
        value(0).queue_timeout(2 * SECOND),
        value(1).queue_timeout(SECOND),
        value(2).cancel_token(&token),
        value(3).cancel_token(&gone),
        value(4),
    ];
    let [first, second, third, fourth, fifth] =
        provider.submit_batch(jobs).handles.try_into().expect("all are accepted");
    assert_eq!(fourth.await.code(), Code::CancelledCaller);
    token.cancel();
    assert_eq!(third.await.code(), Code::CancelledCaller);
    world.pass(SECOND).await;
    assert_eq!(second.await.code(), Code::TimedOutQueue);
    held.let_go();
    assert_eq!(first.await.completed(), Some(0));
    assert_eq!(fifth.await.completed(), Some(4));
    drop(running);
}

async fn a_batch_never_waits_and_drops_as_the_policy_says(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let submitted = provider.submit_batch((0..5).map(value));
    assert!(submitted.rejection.is_none());
    held.let_go();
    let mut ended = Vec::new();
    for handle in submitted.handles {
        ended.push(handle.await.completed());
    }
    assert_eq!(ended, [None, None, None, Some(3), Some(4)]);
    drop(running);
}

async fn batches_of_many_threads_lose_nothing(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    let accepted = std::thread::scope(|scope| {
        let submit = || {
            let mut accepted = 0;
            for _ in 0..100 {
                let jobs: Vec<_> = (0..7).map(value).collect();
                accepted += provider.submit_batch_to(&queue, jobs).ids.len();
                queue.poll(7, |_| {});
            }
            accepted
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(submit)).collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).sum::<usize>()
    });
    world.settle().await;
    queue.poll(usize::MAX, |_| {});
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.submitted(), ledger.accepted()), (2800, accepted as u64));
    assert_eq!(ledger.get(Count::Completed), accepted as u64);
}

//! The ways to an outcome: handles, completion queues, callbacks, batches (S8, S11, S15).

use crate::world::{SECOND, World, everywhere, held, occupy, submit, value, with_threads, workers};
use bifrost::code::Code;
use bifrost::config::ProviderConfig;
use bifrost::provider::JobError;
use bifrost::state::Phase;
use bifrost::stats::Count;
use bifrost::{CompletionQueue, Job, Outcome};
use futures_lite::future::{block_on, poll_once};
use smol::channel::bounded;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

everywhere! {
    a_dropped_handle_detaches_its_job: [workers(1)],
    a_handle_that_was_polled_can_be_awaited_again: [workers(1)],
    a_value_is_dropped_once_whoever_has_it: [workers(1)],
    a_completion_queue_may_be_used_by_whom_it_hands_to: [workers(1)],
    a_completion_queue_serves_two_providers: [workers(2), ProviderConfig::new("b").workers(1, 1)],
    completions_come_in_the_order_of_the_ends: [workers(1)],
    a_dropped_completion_queue_lets_its_jobs_go_on: [workers(1)],
    a_slow_reader_is_refused_and_loses_nothing: [workers(1).queue_capacity(2).result_buffer(4)],
    a_callback_gets_the_outcome: [workers(1)],
    a_batch_is_accepted_up_to_the_first_refusal: [workers(1).queue_capacity(3)],
    every_kind_of_outcome_reaches_a_completion_queue: [workers(1)],
    the_context_tells_of_its_job: [workers(1)],
}

with_threads! {
    a_thread_waits_for_an_outcome: [workers(1)],
    a_thread_waits_no_longer_than_it_says: [workers(1)],
    a_handle_moves_to_another_executor: [workers(1)],
    a_thread_waits_for_completions: [workers(1)],
}

async fn a_dropped_handle_detaches_its_job(world: World) {
    let provider = world.provider();
    let (telling, told) = bounded(1);
    let job = Job::future(async move {
        telling.send(7).await?;
        Ok::<_, JobError>(())
    });
    drop(submit(&provider, job));
    assert_eq!(told.recv().await, Ok(7));
    world.settle().await;
    assert_eq!(provider.snapshot().ledger.get(Count::Completed), 1);
    assert_eq!(provider.snapshot().records.free, provider.snapshot().records.capacity);
}

async fn a_handle_that_was_polled_can_be_awaited_again(world: World) {
    let provider = world.provider();
    let (mut running, held) = occupy(&provider).await;
    assert_eq!(running.state(), Phase::Running);
    for _ in 0..3 {
        assert!(poll_once(&mut running).await.is_none());
    }
    assert!(running.try_take().is_none());
    held.let_go();
    assert!(matches!((&mut running).await, Outcome::Completed(7)));
    assert_eq!(running.state(), Phase::Free);
    assert!(running.try_take().is_none());
}

async fn a_value_is_dropped_once_whoever_has_it(world: World) {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let provider = world.provider();
    let drops = Arc::new(AtomicUsize::new(0));
    let give = || {
        let drops = Arc::clone(&drops);
        Job::new(move |_| Ok::<_, JobError>(Counted(drops)))
    };
    drop(submit(&provider, give()).await);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    let unread = submit(&provider, give());
    world.settle().await;
    drop(unread);
    assert_eq!(drops.load(Ordering::SeqCst), 2);
    drop(submit(&provider, give()));
    world.settle().await;
    assert_eq!(drops.load(Ordering::SeqCst), 3);
    let queue = CompletionQueue::new(&world.clock);
    provider.submit_to(&queue, give()).expect("there is room");
    world.settle().await;
    drop(queue);
    assert_eq!(drops.load(Ordering::SeqCst), 4);
}

async fn a_completion_queue_serves_two_providers(world: World) {
    let queue = CompletionQueue::new(&world.clock);
    let providers = [world.named("a"), world.named("b")];
    let mut expected = HashMap::new();
    for number in 0..200 {
        let provider = &providers[number as usize % 2];
        let id = provider.submit_to(&queue, value(number).user_data(number));
        let id = id.expect("there is room");
        expected.insert((provider.name().to_owned(), id), number);
    }
    let mut count = 0;
    while count < 200 {
        let mut got = Vec::new();
        count += queue.wait(1, 7, |completion| got.push(completion)).await;
        assert!((1..=7).contains(&got.len()));
        for completion in got {
            let name = (completion.provider.to_string(), completion.id);
            let number = expected.remove(&name).expect("each comes once");
            assert_eq!(completion.user_data, number);
            assert_eq!(completion.outcome.completed(), Some(number));
        }
    }
    assert!(expected.is_empty() && queue.is_empty() && queue.try_next().is_none());
}

async fn a_completion_queue_may_be_used_by_whom_it_hands_to(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    for number in 0..2 {
        provider.submit_to(&queue, value(number)).expect("there is room");
    }
    let mut inner = Vec::new();
    let outer = queue.wait(1, 1, |_| inner.extend(queue.try_next()));
    assert_eq!(outer.await, 1);
    let rest = queue.wait(1 - inner.len(), 1, |completion| inner.push(completion));
    rest.await;
    assert!(inner.len() == 1 && queue.is_empty());
}

async fn completions_come_in_the_order_of_the_ends(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    for number in 0..100 {
        provider.submit_to(&queue, value(number)).expect("there is room");
    }
    let mut got = Vec::new();
    while got.len() < 100 {
        queue.wait(1, 100, |completion| got.push(completion.outcome.completed())).await;
    }
    let expected: Vec<_> = (0..100).map(Some).collect();
    assert_eq!(got, expected);
}

async fn a_dropped_completion_queue_lets_its_jobs_go_on(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    let (job, held) = held();
    provider.submit_to(&queue, job).expect("there is room");
    held.started().await;
    for number in 0..10 {
        provider.submit_to(&queue, value(number)).expect("there is room");
    }
    drop(queue);
    held.let_go();
    assert!(matches!(submit(&provider, value(1)).await, Outcome::Completed(1)));
    let snapshot = provider.snapshot();
    assert_eq!(snapshot.ledger.get(Count::Completed), 12);
}

async fn a_slow_reader_is_refused_and_loses_nothing(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    let mut accepted = 0;
    let rejected = loop {
        match provider.submit_to(&queue, value(accepted)) {
            Ok(_) => accepted += 1,
            Err(rejected) => break rejected,
        }
        world.settle().await;
    };
    assert_eq!((rejected.reason, rejected.limit), (Code::LimitReached, "result_buffer"));
    assert_eq!(accepted, 4);
    assert_eq!(provider.snapshot().workers.busy, 0, "no worker is pinned");
    let mut read = 0;
    while let Some(completion) = queue.try_next() {
        assert_eq!(completion.outcome.completed(), Some(read));
        read += 1;
    }
    assert_eq!(read, accepted);
    provider.submit_to(&queue, rejected.job).expect("there is room again");
    assert_eq!(queue.wait(1, 1, |_| {}).await, 1);
}

async fn a_callback_gets_the_outcome(world: World) {
    let provider = world.provider();
    let (telling, told) = bounded(2);
    let second = telling.clone();
    let call = move |outcome: Outcome<u64>| telling.try_send(outcome.code()).unwrap_or_default();
    provider.submit_with(value(1), call).expect("there is room");
    assert_eq!(told.recv().await, Ok(Code::Ok));
    let (_running, _held) = occupy(&provider).await;
    let call = move |outcome: Outcome<u64>| second.try_send(outcome.code()).unwrap_or_default();
    let id = provider.submit_with(value(1), call).expect("there is room");
    assert!(provider.cancel(id));
    assert_eq!(told.try_recv(), Ok(Code::CancelledCaller));
}

async fn a_batch_is_accepted_up_to_the_first_refusal(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let submitted = provider.submit_batch((0..10).map(value));
    assert_eq!(submitted.handles.len(), 3);
    let rejection = submitted.rejection.expect("the rest is refused");
    assert_eq!((rejection.reason, rejection.job.len()), (Code::QueueFull, 7));
    held.let_go();
    assert!(matches!(running.await, Outcome::Completed(7)));
    for (number, handle) in (0..).zip(submitted.handles) {
        assert!(matches!(handle.await, Outcome::Completed(n) if n == number));
    }
    for (number, job) in (3..).zip(rejection.job) {
        assert!(matches!(submit(&provider, job).await, Outcome::Completed(n) if n == number));
    }
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.rejected(), ledger.accepted()), (7, 11));
    assert_eq!(ledger.submitted(), 1 + 10 + 7, "what came back counts as refused");
}

async fn every_kind_of_outcome_reaches_a_completion_queue(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    let jobs: [Job<u64>; 3] = [
        value(1),
        Job::new(|_| Err::<u64, _>(JobError::new("no"))),
        Job::new(|_| -> Result<u64, JobError> { panic!("no") }),
    ];
    for job in jobs {
        provider.submit_to(&queue, job).expect("there is room");
    }
    let mut codes = Vec::new();
    queue.wait(3, 3, |completion| codes.push(completion.outcome.code())).await;
    let (job, held) = held();
    provider.submit_to(&queue, job.timeout(SECOND)).expect("there is room");
    held.started().await;
    let id = provider.submit_to(&queue, value(2)).expect("there is room");
    provider.submit_to(&queue, value(3).queue_timeout(SECOND)).expect("there is room");
    assert!(provider.cancel(id));
    world.pass(SECOND).await;
    queue.wait(3, 3, |completion| codes.push(completion.outcome.code())).await;
    assert_eq!(codes[..4], [Code::Ok, Code::Failed, Code::Panicked, Code::CancelledCaller]);
    let mut rest = codes[4..].to_vec();
    rest.sort_by_key(|code| *code as i32);
    let mut expected = [Code::TimedOutQueue, Code::TimedOutExec];
    expected.sort_by_key(|code| *code as i32);
    assert_eq!(rest, expected);
}

async fn the_context_tells_of_its_job(world: World) {
    let provider = world.provider();
    let job = Job::with_context(|context| async move {
        let said = format!("{:?} {:?} {}", context.label(), context.tenant(), context.priority());
        Ok::<_, JobError>((context.id(), context.provider().to_owned(), context.attempt(), said))
    });
    let handle = submit(&provider, job.label("mine").tenant("them").priority(-2));
    let id = handle.id();
    let told = handle.await.completed().expect("it returns");
    assert_eq!(told, (id, "a".to_owned(), 1, "Some(\"mine\") Some(\"them\") -2".to_owned()));
}

async fn a_thread_waits_for_an_outcome(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let thread = std::thread::spawn(move || running.wait());
    world.settle_with(1).await;
    held.let_go();
    assert!(matches!(thread.join().expect("it ends"), Outcome::Completed(7)));
}

async fn a_thread_waits_no_longer_than_it_says(world: World) {
    let provider = world.provider();
    let (mut running, held) = occupy(&provider).await;
    let thread = std::thread::spawn(move || {
        let first = running.wait_timeout(SECOND).is_none();
        (first, running.wait_timeout(SECOND))
    });
    world.settle_with(1).await;
    world.pass(SECOND).await;
    world.settle_with(1).await;
    held.let_go();
    let (in_vain, outcome) = thread.join().expect("it ends");
    assert!(in_vain && matches!(outcome, Some(Outcome::Completed(7))));
}

async fn a_handle_moves_to_another_executor(world: World) {
    let provider = world.provider();
    let (mut running, held) = occupy(&provider).await;
    assert!(poll_once(&mut running).await.is_none(), "this task's waker is registered");
    let (polling, polled) = bounded(1);
    let thread = std::thread::spawn(move || {
        block_on(async move {
            assert!(poll_once(&mut running).await.is_none());
            polling.send(()).await.expect("the behaviour waits for it");
            running.await
        })
    });
    polled.recv().await.expect("it polls");
    held.let_go();
    assert!(matches!(thread.join().expect("it ends"), Outcome::Completed(7)));
}

async fn a_thread_waits_for_completions(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    let (job, held) = held();
    provider.submit_to(&queue, job).expect("there is room");
    held.started().await;
    let waiting = queue.clone();
    let thread = std::thread::spawn(move || {
        let in_vain = waiting.wait_timeout(1, 10, SECOND, |_| {});
        (in_vain, waiting.wait_timeout(1, 10, 10 * SECOND, |_| {}))
    });
    world.settle_with(1).await;
    world.pass(SECOND).await;
    world.settle_with(1).await;
    held.let_go();
    assert_eq!(thread.join().expect("it ends"), (0, 1));
}

//! Submissions that wait for space: in which order they enter, and who has the job meanwhile (S17).

use crate::world::{
    Held, Random, SECOND, World, everywhere, held, occupy, submit, value, with_threads, workers,
};
use bifrost::cancel::CancelToken;
use bifrost::code::Code;
use bifrost::config::{OverflowPolicy, ProviderConfig};
use bifrost::provider::{By, JobError};
use bifrost::stats::Count;
use bifrost::sync::Mutex;
use bifrost::{CompletionQueue, Job, JobHandle, Outcome, Provider};
use futures_lite::future::{block_on, poll_once};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

everywhere! {
    blocked_submissions_wait_while_outcomes_that_nobody_took_hold_every_record:
        [six_records()],
    a_thousand_blocked_submissions_enter_in_their_order: [patient()],
    a_newcomer_that_would_block_stands_behind: [patient()],
    the_next_enters_when_the_first_has_run_out_of_time: [patient()],
    the_next_enters_when_the_first_is_cancelled: [patient()],
    the_next_enters_when_the_first_is_dropped: [patient()],
    a_job_is_moved_in_before_its_submitter_looks: [patient()],
    a_submission_that_is_dropped_after_it_was_moved_in_cancels_its_job: [patient()],
    a_dead_head_makes_room_for_the_blocked_at_once: [patient()],
    one_job_that_starts_lets_one_submission_in: [workers(1).queue_capacity(1).overflow(BLOCK)],
    the_lanes_block_each_for_itself: [patient().blocking_workers(1, 1)],
    a_submission_whose_turn_comes_past_the_result_buffer_is_refused: [patient().result_buffer(1)],
}

with_threads! {
    blocked_threads_enter_in_their_order: [patient()],
    blocked_submissions_of_many_threads_have_one_outcome_each:
        [workers(2).queue_capacity(2).overflow(BLOCK)],
}

const BLOCK: OverflowPolicy = OverflowPolicy::Block(Duration::from_secs(600));

/// One worker, two places, and submissions that wait for long.
fn patient() -> ProviderConfig {
    workers(1).queue_capacity(2).overflow(BLOCK).queue_timeout(900 * SECOND)
}

/// One for each of two, one and one places in the lanes, the worker, and an unread outcome.
fn six_records() -> ProviderConfig {
    let config = patient().queue_capacity_high(1).queue_capacity_low(1);
    config.result_buffer(1).blocking_workers(0, 0)
}

/// Occupies the worker and fills the queue.
async fn fill(provider: &Provider) -> (Held, Vec<JobHandle<u64>>) {
    let (running, held) = occupy(provider).await;
    let mut handles = vec![running];
    let capacity = provider.config().queue_capacity as u64;
    handles.extend((0..capacity).map(|number| submit(provider, value(number))));
    (held, handles)
}

/// Jobs that note the order in which they run.
#[derive(Clone, Default)]
struct Order(Arc<Mutex<Vec<u64>>>);

impl Order {
    fn job(&self, number: u64) -> Job<u64> {
        let order = self.clone();
        Job::new(move |_| {
            order.0.lock().push(number);
            Ok::<_, JobError>(number)
        })
    }

    fn seen(&self) -> Vec<u64> {
        self.0.lock().clone()
    }
}

async fn a_thousand_blocked_submissions_enter_in_their_order(world: World) {
    const MANY: u64 = 1_000;
    let provider = world.provider();
    let (held, _handles) = fill(&provider).await;
    let order = Order::default();
    let mut blocked = Vec::new();
    for number in 0..MANY {
        let mut submission = Box::pin(provider.submit_async(order.job(number)));
        assert!(poll_once(&mut submission).await.is_none());
        blocked.push(submission);
    }
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.blocked(), ledger.submitted()), (MANY, MANY + 3));
    held.let_go();
    for (number, submission) in (0..).zip(blocked) {
        let handle = submission.await.expect("space came in time");
        assert_eq!(handle.await.completed(), Some(number));
    }
    assert_eq!(order.seen(), (0..MANY).collect::<Vec<_>>());
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.blocked(), ledger.rejected()), (0, 0));
}

async fn a_newcomer_that_would_block_stands_behind(world: World) {
    let provider = world.provider();
    let (held, _handles) = fill(&provider).await;
    let order = Order::default();
    let mut first = Box::pin(provider.submit_async(order.job(1)));
    assert!(poll_once(&mut first).await.is_none());
    let mut second = Box::pin(provider.submit_async(order.job(2)));
    assert!(poll_once(&mut second).await.is_none());
    // Looking often does not help.
    for _ in 0..10 {
        assert!(poll_once(&mut second).await.is_none());
    }
    held.let_go();
    let second = second.await.expect("space came in time");
    let first = first.await.expect("space came in time");
    assert_eq!((first.await.completed(), second.await.completed()), (Some(1), Some(2)));
    assert_eq!(order.seen(), [1, 2]);
}

async fn the_next_enters_when_the_first_has_run_out_of_time(world: World) {
    let provider = world.provider();
    let (held, _handles) = fill(&provider).await;
    let hasty = value(8).overflow(OverflowPolicy::Block(SECOND));
    let mut first = Box::pin(provider.submit_async(hasty));
    let mut second = Box::pin(provider.submit_async(value(9)));
    assert!(poll_once(&mut first).await.is_none() && poll_once(&mut second).await.is_none());
    world.pass(SECOND).await;
    // Nobody has looked after the first yet: it may still stand there.
    held.let_go();
    let handle = second.await.expect("space came in time");
    assert_eq!(handle.await.completed(), Some(9));
    match first.await {
        Ok(handle) => assert_eq!(handle.await.completed(), Some(8)),
        Err(rejected) => assert_eq!(rejected.reason, Code::QueueFull),
    }
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.blocked(), ledger.submitted()), (0, 5));
}

async fn the_next_enters_when_the_first_is_cancelled(world: World) {
    let provider = world.provider();
    let (held, _handles) = fill(&provider).await;
    let token = CancelToken::new();
    let mut first = Box::pin(provider.submit_async(value(8).cancel_token(&token)));
    let mut second = Box::pin(provider.submit_async(value(9)));
    assert!(poll_once(&mut first).await.is_none() && poll_once(&mut second).await.is_none());
    token.cancel();
    held.let_go();
    let handle = second.await.expect("space came in time");
    assert_eq!(handle.await.completed(), Some(9));
    let cancelled = first.await.expect("a cancelled job needs no space").await;
    assert!(matches!(cancelled, Outcome::Cancelled(By::Caller)), "{cancelled:?}");
}

async fn the_next_enters_when_the_first_is_dropped(world: World) {
    let provider = world.provider();
    let (held, _handles) = fill(&provider).await;
    let mut blocked: Vec<_> =
        (0..9).map(|number| Box::pin(provider.submit_async(value(number)))).collect();
    for submission in &mut blocked {
        assert!(poll_once(submission).await.is_none());
    }
    let last = blocked.pop().expect("there are nine");
    blocked.clear();
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.blocked(), ledger.get(Count::QueueFull)), (1, 8));
    held.let_go();
    let handle = last.await.expect("space came in time");
    assert_eq!(handle.await.completed(), Some(8));
}

async fn a_job_is_moved_in_before_its_submitter_looks(world: World) {
    let provider = world.provider();
    let (held, handles) = fill(&provider).await;
    let mut blocked = Box::pin(provider.submit_async(value(9)));
    assert!(poll_once(&mut blocked).await.is_none());
    held.let_go();
    for handle in handles {
        assert!(matches!(handle.await, Outcome::Completed(_)));
    }
    world.settle().await;
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.get(Count::Completed), ledger.blocked()), (4, 0));
    ledger.check_quiet(0, 0).expect("the ledger balances");
    let mut handle = poll_once(&mut blocked).await.expect("it is in").expect("it is accepted");
    assert_eq!(handle.try_take().and_then(Outcome::completed), Some(9));
}

async fn a_submission_that_is_dropped_after_it_was_moved_in_cancels_its_job(world: World) {
    let provider = world.provider();
    let (running, running_held) = occupy(&provider).await;
    let (next, next_held) = held();
    let waiting = [submit(&provider, next), submit(&provider, value(1))];
    let order = Order::default();
    let mut blocked = Box::pin(provider.submit_async(order.job(9)));
    assert!(poll_once(&mut blocked).await.is_none());
    running_held.let_go();
    next_held.started().await;
    world.settle().await;
    let snapshot = provider.snapshot();
    assert_eq!((snapshot.ledger.blocked(), snapshot.queue.depth), (0, 2), "it was moved in");
    drop(blocked);
    assert_eq!(provider.snapshot().ledger.get(Count::CancelledCaller), 1);
    next_held.let_go();
    for handle in waiting.into_iter().chain([running]) {
        assert!(matches!(handle.await, Outcome::Completed(_)));
    }
    world.settle().await;
    assert_eq!(order.seen(), [0; 0]);
}

async fn a_dead_head_makes_room_for_the_blocked_at_once(world: World) {
    let provider = world.provider();
    let (_held, handles) = fill(&provider).await;
    let start = world.now();
    let mut blocked = Box::pin(provider.submit_async(value(9)));
    assert!(poll_once(&mut blocked).await.is_none());
    assert!(handles[1].cancel());
    let handle = poll_once(&mut blocked).await.expect("it is in").expect("it is accepted");
    assert_eq!(world.now(), start);
    assert!(handle.cancel());
}

async fn one_job_that_starts_lets_one_submission_in(world: World) {
    let provider = world.provider();
    let mut holds = Vec::new();
    let (mut blocked, mut waits) = (Vec::new(), Vec::new());
    let (_running, first) = occupy(&provider).await;
    holds.push(first);
    for _ in 0..5 {
        let (job, held) = held();
        let mut submission = Box::pin(provider.submit_async(job));
        let handle = poll_once(&mut submission).await;
        waits.push(handle.is_none());
        holds.push(held);
        blocked.push((submission, handle));
    }
    // The first takes the place in the queue, the others wait.
    assert_eq!(waits, [false, true, true, true, true]);
    for left in (0..4).rev() {
        holds.remove(0).let_go();
        holds[0].started().await;
        assert_eq!(provider.snapshot().ledger.blocked(), left);
    }
    holds.iter().for_each(Held::let_go);
}

async fn the_lanes_block_each_for_itself(world: World) {
    let provider = world.provider();
    let (held, _handles) = fill(&provider).await;
    let mut blocked = Box::pin(provider.submit_async(value(9)));
    assert!(poll_once(&mut blocked).await.is_none());
    let other = Job::blocking(|_| Ok::<u64, JobError>(3));
    let handle = provider.submit_async(other).await.expect("its own lane has space");
    assert_eq!(handle.await.completed(), Some(3));
    assert!(poll_once(&mut blocked).await.is_none());
    held.let_go();
    assert!(blocked.await.is_ok());
}

async fn a_submission_whose_turn_comes_past_the_result_buffer_is_refused(world: World) {
    let provider = world.provider();
    let queue = CompletionQueue::new(&world.clock);
    let (job, held) = held();
    provider.submit_to(&queue, job).expect("nothing is unread");
    held.started().await;
    let _waiting = [submit(&provider, value(1)), submit(&provider, value(2))];
    let mut blocked = Box::pin(provider.submit_async(value(9)));
    assert!(poll_once(&mut blocked).await.is_none());
    held.let_go();
    let rejected = blocked.await.map(drop).expect_err("an outcome is unread");
    assert_eq!((rejected.reason, rejected.limit), (Code::LimitReached, "result_buffer"));
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.blocked(), ledger.rejected()), (0, 1));
}

async fn blocked_threads_enter_in_their_order(world: World) {
    const MANY: u64 = 24;
    let provider = world.provider();
    let (held, _handles) = fill(&provider).await;
    let order = Order::default();
    let mut threads = Vec::new();
    for number in 0..MANY {
        let (submitter, job) = (provider.clone(), order.job(number));
        let (stands, standing) = smol::channel::bounded(1);
        threads.push(std::thread::spawn(move || {
            // What `submit_blocking` does, with a word when the submission stands in the line.
            let mut submission = pin!(submitter.submit_async(job));
            let first = block_on(poll_once(submission.as_mut()));
            assert!(first.is_none(), "there is no space");
            stands.send_blocking(()).expect("the test waits");
            block_on(submission).expect("space came in time").wait().completed()
        }));
        standing.recv().await.expect("the thread stands in the line");
    }
    held.let_go();
    for (number, thread) in (0..).zip(threads) {
        assert_eq!(thread.join().expect("the thread ends"), Some(number));
    }
    assert_eq!(order.seen(), (0..MANY).collect::<Vec<_>>());
}

/// What threads do with their submissions, and what came of it by their own count.
#[derive(Default)]
struct Tally {
    accepted: u64,
    given_up: u64,
    completed: u64,
}

async fn blocked_submissions_of_many_threads_have_one_outcome_each(world: World) {
    const THREADS: u64 = 6;
    const EACH: u64 = 300;
    let provider = world.provider();
    let submit = |seed| {
        let mut random = Random::new(seed);
        let mut tally = Tally::default();
        for number in 0..EACH {
            let mut submission = Box::pin(provider.submit_async(value(number)));
            let handle = match block_on(poll_once(&mut submission)) {
                Some(handle) => handle,
                None if random.below(3) == 0 => {
                    drop(submission);
                    tally.given_up += 1;
                    continue;
                }
                None => block_on(submission),
            };
            tally.accepted += 1;
            let outcome = handle.expect("nobody shuts down").wait();
            tally.completed += u64::from(outcome.completed() == Some(number));
            provider.snapshot().ledger.check_order().expect("in order at any time");
        }
        tally
    };
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|seed| scope.spawn(move || submit(seed))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
    });
    world.settle().await;
    let sum = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
    let ledger = provider.snapshot().ledger;
    ledger.check_quiet(0, 0).expect("the ledger balances");
    assert_eq!(ledger.submitted(), THREADS * EACH);
    assert_eq!(sum(|tally| tally.completed), sum(|tally| tally.accepted));
    // One that was given up is refused, or, when it was in already, ended as cancelled if it had not ended.
    let cancelled = ledger.get(Count::CancelledCaller);
    let unseen = ledger.get(Count::Completed) - sum(|tally| tally.completed);
    assert_eq!(ledger.rejected() + cancelled + unseen, sum(|tally| tally.given_up));
}

async fn blocked_submissions_wait_while_outcomes_that_nobody_took_hold_every_record(world: World) {
    let provider = world.provider();
    assert_eq!(provider.snapshot().records.capacity, 6);
    let (held, mut handles) = fill(&provider).await;
    let start = world.now();
    let mut blocked: Vec<_> =
        (0..8).map(|number| Box::pin(provider.submit_async(value(number)))).collect();
    for submission in &mut blocked {
        assert!(poll_once(submission).await.is_none());
    }
    held.let_go();
    world.settle().await;
    // Six jobs have ended, each with its record: the first three of the blocked are among them.
    let snapshot = provider.snapshot();
    assert_eq!((snapshot.ledger.blocked(), snapshot.ledger.get(Count::Completed)), (5, 6));
    assert_eq!((snapshot.records.free, snapshot.queue.depth), (0, 0));
    drop(handles.remove(0));
    world.settle().await;
    assert_eq!(provider.snapshot().ledger.blocked(), 4, "a record that goes back lets one in");
    for (number, submission) in (0..).zip(blocked) {
        let handle = submission.await.expect("there is space");
        assert_eq!(handle.await.completed(), Some(number));
    }
    assert!(world.now() < start + SECOND);
}

//! Tenants: a limit on their jobs, waiting and running, and lanes of their own with a weight (S21).

use crate::world::{
    Random, SECOND, World, everywhere, held, occupy, stuck, submit, unguarded, value, with_threads,
    workers,
};
use bifrost::cancel::CancelToken;
use bifrost::code::Code;
use bifrost::config::{OverflowPolicy, ProviderConfig, TenantConfig};
use bifrost::provider::{JobError, Reason};
use bifrost::{Job, JobHandle, Outcome, Provider};
use futures_lite::future::poll_once;
use smol::channel::{Receiver, Sender, unbounded};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

everywhere! {
    a_tenant_has_no_more_jobs_than_its_limit: [limited(3)],
    the_limit_is_one_of_the_tenant_alone: [limited(1)],
    a_job_that_waits_gives_its_place_back_when_it_is_cancelled: [limited(2)],
    a_job_that_waits_too_long_gives_its_place_back: [limited(2).queue_timeout(SECOND)],
    every_outcome_gives_the_place_back: [limited(1).timeout(SECOND)],
    a_refused_push_gives_the_place_back: [limited(5).queue_capacity(1)],
    a_dropped_job_gives_its_place_back: [limited(3).queue_capacity(1)],
    a_job_without_a_record_gives_its_place_back: [
        limited(9).queue_capacity(1).result_buffer(1).blocking_workers(0, 0)
    ],
    a_shutdown_gives_every_place_back: [limited(9)],
    a_submission_that_waits_for_space_has_no_place: [blocking(2)],
    a_submission_whose_tenant_has_enough_by_then_is_refused: [
        blocking(1).workers(2, 2)
    ],
    a_submission_that_gives_up_has_nothing_to_give_back: [blocking(9)],
    tenants_with_weights_share_by_them: [weighted()],
    a_tenants_jobs_keep_their_order_whatever_their_priority: [weighted()],
    a_flood_of_one_tenant_delays_no_other: [weighted()],
    a_tenants_lane_has_a_capacity_of_its_own: [weighted()],
    a_tenant_that_nobody_named_waits_with_the_others: [weighted()],
    sixty_one_tenants_have_a_lane_each: [sixty_one()],
}

with_threads! {
    a_stuck_job_keeps_its_place_until_it_lets_go: [
        limited(1).blocking_workers(2, 2).timeout(SECOND)
    ],
    the_limit_is_exact_for_eight_threads: [limited(50).workers(2, 2)],
    whatever_becomes_of_them_eight_threads_jobs_give_back_what_they_took: [
        unguarded(limited(6).workers(3, 3).queue_capacity(4))
    ],
}

fn limited(most: usize) -> ProviderConfig {
    workers(1).tenant(TenantConfig::new("t").max_in_flight(most))
}

/// One place in the queue, and submissions that wait for long.
fn blocking(most: usize) -> ProviderConfig {
    let config = limited(most).queue_capacity(1).queue_timeout(900 * SECOND);
    config.overflow(OverflowPolicy::Block(600 * SECOND))
}

/// Three tenants with 12, 6 and 2 turns where high, normal and low jobs have 8, 4 and 1.
fn weighted() -> ProviderConfig {
    let tenant = |name: &str, weight| TenantConfig::new(name).weight(weight);
    let config = workers(1).tenant(tenant("a", 12)).tenant(tenant("b", 6).queue_capacity(300));
    config.tenant(tenant("c", 2).queue_capacity(3))
}

fn sixty_one() -> ProviderConfig {
    let tenants = (0..61).map(|number| TenantConfig::new(format!("t{number}")).weight(number + 1));
    tenants.fold(workers(1).queue_capacity(8), ProviderConfig::tenant)
}

fn of_t(number: u64) -> Job<u64> {
    value(number).tenant("t")
}

fn in_flight(provider: &Provider) -> u64 {
    provider.snapshot().tenants[0].in_flight
}

fn assert_over_limit<T: Send + 'static>(provider: &Provider, job: Job<T>, most: u64) {
    let refused = provider.submit(job).map(drop).expect_err("the tenant has enough");
    let met = (refused.reason, refused.limit, refused.value);
    assert_eq!(met, (Code::LimitReached, "tenants.max_in_flight", most));
}

async fn a_tenant_has_no_more_jobs_than_its_limit(world: World) {
    let provider = world.provider();
    let (job, held) = held();
    let running = submit(&provider, job.tenant("t"));
    held.started().await;
    let mut waiting: Vec<_> = (0..2).map(|number| submit(&provider, of_t(number))).collect();
    assert_over_limit(&provider, of_t(9), 3);
    assert_over_limit(&provider, of_t(9).priority(1), 3);
    assert!(provider.submit_async(of_t(9)).await.is_err(), "nobody waits for a tenant's limit");
    assert_eq!(in_flight(&provider), 3);
    held.let_go();
    assert!(matches!(running.await, Outcome::Completed(7)));
    // Whoever sees the outcome finds the place free.
    waiting.push(submit(&provider, of_t(2)));
    for (number, handle) in waiting.into_iter().enumerate() {
        assert!(matches!(handle.await, Outcome::Completed(value) if value == number as u64));
    }
    assert_eq!(in_flight(&provider), 0);
    let count = bifrost::stats::Count::rejected(Code::LimitReached).expect("it is a rejection");
    assert_eq!(provider.snapshot().ledger.get(count), 3);
}

async fn the_limit_is_one_of_the_tenant_alone(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let mine = submit(&provider, of_t(1));
    assert_over_limit(&provider, of_t(2), 1);
    let others = [submit(&provider, value(3)), submit(&provider, value(4).tenant("u"))];
    held.let_go();
    for handle in [running, mine].into_iter().chain(others) {
        assert!(matches!(handle.await, Outcome::Completed(_)));
    }
}

async fn a_job_that_waits_gives_its_place_back_when_it_is_cancelled(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let token = CancelToken::new();
    let by_handle = submit(&provider, of_t(1));
    let by_token = submit(&provider, of_t(2).cancel_token(&token));
    assert_over_limit(&provider, of_t(3), 2);
    assert!(by_handle.cancel());
    assert_eq!(in_flight(&provider), 1, "at once, though the dead job keeps its slot");
    assert!(!by_handle.cancel());
    token.cancel();
    assert_eq!(in_flight(&provider), 0);
    // Cancelled before it came to the queue.
    assert!(matches!(submit(&provider, of_t(4).cancel_token(&token)).await, Outcome::Cancelled(_)));
    assert_eq!(in_flight(&provider), 0);
    held.let_go();
    assert!(matches!(running.await, Outcome::Completed(_)));
    for handle in [by_handle, by_token] {
        assert!(matches!(handle.await, Outcome::Cancelled(_)));
    }
    world.settle().await;
    assert_eq!(in_flight(&provider), 0, "taking the dead out gives nothing back again");
}

async fn a_job_that_waits_too_long_gives_its_place_back(world: World) {
    let provider = world.provider();
    let (_running, _held) = occupy(&provider).await;
    let late = [submit(&provider, of_t(1)), submit(&provider, of_t(2))];
    world.settle().await;
    world.pass(2 * SECOND).await;
    for handle in late {
        assert!(matches!(handle.await, Outcome::TimedOut(_)));
    }
    assert_eq!(in_flight(&provider), 0);
}

async fn every_outcome_gives_the_place_back(world: World) {
    let provider = world.provider();
    let panics = Job::<u64>::new(|_| -> Result<u64, JobError> { panic!("on purpose") });
    let fails = Job::<u64>::new(|_| Err(JobError::new("no")));
    for job in [value(1), fails, panics] {
        let outcome = submit(&provider, job.tenant("t")).await;
        assert_eq!(in_flight(&provider), 0, "after {outcome:?}");
    }
    let (job, held) = held();
    let cancelled = submit(&provider, job.tenant("t"));
    held.started().await;
    assert!(cancelled.cancel());
    assert!(matches!(cancelled.await, Outcome::Cancelled(_)));
    // Its worker drops the future, and the place with it.
    world.until(|| in_flight(&provider) == 0).await;
    let (job, held) = crate::world::held();
    let late = submit(&provider, job.tenant("t"));
    held.started().await;
    world.settle().await;
    world.pass(2 * SECOND).await;
    assert!(matches!(late.await, Outcome::TimedOut(_)));
    world.until(|| in_flight(&provider) == 0).await;
    assert!(matches!(submit(&provider, of_t(5)).await, Outcome::Completed(5)));
}

async fn a_refused_push_gives_the_place_back(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let waiting = submit(&provider, of_t(1));
    for _ in 0..10 {
        let refused = provider.submit(of_t(2)).map(drop).expect_err("the queue is full");
        assert_eq!(refused.reason, Code::QueueFull);
        assert_eq!(in_flight(&provider), 1);
    }
    held.let_go();
    assert!(matches!(running.await, Outcome::Completed(_)));
    assert!(matches!(waiting.await, Outcome::Completed(_)));
    assert_eq!(in_flight(&provider), 0);
}

async fn a_dropped_job_gives_its_place_back(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let oldest = submit(&provider, of_t(1));
    let newest = submit(&provider, of_t(2).overflow(OverflowPolicy::DropNewest));
    assert!(matches!(newest.await, Outcome::Dropped(Reason::Overflow)));
    assert_eq!(in_flight(&provider), 1);
    let newest = submit(&provider, of_t(3).overflow(OverflowPolicy::DropOldest));
    assert!(matches!(oldest.await, Outcome::Dropped(Reason::Overflow)));
    assert_eq!(in_flight(&provider), 1);
    held.let_go();
    assert!(matches!(running.await, Outcome::Completed(_)));
    assert!(matches!(newest.await, Outcome::Completed(3)));
    assert_eq!(in_flight(&provider), 0);
}

async fn a_job_without_a_record_gives_its_place_back(world: World) {
    let provider = world.provider();
    let mut unread = Vec::new();
    let refused = loop {
        match provider.submit(value(1)) {
            Ok(handle) => unread.push(handle),
            Err(refused) => break refused,
        }
        world.settle().await;
    };
    assert_eq!(refused.limit, "records");
    let refused = provider.submit(of_t(1)).map(drop).expect_err("there is no record");
    assert_eq!(refused.limit, "records");
    assert_eq!(in_flight(&provider), 0);
}

async fn a_shutdown_gives_every_place_back(world: World) {
    let provider = world.provider();
    let (job, held) = held();
    let mut handles = vec![submit(&provider, job.tenant("t"))];
    held.started().await;
    handles.extend((0..5).map(|number| submit(&provider, of_t(number))));
    let mut ending = Box::pin(provider.shutdown(bifrost::ShutdownMode::Cancel, SECOND));
    assert!(poll_once(&mut ending).await.is_none());
    assert_eq!(in_flight(&provider), 1, "those that waited have ended");
    held.let_go();
    let report = ending.await.expect("the behaviour is not a job");
    assert_eq!(report.cancelled, 5);
    assert_eq!(in_flight(&provider), 0);
    let refused = provider.submit(of_t(1)).map(drop).expect_err("the door is shut");
    assert_eq!((refused.reason, in_flight(&provider)), (Code::ShuttingDown, 0));
}

async fn a_submission_that_waits_for_space_has_no_place(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let waiting = submit(&provider, value(1));
    let mut blocked: Vec<_> =
        (2..6).map(|number| Box::pin(provider.submit_async(of_t(number)))).collect();
    for submission in &mut blocked {
        assert!(poll_once(submission).await.is_none());
    }
    assert_eq!((in_flight(&provider), provider.snapshot().ledger.blocked()), (0, 4));
    let other_lane = submit(&provider, of_t(6).priority(1));
    assert_eq!(in_flight(&provider), 1);
    held.let_go();
    for handle in [running, waiting, other_lane] {
        assert!(matches!(handle.await, Outcome::Completed(_)));
    }
    // One waits in the queue while the one before it runs.
    for (number, submission) in (2..6).zip(blocked) {
        let outcome = submission.await.expect("there is space, and a place").await;
        assert!(matches!(outcome, Outcome::Completed(value) if value == number), "{outcome:?}");
    }
    assert_eq!(in_flight(&provider), 0);
}

async fn a_submission_whose_tenant_has_enough_by_then_is_refused(world: World) {
    let provider = world.provider();
    let (running, held_first) = occupy(&provider).await;
    let (running_too, held_second) = occupy(&provider).await;
    let waiting = submit(&provider, value(1));
    let mut blocked = Box::pin(provider.submit_async(of_t(2)));
    assert!(poll_once(&mut blocked).await.is_none());
    let mut patient = Box::pin(provider.submit_async(value(3)));
    assert!(poll_once(&mut patient).await.is_none());
    let (job, held) = held();
    let of_another_lane = submit(&provider, job.tenant("t").priority(1));
    held_first.let_go();
    held.started().await;
    held_second.let_go();
    let refused = blocked.await.map(drop).expect_err("the tenant has enough");
    let met = (refused.reason, refused.limit, refused.value);
    assert_eq!(met, (Code::LimitReached, "tenants.max_in_flight", 1));
    let last = patient.await.expect("the space is the next one's");
    held.let_go();
    all_complete(vec![running, running_too, waiting, of_another_lane, last]).await;
    assert_eq!(in_flight(&provider), 0);
    assert!(matches!(submit(&provider, of_t(4)).await, Outcome::Completed(4)));
}

async fn a_submission_that_gives_up_has_nothing_to_give_back(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let waiting = submit(&provider, of_t(1));
    let token = CancelToken::new();
    let mut dropped = Box::pin(provider.submit_async(of_t(2)));
    let mut cancelled = Box::pin(provider.submit_async(of_t(3).cancel_token(&token)));
    let brief = of_t(4).overflow(OverflowPolicy::Block(SECOND));
    let mut late = Box::pin(provider.submit_async(brief));
    for submission in [&mut dropped, &mut cancelled, &mut late] {
        assert!(poll_once(submission).await.is_none());
    }
    drop(dropped);
    token.cancel();
    let cancelled = cancelled.await.expect("a cancelled job needs no space");
    assert!(matches!(cancelled.await, Outcome::Cancelled(_)));
    world.settle().await;
    world.pass(2 * SECOND).await;
    let refused = late.await.map(drop).expect_err("there was no space");
    assert_eq!((refused.limit, in_flight(&provider)), ("queue_capacity", 1));
    held.let_go();
    all_complete(vec![running, waiting]).await;
    assert_eq!(in_flight(&provider), 0);
}

/// What ran, in the order of the starts.
#[derive(Clone)]
struct Log {
    started: Sender<(&'static str, u32)>,
    all: Receiver<(&'static str, u32)>,
}

impl Log {
    fn new() -> Self {
        let (started, all) = unbounded();
        Self { started, all }
    }

    fn note(&self, started: (&'static str, u32)) {
        self.started.try_send(started).expect("nobody closes it");
    }

    fn job(&self, tenant: &'static str, number: u32) -> Job<u64> {
        let log = self.clone();
        let job = Job::new(move |_| {
            log.note((tenant, number));
            Ok::<_, JobError>(0)
        });
        if tenant.is_empty() { job } else { job.tenant(tenant) }
    }

    fn take(&self) -> Vec<(&'static str, u32)> {
        std::iter::from_fn(|| self.all.try_recv().ok()).collect()
    }
}

async fn all_complete(handles: Vec<JobHandle<u64>>) {
    for handle in handles {
        assert!(matches!(handle.await, Outcome::Completed(_)));
    }
}

async fn tenants_with_weights_share_by_them(world: World) {
    let (provider, log) = (world.provider(), Log::new());
    let (running, held) = occupy(&provider).await;
    let mut handles = vec![running];
    for number in 0..120 {
        handles.push(submit(&provider, log.job("", number)));
        handles.push(submit(&provider, log.job("a", number)));
        handles.push(submit(&provider, log.job("b", number)));
    }
    held.let_go();
    all_complete(handles).await;
    let started = log.take();
    let mut counts = [0_u32; 3];
    for (turn, (tenant, _)) in started.iter().enumerate().take(200) {
        counts[["a", "b", ""].iter().position(|name| name == tenant).expect("one of them")] += 1;
        for (count, weight) in counts.iter().zip([12, 6, 4]) {
            let share = f64::from(weight) * (turn + 1) as f64 / 22.0;
            assert!((f64::from(*count) - share).abs() < 1.0, "{counts:?} after {turn}");
        }
    }
    let lanes = provider.snapshot().lanes;
    let named: Vec<_> = lanes.iter().map(|lane| (lane.name.as_str(), lane.weight)).collect();
    let expected = [("high", 8), ("normal", 4), ("low", 1), ("tenant:a", 12), ("tenant:b", 6)];
    assert_eq!(named[..5], expected);
}

async fn a_tenants_jobs_keep_their_order_whatever_their_priority(world: World) {
    let (provider, log) = (world.provider(), Log::new());
    let (running, held) = occupy(&provider).await;
    let mut handles = vec![running];
    for (number, priority) in [0, -5, 3, 0, 1].into_iter().enumerate() {
        handles.push(submit(&provider, log.job("a", number as u32).priority(priority)));
    }
    held.let_go();
    all_complete(handles).await;
    assert!(log.take().into_iter().map(|(_, number)| number).eq(0..5));
}

async fn a_flood_of_one_tenant_delays_no_other(world: World) {
    let (provider, log) = (world.provider(), Log::new());
    let (running, held) = occupy(&provider).await;
    let mut handles = vec![running];
    for number in 0..300 {
        handles.push(submit(&provider, log.job("b", number)));
    }
    handles.push(submit(&provider, log.job("c", 0)));
    handles.push(submit(&provider, log.job("", 0)));
    held.let_go();
    all_complete(handles).await;
    let started = log.take();
    let place = |tenant| started.iter().position(|(name, _)| *name == tenant).expect("it ran");
    assert!(place("") <= 2, "{}: 4 turns against 6", place(""));
    assert!(place("c") <= 4, "{}: 2 turns against 6", place("c"));
}

async fn a_tenants_lane_has_a_capacity_of_its_own(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let mut handles = vec![running];
    handles.extend((0..3).map(|number| submit(&provider, value(number).tenant("c"))));
    let refused = provider.submit(value(3).tenant("c")).map(drop).expect_err("its lane is full");
    let met = (refused.reason, refused.limit, refused.value);
    assert_eq!(met, (Code::QueueFull, "tenants.queue_capacity", 3));
    let lanes = provider.snapshot().lanes;
    assert_eq!((lanes[5].slots, lanes[5].capacity), (3, 6), "of async and of blocking jobs");
    handles.push(submit(&provider, value(4).tenant("a")));
    held.let_go();
    all_complete(handles).await;
}

async fn a_tenant_that_nobody_named_waits_with_the_others(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let mut handles = vec![running, submit(&provider, value(1).tenant("stranger"))];
    assert_eq!(provider.snapshot().lanes[1].slots, 1);
    handles.push(submit(&provider, value(1).tenant("stranger").priority(-1)));
    assert_eq!(provider.snapshot().lanes[2].slots, 1);
    held.let_go();
    all_complete(handles).await;
}

async fn sixty_one_tenants_have_a_lane_each(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let mut handles = vec![running];
    let log = Log::new();
    for number in 0..61 {
        let job = log.job("", number);
        handles.push(submit(&provider, job.tenant(format!("t{number}"))));
    }
    assert_eq!(provider.snapshot().lanes.iter().filter(|lane| lane.slots == 1).count(), 61);
    held.let_go();
    all_complete(handles).await;
    let ran: Vec<_> = log.take().into_iter().map(|(_, number)| number).collect();
    assert!(ran.iter().rev().copied().eq(0..61), "{ran:?}: by weight");
}

async fn a_stuck_job_keeps_its_place_until_it_lets_go(world: World) {
    let provider = world.provider();
    let (job, held) = stuck();
    let stuck = submit(&provider, job.tenant("t"));
    held.started().await;
    world.settle_with(0).await;
    world.pass(2 * SECOND).await;
    assert!(matches!(stuck.await, Outcome::TimedOut(_)));
    assert_over_limit(&provider, of_t(1), 1);
    held.let_go();
    world.until(|| in_flight(&provider) == 0).await;
    assert!(matches!(submit(&provider, of_t(1)).await, Outcome::Completed(1)));
}

async fn the_limit_is_exact_for_eight_threads(world: World) {
    let provider = world.provider();
    let occupied = [occupy(&provider).await, occupy(&provider).await];
    let accepted: Vec<_> = std::thread::scope(|scope| {
        let submitter = |_| {
            let provider = provider.clone();
            scope.spawn(move || {
                (0..40).filter_map(|number| provider.submit(of_t(number)).ok()).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..8).map(submitter).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!((accepted.len(), in_flight(&provider)), (50, 50));
    for (handle, held) in occupied {
        held.let_go();
        assert!(matches!(handle.await, Outcome::Completed(_)));
    }
    all_complete(accepted).await;
    assert_eq!(in_flight(&provider), 0);
}

/// One job of the tenant, with some end or other.
fn any_job(random: &mut Random) -> Job<u64> {
    let job = match random.below(5) {
        0 => Job::new(|_| Err(JobError::new("no"))),
        1 => Job::new(|_| -> Result<u64, JobError> { panic!("on purpose") }),
        2 => Job::future(async {
            futures_lite::future::yield_now().await;
            Ok::<_, JobError>(2)
        }),
        _ => value(3),
    };
    let overflow = match random.below(3) {
        0 => OverflowPolicy::DropNewest,
        1 => OverflowPolicy::DropOldest,
        _ => OverflowPolicy::Error,
    };
    let timeout = if random.below(8) == 0 { Duration::ZERO } else { SECOND };
    let job = job.tenant("t").overflow(overflow).queue_timeout(timeout);
    job.priority(random.below(3) as i8 - 1)
}

async fn whatever_becomes_of_them_eight_threads_jobs_give_back_what_they_took(world: World) {
    let provider = world.provider();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let submitter = |seed| {
            let provider = provider.clone();
            scope.spawn(move || {
                let mut random = Random::new(seed);
                for _ in 0..500 {
                    let Ok(handle) = provider.submit(any_job(&mut random)) else { continue };
                    match random.below(3) {
                        0 => drop(handle),
                        1 => drop(handle.cancel()),
                        _ => drop(handle.wait()),
                    }
                }
            })
        };
        let threads: Vec<_> = (0..8).map(submitter).collect();
        let watching = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                assert!(in_flight(&provider) <= 6, "the tenant has more than its limit");
                std::thread::yield_now();
            }
        });
        let ended: Vec<_> = threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::Relaxed);
        watching.join().expect("never above the limit");
        assert!(ended.into_iter().all(|end| end.is_ok()));
    });
    world.until(|| in_flight(&provider) == 0).await;
    world.settle().await;
    assert_eq!(in_flight(&provider), 0, "and nothing was given back twice");
    assert_eq!(provider.snapshot().ledger.queued(), 0);
}

//! Priorities: a lane each, served 8:4:1, first in, first out within a lane (S21).

use crate::world::{
    Random, SECOND, World, everywhere, held, occupy, stuck, submit, value, with_threads, workers,
};
use bifrost::code::Code;
use bifrost::config::{OverflowPolicy, ProviderConfig};
use bifrost::provider::{JobError, Reason};
use bifrost::{Job, JobHandle, Outcome, Provider};
use futures_lite::future::poll_once;
use smol::channel::{Receiver, Sender, bounded, unbounded};

everywhere! {
    under_saturation_the_lanes_are_served_8_to_4_to_1: [workers(1)],
    several_workers_keep_the_shares_too: [workers(3)],
    a_high_job_overtakes_queued_low_ones: [workers(1)],
    low_jobs_do_not_starve: [workers(1)],
    low_jobs_are_shed_first: [workers(1).queue_capacity(20)],
    within_a_lane_jobs_start_in_order: [workers(1)],
    every_lane_has_a_capacity_of_its_own: [
        workers(1).queue_capacity(2).queue_capacity_high(1).queue_capacity_low(3)
    ],
    drop_oldest_takes_the_oldest_of_the_same_lane: [
        workers(1).queue_capacity(1).overflow(OverflowPolicy::DropOldest)
    ],
    space_in_one_lane_is_not_for_those_blocked_at_another: [blocking_policy()],
    an_idle_worker_is_woken_for_any_lane: [workers(1)],
    dead_heads_of_every_lane_are_reaped: [workers(1).queue_capacity(1)],
    a_shutdown_finishes_the_jobs_of_every_lane: [workers(1)],
    there_is_a_record_for_every_place_of_every_lane: [
        workers(2).queue_capacity(3).queue_capacity_high(5).queue_capacity_low(7).result_buffer(11)
    ],
}

with_threads! {
    blocking_jobs_have_the_same_lanes: [workers(1).blocking_workers(1, 1)],
}

fn blocking_policy() -> ProviderConfig {
    workers(1).queue_capacity(1).overflow(OverflowPolicy::Block(3 * SECOND))
}

/// What ran, in the order of the starts.
#[derive(Clone)]
struct Log {
    started: Sender<(i8, u32)>,
    all: Receiver<(i8, u32)>,
}

impl Log {
    fn new() -> Self {
        let (started, all) = unbounded();
        Self { started, all }
    }

    fn note(&self, started: (i8, u32)) {
        self.started.try_send(started).expect("nobody closes it");
    }

    fn job(&self, priority: i8, number: u32) -> Job<u64> {
        let log = self.clone();
        let job = Job::new(move |context| {
            assert_eq!(context.priority(), priority);
            log.note((priority, number));
            Ok::<_, JobError>(0)
        });
        job.priority(priority)
    }

    fn take(&self) -> Vec<(i8, u32)> {
        std::iter::from_fn(|| self.all.try_recv().ok()).collect()
    }
}

async fn all_complete(handles: Vec<JobHandle<u64>>) {
    for handle in handles {
        assert!(matches!(handle.await, Outcome::Completed(_)));
    }
}

/// The furthest that a lane was from its share while every lane had jobs: its turns are 8, 4 and 1 of 13.
fn worst(started: &[(i8, u32)], jobs_a_lane: u32) -> f64 {
    let (mut worst, mut counts) = (0.0_f64, [0_u32; 3]);
    for (turn, (priority, _)) in started.iter().enumerate() {
        counts[(1 - priority) as usize] += 1;
        for (count, weight) in counts.iter().zip([8, 4, 1]) {
            let share = f64::from(weight) * (turn + 1) as f64 / 13.0;
            worst = worst.max((f64::from(*count) - share).abs());
        }
        if counts.contains(&jobs_a_lane) {
            break;
        }
    }
    assert!(counts[0] > jobs_a_lane / 2, "{counts:?}: the lanes were busy together for long");
    worst
}

async fn saturate(provider: &Provider, workers: usize) -> Vec<(i8, u32)> {
    let log = Log::new();
    let mut occupied = Vec::new();
    for _ in 0..workers {
        occupied.push(occupy(provider).await);
    }
    // The lanes are filled in an order that has nothing to do with that of the turns.
    let mut random = Random::new(5);
    let mut left = [(1, 0..104), (0, 0..104), (-1, 0..104)];
    let mut handles = Vec::new();
    while left.iter().any(|(_, numbers)| !numbers.is_empty()) {
        let (priority, numbers) = &mut left[random.below(3) as usize];
        if let Some(number) = numbers.next() {
            handles.push(submit(provider, log.job(*priority, number)));
        }
    }
    for (handle, held) in occupied {
        held.let_go();
        handles.push(handle);
    }
    all_complete(handles).await;
    log.take()
}

async fn under_saturation_the_lanes_are_served_8_to_4_to_1(world: World) {
    let started = saturate(&world.provider(), 1).await;
    let worst = worst(&started, 104);
    assert!(worst < 1.0, "a lane was {worst} jobs from its share");
}

async fn several_workers_keep_the_shares_too(world: World) {
    let started = saturate(&world.provider(), 3).await;
    // Each worker is within one job, and two may be between the start and the log.
    let worst = worst(&started, 104);
    assert!(worst < 3.0 * 1.0 + 2.0, "a lane was {worst} jobs from its share");
}

async fn a_high_job_overtakes_queued_low_ones(world: World) {
    let (provider, log) = (world.provider(), Log::new());
    let (running, held) = occupy(&provider).await;
    let mut handles = vec![running];
    for number in 0..20 {
        handles.push(submit(&provider, log.job(-1, number)));
    }
    handles.push(submit(&provider, log.job(1, 0)));
    held.let_go();
    all_complete(handles).await;
    assert_eq!(log.take()[..2], [(1, 0), (-1, 0)]);
}

async fn low_jobs_do_not_starve(world: World) {
    let (provider, log) = (world.provider(), Log::new());
    let (running, held) = occupy(&provider).await;
    let mut handles = vec![running];
    for number in 0..100 {
        handles.push(submit(&provider, log.job(1, number)));
    }
    handles.push(submit(&provider, log.job(-1, 0)));
    held.let_go();
    all_complete(handles).await;
    let low = log.take().iter().position(|(priority, _)| *priority == -1);
    assert!(low.is_some_and(|place| place < 9), "{low:?}: 1 of 9 against the high lane alone");
}

async fn low_jobs_are_shed_first(world: World) {
    let provider = world.provider();
    let (mut refused, mut handles) = ([0; 3], Vec::new());
    let ((turn, turns), (ending, ended)) = (bounded(1), bounded(1));
    // Three jobs come while one ends.
    for _ in 0..60 {
        for (lane, priority) in [1, 0, -1].into_iter().enumerate() {
            let (turns, ending) = (turns.clone(), ending.clone());
            let job = Job::future(async move {
                turns.recv().await?;
                ending.send(()).await?;
                Ok::<_, JobError>(0)
            });
            match provider.submit(job.priority(priority)) {
                Ok(handle) => handles.push(handle),
                Err(_) => refused[lane] += 1,
            }
        }
        turn.send(()).await.expect("the jobs wait for it");
        ended.recv().await.expect("one of them ends");
    }
    assert!(refused[0] < refused[1] && refused[1] < refused[2], "{refused:?}");
    assert!(refused[2] > 30, "{refused:?}: of 60");
}

async fn within_a_lane_jobs_start_in_order(world: World) {
    let provider = world.provider();
    let started = saturate(&provider, 1).await;
    for priority in [1, 0, -1] {
        let numbers =
            started.iter().filter(|(lane, _)| *lane == priority).map(|(_, number)| *number);
        assert!(numbers.eq(0..104), "lane {priority}");
    }
    // Priorities on the same side of 0 are one lane.
    let (running, held) = occupy(&provider).await;
    let log = Log::new();
    let mut handles = vec![running];
    for (number, priority) in [5, 127, 1].into_iter().enumerate() {
        handles.push(submit(&provider, log.job(priority, number as u32)));
    }
    held.let_go();
    all_complete(handles).await;
    assert_eq!(log.take(), [(5, 0), (127, 1), (1, 2)]);
}

async fn every_lane_has_a_capacity_of_its_own(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let mut handles = vec![running];
    let limits =
        [(9, "queue_capacity_high", 1), (0, "queue_capacity", 2), (-9, "queue_capacity_low", 3)];
    for (priority, limit, capacity) in limits {
        for number in 0..capacity {
            handles.push(submit(&provider, value(number).priority(priority)));
        }
        let refused = provider.submit(value(9).priority(priority)).map(drop);
        let refused = refused.expect_err("the lane is full");
        let met = (refused.reason, refused.limit, refused.value);
        assert_eq!(met, (Code::QueueFull, limit, capacity));
    }
    assert_eq!(provider.snapshot().queue.depth, 6);
    held.let_go();
    all_complete(handles).await;
}

async fn drop_oldest_takes_the_oldest_of_the_same_lane(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let oldest = submit(&provider, value(0));
    let urgent = submit(&provider, value(1).priority(1));
    let newest = submit(&provider, value(2).priority(1));
    let dropped = urgent.await;
    assert!(matches!(dropped, Outcome::Dropped(Reason::Overflow)), "{dropped:?}");
    held.let_go();
    all_complete(vec![running, oldest, newest]).await;
}

async fn space_in_one_lane_is_not_for_those_blocked_at_another(world: World) {
    let provider = world.provider();
    let (running, held_first) = occupy(&provider).await;
    let (job, held_high) = held();
    let high = submit(&provider, job.priority(1));
    let low = submit(&provider, value(1).priority(-1));
    let mut blocked_low = Box::pin(provider.submit_async(value(2).priority(-1)));
    assert!(poll_once(&mut blocked_low).await.is_none());
    let (job, held_next) = held();
    let mut blocked_high = Box::pin(provider.submit_async(job.priority(1)));
    assert!(poll_once(&mut blocked_high).await.is_none());
    held_first.let_go();
    held_high.started().await;
    // The place in the high lane goes past the one who was blocked first.
    let next = blocked_high.await.expect("there is space in its lane");
    assert!(poll_once(&mut blocked_low).await.is_none());
    held_high.let_go();
    held_next.let_go();
    let last = blocked_low.await.expect("the low lane moves on");
    all_complete(vec![running, high, low, next, last]).await;
}

async fn an_idle_worker_is_woken_for_any_lane(world: World) {
    let provider = world.provider();
    for priority in [1, -1, 0, -1, 1, 1] {
        world.settle().await;
        let outcome = submit(&provider, value(3).priority(priority)).await;
        assert!(matches!(outcome, Outcome::Completed(3)));
    }
}

async fn dead_heads_of_every_lane_are_reaped(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let mut handles = vec![running];
    for priority in [1, 0, -1] {
        let dead = submit(&provider, value(1).priority(priority));
        assert!(dead.cancel());
        // The lane is full of a dead job, which makes room.
        handles.push(submit(&provider, value(2).priority(priority)));
    }
    held.let_go();
    all_complete(handles).await;
}

async fn a_shutdown_finishes_the_jobs_of_every_lane(world: World) {
    let provider = world.provider();
    let (running, held) = occupy(&provider).await;
    let mut handles = vec![running];
    for number in 0..30 {
        handles.push(submit(&provider, value(number).priority((number % 3) as i8 - 1)));
    }
    let mut ending = Box::pin(provider.shutdown(bifrost::ShutdownMode::Finish, SECOND));
    assert!(poll_once(&mut ending).await.is_none());
    for priority in [1, 0, -1] {
        let refused = provider.submit(value(1).priority(priority)).map(drop);
        assert_eq!(refused.expect_err("the door is shut").reason, Code::ShuttingDown);
    }
    held.let_go();
    let report = ending.await.expect("the behaviour is not a job");
    assert_eq!((report.finished, report.cancelled), (31, 0));
    all_complete(handles).await;
}

async fn there_is_a_record_for_every_place_of_every_lane(world: World) {
    let snapshot = world.provider().snapshot();
    // Two queues of three lanes, the workers (8 blocking ones with 2 spares), the result buffer.
    assert_eq!(snapshot.queue.capacity, 2 * (3 + 5 + 7));
    assert_eq!(snapshot.records.capacity, 2 * (3 + 5 + 7) + 2 + 10 + 11);
}

async fn blocking_jobs_have_the_same_lanes(world: World) {
    let provider = world.provider();
    let log = Log::new();
    let (job, held) = stuck();
    let mut handles = vec![submit(&provider, job)];
    held.started().await;
    for number in 0..3 {
        for priority in [-1, 0, 1] {
            let log = log.clone();
            let job = Job::blocking(move |context| {
                log.note((context.priority(), number));
                Ok::<_, JobError>(0)
            });
            handles.push(submit(&provider, job.priority(priority)));
        }
    }
    held.let_go();
    all_complete(handles).await;
    let started = log.take();
    assert_eq!(started[..4], [(1, 0), (0, 0), (1, 1), (1, 2)]);
    assert_eq!(started.len(), 9);
}

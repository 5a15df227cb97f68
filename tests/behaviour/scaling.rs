//! Workers come and go with the load (S30).

use crate::world::{
    MS, SECOND, World, everywhere, occupy, stuck, submit, value, with_threads, workers,
};
use bifrost::config::ProviderConfig;
use bifrost::provider::JobError;
use bifrost::stats::Count;
use bifrost::{Job, Outcome, Provider};
use futures_lite::future::yield_now;

everywhere! {
    a_high_load_gets_more_workers_before_jobs_wait: [ProviderConfig::new("a").workers(4, 6)],
    idle_workers_leave_when_use_was_low_for_the_idle_timeout: [ProviderConfig::new("a").workers(2, 8)],
    a_load_that_comes_back_keeps_its_workers: [ProviderConfig::new("a").workers(2, 8)],
    workers_that_left_come_back_for_jobs: [ProviderConfig::new("a").workers(1, 8)],
    a_load_says_how_large_its_provider_should_be: [ProviderConfig::new("a").workers(10, 40)],
}

with_threads! {
    blocking_threads_end_when_they_are_idle: [workers(1).blocking_workers(0, 3)],
    no_job_is_lost_when_workers_leave_while_jobs_come: [restless()],
}

/// A provider whose workers leave as soon as they may.
pub(crate) fn restless() -> ProviderConfig {
    let mut config = ProviderConfig::new("a").workers(1, 16).blocking_workers(0, 4);
    config.scaling.idle_timeout = MS;
    config.scaling.hysteresis = std::time::Duration::ZERO;
    config.queue_capacity(1024)
}

fn spawned(provider: &Provider) -> u64 {
    provider.snapshot().workers.spawned
}

/// Keeps `count` workers busy, lets them go, and lets the tick see them idle.
async fn employ(world: &World, count: usize) {
    let provider = world.provider();
    let mut busy = Vec::new();
    for _ in 0..count {
        busy.push(occupy(&provider).await);
    }
    // A tick sees them busy.
    world.settle().await;
    world.pass(50 * MS).await;
    world.settle().await;
    for (handle, held) in busy {
        held.let_go();
        assert!(matches!(handle.await, Outcome::Completed(7)));
    }
    world.settle().await;
    world.pass(50 * MS).await;
    world.settle().await;
}

async fn a_high_load_gets_more_workers_before_jobs_wait(world: World) {
    let provider = world.provider();
    world.settle().await;
    let mut busy = Vec::new();
    for _ in 0..3 {
        busy.push(occupy(&provider).await);
    }
    world.pass(50 * MS).await;
    world.settle().await;
    assert_eq!(spawned(&provider), 4, "three of four are not above 80 %");
    busy.push(occupy(&provider).await);
    world.pass(50 * MS).await;
    world.settle().await;
    assert_eq!(spawned(&provider), 5, "one in ten, rounded up");
    busy.push(occupy(&provider).await);
    world.pass(9 * SECOND).await;
    world.settle().await;
    assert_eq!(spawned(&provider), 5, "the hysteresis");
    world.pass(SECOND).await;
    world.settle().await;
    assert_eq!(spawned(&provider), 6);
    busy.push(occupy(&provider).await);
    world.pass(20 * SECOND).await;
    world.settle().await;
    assert_eq!(spawned(&provider), 6, "never above max");
}

async fn idle_workers_leave_when_use_was_low_for_the_idle_timeout(world: World) {
    let provider = world.provider();
    employ(&world, 8).await;
    assert_eq!(spawned(&provider), 8);
    world.pass(59 * SECOND).await;
    world.settle().await;
    assert_eq!(spawned(&provider), 8, "not before");
    world.pass(SECOND).await;
    world.settle().await;
    assert_eq!(spawned(&provider), 2, "never below min");
    assert_eq!(provider.snapshot().ledger.get(Count::WorkersEnded), 6);
    world.pass(300 * SECOND).await;
    world.settle().await;
    assert_eq!(spawned(&provider), 2);
    assert!(matches!(submit(&provider, value(3)).await, Outcome::Completed(3)));
}

async fn a_load_that_comes_back_keeps_its_workers(world: World) {
    let provider = world.provider();
    employ(&world, 8).await;
    world.pass(50 * SECOND).await;
    employ(&world, 4).await;
    world.pass(20 * SECOND).await;
    world.settle().await;
    assert_eq!(spawned(&provider), 8, "the minute began again");
    world.pass(40 * SECOND).await;
    world.settle().await;
    assert_eq!(spawned(&provider), 2);
}

async fn workers_that_left_come_back_for_jobs(world: World) {
    let provider = world.provider();
    for _ in 0..3 {
        employ(&world, 8).await;
        assert_eq!(spawned(&provider), 8);
        world.pass(61 * SECOND).await;
        world.settle().await;
        assert_eq!(spawned(&provider), 1);
    }
}

async fn blocking_threads_end_when_they_are_idle(world: World) {
    let provider = world.provider();
    let mut busy = Vec::new();
    for _ in 0..3 {
        let (job, held) = stuck();
        let handle = submit(&provider, job);
        held.started().await;
        busy.push((handle, held));
    }
    for (handle, held) in busy {
        held.let_go();
        assert!(matches!(handle.await, Outcome::Completed(7)));
    }
    world.settle_with(3).await;
    world.pass(50 * MS).await;
    world.settle_with(3).await;
    world.pass(59 * SECOND).await;
    world.settle_with(3).await;
    assert_eq!(provider.snapshot().blocking_workers.spawned, 3);
    world.pass(SECOND).await;
    world.until(|| provider.snapshot().blocking_workers.spawned == 0).await;
    let again = submit(&provider, Job::blocking(|_| Ok::<_, JobError>(1)));
    assert!(matches!(again.await, Outcome::Completed(1)));
    assert_eq!(provider.snapshot().blocking_workers.spawned, 1);
}

async fn no_job_is_lost_when_workers_leave_while_jobs_come(world: World) {
    come_and_go(&world).await;
    let ended = world.provider().snapshot().ledger.get(Count::WorkersEnded);
    assert!(ended > 100, "workers have left: {ended}");
}

/// Thousands of jobs of both kinds, now and then, while time passes.
pub(crate) async fn come_and_go(world: &World) {
    let provider = world.provider();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = move |end: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) % end
    };
    let mut submitted = 0;
    for _ in 0..400 {
        let mut handles = Vec::new();
        for _ in 0..=below(24) {
            let yields = below(4);
            let job = match below(8) {
                0 => Job::blocking(|_| Ok::<_, JobError>(())),
                _ => Job::future(async move {
                    for _ in 0..yields {
                        yield_now().await;
                    }
                    Ok::<_, JobError>(())
                }),
            };
            handles.push(submit(&provider, job));
            if below(4) == 0 {
                world.pass(below(5) as u32 * MS).await;
            }
        }
        submitted += handles.len() as u64;
        for handle in handles {
            assert!(matches!(handle.await, Outcome::Completed(())));
        }
        for _ in 0..below(3) {
            world.pass(50 * MS).await;
        }
    }
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.accepted(), ledger.get(Count::Completed)), (submitted, submitted));
    assert!(submitted > 4_000, "{submitted}");
}

async fn a_load_says_how_large_its_provider_should_be(world: World) {
    let provider = world.provider();
    assert_eq!(provider.recommended_size(), None, "nothing is known");
    // Ten jobs each half second that take as long: ten workers. One in ten fails: eleven.
    for _ in 0..60 {
        let jobs: Vec<_> = (0..10)
            .map(|number| {
                Job::with_context(move |context| async move {
                    context.sleep(SECOND / 2).await;
                    if number == 0 { Err(JobError::new("no")) } else { Ok(()) }
                })
            })
            .collect();
        let handles: Vec<_> = jobs.into_iter().map(|job| submit(&provider, job)).collect();
        world.settle().await;
        world.pass(SECOND / 2).await;
        for handle in handles {
            assert!(matches!(handle.await, Outcome::Completed(()) | Outcome::Failed(_)));
        }
    }
    let sizing = provider.recommended_size().expect("600 jobs have run");
    // When a window begins is the tick's affair: the rate is one of whole rounds over almost as many, or a little more.
    let workers = sizing.workers;
    assert!((10..=12).contains(&workers), "{sizing:?}");
    assert_eq!(sizing.buffer, 3 * workers);
    let timeout = sizing.timeout.as_millis();
    assert!((980..=1_020).contains(&timeout), "twice the mean: {timeout} ms");
    let mut config = provider.config().clone();
    sizing.apply(&mut config);
    assert_eq!((config.workers.min, config.workers.max), (10, workers as usize));
    assert_eq!(config.queue_capacity, 3 * workers as usize);
    config.validate().expect("it can be used");
}

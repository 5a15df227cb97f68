//! The adaptive limit on running jobs (S31), where a provider asks for it.

use crate::world::{MS, SECOND, World, everywhere, held, submit, with_threads};
use bifrost::config::ProviderConfig;
use bifrost::provider::{JobContext, JobError};
use bifrost::stats::Count;
use bifrost::{Job, Outcome, Provider};

everywhere! {
    no_more_jobs_run_than_the_limit_says: [limited(4, 4, 4)],
    a_429_takes_a_tenth_away_and_successes_bring_it_back: [limited(1, 40, 20)],
    an_execution_timeout_is_a_sign_of_too_much: [limited(1, 40, 20)],
    a_cancelled_job_gives_its_permit_back_and_says_nothing: [limited(2, 2, 2)],
    jobs_that_wait_for_a_permit_end_with_the_provider: [limited(1, 1, 1)],
    without_the_option_nothing_limits: [ProviderConfig::new("a").workers(1, 40)],
}

with_threads! {
    no_job_is_lost_at_a_limit_that_is_always_met: [restless()],
}

fn limited(min: usize, max: usize, initial: usize) -> ProviderConfig {
    let mut config = ProviderConfig::new("a").workers(1, 40).timeout(SECOND);
    config.limiter.is_adaptive = true;
    (config.limiter.min, config.limiter.max) = (min, Some(max));
    config.limiter.initial = initial;
    config
}

fn restless() -> ProviderConfig {
    let limiter = limited(1, 3, 2).limiter;
    crate::scaling::restless().limiter(limiter)
}

/// The limit, and how many jobs run by the limiter's books.
fn figures(provider: &Provider) -> (u64, u64) {
    let limiter = provider.snapshot().limiter.expect("the provider has one");
    (limiter.limit, limiter.in_flight)
}

async fn no_more_jobs_run_than_the_limit_says(world: World) {
    let provider = world.provider();
    let mut jobs: Vec<_> = (0..12)
        .map(|_| {
            let (job, held) = held();
            (submit(&provider, job.timeout(100 * SECOND)), held)
        })
        .collect();
    for done in 0..12 {
        world.settle().await;
        let running = (12 - done).min(4);
        let snapshot = provider.snapshot();
        assert_eq!(figures(&provider), (4, running));
        assert_eq!(snapshot.workers.busy, running);
        assert_eq!(snapshot.queue.depth, 12 - done - running, "no job is held by a worker");
        let (handle, held) = jobs.remove(0);
        held.started().await;
        held.let_go();
        assert!(matches!(handle.await, Outcome::Completed(7)));
    }
    world.settle().await;
    assert_eq!(figures(&provider), (4, 0));
}

/// An upstream that answers at once, with 429 if it is asked to.
fn answer(is_too_much: bool) -> Job<()> {
    Job::new(move |context: &JobContext| {
        if is_too_much {
            context.report_overload();
            return Err(JobError::new("429"));
        }
        Ok(())
    })
}

async fn a_429_takes_a_tenth_away_and_successes_bring_it_back(world: World) {
    let provider = world.provider();
    assert_eq!(figures(&provider), (20, 0));
    for limit in [18, 17, 16] {
        assert!(matches!(submit(&provider, answer(true)).await, Outcome::Failed(_)));
        assert_eq!(figures(&provider), (limit, 0));
    }
    assert!(matches!(submit(&provider, answer(false)).await, Outcome::Completed(())));
    assert_eq!(figures(&provider), (16, 0), "one job alone says nothing about more");
    for _ in 0..40 {
        let jobs: Vec<_> = (0..20).map(|_| held()).collect();
        let (handles, holds): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|(job, held)| (submit(&provider, job), held)).unzip();
        // As many as the limit lets in at the least.
        for held in &holds[..16] {
            held.started().await;
        }
        for held in &holds {
            held.let_go();
        }
        for handle in handles {
            assert!(matches!(handle.await, Outcome::Completed(7)));
        }
    }
    let (limit, running) = figures(&provider);
    assert!(limit > 16 && running == 0, "{limit}, {running}");
}

async fn an_execution_timeout_is_a_sign_of_too_much(world: World) {
    let provider = world.provider();
    let (job, held) = held();
    let handle = submit(&provider, job);
    held.started().await;
    world.pass(SECOND + 50 * MS).await;
    assert!(matches!(handle.await, Outcome::TimedOut(_)));
    world.settle().await;
    assert_eq!(figures(&provider), (18, 0));
}

async fn a_cancelled_job_gives_its_permit_back_and_says_nothing(world: World) {
    let provider = world.provider();
    for _ in 0..5 {
        let (job, held) = held();
        let handle = submit(&provider, job);
        held.started().await;
        assert!(handle.cancel());
        assert!(matches!(handle.await, Outcome::Cancelled(_)));
        world.settle().await;
        assert_eq!(figures(&provider), (2, 0));
    }
}

async fn jobs_that_wait_for_a_permit_end_with_the_provider(world: World) {
    let provider = world.provider();
    let running = crate::world::occupy(&provider).await;
    let waiting: Vec<_> = (0..5).map(|_| submit(&provider, answer(false))).collect();
    world.settle().await;
    assert_eq!(figures(&provider), (1, 1));
    let end = provider.shutdown(bifrost::ShutdownMode::Cancel, SECOND);
    let handles = async {
        for handle in waiting {
            assert!(matches!(handle.await, Outcome::Cancelled(_)));
        }
        running.1.let_go();
    };
    let (report, ()) = futures_lite::future::zip(end, handles).await;
    assert_eq!(report.expect("this is no job").cancelled, 5);
    assert_eq!(provider.snapshot().workers.spawned, 0);
}

async fn without_the_option_nothing_limits(world: World) {
    let provider = world.provider();
    assert_eq!(provider.snapshot().limiter, None);
    assert!(matches!(submit(&provider, answer(true)).await, Outcome::Failed(_)));
}

async fn no_job_is_lost_at_a_limit_that_is_always_met(world: World) {
    crate::scaling::come_and_go(&world).await;
    let provider = world.provider();
    assert_eq!(figures(&provider).1, 0);
    assert_eq!(provider.snapshot().ledger.get(Count::TimedOutQueue), 0);
}

//! The circuit breaker of a provider, as its submitters see it (S23–S25), on a test clock.

#[cfg(feature = "http")]
mod support;
#[path = "behaviour/world.rs"]
#[allow(dead_code, unused_imports, unused_macros, reason = "shared with the behaviours")]
mod world;

use bifrost::code::Code;
use bifrost::config::{BreakerConfig, BreakerMode, BreakerPolicy, ProviderConfig};
use bifrost::provider::{JobError, Phase, Stage};
use bifrost::stats::{BreakerSnapshot, Count};
use bifrost::{Job, JobHandle, Outcome, Provider};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use world::{Executor, MS, SECOND, TICK, World, alone, held, stuck, submit, under, value, workers};

/// Longer than the first time open with its jitter.
const OPEN: Duration = Duration::from_millis(6_001);

/// A provider whose breaker opens at three failures in a row.
fn delicate(count: usize) -> ProviderConfig {
    let mut config = workers(count);
    config.breaker = BreakerConfig::default().failures_in_row(3);
    config
}

fn failing() -> Job<u64> {
    Job::new(|_| Err::<u64, _>(JobError::new("the upstream is ill")))
}

fn breaker(provider: &Provider) -> BreakerSnapshot {
    provider.snapshot().breaker
}

fn count(provider: &Provider, count: Count) -> u64 {
    provider.snapshot().ledger.get(count)
}

async fn fail(provider: &Provider, times: usize) {
    for _ in 0..times {
        assert!(matches!(submit(provider, failing()).await, Outcome::Failed(_)));
    }
}

async fn succeed(provider: &Provider, times: usize) {
    for _ in 0..times {
        assert!(matches!(submit(provider, value(1)).await, Outcome::Completed(1)));
    }
}

/// Opens the breaker of a [`delicate`] provider.
async fn open(provider: &Provider) {
    fail(provider, 3).await;
    assert_eq!(breaker(provider).state, "open");
}

#[test]
fn it_opens_at_half_failures_with_enough_calls() {
    let mut config = workers(1);
    config.breaker = BreakerConfig::default().failures_in_row(0);
    alone(vec![config], |world| async move {
        let provider = world.provider();
        fail(&provider, 9).await;
        succeed(&provider, 10).await;
        let BreakerSnapshot { state, calls, failures, .. } = breaker(&provider);
        assert_eq!((&*state, calls, failures), ("closed", 19, 9));
        fail(&provider, 1).await;
        let BreakerSnapshot { state, generation, .. } = breaker(&provider);
        assert_eq!((&*state, generation), ("open", 1));
        assert_eq!(count(&provider, Count::BreakerTransitions), 1);
        assert_eq!(count(&provider, Count::BreakerOk), 10);
    });
}

#[test]
fn an_open_breaker_refuses_at_the_door_and_says_when_to_come_again() {
    alone(vec![delicate(1)], |world| async move {
        let provider = world.provider();
        open(&provider).await;
        let rejected = provider.submit(value(1)).expect_err("the breaker is open");
        assert_eq!((rejected.reason, rejected.limit), (Code::CircuitOpen, "breaker"));
        let wait = rejected.retry_after.expect("the time open is known");
        assert!((4 * SECOND..=6 * SECOND).contains(&wait), "{wait:?}");
        assert!(rejected.to_string().ends_with("(breaker = open)"), "{rejected}");
        assert_eq!(count(&provider, Count::CircuitOpen), 1);
        world.pass(wait + MS).await;
        assert!(matches!(submit(&provider, rejected.job).await, Outcome::Completed(1)));
    });
}

/// Jobs that wait until they are let go, each counted when it runs.
async fn held_jobs(
    provider: &Provider,
    number: usize,
    running: &Arc<AtomicUsize>,
) -> (Vec<JobHandle<u64>>, smol::channel::Sender<u64>) {
    let (go, gone) = smol::channel::unbounded::<u64>();
    let handles = (0..number).map(|_| {
        let (gone, running) = (gone.clone(), Arc::clone(running));
        let body = async move {
            running.fetch_add(1, Ordering::SeqCst);
            gone.recv().await.map_err(JobError::new)
        };
        submit(provider, Job::future(body))
    });
    (handles.collect(), go)
}

#[test]
fn half_open_never_floods_and_success_closes() {
    alone(vec![delicate(20)], |world| async move {
        let provider = world.provider();
        open(&provider).await;
        world.pass(OPEN).await;
        let running = Arc::new(AtomicUsize::new(0));
        // All of them come before the first one starts: the door lets them in.
        let (handles, go) = held_jobs(&provider, 20, &running).await;
        world.settle().await;
        assert_eq!(running.load(Ordering::SeqCst), 3, "probes at once");
        let BreakerSnapshot { state, probes, .. } = breaker(&provider);
        assert_eq!((&*state, probes), ("half_open", 3));
        assert_eq!(provider.snapshot().ledger.delayed(), 17, "the others wait outside the queue");
        assert!(provider.submit(value(1)).is_err(), "the door knows that there is no place");
        for ended in 1..5 {
            go.send(ended).await.expect("a probe waits");
            world.settle().await;
            assert_eq!(running.load(Ordering::SeqCst) as u64, (ended + 3).min(5));
            assert_eq!(breaker(&provider).state, "half_open");
        }
        go.send(5).await.expect("a probe waits");
        world.settle().await;
        assert_eq!((breaker(&provider).state, breaker(&provider).generation), ("closed".into(), 3));
        assert_eq!(running.load(Ordering::SeqCst), 20, "all may run");
        assert_eq!(provider.snapshot().ledger.delayed(), 0);
        for number in 0..15 {
            go.send(number).await.expect("a job waits");
        }
        for handle in handles {
            assert!(matches!(handle.await, Outcome::Completed(_)));
        }
    });
}

#[test]
fn it_never_sticks_when_probes_are_cancelled_or_never_end() {
    alone(vec![delicate(20)], |world| async move {
        let provider = world.provider();
        open(&provider).await;
        world.pass(OPEN).await;
        let running = Arc::new(AtomicUsize::new(0));
        let (handles, _go) = held_jobs(&provider, 12, &running).await;
        for round in 1..=4 {
            world.settle().await;
            assert_eq!(running.load(Ordering::SeqCst), 3 * round, "each cancel frees a place");
            for handle in &handles {
                let runs = provider.job_state(handle.id()) == Some(Phase::Running);
                assert!(!runs || handle.cancel());
            }
        }
        world.settle().await;
        let BreakerSnapshot { state, probes, .. } = breaker(&provider);
        assert_eq!((&*state, probes), ("half_open", 0));
        let (stuck, _going) = held_jobs(&provider, 3, &running).await;
        world.settle().await;
        assert_eq!(breaker(&provider).probes, 3);
        world.pass(30 * SECOND).await;
        assert_eq!(breaker(&provider).state, "open", "nothing was decided in time");
        world.pass(13 * SECOND).await;
        succeed(&provider, 5).await;
        assert_eq!(breaker(&provider).state, "closed");
        drop((handles, stuck));
    });
}

#[test]
fn a_stale_completion_is_counted_and_does_not_count() {
    alone(vec![delicate(4)], |world| async move {
        let provider = world.provider();
        let (job, old) = held();
        let stale = submit(&provider, job);
        old.started().await;
        open(&provider).await;
        world.pass(OPEN).await;
        succeed(&provider, 4).await;
        let before = breaker(&provider);
        old.let_go();
        assert!(matches!(stale.await, Outcome::Completed(7)));
        assert_eq!(breaker(&provider), before, "a fifth probe would have closed it");
        assert_eq!(before.state, "half_open");
        assert_eq!(count(&provider, Count::BreakerStale), 1);
    });
}

#[test]
fn cancels_and_refusals_do_not_count() {
    alone(vec![delicate(1)], |world| async move {
        let provider = world.provider();
        for _ in 0..30 {
            let (job, held) = held();
            let handle = submit(&provider, job);
            held.started().await;
            assert!(handle.cancel());
            world.settle().await;
        }
        let refused = |_: &_| Err::<u64, _>(JobError::with_code(Code::NoKey, "no key"));
        for _ in 0..30 {
            assert!(matches!(submit(&provider, Job::new(refused)).await, Outcome::Failed(_)));
        }
        let BreakerSnapshot { state, calls, .. } = breaker(&provider);
        assert_eq!((&*state, calls), ("closed", 0));
    });
}

#[test]
fn panics_count() {
    alone(vec![delicate(1)], |world| async move {
        let provider = world.provider();
        for _ in 0..3 {
            let job = Job::new(|_| -> Result<u64, JobError> { panic!("of this test") });
            assert!(matches!(submit(&provider, job).await, Outcome::Panicked(_)));
        }
        assert_eq!(breaker(&provider).state, "open");
    });
}

#[test]
fn execution_timeouts_open_it_while_their_workers_are_still_held() {
    let config = delicate(1).blocking_workers(3, 3);
    under(Executor::Bare, vec![config], |world| async move {
        let provider = world.provider();
        let jobs: Vec<_> = (0..3).map(|_| stuck()).collect();
        let (mut handles, mut ends) = (Vec::new(), Vec::new());
        for (job, held) in jobs {
            handles.push(submit(&provider, job.timeout(SECOND)));
            held.started().await;
            ends.push(held);
        }
        world.pass(SECOND + MS).await;
        for handle in handles {
            assert!(matches!(handle.await, Outcome::TimedOut(Stage::Execution)));
        }
        assert_eq!(provider.snapshot().blocking_workers.zombie, 3);
        assert_eq!(breaker(&provider).state, "open");
        drop(ends);
        world.until(|| provider.snapshot().blocking_workers.zombie == 0).await;
        assert_eq!(count(&provider, Count::BreakerTransitions), 1, "each is counted once");
        assert_eq!(count(&provider, Count::BreakerStale), 0);
    });
}

#[test]
fn execution_timeouts_of_futures_open_it() {
    alone(vec![delicate(3).timeout(SECOND)], |world| async move {
        let provider = world.provider();
        let jobs: Vec<_> = (0..3).map(|_| held()).collect();
        for (job, _held) in jobs {
            let outcome = submit(&provider, job).await;
            assert!(matches!(outcome, Outcome::TimedOut(Stage::Execution)));
        }
        world.settle().await;
        assert_eq!(breaker(&provider).state, "open");
    });
}

#[test]
fn slow_calls_open_it() {
    let mut config = workers(1).timeout(10 * SECOND);
    config.breaker = BreakerConfig::default().window(100 * SECOND).min_calls(5);
    alone(vec![config], |world| async move {
        let provider = world.provider();
        for slow in [9, 9, 1, 9, 9] {
            assert_eq!(breaker(&provider).state, "closed");
            let job = Job::with_context(move |context| async move {
                context.sleep(slow * SECOND).await;
                Ok::<_, JobError>(1)
            });
            assert!(matches!(submit(&provider, job).await, Outcome::Completed(1)));
        }
        let (job, _held) = held();
        let _running = provider.submit(job);
        world.pass(SECOND).await;
        assert_eq!(breaker(&provider).state, "open", "the tick has looked");
        let slow = [Count::BreakerOk, Count::BreakerSlow].map(|of| count(&provider, of));
        assert_eq!(slow, [5, 4]);
    });
}

/// One job that fails and opens the breaker, and jobs behind it.
async fn opens_before(world: &World, behind: usize) -> (Provider, Vec<JobHandle<u64>>) {
    let provider = world.provider();
    fail(&provider, 2).await;
    let opening = submit(&provider, failing());
    let handles = (0..behind as u64).map(|n| submit(&provider, value(n))).collect();
    assert!(matches!(opening.await, Outcome::Failed(_)));
    world.settle().await;
    assert_eq!(breaker(&provider).state, "open");
    (provider, handles)
}

#[test]
fn jobs_that_wait_fail_unexecuted_if_they_are_to() {
    let mut config = delicate(1);
    config.breaker.queued = BreakerPolicy::Fail;
    alone(vec![config], |world| async move {
        let (provider, handles) = opens_before(&world, 5).await;
        for handle in handles {
            match handle.await {
                Outcome::Failed(failure) => {
                    assert_eq!((failure.cause, failure.attempts), (Code::CircuitOpen, 0));
                    let text = failure.error.to_string();
                    assert!(text.starts_with("the circuit breaker is open for another"), "{text}");
                }
                other => panic!("{other}"),
            }
        }
        let ledger = provider.snapshot().ledger;
        assert_eq!((ledger.started(), ledger.get(Count::EndedUnstarted)), (3, 5));
        assert_eq!(ledger.check_quiet(0, 0), Ok(()));
    });
}

#[test]
fn jobs_that_wait_do_so_outside_the_queue_until_it_closes() {
    let config = delicate(2).queue_timeout(10 * SECOND);
    alone(vec![config], |world| async move {
        let (provider, handles) = opens_before(&world, 6).await;
        let snapshot = provider.snapshot();
        let delayed = snapshot.ledger.delayed();
        assert!(delayed > 0, "who has a worker waits with it");
        assert_eq!(snapshot.ledger.queued(), 6 - delayed);
        assert_eq!(snapshot.ledger.check_quiet(6 - delayed, 0), Ok(()));
        let start = world.now();
        for handle in handles {
            assert!(matches!(handle.await, Outcome::Completed(_)));
        }
        let waited = world.now().saturating_duration_since(start);
        assert!((4 * SECOND - MS..=6 * SECOND + MS).contains(&waited), "{waited:?}");
        assert_eq!(breaker(&provider).state, "closed");
    });
}

#[test]
fn a_job_that_waits_for_the_breaker_keeps_its_limits_and_can_be_cancelled() {
    let config = delicate(2).queue_timeout(2 * SECOND);
    alone(vec![config], |world| async move {
        let (provider, mut handles) = opens_before(&world, 4).await;
        let cancelled = handles.remove(0);
        assert_eq!(provider.job_state(cancelled.id()), Some(Phase::Delayed));
        assert!(cancelled.cancel());
        assert!(matches!(cancelled.await, Outcome::Cancelled(_)));
        let start = world.now();
        for handle in handles {
            assert!(matches!(handle.await, Outcome::TimedOut(Stage::Queue)));
        }
        assert!(world.now().saturating_duration_since(start) <= 2 * SECOND + 50 * MS);
        world.settle().await;
        assert_eq!(provider.snapshot().ledger.check_quiet(0, 0), Ok(()));
        assert_eq!(breaker(&provider).state, "open");
    });
}

#[test]
fn a_shutdown_ends_jobs_that_wait_for_the_breaker() {
    alone(vec![delicate(2).blocking_workers(2, 2)], |world| async move {
        let (_provider, handles) = opens_before(&world, 4).await;
        world.runtime.shutdown(bifrost::ShutdownMode::Cancel).await.expect("not inside a job");
        for handle in handles {
            assert!(matches!(handle.await, Outcome::Cancelled(_)));
        }
        world.pass(TICK).await;
    });
}

#[test]
fn a_breaker_that_is_off_or_only_watches_never_opens() {
    for (mode, state) in
        [(BreakerMode::Off, "disabled"), (BreakerMode::MetricsOnly, "metrics_only")]
    {
        let mut config = delicate(1);
        config.breaker.mode = mode;
        config.name = state.to_owned();
        alone(vec![config], |world| async move {
            let provider = world.provider();
            fail(&provider, 30).await;
            let calls = if provider.name() == "disabled" { 0 } else { 30 };
            let seen = breaker(&provider);
            assert_eq!((&*seen.state, seen.calls), (provider.name(), calls));
        });
    }
}

#[cfg(feature = "http")]
#[test]
fn an_upstream_that_refuses_its_caller_is_well_and_one_that_fails_is_not() {
    use bifrost::config::HealthPolicy;
    use bifrost::http::HttpRequest;
    use std::sync::atomic::AtomicU16;
    let status = Arc::new(AtomicU16::new(404));
    let said = Arc::clone(&status);
    let server = support::Server::answering(move |_| (said.load(Ordering::SeqCst), Vec::new()));
    let config = delicate(1).base_url(server.url()).health(HealthPolicy::Skip);
    let runtime = bifrost::Runtime::builder().provider(config).build().expect("it is good");
    let provider = runtime.providers()[0].clone();
    let ask = || {
        let request = HttpRequest::get("/");
        submit(&provider, Job::http(request)).wait()
    };
    for refusal in [400, 401, 403, 404, 429] {
        status.store(refusal, Ordering::SeqCst);
        for _ in 0..5 {
            assert!(matches!(ask(), Outcome::Failed(_)));
        }
    }
    assert_eq!((&*breaker(&provider).state, breaker(&provider).calls), ("closed", 0));
    status.store(529, Ordering::SeqCst);
    for _ in 0..3 {
        assert!(matches!(ask(), Outcome::Failed(_)));
    }
    assert_eq!(breaker(&provider).state, "open");
}

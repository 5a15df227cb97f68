//! The life of a provider, its health, and the ways to drive a runtime (S2, S7, S46, S47).

use crate::support::Server;
use crate::world::{
    SECOND, World, assert_books_are_closed, everywhere, held, submit, value, watched, with_threads,
    workers,
};
use bifrost::config::{DriverMode, HealthPolicy, ProviderConfig, RuntimeConfig};
use bifrost::http::HttpRequest;
use bifrost::provider::{By, JobError, LifeState};
use bifrost::time::{Clock, TestClock};
use bifrost::{Error, Job, JobHandle, Outcome, Runtime, ShutdownMode};
use std::sync::Arc;
use std::sync::mpsc;

everywhere! {
    workers_are_there_before_the_first_job: [ProviderConfig::new("a").workers(3, 5)],
    providers_have_each_their_own_books: [workers(1), ProviderConfig::new("b")],
}

with_threads! {
    a_provider_with_drivers_of_its_own_works_like_the_others:
        [workers(2).drivers(DriverMode::Dedicated(1)), ProviderConfig::new("b")],
    many_workers_outlive_many_jobs: [workers(100).queue_capacity(1_000).result_buffer(1_000)],
}

async fn workers_are_there_before_the_first_job(world: World) {
    let provider = world.provider();
    assert_eq!(provider.state(), LifeState::Ready);
    let workers = provider.snapshot().workers;
    assert_eq!((workers.spawned, workers.configured_min, workers.configured_max), (3, 3, 5));
    world.settle().await;
    assert_eq!(provider.snapshot().workers.idle, 3);
}

async fn providers_have_each_their_own_books(world: World) {
    let (a, b) = (world.named("a"), world.named("b"));
    for number in 0..5 {
        assert!(matches!(submit(&a, value(number)).await, Outcome::Completed(_)));
    }
    assert!(matches!(submit(&b, value(1)).await, Outcome::Completed(1)));
    let snapshot = world.runtime.snapshot();
    let ended = |name| snapshot.provider(name).map(|provider| provider.ledger.ended());
    assert_eq!((ended("a"), ended("b")), (Some(5), Some(1)));
    assert_eq!(snapshot.totals().ledger.ended(), 6);
    assert!(world.runtime.provider("c").is_none());
}

async fn a_provider_with_drivers_of_its_own_works_like_the_others(world: World) {
    let (a, b) = (world.named("a"), world.named("b"));
    let thread = |job: JobHandle<Option<String>>| async { job.await.completed().flatten() };
    let name = || Job::new(|_| Ok::<_, JobError>(std::thread::current().name().map(str::to_owned)));
    let own = thread(submit(&a, name())).await.expect("it has a name");
    let shared = thread(submit(&b, name())).await.expect("it has a name");
    assert!(own.starts_with("bf:a:") && shared.starts_with("bf:drv:"), "{own} {shared}");
}

async fn many_workers_outlive_many_jobs(world: World) {
    let provider = world.provider();
    for _ in 0..20 {
        let handles: Vec<_> = (0..1_000).map(|number| submit(&provider, value(number))).collect();
        for (number, handle) in (0..).zip(handles) {
            assert!(matches!(handle.await, Outcome::Completed(n) if n == number));
        }
    }
    let workers = provider.snapshot().workers;
    assert_eq!((workers.spawned, workers.zombie), (100, 0));
}

fn health(url: &str, policy: HealthPolicy) -> ProviderConfig {
    workers(1).base_url(url).health(policy).blocking_workers(0, 0)
}

fn state_of(config: ProviderConfig) -> (LifeState, bool) {
    let runtime = Runtime::builder()
        .config(RuntimeConfig::default().drivers(1))
        .provider(config)
        .build()
        .expect("the settings are good");
    let provider = runtime.provider("a").expect("it is there");
    let state = provider.state();
    let taken = provider.submit(value(1)).is_ok_and(|handle| handle.wait().completed() == Some(1));
    runtime.shutdown_blocking(ShutdownMode::Finish).expect("this is no job");
    assert_books_are_closed(&provider);
    assert_eq!(provider.state(), LifeState::Stopped);
    (state, taken)
}

#[test]
fn the_health_policy_decides_the_first_state() {
    watched(|| {
        let well = Server::answering(|_| (200, Vec::new()));
        let ill = Server::start(drop);
        let closed = "http://127.0.0.1:1".to_owned();
        let cases = [
            (well.url(), HealthPolicy::Require, LifeState::Ready, true),
            (well.url(), HealthPolicy::BestEffort, LifeState::Ready, true),
            (ill.url(), HealthPolicy::Require, LifeState::Failed, false),
            (ill.url(), HealthPolicy::BestEffort, LifeState::Degraded, true),
            (ill.url(), HealthPolicy::Skip, LifeState::Ready, true),
            (closed.clone(), HealthPolicy::Require, LifeState::Failed, false),
            (closed.clone(), HealthPolicy::BestEffort, LifeState::Degraded, true),
            (closed, HealthPolicy::Skip, LifeState::Ready, true),
        ];
        for (url, policy, state, takes) in cases {
            assert_eq!(state_of(health(&url, policy)), (state, takes), "{url} {policy:?}");
        }
        let asked = well.accepted();
        assert_eq!(state_of(health(&well.url(), HealthPolicy::Skip)), (LifeState::Ready, true));
        assert_eq!(well.accepted(), asked, "nobody asked");
    });
}

#[test]
fn one_provider_that_fails_leaves_the_others_ready() {
    watched(|| {
        let runtime = Runtime::builder()
            .provider(health("http://127.0.0.1:1", HealthPolicy::Require))
            .provider(ProviderConfig::new("b"))
            .build()
            .expect("one that fails is no error");
        let states: Vec<_> = runtime.providers().iter().map(|p| p.state()).collect();
        assert_eq!(states, [LifeState::Failed, LifeState::Ready]);
        let b = runtime.provider("b").expect("it is there");
        assert!(matches!(submit(&b, value(1)).wait(), Outcome::Completed(1)));
        runtime.shutdown_blocking(ShutdownMode::Finish).expect("this is no job");
    });
}

#[test]
fn an_http_job_ends_as_any_other() {
    watched(|| {
        let server = Server::answering(|request| {
            if request.target == "/bad" { (500, b"no".to_vec()) } else { (200, b"yes".to_vec()) }
        });
        let runtime = Runtime::builder()
            .provider(health(&server.url(), HealthPolicy::Skip))
            .build()
            .expect("the settings are good");
        let provider = runtime.provider("a").expect("it is there");
        let exchange = submit(&provider, Job::http(HttpRequest::get("/good"))).wait().completed();
        let response = exchange.expect("it is answered").response;
        assert_eq!((response.status, &*response.body), (200, &b"yes"[..]));
        let outcome = submit(&provider, Job::http(HttpRequest::get("/bad"))).wait();
        let Outcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
        assert_eq!(failure.cause, bifrost::code::Code::HttpStatus);
        runtime.shutdown_blocking(ShutdownMode::Finish).expect("this is no job");
        assert_books_are_closed(&provider);
    });
}

#[test]
fn a_dropped_runtime_ends_every_job_without_waiting() {
    watched(|| {
        let runtime = Runtime::builder()
            .clock(&TestClock::new())
            .config(RuntimeConfig::default().drivers(1))
            .provider(ProviderConfig::new("a").workers(100, 200).queue_capacity(500))
            .build()
            .expect("the settings are good");
        let provider = runtime.provider("a").expect("it is there");
        let (stuck, stuck_held) = crate::world::stuck();
        let blocked = submit(&provider, stuck);
        futures_lite::future::block_on(stuck_held.started());
        let pending = || Job::future(std::future::pending::<Result<u64, JobError>>());
        let handles: Vec<_> = (0..200).map(|_| submit(&provider, pending())).collect();
        while provider.snapshot().workers.busy < 200 {
            std::thread::yield_now();
        }
        // The one driver is held while the runtime is dropped: all that is left to do comes afterwards.
        assert!(handles[0].cancel());
        let (driver, driver_held) = crate::world::stuck_on_the_driver();
        let driver = submit(&provider, driver);
        futures_lite::future::block_on(driver_held.started());
        drop(runtime);
        driver_held.let_go();
        drop(driver);
        for handle in handles.into_iter().skip(1) {
            assert!(matches!(handle.wait(), Outcome::Cancelled(By::Shutdown)));
        }
        assert!(provider.submit(value(1)).is_err());
        stuck_held.let_go();
        assert!(matches!(blocked.wait(), Outcome::Completed(7)));
    });
}

#[test]
fn a_runtime_dropped_by_its_own_job_ends() {
    watched(|| {
        let runtime = Runtime::builder().provider(workers(1)).build().expect("it starts");
        let provider = runtime.provider("a").expect("it is there");
        let (hand, taken) = mpsc::channel::<Runtime>();
        let job = Job::new(move |_| {
            drop(taken.recv()?);
            Ok::<_, JobError>(1)
        });
        let handle = submit(&provider, job);
        hand.send(runtime).expect("the job waits");
        assert!(matches!(handle.wait(), Outcome::Completed(1)));
    });
}

#[test]
fn an_embedder_drives_by_polls_alone() {
    watched(|| {
        let clock = TestClock::new();
        let runtime = Runtime::builder()
            .clock(&clock)
            .config(RuntimeConfig::default().drivers(0))
            .provider(workers(2))
            .build()
            .expect("the settings are good");
        let provider = runtime.provider("a").expect("it is there");
        let (job, _held) = held();
        let mut running = submit(&provider, job.timeout(SECOND));
        let mut handle = submit(&provider, value(1));
        assert!(handle.try_take().is_none(), "nobody drives");
        while runtime.poll() {}
        assert!(matches!(handle.try_take(), Some(Outcome::Completed(1))));
        let due = runtime.next_due().instant().expect("a job runs");
        assert!(due > clock.now() && due <= clock.now() + SECOND);
        clock.advance(SECOND);
        while runtime.poll() {}
        assert!(matches!(running.try_take(), Some(Outcome::TimedOut(_))));
        runtime.shutdown_blocking(ShutdownMode::Finish).expect("this is no job");
        assert_books_are_closed(&provider);
    });
}

#[test]
fn several_threads_drive_one_runtime() {
    watched(|| {
        let runtime = Runtime::builder()
            .clock(&Clock::monotonic())
            .config(RuntimeConfig::default().drivers(0))
            .provider(ProviderConfig::new("a").workers(4, 8).queue_capacity(1_000))
            .build()
            .expect("the settings are good");
        let runtime = Arc::new(runtime);
        let provider = runtime.provider("a").expect("it is there");
        let threads: Vec<_> = (0..4_u64)
            .map(|seed| {
                let (runtime, provider) = (Arc::clone(&runtime), provider.clone());
                std::thread::spawn(move || {
                    for number in 0..500 {
                        let job = value(seed * 1_000 + number);
                        let outcome = runtime.run(submit(&provider, job));
                        assert_eq!(outcome.completed(), Some(seed * 1_000 + number));
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("it ends");
        }
        runtime.shutdown_blocking(ShutdownMode::Finish).expect("this is no job");
        assert_books_are_closed(&provider);
    });
}

#[test]
fn settings_out_of_range_start_nothing() {
    let build = |config| Runtime::builder().provider(workers(1)).provider(config).build().map(drop);
    let error = build(workers(1)).expect_err("there is an a already");
    assert!(matches!(&error, Error::Duplicate(name) if name == "a"), "{error}");
    let error =
        build(ProviderConfig::new("b").queue_capacity(65_537)).expect_err("it has too many places");
    assert!(error.to_string().contains("queue_capacity"), "{error}");
    let error = build(ProviderConfig::new("b").base_url("nowhere")).expect_err("it is no URL");
    assert!(error.to_string().contains("base_url") || matches!(error, Error::Http(..)), "{error}");
}

//! Health checks while a provider runs, on the test clock with a scripted upstream (S26).
#![cfg(feature = "http")]

use std::future::{pending, ready};
use std::sync::Arc;
use std::time::Duration;

use bifrost::config::{HealthPolicy, ProviderConfig, RuntimeConfig};
use bifrost::http::{
    Headers, HttpError, HttpResponse, PreparedRequest, SendFuture, Transport, TransportLimits,
};
use bifrost::provider::LifeState;
use bifrost::stats::Count;
use bifrost::sync::Mutex;
use bifrost::time::{Clock, Instant, TestClock};
use bifrost::{Job, Provider, Runtime, ShutdownMode};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// An upstream that answers checks by a script, and well when that is over.
#[derive(Debug)]
struct Scripted {
    clock: Clock,
    script: Mutex<Vec<Check>>,
    checks: Mutex<Vec<(Instant, TransportLimits)>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Check {
    Good,
    Bad,
    Silent,
    Panics,
}

impl Scripted {
    fn new(clock: &Clock, script: impl IntoIterator<Item = Check>) -> Arc<Self> {
        let mut script: Vec<_> = script.into_iter().collect();
        script.reverse();
        let (script, checks) = (Mutex::new(script), Mutex::new(Vec::new()));
        Arc::new(Self { clock: clock.clone(), script, checks })
    }

    fn checks(&self) -> usize {
        self.checks.lock().len()
    }

    /// How long after the one before each check began.
    fn pauses(&self) -> Vec<Duration> {
        let checks = self.checks.lock();
        checks.windows(2).map(|two| two[1].0.saturating_duration_since(two[0].0)).collect()
    }
}

impl Transport for Scripted {
    fn send(&self, request: PreparedRequest, limits: TransportLimits) -> SendFuture {
        assert_eq!((request.method(), request.url().as_str()), ("GET", "http://up/health"));
        self.checks.lock().push((self.clock.now(), limits));
        match self.script.lock().pop().unwrap_or(Check::Good) {
            Check::Good => Box::pin(ready(Ok(HttpResponse::new(503, Headers::new(), "")))),
            Check::Bad => {
                let detail = "scripted".into();
                Box::pin(ready(Err(HttpError::Transport { detail })))
            }
            Check::Silent => Box::pin(pending()),
            Check::Panics => panic!("scripted"),
        }
    }
}

fn config() -> ProviderConfig {
    ProviderConfig::new("p").base_url("http://up").health_path("/health").workers(1, 1)
}

/// A runtime that this thread drives on an automatic clock, and its one provider.
fn world(clock: &TestClock, config: ProviderConfig, up: &Arc<Scripted>) -> (Runtime, Provider) {
    let runtime = Runtime::builder()
        .clock(clock)
        .config(RuntimeConfig::default().drivers(0))
        .provider(config)
        .transport("p", Arc::clone(up) as Arc<dyn Transport>)
        .build()
        .expect("the settings are good");
    let provider = runtime.provider("p").expect("it was added");
    (runtime, provider)
}

/// The states after each of the next checks.
fn states(runtime: &Runtime, up: &Scripted, checks: usize) -> Vec<LifeState> {
    let provider = runtime.provider("p").expect("it was added");
    let clock = runtime.clock();
    let after_next = || {
        let before = up.checks();
        while up.checks() == before {
            runtime.run(clock.sleep(SECOND / 10));
        }
        // What a check that hangs comes to is known at its limit.
        runtime.run(clock.sleep(6 * SECOND));
        provider.state()
    };
    (0..checks).map(|_| after_next()).collect()
}

#[test]
fn three_bad_checks_degrade_a_provider_and_two_good_ones_bring_it_back() {
    use Check::{Bad, Good};
    use LifeState::{Degraded, Ready};
    let clock = TestClock::automatic();
    let _here = clock.register_thread().enter();
    let script = [Good, Bad, Bad, Good, Bad, Bad, Bad, Good, Bad, Good, Good];
    let up = Scripted::new(&clock, script);
    let (runtime, provider) = world(&clock, config(), &up);
    assert_eq!((provider.state(), up.checks()), (Ready, 1));
    let seen = states(&runtime, &up, 10);
    let want = [Ready, Ready, Ready, Ready, Ready, Degraded, Degraded, Degraded, Degraded, Ready];
    assert_eq!(seen, want);
    let ledger = provider.snapshot().ledger;
    assert_eq!((ledger.get(Count::Submitted), ledger.get(Count::HttpRequests)), (0, 0));
}

#[test]
fn a_provider_that_starts_degraded_is_ready_after_two_good_checks() {
    let clock = TestClock::automatic();
    let _here = clock.register_thread().enter();
    let up = Scripted::new(&clock, [Check::Bad]);
    let (runtime, provider) = world(&clock, config(), &up);
    assert_eq!(provider.state(), LifeState::Degraded);
    assert_eq!(states(&runtime, &up, 2), [LifeState::Degraded, LifeState::Ready]);
}

#[test]
fn checks_come_every_ten_seconds_with_up_to_a_tenth_more() {
    let clock = TestClock::automatic();
    let _here = clock.register_thread().enter();
    let up = Scripted::new(&clock, []);
    let (runtime, _provider) = world(&clock, config(), &up);
    runtime.run(clock.sleep(HOUR));
    let pauses = up.pauses();
    assert!((327..=360).contains(&pauses.len()), "{}", pauses.len());
    for pause in &pauses {
        // A timer is late by one slot of its wheel at most.
        assert!((10 * SECOND..=11 * SECOND + SECOND / 10).contains(pause), "{pause:?}");
    }
    assert!(pauses.iter().any(|pause| *pause != pauses[0]), "they are scattered");
    let limits = up.checks.lock()[1].1;
    assert_eq!(limits.total, 5 * SECOND);
}

#[test]
fn a_check_that_hangs_or_panics_has_failed() {
    let clock = TestClock::automatic();
    let _here = clock.register_thread().enter();
    let up = Scripted::new(&clock, [Check::Good, Check::Silent, Check::Panics, Check::Silent]);
    let (runtime, provider) = world(&clock, config(), &up);
    use LifeState::{Degraded, Ready};
    assert_eq!(states(&runtime, &up, 5), [Ready, Ready, Degraded, Degraded, Ready]);
    assert_eq!(provider.snapshot().ledger.get(Count::PanicsCaught), 1);
    let after_silence = up.pauses()[1];
    assert!(after_silence >= 15 * SECOND, "the interval begins when a check has ended");
}

#[test]
fn a_check_needs_no_worker() {
    let clock = TestClock::automatic();
    let _here = clock.register_thread().enter();
    let up = Scripted::new(&clock, []);
    let (runtime, provider) = world(&clock, config(), &up);
    let held = Job::future(pending::<Result<(), std::io::Error>>()).timeout(HOUR);
    let held = provider.submit(held).expect("there is space");
    runtime.run(clock.sleep(60 * SECOND));
    assert_eq!(provider.snapshot().workers.busy, 1);
    assert!(up.checks() > 5, "{}", up.checks());
    drop(held);
}

#[test]
fn checks_end_with_their_provider_and_leave_nothing_behind() {
    for (script, wait) in [(Check::Good, 5 * SECOND), (Check::Silent, 12 * SECOND)] {
        let clock = TestClock::automatic();
        let _here = clock.register_thread().enter();
        let up = Scripted::new(&clock, [Check::Good, script]);
        let (runtime, provider) = world(&clock, config(), &up);
        runtime.run(clock.sleep(wait));
        let (checks, before) = (up.checks(), clock.now());
        runtime.shutdown_blocking(ShutdownMode::Cancel).expect("this is no job");
        assert_eq!(clock.now(), before, "a shutdown does not wait for a check");
        runtime.run(clock.sleep(HOUR));
        assert_eq!(up.checks(), checks);
        drop((runtime, provider));
        assert_eq!(Arc::strong_count(&up), 1, "{script:?}: the provider is gone");
    }
}

#[test]
fn threads_that_drive_checks_end_with_the_runtime() {
    for shut_down in [true, false] {
        let clock = Clock::monotonic();
        let up = Scripted::new(&clock, []);
        let runtime = Runtime::builder()
            .config(RuntimeConfig::default().drivers(2))
            .provider(config().health_checks(Duration::from_millis(1), SECOND))
            .transport("p", Arc::clone(&up) as Arc<dyn Transport>)
            .build()
            .expect("the settings are good");
        while up.checks() < 3 {
            std::thread::yield_now();
        }
        if shut_down {
            runtime.shutdown_blocking(ShutdownMode::Cancel).expect("this is no job");
        }
        drop(runtime);
        while Arc::strong_count(&up) > 1 {
            std::thread::yield_now();
        }
    }
}

#[test]
fn nobody_checks_what_is_not_to_be_checked() {
    let skipping = config().health(HealthPolicy::Skip);
    let once = config().health_checks(Duration::ZERO, SECOND);
    let mut without = config();
    without.base_url = None;
    for (config, checks) in [(skipping, 0), (without, 0), (once, 1)] {
        let clock = TestClock::automatic();
        let _here = clock.register_thread().enter();
        let up = Scripted::new(&clock, []);
        let (runtime, provider) = world(&clock, config, &up);
        assert_eq!(provider.state(), LifeState::Ready);
        runtime.run(clock.sleep(HOUR));
        assert_eq!(up.checks(), checks);
    }
}

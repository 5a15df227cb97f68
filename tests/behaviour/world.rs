//! Where a behaviour is shown: a runtime on a test clock, and the executors that await its futures.
//!
//! Every behaviour runs on smol, on tokio with one thread and with several, and under a bare `block_on`,
//! each time against a runtime with threads of its own on a manual clock; and where it makes sense on one
//! thread alone that drives everything on an automatic clock.

use bifrost::config::{BreakerMode, ProviderConfig, RuntimeConfig};
use bifrost::provider::JobError;
use bifrost::stats::Count;
use bifrost::time::{Instant, TestClock};
use bifrost::{Job, JobHandle, Provider, Runtime, ShutdownMode};
use smol::channel::{Receiver, Sender, bounded};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// The smallest step of time.
pub(crate) const TICK: Duration = Duration::from_nanos(1);

/// Driver threads of a runtime that drives itself.
const DRIVERS: usize = 2;
/// How long a behaviour may take on a busy machine before it counts as hung.
const HUNG: Duration = Duration::from_secs(60);

/// A runtime under test and its time.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) clock: TestClock,
    pub(crate) runtime: Arc<Runtime>,
    /// Whether one thread alone drives everything.
    pub(crate) alone: bool,
}

impl World {
    fn new(configs: Vec<ProviderConfig>, alone: bool) -> Self {
        let clock = if alone { TestClock::automatic() } else { TestClock::new() };
        let _here = clock.register_thread().enter();
        let config = RuntimeConfig::default().drivers(if alone { 0 } else { DRIVERS });
        let runtime = Runtime::builder()
            .clock(&clock)
            .config(config.shutdown_timeout(10 * SECOND))
            .providers(configs)
            .build()
            .expect("the settings of the behaviour are good");
        Self { clock, runtime: Arc::new(runtime), alone }
    }

    /// The first provider.
    pub(crate) fn provider(&self) -> Provider {
        self.runtime.providers()[0].clone()
    }

    pub(crate) fn named(&self, name: &str) -> Provider {
        self.runtime.provider(name).expect("the behaviour has a provider of this name")
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, duration: Duration) {
        if self.alone {
            self.clock.sleep(duration).await;
        } else {
            self.clock.advance(duration);
        }
    }

    /// Waits until nothing is left to do at this instant.
    pub(crate) async fn settle(&self) {
        self.settle_with(0).await;
    }

    /// As `settle`, with `idle` threads beside the runtime's drivers and its tick that wait on the clock.
    pub(crate) async fn settle_with(&self, idle: usize) {
        if self.alone {
            // Time passes only when everyone waits.
            self.clock.sleep(TICK).await;
        } else {
            self.clock.wait_for_parked(DRIVERS + 1 + idle);
        }
    }

    /// Waits for something that the clock does not show: the end of a thread that nobody joins.
    pub(crate) async fn until(&self, done: impl Fn() -> bool) {
        while !done() {
            std::thread::yield_now();
            futures_lite::future::yield_now().await;
        }
    }

    /// Ends the runtime and holds every provider to its books.
    fn end(&self) {
        let report = self.runtime.shutdown_blocking(ShutdownMode::Cancel);
        report.expect("the behaviour is not a job");
        for provider in self.runtime.providers() {
            assert_books_are_closed(&provider);
        }
    }
}

/// Everything that came in has gone out, and nothing is held.
pub(crate) fn assert_books_are_closed(provider: &Provider) {
    let snapshot = provider.snapshot();
    let name = provider.name();
    snapshot.ledger.check_quiet(0, 0).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(snapshot.ledger.accepted(), snapshot.ledger.ended(), "{name}: accepted and ended");
    assert_eq!(snapshot.records.free, snapshot.records.capacity, "{name}: free records");
    for workers in [snapshot.workers, snapshot.blocking_workers] {
        let left = (workers.spawned, workers.busy, workers.zombie);
        assert_eq!(left, (0, 0, 0), "{name}: workers spawned, busy and zombie");
    }
    assert_eq!((snapshot.queue.depth, snapshot.queue.dead_slots), (0, 0), "{name}: queue");
    assert_eq!(
        snapshot.ledger.get(Count::WorkersStarted),
        snapshot.ledger.get(Count::WorkersEnded),
        "{name}: workers"
    );
}

/// What awaits the futures of a behaviour.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Executor {
    Smol,
    TokioThreads,
    TokioCurrent,
    Bare,
}

/// Shows a behaviour under `executor`, beside a runtime with threads of its own.
pub(crate) fn under<F>(executor: Executor, configs: Vec<ProviderConfig>, behaviour: fn(World) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    watched(move || {
        let world = World::new(configs, false);
        let shown = behaviour(world.clone());
        match executor {
            Executor::Smol => smol::block_on(smol::spawn(shown)),
            Executor::Bare => futures_lite::future::block_on(shown),
            Executor::TokioCurrent => tokio(tokio::runtime::Builder::new_current_thread(), shown),
            Executor::TokioThreads => {
                let mut builder = tokio::runtime::Builder::new_multi_thread();
                builder.worker_threads(2);
                tokio(builder, shown);
            }
        }
        world.end();
    });
}

fn tokio(mut builder: tokio::runtime::Builder, shown: impl Future<Output = ()> + Send + 'static) {
    let executor = builder.build().expect("tokio starts");
    executor.block_on(async {
        if let Err(error) = tokio::spawn(shown).await {
            resume_unwind(error.into_panic());
        }
    });
}

/// Shows a behaviour on one thread that drives the runtime and jumps through its time.
pub(crate) fn alone<F>(configs: Vec<ProviderConfig>, behaviour: fn(World) -> F)
where
    F: Future<Output = ()> + 'static,
{
    watched(move || {
        let world = World::new(configs, true);
        let _here = world.clock.register_thread().enter();
        world.runtime.run(behaviour(world.clone()));
        world.end();
    });
}

/// Runs `f` on a thread of its own and fails when it hangs.
pub(crate) fn watched(f: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let shown = catch_unwind(AssertUnwindSafe(f));
        // Nobody listens any more when it was given up.
        sender.send(shown).unwrap_or_default();
    });
    match receiver.recv_timeout(HUNG) {
        Ok(Ok(())) => {}
        Ok(Err(payload)) => resume_unwind(payload),
        Err(_) => panic!("the behaviour hangs"),
    }
}

/// One test an executor for each behaviour, and one on a single thread.
macro_rules! everywhere {
    ($($name:ident: [$($config:expr),+ $(,)?]),+ $(,)?) => {
        $(
            mod $name {
                #[allow(unused_imports, reason = "some settings need nothing")]
                use super::*;

                fn configs() -> Vec<bifrost::config::ProviderConfig> {
                    vec![$($config),+]
                }

                #[test]
                fn on_one_thread() {
                    crate::world::alone(configs(), super::$name);
                }

                crate::world::each_executor!($name);
            }
        )+
    };
}

/// One test an executor for each behaviour that needs threads beside its own.
macro_rules! with_threads {
    ($($name:ident: [$($config:expr),+ $(,)?]),+ $(,)?) => {
        $(
            mod $name {
                #[allow(unused_imports, reason = "some settings need nothing")]
                use super::*;

                fn configs() -> Vec<bifrost::config::ProviderConfig> {
                    vec![$($config),+]
                }

                crate::world::each_executor!($name);
            }
        )+
    };
}

macro_rules! each_executor {
    ($name:ident) => {
        #[test]
        fn under_smol() {
            crate::world::under(crate::world::Executor::Smol, configs(), super::$name);
        }

        #[test]
        fn under_tokio_with_threads() {
            crate::world::under(crate::world::Executor::TokioThreads, configs(), super::$name);
        }

        #[test]
        fn under_tokio_on_one_thread() {
            crate::world::under(crate::world::Executor::TokioCurrent, configs(), super::$name);
        }

        #[test]
        fn under_a_bare_block_on() {
            crate::world::under(crate::world::Executor::Bare, configs(), super::$name);
        }
    };
}

pub(crate) use {each_executor, everywhere, with_threads};

/// A provider with exactly this many async workers.
pub(crate) fn workers(count: usize) -> ProviderConfig {
    ProviderConfig::new("a").workers(count, count)
}

/// A provider like this one whose jobs fail on purpose, as often as they like.
pub(crate) fn unguarded(mut config: ProviderConfig) -> ProviderConfig {
    config.breaker.mode = BreakerMode::Off;
    config
}

/// A job that gives `value`.
pub(crate) fn value(value: u64) -> Job<u64> {
    Job::new(move |_| Ok::<_, JobError>(value))
}

/// Submits a job that has to be accepted.
pub(crate) fn submit<T: Send + 'static>(provider: &Provider, job: Job<T>) -> JobHandle<T> {
    provider.submit(job).expect("there is room for the job")
}

/// The other end of a job that runs until it is let go. Dropped, it lets go.
pub(crate) struct Held {
    started: Receiver<()>,
    pub(crate) go: Sender<()>,
}

impl Held {
    /// Waits until the job runs.
    pub(crate) async fn started(&self) {
        self.started.recv().await.expect("the job starts");
    }

    /// Lets the job end.
    pub(crate) fn let_go(&self) {
        self.go.close();
    }
}

/// A future that runs until it is let go, and gives 7.
pub(crate) fn held() -> (Job<u64>, Held) {
    let ((starting, started), (go, gone)) = (bounded(1), bounded::<()>(1));
    let job = Job::future(async move {
        starting.send(()).await?;
        gone.recv().await.unwrap_or_default();
        Ok::<_, JobError>(7)
    });
    (job, Held { started, go })
}

/// As [`held`], a closure that blocks its thread.
pub(crate) fn stuck() -> (Job<u64>, Held) {
    let ((starting, started), (go, gone)) = (bounded(1), bounded::<()>(1));
    let job = Job::blocking(move |_| {
        starting.send_blocking(())?;
        gone.recv_blocking().unwrap_or_default();
        Ok::<_, JobError>(7)
    });
    (job, Held { started, go })
}

/// As [`stuck`], undeclared: it blocks the thread that drives it.
pub(crate) fn stuck_on_the_driver() -> (Job<u64>, Held) {
    let ((starting, started), (go, gone)) = (bounded(1), bounded::<()>(1));
    let job = Job::new(move |_| {
        starting.send_blocking(())?;
        gone.recv_blocking().unwrap_or_default();
        Ok::<_, JobError>(7)
    });
    (job, Held { started, go })
}

/// Keeps one async worker busy until the other end lets go.
pub(crate) async fn occupy(provider: &Provider) -> (JobHandle<u64>, Held) {
    let (job, held) = held();
    let handle = submit(provider, job);
    held.started().await;
    (handle, held)
}

/// Numbers that look random and come again with the same seed (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

//! Our own contestants.

use super::system::{Shape, System, THREADS, work};
use bifrost::config::{HealthPolicy, OverflowPolicy, ProviderConfig, RuntimeConfig};
use bifrost::{Job, Provider, Runtime};
use smol::Executor;
use std::future::{Future, pending};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Longer than any round.
const PATIENCE: Duration = Duration::from_secs(60);

/// The callers are tasks of the embedder's executor, on the two threads that also drive the runtime.
pub(super) struct Embedded {
    runtime: Arc<Runtime>,
    providers: Arc<[Provider]>,
    executor: Arc<Executor<'static>>,
}

/// The runtime has two threads of its own, and the callers are jobs of one more provider.
pub(super) struct Driven {
    runtime: Runtime,
    providers: Arc<[Provider]>,
    callers: Provider,
}

/// Our pools, for what only they can do.
pub(super) trait Ours: System {
    fn runtime(&self) -> &Runtime;
    fn providers(&self) -> &Arc<[Provider]>;
}

fn build(drivers: usize, shape: Shape) -> (Runtime, Arc<[Provider]>) {
    let of = |number| {
        ProviderConfig::new(format!("p{number}"))
            .workers(shape.workers, shape.workers)
            .queue_capacity(shape.queue())
            .overflow(OverflowPolicy::Block(PATIENCE))
            .health(HealthPolicy::Skip)
    };
    // One task more than callers: whoever posts.
    let callers = ProviderConfig::new("callers")
        .workers(shape.callers + 1, shape.callers + 1)
        .timeout(Duration::from_secs(3600))
        .queue_capacity(shape.queue())
        .health(HealthPolicy::Skip);
    let runtime = Runtime::builder()
        .config(RuntimeConfig::default().drivers(drivers))
        .providers((0..shape.providers).map(of))
        .provider(callers)
        .build()
        .expect("the settings are in range");
    let providers = runtime.providers()[..shape.providers].into();
    (runtime, providers)
}

pub(super) fn job(input: u64) -> Job<u64> {
    Job::new(move |_| Ok::<_, io::Error>(work(input)))
}

async fn call(provider: &Provider, input: u64) -> u64 {
    let handle = provider.submit(job(input)).expect("the queue has room for every caller");
    handle.await.completed().expect("the job does not fail")
}

fn call_then(provider: &Provider, input: u64, then: impl FnOnce(u64) + Send + 'static) {
    let deliver = |outcome: bifrost::Outcome<u64>| {
        then(outcome.completed().expect("the job does not fail"));
    };
    provider.submit_with(job(input), deliver).expect("the queue has room for every caller");
}

async fn post(provider: &Provider, body: impl FnOnce() + Send + 'static) {
    let job = Job::new(move |_| {
        body();
        Ok::<_, io::Error>(())
    });
    drop(provider.submit_async(job).await.expect("the queue has room again"));
}

impl Embedded {
    pub(super) fn new(shape: Shape) -> Self {
        let (runtime, providers) = build(0, shape);
        let runtime = Arc::new(runtime);
        let executor = Arc::new(Executor::new());
        for _ in 0..THREADS {
            let (runtime, executor) = (Arc::clone(&runtime), Arc::clone(&executor));
            std::thread::spawn(move || runtime.run(executor.run(pending::<()>())));
        }
        Self { runtime, providers, executor }
    }
}

impl Driven {
    pub(super) fn new(shape: Shape) -> Self {
        let (runtime, providers) = build(THREADS, shape);
        let callers = runtime.provider("callers").expect("it was configured");
        Self { runtime, providers, callers }
    }
}

impl Ours for Embedded {
    fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    fn providers(&self) -> &Arc<[Provider]> {
        &self.providers
    }
}

impl Ours for Driven {
    fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    fn providers(&self) -> &Arc<[Provider]> {
        &self.providers
    }
}

impl System for Embedded {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.executor.spawn(task).detach();
    }

    async fn call(&self, provider: usize, input: u64) -> u64 {
        call(&self.providers[provider], input).await
    }

    fn call_blocking(&self, provider: usize, input: u64) -> u64 {
        call_blocking(&self.providers[provider], input)
    }

    fn call_then(&self, provider: usize, input: u64, then: impl FnOnce(u64) + Send + 'static) {
        call_then(&self.providers[provider], input, then);
    }

    async fn post(&self, provider: usize, job: impl FnOnce() + Send + 'static) {
        post(&self.providers[provider], job).await;
    }
}

impl System for Driven {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let job = Job::future(async move {
            task.await;
            Ok::<_, io::Error>(())
        });
        drop(self.callers.submit(job).expect("there is a worker for every caller"));
    }

    async fn call(&self, provider: usize, input: u64) -> u64 {
        call(&self.providers[provider], input).await
    }

    fn call_blocking(&self, provider: usize, input: u64) -> u64 {
        call_blocking(&self.providers[provider], input)
    }

    fn call_then(&self, provider: usize, input: u64, then: impl FnOnce(u64) + Send + 'static) {
        call_then(&self.providers[provider], input, then);
    }

    async fn post(&self, provider: usize, job: impl FnOnce() + Send + 'static) {
        post(&self.providers[provider], job).await;
    }
}

fn call_blocking(provider: &Provider, input: u64) -> u64 {
    let handle = provider.submit(job(input)).expect("the queue has room for every caller");
    handle.wait().completed().expect("the job does not fail")
}

//! Our own contestants.

use super::{CALLERS, PROVIDERS, QUEUE, THREADS, WORKERS, round, work};
use crate::contest::Contestant;
use bifrost::config::{ProviderConfig, RuntimeConfig};
use bifrost::{Job, Provider, Runtime};
use smol::Executor;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The callers are tasks of the embedder's executor, on the two threads that also drive the runtime.
pub(super) struct Embedded {
    providers: Arc<[Provider]>,
    executor: Arc<Executor<'static>>,
}

/// The runtime has two threads of its own, and the callers are jobs of one more provider.
pub(super) struct Driven {
    runtime: Runtime,
    providers: Arc<[Provider]>,
}

fn build(drivers: usize) -> (Runtime, Arc<[Provider]>) {
    let of = |number| {
        ProviderConfig::new(format!("p{number}")).workers(WORKERS, WORKERS).queue_capacity(QUEUE)
    };
    let callers = ProviderConfig::new("callers").workers(CALLERS, CALLERS).queue_capacity(QUEUE);
    let runtime = Runtime::builder()
        .config(RuntimeConfig::default().drivers(drivers))
        .providers((0..PROVIDERS).map(of))
        .provider(callers)
        .build()
        .expect("the settings are in range");
    let providers = runtime.providers()[..PROVIDERS].into();
    (runtime, providers)
}

async fn call(providers: &[Provider], caller: usize, jobs: usize) -> u64 {
    let mut sum = 0;
    for number in 0..jobs {
        let provider = &providers[(caller + number) % PROVIDERS];
        let input = number as u64;
        let job = Job::new(move |_| Ok::<_, io::Error>(work(input)));
        let handle = provider.submit(job).expect("the queue has room for every caller");
        sum += handle.await.completed().expect("the job does not fail");
    }
    sum
}

impl Embedded {
    pub(super) fn new() -> Self {
        let (runtime, providers) = build(0);
        let runtime = Arc::new(runtime);
        let executor = Arc::new(Executor::new());
        for _ in 0..THREADS {
            let (runtime, executor) = (Arc::clone(&runtime), Arc::clone(&executor));
            std::thread::spawn(move || runtime.run(executor.run(pending::<()>())));
        }
        Self { providers, executor }
    }
}

impl Contestant for Embedded {
    fn run(&mut self, count: usize) -> Duration {
        round(count, |caller, jobs, sums| {
            let providers = Arc::clone(&self.providers);
            let task = async move {
                let sum = call(&providers, caller, jobs).await;
                sums.send(sum).expect("the round waits");
            };
            self.executor.spawn(task).detach();
        })
    }
}

impl Driven {
    pub(super) fn new() -> Self {
        let (runtime, providers) = build(THREADS);
        Self { runtime, providers }
    }
}

impl Contestant for Driven {
    fn run(&mut self, count: usize) -> Duration {
        let callers = self.runtime.provider("callers").expect("it was configured");
        round(count, |caller, jobs, sums| {
            let providers = Arc::clone(&self.providers);
            let job = Job::future(async move {
                let sum = call(&providers, caller, jobs).await;
                sums.send(sum).expect("the round waits");
                Ok::<_, io::Error>(())
            });
            drop(callers.submit(job).expect("there is a worker for every caller"));
        })
    }
}

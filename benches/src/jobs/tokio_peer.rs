//! The same on tokio: flume's channel of boxed closures a provider, tokio's oneshot channel a job.

use super::{PROVIDERS, QUEUE, THREADS, WORKERS, round, work};
use crate::contest::Contestant;
use flume::{Receiver, Sender};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

type Work = Box<dyn FnOnce() -> u64 + Send>;
type Message = (Work, oneshot::Sender<u64>);

pub(super) struct Peer {
    runtime: Runtime,
    providers: Arc<[Sender<Message>]>,
}

async fn serve(queue: Receiver<Message>) {
    while let Ok((work, reply)) = queue.recv_async().await {
        reply.send(work()).expect("the caller waits");
    }
}

async fn call(providers: &[Sender<Message>], caller: usize, jobs: usize) -> u64 {
    let mut sum = 0;
    for number in 0..jobs {
        let provider = &providers[(caller + number) % PROVIDERS];
        let input = number as u64;
        let (reply, result) = oneshot::channel();
        let message = (Box::new(move || work(input)) as Work, reply);
        provider.try_send(message).expect("the queue has room for every caller");
        sum += result.await.expect("the worker answers");
    }
    sum
}

impl Peer {
    pub(super) fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(THREADS).build();
        let runtime = runtime.expect("the system has threads to give");
        let found = || {
            let (sender, receiver) = flume::bounded(QUEUE);
            for _ in 0..WORKERS {
                runtime.spawn(serve(receiver.clone()));
            }
            sender
        };
        let providers = (0..PROVIDERS).map(|_| found()).collect();
        Self { runtime, providers }
    }
}

impl Contestant for Peer {
    fn run(&mut self, count: usize) -> Duration {
        round(count, |caller, jobs, sums| {
            let providers = Arc::clone(&self.providers);
            self.runtime.spawn(async move {
                let sum = call(&providers, caller, jobs).await;
                sums.send(sum).expect("the round waits");
            });
        })
    }
}

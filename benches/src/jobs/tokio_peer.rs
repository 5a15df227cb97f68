//! The same on tokio: flume's channel of boxed closures a provider, tokio's oneshot channel a job.

use super::system::{Shape, System, THREADS, work};
use flume::{Receiver, Sender};
use std::future::Future;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

type Message = Box<dyn FnOnce() + Send>;

pub(super) struct Peer {
    runtime: Runtime,
    providers: Box<[Sender<Message>]>,
}

async fn serve(queue: Receiver<Message>) {
    while let Ok(job) = queue.recv_async().await {
        job();
    }
}

impl Peer {
    pub(super) fn new(shape: Shape) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(THREADS).build();
        let runtime = runtime.expect("the system has threads to give");
        let found = || {
            let (sender, receiver) = flume::bounded(shape.queue());
            for _ in 0..shape.workers {
                runtime.spawn(serve(receiver.clone()));
            }
            sender
        };
        let providers = (0..shape.providers).map(|_| found()).collect();
        Self { runtime, providers }
    }

    fn submit(&self, provider: usize, job: impl FnOnce() + Send + 'static) {
        let sent = self.providers[provider].try_send(Box::new(job));
        assert!(sent.is_ok(), "the queue has room for every caller");
    }
}

impl System for Peer {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    async fn call(&self, provider: usize, input: u64) -> u64 {
        let (reply, result) = oneshot::channel();
        self.submit(provider, move || reply.send(work(input)).expect("the caller waits"));
        result.await.expect("the worker answers")
    }

    fn call_blocking(&self, provider: usize, input: u64) -> u64 {
        let (reply, result) = oneshot::channel();
        self.submit(provider, move || reply.send(work(input)).expect("the caller waits"));
        result.blocking_recv().expect("the worker answers")
    }

    fn call_then(&self, provider: usize, input: u64, then: impl FnOnce(u64) + Send + 'static) {
        self.submit(provider, move || then(work(input)));
    }

    async fn post(&self, provider: usize, job: impl FnOnce() + Send + 'static) {
        let sent = self.providers[provider].send_async(Box::new(job)).await;
        assert!(sent.is_ok(), "the workers are there");
    }
}

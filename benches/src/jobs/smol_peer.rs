//! The obvious Rust code on smol: a channel of boxed closures a provider, a oneshot channel a job.

use super::system::{Shape, System, THREADS, work};
use async_channel::{Receiver, Sender};
use smol::Executor;
use std::future::{Future, pending};
use std::sync::Arc;

type Message = Box<dyn FnOnce() + Send>;

pub(super) struct Peer {
    executor: Arc<Executor<'static>>,
    providers: Box<[Sender<Message>]>,
}

async fn serve(queue: Receiver<Message>) {
    while let Ok(job) = queue.recv().await {
        job();
    }
}

impl Peer {
    pub(super) fn new(shape: Shape) -> Self {
        let executor = Arc::new(Executor::new());
        let found = || {
            let (sender, receiver) = async_channel::bounded(shape.queue());
            for _ in 0..shape.workers {
                executor.spawn(serve(receiver.clone())).detach();
            }
            sender
        };
        let providers = (0..shape.providers).map(|_| found()).collect();
        for _ in 0..THREADS {
            let executor = Arc::clone(&executor);
            std::thread::spawn(move || {
                futures_lite::future::block_on(executor.run(pending::<()>()));
            });
        }
        Self { executor, providers }
    }

    fn submit(&self, provider: usize, job: impl FnOnce() + Send + 'static) {
        let sent = self.providers[provider].try_send(Box::new(job));
        assert!(sent.is_ok(), "the queue has room for every caller");
    }
}

impl System for Peer {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.executor.spawn(task).detach();
    }

    async fn call(&self, provider: usize, input: u64) -> u64 {
        let (reply, result) = oneshot::async_channel();
        self.submit(provider, move || reply.send(work(input)).expect("the caller waits"));
        result.await.expect("the worker answers")
    }

    fn call_blocking(&self, provider: usize, input: u64) -> u64 {
        let (reply, result) = oneshot::channel();
        self.submit(provider, move || reply.send(work(input)).expect("the caller waits"));
        result.recv().expect("the worker answers")
    }

    fn call_then(&self, provider: usize, input: u64, then: impl FnOnce(u64) + Send + 'static) {
        self.submit(provider, move || then(work(input)));
    }

    async fn post(&self, provider: usize, job: impl FnOnce() + Send + 'static) {
        let sent = self.providers[provider].send(Box::new(job)).await;
        assert!(sent.is_ok(), "the workers are there");
    }
}

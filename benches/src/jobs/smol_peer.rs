//! The obvious Rust code on smol: a channel of boxed closures a provider, a oneshot channel a job.

use super::{PROVIDERS, QUEUE, THREADS, WORKERS, round, work};
use crate::contest::Contestant;
use async_channel::{Receiver, Sender};
use smol::Executor;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

type Work = Box<dyn FnOnce() -> u64 + Send>;
type Message = (Work, oneshot::Sender<u64>);

pub(super) struct Peer {
    executor: Arc<Executor<'static>>,
    providers: Arc<[Sender<Message>]>,
}

async fn serve(queue: Receiver<Message>) {
    while let Ok((work, reply)) = queue.recv().await {
        reply.send(work()).expect("the caller waits");
    }
}

async fn call(providers: &[Sender<Message>], caller: usize, jobs: usize) -> u64 {
    let mut sum = 0;
    for number in 0..jobs {
        let provider = &providers[(caller + number) % PROVIDERS];
        let input = number as u64;
        let (reply, result) = oneshot::async_channel();
        let message = (Box::new(move || work(input)) as Work, reply);
        provider.try_send(message).expect("the queue has room for every caller");
        sum += result.await.expect("the worker answers");
    }
    sum
}

impl Peer {
    pub(super) fn new() -> Self {
        let executor = Arc::new(Executor::new());
        let found = || {
            let (sender, receiver) = async_channel::bounded(QUEUE);
            for _ in 0..WORKERS {
                executor.spawn(serve(receiver.clone())).detach();
            }
            sender
        };
        let providers = (0..PROVIDERS).map(|_| found()).collect();
        for _ in 0..THREADS {
            let executor = Arc::clone(&executor);
            std::thread::spawn(move || {
                futures_lite::future::block_on(executor.run(pending::<()>()));
            });
        }
        Self { executor, providers }
    }
}

impl Contestant for Peer {
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

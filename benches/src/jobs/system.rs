//! What the contestants have in common: providers with a queue and workers each, and ways to give them jobs.

use std::future::Future;
use std::hint::black_box;

/// Threads that run everything: callers and workers.
pub(super) const THREADS: usize = 2;

/// How large a pool is, and how many callers it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) providers: usize,
    pub(super) workers: usize,
    pub(super) callers: usize,
}

impl Shape {
    pub(super) const fn new(providers: usize, workers: usize, callers: usize) -> Self {
        Self { providers, workers, callers }
    }

    /// Places in a provider's queue: room for every caller.
    pub(super) fn queue(self) -> usize {
        self.callers.max(256)
    }
}

/// What every job does.
pub(super) fn work(input: u64) -> u64 {
    black_box(input) + 1
}

/// A pool with its executor.
pub(super) trait System: Send + Sync + 'static {
    /// Runs a task on the threads that run the workers too.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Submits `work(input)`, for which there is room, and gives its result.
    fn call(&self, provider: usize, input: u64) -> impl Future<Output = u64> + Send;

    /// As `call`, by a thread that is none of the pool's.
    fn call_blocking(&self, provider: usize, input: u64) -> u64 {
        futures_lite::future::block_on(self.call(provider, input))
    }

    /// As `call`; the result goes to `then`, on the thread that ran the job.
    fn call_then(&self, provider: usize, input: u64, then: impl FnOnce(u64) + Send + 'static);

    /// Submits a job whose end nobody waits for; waits until there is room.
    fn post(
        &self,
        provider: usize,
        job: impl FnOnce() + Send + 'static,
    ) -> impl Future<Output = ()> + Send;
}

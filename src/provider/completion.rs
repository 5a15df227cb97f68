//! Outcomes for those who want no handles: a queue that several providers may share.
//!
//! A completion is the job's own record, linked into a list: it needs no room and is never lost. While as
//! many completions of a provider are unread as its `result_buffer` says, its door refuses: a slow reader
//! pins no worker (S15).

use super::JobContext;
use super::core::{Core, Host};
use super::job::JobId;
use super::outcome::Outcome;
use crate::exec::Inside;
use crate::state::{Chain, Completions, Report, Stamps};
use crate::sync::{Arc, Mutex, OnceLock, Quiet, contain, drop_caught};
use crate::time::{Clock, Deadline};
use event_listener::Event;
use std::fmt;
use std::time::Duration;

/// One job's outcome with what is known around it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Completion<T> {
    /// The job.
    pub id: JobId,
    /// The provider that ran it.
    pub provider: Arc<str>,
    /// The number that the job was submitted with.
    pub user_data: u64,
    /// How it ended.
    pub outcome: Outcome<T>,
    /// How long it waited before it started, or until its end if it never did.
    pub queued_for: Duration,
    /// How long it ran.
    pub ran_for: Duration,
}

impl<T> Completion<T> {
    pub(super) fn new(provider: &Arc<str>, report: Report<T>) -> Self {
        let Stamps { submitted_at, started_at, ended_at } = report.stamps;
        let started = started_at.unwrap_or(ended_at);
        Self {
            id: report.ticket,
            provider: Arc::clone(provider),
            user_data: report.user_data,
            queued_for: started.saturating_duration_since(submitted_at),
            ran_for: ended_at.saturating_duration_since(started),
            outcome: Outcome::from_report(report),
        }
    }
}

/// A queue of outcomes. Jobs are submitted to it by [`Provider::submit_to`](super::Provider::submit_to);
/// clones are the same queue. The outcomes of one provider come in the order of the jobs' ends.
pub struct CompletionQueue<T: 'static> {
    shared: Arc<Shared<T>>,
}

struct Shared<T: 'static> {
    clock: Clock,
    ports: Ports<T>,
    /// Taken and not yet handed out, by port.
    taken: Mutex<Vec<Taken<T>>>,
    came: Event,
    notify: Box<dyn Fn() + Send + Sync>,
}

type Taken<T> = (Arc<str>, Chain<JobContext, Host, T>);

/// The completions of one provider for one queue.
pub(super) struct Port<T: 'static> {
    name: Arc<str>,
    completions: Arc<Completions<JobContext, Host, T>>,
}

/// The ports of a queue: a list that only grows, so that a submission walks it without a lock.
type Ports<T> = OnceLock<Box<Node<T>>>;

struct Node<T: 'static> {
    port: Arc<Port<T>>,
    next: Ports<T>,
}

impl<T> Port<T> {
    pub(super) fn completions(&self) -> &Arc<Completions<JobContext, Host, T>> {
        &self.completions
    }
}

impl<T> Clone for CompletionQueue<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T: Send + 'static> CompletionQueue<T> {
    /// Makes an empty queue whose waits use `clock`.
    pub fn new(clock: &Clock) -> Self {
        Self::with_notify(clock, || {})
    }

    /// As [`new`](Self::new); `notify` is called after each completion, by the thread that publishes it:
    /// it must not block. A panic in it is caught and counted.
    pub fn with_notify(clock: &Clock, notify: impl Fn() + Send + Sync + 'static) -> Self {
        let shared = Shared {
            clock: clock.clone(),
            ports: OnceLock::new(),
            taken: Mutex::new(Vec::new()),
            came: Event::new(),
            notify: Box::new(notify),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The place where `core` delivers to this queue.
    pub(super) fn port(&self, core: &Arc<Core>) -> &Arc<Port<T>> {
        let mut place = &self.shared.ports;
        loop {
            let node = place.get_or_init(|| self.shared.open(core));
            if Arc::ptr_eq(node.port.completions.slab(), core) {
                return &node.port;
            }
            place = &node.next;
        }
    }

    /// Takes the next outcome, if there is one.
    pub fn try_next(&self) -> Option<Completion<T>> {
        let mut one = None;
        self.poll(1, |completion| one = Some(completion));
        one
    }

    /// Hands up to `most` outcomes to `take`, without waiting; how many. `take` may use the queue.
    pub fn poll(&self, most: usize, mut take: impl FnMut(Completion<T>)) -> usize {
        for count in 0..most {
            match self.next_report() {
                Some((name, report)) => take(Completion::new(&name, report)),
                None => return count,
            }
        }
        most
    }

    fn next_report(&self) -> Option<(Arc<str>, Report<T>)> {
        let mut taken = self.shared.taken.lock();
        loop {
            while let Some((name, chain)) = taken.last_mut() {
                let report = chain.read();
                let name = Arc::clone(name);
                if chain.is_empty() {
                    taken.pop();
                }
                if let Some(report) = report {
                    return Some((name, report));
                }
            }
            if !self.shared.refill(&mut taken) {
                return None;
            }
        }
    }

    /// Waits until at least `least` outcomes were handed to `take`, at most `most`; how many.
    ///
    /// The waker that this is polled with must not poll it again inside `wake`, as no waker should.
    ///
    /// # Cancel safety
    ///
    /// What was handed to `take` stays taken; nothing else is lost.
    pub async fn wait(
        &self,
        least: usize,
        most: usize,
        mut take: impl FnMut(Completion<T>),
    ) -> usize {
        let mut count = 0;
        loop {
            let came = Quiet(self.shared.came.listen());
            count += self.poll(most - count, &mut take);
            if count >= least.min(most) {
                return count;
            }
            came.await;
        }
    }

    /// As [`wait`](Self::wait), by a thread and for at most `limit`.
    pub fn wait_timeout(
        &self,
        least: usize,
        most: usize,
        limit: Duration,
        mut take: impl FnMut(Completion<T>),
    ) -> usize {
        let mut count = 0;
        let clock = &self.shared.clock;
        let deadline = Deadline::after(clock.now(), limit);
        let count_all = |completion| {
            count += 1;
            take(completion);
        };
        let _in_time = clock.block_on_deadline(self.wait(least, most, count_all), deadline);
        count
    }

    /// Whether there is nothing to take at this moment.
    pub fn is_empty(&self) -> bool {
        self.shared.taken.lock().is_empty()
            && self.shared.ports().all(|port| port.completions.is_empty())
    }
}

impl<T: Send + 'static> Shared<T> {
    /// A port for a provider that has none here.
    fn open(self: &Arc<Self>, core: &Arc<Core>) -> Box<Node<T>> {
        let shared = Arc::downgrade(self);
        let counting = Arc::downgrade(core);
        let runtime = core.host().runtime;
        let notify = move || {
            let Some(shared) = shared.upgrade() else { return };
            // A worker calls it: what a job must not wait for, this must not either.
            let _inside = Inside::enter(runtime);
            shared.came.notify(usize::MAX);
            // The last one to hold the queue drops what nobody read.
            let panics = u32::from(contain(|| (shared.notify)())) + u32::from(drop_caught(shared));
            if panics > 0
                && let Some(core) = counting.upgrade()
            {
                core.count_panics(panics);
            }
        };
        let port = Port {
            name: Arc::clone(&core.host().name),
            completions: Completions::new(Arc::clone(core), notify),
        };
        Box::new(Node { port: Arc::new(port), next: OnceLock::new() })
    }

    fn ports(&self) -> impl Iterator<Item = &Arc<Port<T>>> {
        let first = self.ports.get();
        std::iter::successors(first, |node| node.next.get()).map(|node| &node.port)
    }

    /// Takes what the ports have; whether that was anything.
    fn refill(&self, taken: &mut Vec<Taken<T>>) -> bool {
        for port in self.ports().filter(|port| !port.completions.is_empty()) {
            taken.push((Arc::clone(&port.name), port.completions.take_all()));
        }
        !taken.is_empty()
    }
}

impl<T: Send + 'static> fmt::Debug for CompletionQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompletionQueue")
            .field("is_empty", &self.is_empty())
            .finish_non_exhaustive()
    }
}

//! The same closed loop by each kind of submitter: blocking threads, callbacks, a completion queue.
//!
//! The async submitter on the workers' own executor is the main scenario.

use super::closed::{MAIN, share};
use super::figures::Figures;
use super::go::{Go, Pool, Round};
use super::ours::{self, Ours};
use super::panel::{self, Entry, Pace, inside};
use super::smol_peer::Peer as Smol;
use super::system::{Shape, System};
use super::tokio_peer::Peer as Tokio;
use crate::contest::Effort;
use bifrost::CompletionQueue;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

const PEERS: &[&str] = &["async-channel + smol", "flume + tokio"];
const GO: &[&str] = &["Go channels"];

/// A caller's share of a round.
type Order = (usize, usize, Sender<u64>);

/// Threads that call, each with an inbox of its own.
struct Callers {
    inboxes: Vec<Sender<Order>>,
}

impl Callers {
    fn start<S: System>(system: &Arc<S>, shape: Shape) -> Self {
        let start = |_| {
            let (inbox, orders) = channel::<Order>();
            let system = Arc::clone(system);
            std::thread::spawn(move || {
                for (caller, each, sums) in orders {
                    let next = |number| (caller + number) % shape.providers;
                    let sum =
                        (0..each).map(|n| system.call_blocking(next(n), n as u64)).sum::<u64>();
                    sums.send(sum).expect("the round waits");
                }
            });
            inbox
        };
        Self { inboxes: (0..shape.callers).map(start).collect() }
    }

    fn round(&self, shape: Shape, jobs: usize) -> Duration {
        share(shape, jobs, |caller, each, sums| {
            self.inboxes[caller].send((caller, each, sums)).expect("the caller lives");
        })
    }
}

pub(super) fn blocking<S: System>(name: &'static str, system: S) -> Entry {
    let callers = Callers::start(&Arc::new(system), MAIN);
    inside(name, move |jobs| callers.round(MAIN, jobs))
}

/// A caller that lives in its callbacks: each submits the next job.
struct Chain<S> {
    system: Arc<S>,
    caller: usize,
    each: usize,
    sums: Sender<u64>,
}

impl<S: System> Chain<S> {
    fn go_on(self, number: usize, sum: u64) {
        if number == self.each {
            self.sums.send(sum).expect("the round waits");
            return;
        }
        let system = Arc::clone(&self.system);
        let provider = (self.caller + number) % MAIN.providers;
        let then = move |result| self.go_on(number + 1, sum + result);
        system.call_then(provider, number as u64, then);
    }
}

pub(super) fn callback<S: System>(name: &'static str, system: S) -> Entry {
    let system = Arc::new(system);
    inside(name, move |jobs| {
        share(MAIN, jobs, |caller, each, sums| {
            let system = Arc::clone(&system);
            Chain { system, caller, each, sums }.go_on(0, 0);
        })
    })
}

/// One task keeps as many jobs under way as there are callers, and gets their results from one queue.
fn results<S: System, F: Future<Output = u64> + Send + 'static>(
    system: &Arc<S>,
    jobs: usize,
    reap: impl FnOnce(Arc<S>) -> F,
) -> Duration {
    let (sums, sum) = channel();
    let began = Instant::now();
    let task = reap(Arc::clone(system));
    system.spawn(async move { sums.send(task.await).expect("the round waits") });
    let sum = sum.recv().expect("the task reports");
    let took = began.elapsed();
    assert_eq!(sum, (1..=jobs as u64).sum::<u64>(), "a job is missing");
    took
}

/// Results of a peer, through a channel that all jobs share.
pub(super) fn channelled<S: System>(name: &'static str, system: S) -> Entry {
    let system = Arc::new(system);
    inside(name, move |jobs| {
        results(&system, jobs, async move |system: Arc<S>| {
            let (replies, came) = async_channel::bounded(MAIN.callers);
            let submit = |number: usize| {
                let replies = replies.clone();
                system.call_then(number % MAIN.providers, number as u64, move |result| {
                    replies.try_send(result).expect("there is room for every reply");
                });
            };
            let started = MAIN.callers.min(jobs);
            (0..started).for_each(&submit);
            let mut sum = 0;
            for number in started..started + jobs {
                sum += came.recv().await.expect("a job is under way");
                if number < jobs {
                    submit(number);
                }
            }
            sum
        })
    })
}

/// Submits job `number` to the queue.
fn submit_to<S: Ours>(system: &S, queue: &CompletionQueue<u64>, number: usize) {
    let provider = &system.providers()[number % MAIN.providers];
    let submitted = provider.submit_to(queue, ours::job(number as u64));
    submitted.expect("the queue has room for every job under way");
}

/// Adds up the completions of `jobs` jobs; `wait` hands over some that have come.
struct Tally<'a, S> {
    system: &'a S,
    queue: &'a CompletionQueue<u64>,
    jobs: usize,
    submitted: usize,
    came: usize,
    sum: u64,
}

impl<'a, S: Ours> Tally<'a, S> {
    fn begin(system: &'a S, queue: &'a CompletionQueue<u64>, jobs: usize) -> Self {
        let submitted = MAIN.callers.min(jobs);
        (0..submitted).for_each(|number| submit_to(system, queue, number));
        Self { system, queue, jobs, submitted, came: 0, sum: 0 }
    }

    fn add(&mut self, completion: bifrost::Completion<u64>) {
        self.sum += completion.outcome.completed().expect("the job does not fail");
        self.came += 1;
    }

    fn refill(&mut self) {
        let most = self.jobs.min(self.came + MAIN.callers);
        for number in self.submitted..most {
            submit_to(self.system, self.queue, number);
        }
        self.submitted = most;
    }
}

/// The completion queue, awaited by a task on the workers' executor.
pub(super) fn completions<S: Ours>(name: &'static str, system: S) -> Entry {
    let queue = CompletionQueue::new(system.runtime().clock());
    let system = Arc::new(system);
    inside(name, move |jobs| {
        let queue = queue.clone();
        results(&system, jobs, async move |system: Arc<S>| {
            let mut tally = Tally::begin(&*system, &queue, jobs);
            while tally.came < jobs {
                queue.wait(1, MAIN.callers, |completion| tally.add(completion)).await;
                tally.refill();
            }
            tally.sum
        })
    })
}

/// The completion queue, waited for by a thread.
fn completions_by_thread<S: Ours>(name: &'static str, system: S) -> Entry {
    let queue = CompletionQueue::new(system.runtime().clock());
    inside(name, move |jobs| {
        let began = Instant::now();
        let mut tally = Tally::begin(&system, &queue, jobs);
        while tally.came < jobs {
            let limit = Duration::from_secs(60);
            let some = queue.wait_timeout(1, MAIN.callers, limit, |one| tally.add(one));
            assert!(some > 0, "the jobs are under way");
            tally.refill();
        }
        assert_eq!(tally.sum, (1..=jobs as u64).sum::<u64>(), "a job is missing");
        began.elapsed()
    })
}

pub(super) const BLOCKING: [&str; 2] =
    ["jobs_submitter_blocking_20x10_c64", "jobs_submitter_blocking_20x10_c64_cpu"];
pub(super) const CALLBACK: [&str; 2] =
    ["jobs_submitter_callback_20x10_c64", "jobs_submitter_callback_20x10_c64_cpu"];
pub(super) const COMPLETION: [&str; 2] =
    ["jobs_submitter_completion_20x10_c64", "jobs_submitter_completion_20x10_c64_cpu"];

pub(super) fn by_blocking(effort: Effort) -> Vec<Figures> {
    let mut contestants = [
        blocking("bifrost", ours::Driven::new(MAIN)),
        blocking("bifrost, embedded", ours::Embedded::new(MAIN)),
        blocking(PEERS[0], Smol::new(MAIN)),
        blocking(PEERS[1], Tokio::new(MAIN)),
    ];
    let panel = panel::hold(Pace::side(effort), &mut contestants);
    panel.figures(BLOCKING, "submitters", |figures| {
        figures.variants(&["bifrost, embedded"]).peers(PEERS)
    })
}

pub(super) fn by_callback(effort: Effort) -> Vec<Figures> {
    let mut contestants = [
        callback("bifrost", ours::Driven::new(MAIN)),
        callback("bifrost, embedded", ours::Embedded::new(MAIN)),
        callback(PEERS[0], Smol::new(MAIN)),
        callback(PEERS[1], Tokio::new(MAIN)),
    ];
    let panel = panel::hold(Pace::side(effort), &mut contestants);
    panel.figures(CALLBACK, "submitters", |figures| {
        figures.variants(&["bifrost, embedded"]).peers(PEERS)
    })
}

pub(super) fn by_completion(effort: Effort, go: Option<&Go>) -> Vec<Figures> {
    let mut contestants = vec![
        completions("bifrost", ours::Embedded::new(MAIN)),
        completions("bifrost, own drivers", ours::Driven::new(MAIN)),
        completions_by_thread("bifrost, a thread waits", ours::Driven::new(MAIN)),
        channelled(PEERS[0], Smol::new(MAIN)),
        channelled(PEERS[1], Tokio::new(MAIN)),
    ];
    if let Some(go) = go {
        contestants.push((GO[0], Box::new(Pool::new(go, "new", MAIN).rounds(Round::Results))));
    }
    let panel = panel::hold(Pace::side(effort), &mut contestants);
    panel.figures(COMPLETION, "submitters", |figures| {
        let variants = &["bifrost, own drivers", "bifrost, a thread waits"];
        figures.variants(variants).peers(PEERS).peers_if(go.is_some(), GO)
    })
}

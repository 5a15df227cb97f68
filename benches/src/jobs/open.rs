//! Open loop: jobs come at random instants, 5,000 a second, whatever becomes of them; how long each waited
//! from its submission to its start.

use super::closed::MAIN;
use super::figures::Figures;
use super::go::{Go, Pool};
use super::histogram::Histogram;
use super::ours::{self, Ours};
use super::samples::{Entry, hold};
use super::smol_peer;
use super::system::System;
use crate::contest::Effort;
use crate::random::Random;
use crate::usage;
use crossbeam_queue::ArrayQueue;
use rustix::thread::futex;
use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

pub(super) const SAME: [&str; 4] = [
    "jobs_open_loop_5k_same_executor_p50",
    "jobs_open_loop_5k_same_executor_p99",
    "jobs_open_loop_5k_same_executor_p999",
    "jobs_open_loop_5k_same_executor_cpu",
];
pub(super) const CROSS: [&str; 4] = [
    "jobs_open_loop_5k_cross_thread_p50",
    "jobs_open_loop_5k_cross_thread_p99",
    "jobs_open_loop_5k_cross_thread_p999",
    "jobs_open_loop_5k_cross_thread_cpu",
];
const RATE: f64 = 5_000.0;
const SMOL: &str = "async-channel + smol";
const GO: &[&str] = &["Go channels"];
pub(super) const FUTEX: &str = "raw futex";

/// The instants at which jobs come, with exponential gaps.
struct Arrivals {
    random: Random,
    next: Instant,
    end: Instant,
}

impl Arrivals {
    fn new(limit: Duration) -> Self {
        let began = Instant::now();
        Self { random: Random::new(1), next: began, end: began + limit }
    }
}

impl Iterator for Arrivals {
    type Item = Instant;

    fn next(&mut self) -> Option<Instant> {
        const STEPS: usize = 1 << 53;
        let uniform = (self.random.below(STEPS) + 1) as f64 / STEPS as f64;
        self.next += Duration::from_secs_f64(-uniform.ln() / RATE);
        (self.next < self.end).then_some(self.next)
    }
}

/// p50, p99 and p99.9 in microseconds, and the CPU in percent of one.
fn told(waits: &Histogram, jobs: u64, cpu: Duration, limit: Duration) -> Vec<f64> {
    assert_eq!(waits.count(), jobs, "a job is missing");
    let of = |q| waits.percentile(q) as f64 / 1e3;
    vec![of(0.5), of(0.99), of(0.999), 100.0 * cpu.as_secs_f64() / limit.as_secs_f64()]
}

/// Waits until the last job has run.
fn settled(waits: &Histogram, jobs: u64) {
    while waits.count() < jobs {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The submitter is a task on the executor of the workers; it sleeps as that executor's tasks sleep.
fn same<S: System, F: Future<Output = ()> + Send>(
    name: &'static str,
    system: S,
    limit: Duration,
    sleep_until: impl Fn(&S, Instant) -> F + Clone + Send + 'static,
) -> Entry {
    let system = Arc::new(system);
    let round = move || {
        let (own, sleep_until) = (Arc::clone(&system), sleep_until.clone());
        let (ends, end) = channel();
        let cpu = usage::cpu();
        system.spawn(async move {
            let waits = Arc::new(Histogram::default());
            let mut jobs = 0;
            for due in Arrivals::new(limit) {
                if due > Instant::now() {
                    sleep_until(&own, due).await;
                }
                let (waits, submitted) = (Arc::clone(&waits), Instant::now());
                let job = move || waits.record(submitted.elapsed());
                own.post(jobs as usize % MAIN.providers, job).await;
                jobs += 1;
            }
            ends.send((waits, jobs)).expect("the round waits");
        });
        let (waits, jobs) = end.recv().expect("the submitter reports");
        settled(&waits, jobs);
        let cpu = usage::cpu() - cpu;
        told(&waits, jobs, cpu, limit)
    };
    (name, Box::new(round))
}

fn ours_sleep<S: Ours>(system: &S, until: Instant) -> impl Future<Output = ()> + Send + use<S> {
    system.runtime().clock().sleep(until.saturating_duration_since(Instant::now()))
}

/// The submitter is a thread that does nothing else and is always awake; who runs the jobs sleeps.
fn cross(
    name: &'static str,
    limit: Duration,
    mut post: impl FnMut(usize, Arc<Histogram>) + 'static,
) -> Entry {
    let round = move || {
        let waits = Arc::new(Histogram::default());
        let mut jobs = 0;
        let cpu = usage::cpu_of_others();
        for due in Arrivals::new(limit) {
            while Instant::now() < due {
                spin_loop();
            }
            post(jobs, Arc::clone(&waits));
            jobs += 1;
        }
        settled(&waits, jobs as u64);
        // The submitter itself burns a CPU, which is not told.
        let cpu = usage::cpu_of_others() - cpu;
        told(&waits, jobs as u64, cpu, limit)
    };
    (name, Box::new(round))
}

fn posting<S: System>(system: S) -> impl FnMut(usize, Arc<Histogram>) {
    move |number, waits| {
        let submitted = Instant::now();
        let job = move || waits.record(submitted.elapsed());
        futures_lite::future::block_on(system.post(number % MAIN.providers, job));
    }
}

/// What the machine itself needs to wake a thread: nothing between the two but a futex.
struct Sleeper {
    word: AtomicU32,
    stop: AtomicBool,
    inbox: ArrayQueue<(Instant, Arc<Histogram>)>,
}

impl Sleeper {
    fn start() -> Arc<Self> {
        let sleeper = Self {
            word: AtomicU32::new(0),
            stop: AtomicBool::new(false),
            inbox: ArrayQueue::new(4096),
        };
        let sleeper = Arc::new(sleeper);
        let own = Arc::clone(&sleeper);
        std::thread::spawn(move || own.serve());
        sleeper
    }

    fn serve(&self) {
        while !self.stop.load(Ordering::Acquire) {
            let seen = self.word.load(Ordering::Acquire);
            while let Some((submitted, waits)) = self.inbox.pop() {
                waits.record(submitted.elapsed());
            }
            // Woken or not, it looks again.
            let _woken = futex::wait(&self.word, futex::Flags::PRIVATE, seen, None);
        }
    }

    fn wake(&self) {
        self.word.fetch_add(1, Ordering::Release);
        let _woken = futex::wake(&self.word, futex::Flags::PRIVATE, 1);
    }
}

/// Ends the thread with its contestant.
struct Waker(Arc<Sleeper>);

impl Drop for Waker {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Release);
        self.0.wake();
    }
}

fn raw_futex() -> impl FnMut(usize, Arc<Histogram>) {
    let waker = Waker(Sleeper::start());
    move |_, waits| {
        let sent = waker.0.inbox.push((Instant::now(), waits));
        assert!(sent.is_ok(), "the sleeper keeps up");
        waker.0.wake();
    }
}

fn limits(effort: Effort) -> (usize, Duration) {
    match effort {
        Effort::Quick => (1, Duration::from_secs(1)),
        Effort::Full => (5, Duration::from_secs(4)),
    }
}

const UNITS: [&str; 4] = ["µs", "µs", "µs", "% of a CPU"];

pub(super) fn same_executor(effort: Effort, go: Option<&Go>) -> Vec<Figures> {
    let (rounds, limit) = limits(effort);
    let timer = |_: &smol_peer::Peer, until| async move {
        smol::Timer::at(until).await;
    };
    let mut entries = vec![
        same("bifrost", ours::Embedded::new(MAIN), limit, ours_sleep),
        same("bifrost, own drivers", ours::Driven::new(MAIN), limit, ours_sleep),
        same(SMOL, smol_peer::Peer::new(MAIN), limit, timer),
    ];
    if let Some(go) = go {
        let pool = Pool::new(go, "pooled", MAIN);
        let rest = format!("{RATE} {}", limit.as_millis());
        let round = move || {
            let numbers = pool.numbers("open", &rest);
            let share = numbers[6] / limit.as_nanos() as f64;
            vec![numbers[1] / 1e3, numbers[2] / 1e3, numbers[3] / 1e3, 100.0 * share]
        };
        entries.push((GO[0], Box::new(round)));
    }
    let results = hold(rounds, 4, &mut entries);
    let figures = SAME.into_iter().zip(UNITS).zip(results).map(|((name, unit), results)| {
        Figures::new(name, unit, "bifrost", results)
            .variants(&["bifrost, own drivers"])
            .peers(&[SMOL])
            .peers_if(go.is_some(), GO)
            .group("open_loop")
    });
    figures.collect()
}

pub(super) fn cross_thread(effort: Effort) -> Vec<Figures> {
    let (rounds, limit) = limits(effort);
    let mut entries = vec![
        cross("bifrost", limit, posting(ours::Driven::new(MAIN))),
        cross("bifrost, embedded", limit, posting(ours::Embedded::new(MAIN))),
        cross(FUTEX, limit, raw_futex()),
        cross(SMOL, limit, posting(smol_peer::Peer::new(MAIN))),
    ];
    let results = hold(rounds, 4, &mut entries);
    let figures = CROSS.into_iter().zip(UNITS).zip(results).map(|((name, unit), results)| {
        Figures::new(name, unit, "bifrost", results)
            .variants(&["bifrost, embedded", FUTEX])
            .peers(&[SMOL])
            .group("open_loop")
    });
    figures.collect()
}

//! What single steps of a job's way cost: its limits, its counts, and reading them.

use super::figures::Figures;
use super::go::Go;
use super::samples::{Entry, hold};
use super::system::THREADS;
use crate::contest::Effort;
use bifrost::config::{HealthPolicy, ProviderConfig, RuntimeConfig};
use bifrost::state::Due;
use bifrost::stats::{Blocks, Count};
use bifrost::time::{Clock, Deadline};
use bifrost::{Job, Provider, Runtime};
use std::future::Future;
use std::hint::black_box;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

pub(super) const DEADLINE: &str = "jobs_micro_deadline";
pub(super) const COUNT: &str = "jobs_micro_count";
pub(super) const RECORD: &str = "jobs_micro_record";
pub(super) const COUNTERS: &str = "jobs_micro_counters_1000";
pub(super) const PERCENTILES: &str = "jobs_micro_percentiles";

const PROVIDERS: usize = 1000;
const STEPS: u64 = 200_000;

fn rounds(effort: Effort) -> usize {
    if effort == Effort::Quick { 7 } else { 31 }
}

/// Nanoseconds of each of `count` steps.
fn time(count: u64, mut step: impl FnMut(u64)) -> f64 {
    let began = Instant::now();
    (0..count).for_each(|number| step(black_box(number)));
    began.elapsed().as_nanos() as f64 / count as f64
}

fn steps(name: &'static str, mut step: impl FnMut(u64) + 'static) -> Entry {
    (name, Box::new(move || vec![time(STEPS, &mut step)]))
}

/// As `steps`, inside a job: on a thread that the library knows for one of its own.
fn steps_in_job(
    name: &'static str,
    provider: Provider,
    step: impl Fn(u64) + Clone + Send + 'static,
) -> Entry {
    let round = move || {
        let step = step.clone();
        let job = Job::new(move |_| Ok::<_, io::Error>(time(STEPS, step)));
        let handle = provider.submit(job).expect("nothing else is in the queue");
        vec![handle.wait().completed().expect("the job does not fail")]
    };
    (name, Box::new(round))
}

fn runtime(providers: usize) -> Runtime {
    let of = |number| {
        ProviderConfig::new(format!("p{number}"))
            .workers(1, 2)
            .queue_capacity(16)
            .health(HealthPolicy::Skip)
    };
    Runtime::builder()
        .config(RuntimeConfig::default().drivers(THREADS))
        .providers((0..providers).map(of))
        .build()
        .expect("the settings are in range")
}

/// A pseudo-random duration, so that a histogram's buckets are all used.
fn duration_of(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40
}

fn figures(name: &'static str, unit: &'static str, ours: &'static str) -> Figures {
    Figures::new(name, unit, ours, Default::default()).group("micro")
}

pub(super) fn count(effort: Effort) -> Vec<Figures> {
    let runtime = runtime(1);
    let provider = runtime.providers().remove(0);
    let blocks = Arc::new(Blocks::new());
    let (own, foreign, anchor) = (Arc::clone(&blocks), blocks, AtomicU64::new(0));
    let mut entries = [
        steps_in_job("bifrost", provider, move |_| own.add(Count::Submitted, 1)),
        steps("bifrost, a foreign thread", move |_| foreign.add(Count::Submitted, 1)),
        steps("one fetch_add", move |number| {
            black_box(anchor.fetch_add(number, Ordering::Relaxed));
        }),
    ];
    let results = hold(rounds(effort), 1, &mut entries).pop().unwrap_or_default();
    let shown = &["bifrost, a foreign thread", "one fetch_add"];
    vec![figures(COUNT, "ns/count", "bifrost").with(results).variants(shown)]
}

pub(super) fn record(effort: Effort) -> Vec<Figures> {
    let runtime = runtime(1);
    let provider = runtime.providers().remove(0);
    let blocks = Arc::new(Blocks::new());
    let (own, foreign) = (Arc::clone(&blocks), blocks);
    let mut entries = [
        steps_in_job("bifrost", provider, move |number| own.record_wait(duration_of(number))),
        steps("bifrost, a foreign thread", move |number| foreign.record_wait(duration_of(number))),
        steps("the number alone", |number| {
            black_box(duration_of(number));
        }),
    ];
    let results = hold(rounds(effort), 1, &mut entries).pop().unwrap_or_default();
    let shown = &["bifrost, a foreign thread", "the number alone"];
    vec![figures(RECORD, "ns/record", "bifrost").with(results).variants(shown)]
}

/// What a job does about its limits: one for its wait and one for its run are made and shown to the tick;
/// nothing is done when they were met. The clock is read for the statistics anyway.
fn limits_of_a_job() -> impl FnMut(u64) {
    let clock = Clock::monotonic();
    let (due, word) = (Due::new(), AtomicU64::new(0));
    let now = clock.now();
    due.lower_unfenced(Deadline::after(now, Duration::from_millis(20)));
    move |number| {
        for seconds in [5, 60] {
            let limit = Duration::from_secs(black_box(seconds)) + Duration::from_nanos(number);
            let deadline = Deadline::after(black_box(now), limit);
            word.store(deadline.as_word(), Ordering::Relaxed);
            black_box(due.lower(deadline));
        }
    }
}

/// Polls a timer once, and drops it.
fn arm(timer: impl Future) {
    let mut timer = pin!(timer);
    let polled = timer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "a minute has not passed");
}

pub(super) fn deadline(effort: Effort, go: Option<&Go>) -> Vec<Figures> {
    const MINUTE: Duration = Duration::from_secs(60);
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_time()
        .build()
        .expect("the system has threads to give");
    let mut entries = vec![
        steps("bifrost", limits_of_a_job()),
        steps("async-io timer", |_| arm(smol::Timer::after(MINUTE))),
        steps("tokio sleep", move |_| {
            let _entered = tokio.enter();
            arm(tokio::time::sleep(MINUTE));
        }),
    ];
    let mut results = hold(rounds(effort), 1, &mut entries).pop().unwrap_or_default();
    const GO: &[&str] = &["Go NewTimer + Stop", "Go context.WithTimeout + cancel"];
    if let Some(go) = go {
        for _ in 0..rounds(effort) {
            let pair: Vec<f64> = go.numbers(&format!("timers {}", STEPS / 4));
            for (name, ns) in GO.iter().zip(pair) {
                results.entry(name).or_default().0.push(ns);
            }
        }
    }
    let peers = &["async-io timer", "tokio sleep"];
    let figures = figures(DEADLINE, "ns/job", "bifrost").with(results).peers(peers);
    vec![figures.peers_if(go.is_some(), GO)]
}

/// A runtime in which every provider has figures.
fn seasoned() -> Runtime {
    let runtime = runtime(PROVIDERS);
    for _ in 0..4 {
        for provider in runtime.providers() {
            let handle = provider.submit(Job::new(|_| Ok::<_, io::Error>(())));
            handle.expect("nothing else is in the queue").wait().completed();
        }
    }
    runtime
}

fn micros(name: &'static str, work: impl Fn() + 'static) -> Entry {
    let round = move || {
        let began = Instant::now();
        work();
        vec![began.elapsed().as_nanos() as f64 / 1e3]
    };
    (name, Box::new(round))
}

pub(super) fn counters(effort: Effort) -> Vec<Figures> {
    let runtime = seasoned();
    let blocks: Vec<Blocks> = (0..PROVIDERS).map(|_| Blocks::new()).collect();
    for one in &blocks {
        one.add(Count::Submitted, 1);
        one.end(Count::Completed, true);
    }
    let mut entries = [
        micros("bifrost, snapshot of a runtime", move || {
            black_box(runtime.snapshot());
        }),
        micros("bifrost, ledgers alone", move || {
            black_box(blocks.iter().map(Blocks::ledger).collect::<Vec<_>>());
        }),
    ];
    let results = hold(rounds(effort), 1, &mut entries).pop().unwrap_or_default();
    let figures = figures(COUNTERS, "µs", "bifrost, ledgers alone").with(results);
    vec![figures.variants(&["bifrost, snapshot of a runtime"])]
}

pub(super) fn percentiles(effort: Effort) -> Vec<Figures> {
    let runtime = seasoned();
    let provider = runtime.providers().remove(0);
    let read = move || {
        // The runtime lives as long as its provider is read.
        let snapshot = (&runtime, provider.snapshot()).1;
        let of = |q| (snapshot.wait.percentile(q), snapshot.run.percentile(q));
        black_box([0.5, 0.9, 0.99, 0.999].map(of));
    };
    let mut entries = [micros("bifrost", read)];
    let results = hold(rounds(effort), 1, &mut entries).pop().unwrap_or_default();
    vec![figures(PERCENTILES, "µs", "bifrost").with(results)]
}

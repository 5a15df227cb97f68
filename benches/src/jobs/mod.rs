//! The way of a job, from the caller to its provider's worker and back.
//!
//! Closed loop: 64 callers, each of which submits a trivial job, waits for its result and goes on to the
//! next provider. 20 providers, 10 workers each. Two threads run everything, callers and workers.

mod ours;
mod smol_peer;
mod tokio_peer;

use crate::contest::{Contestant, Effort, hold};
use crate::figure::Figure;
use crate::report::Scenario;
use std::hint::black_box;
use std::time::{Duration, Instant};

const PROVIDERS: usize = 20;
const WORKERS: usize = 10;
const CALLERS: usize = 64;
const THREADS: usize = 2;
const QUEUE: usize = 256;
const CLOSED_LOOP: &str = "jobs_closed_loop_20x10_c64";

type Entry = (&'static str, Box<dyn Contestant>);

/// The contestants; the first part of a peer's name is its queue, the second its executor.
fn contestants() -> Vec<Entry> {
    vec![
        ("bifrost", Box::new(ours::Embedded::new())),
        ("bifrost, own drivers", Box::new(ours::Driven::new())),
        ("async-channel + smol", Box::new(smol_peer::Peer::new())),
        ("async-channel + smol, twin", Box::new(smol_peer::Peer::new())),
        ("flume + tokio", Box::new(tokio_peer::Peer::new())),
    ]
}

/// The scenarios whose names are wanted.
pub(crate) fn suite(effort: Effort, wanted: &dyn Fn(&str) -> bool) -> Vec<Figure> {
    let mut figures = Vec::new();
    if wanted(CLOSED_LOOP) {
        figures.push(Figure::from(closed_loop(effort)));
    }
    figures
}

fn closed_loop(effort: Effort) -> Scenario {
    Scenario {
        name: CLOSED_LOOP,
        unit: "ns/job",
        ours: "bifrost",
        variants: &["bifrost, own drivers"],
        peers: &["async-channel + smol", "flume + tokio"],
        twins: ("async-channel + smol", "async-channel + smol, twin"),
        results: hold(effort, &mut contestants()),
    }
}

/// Runs one contestant alone.
pub(crate) fn profile(name: &str, jobs: usize) -> Option<()> {
    let mut contestant: Box<dyn Contestant> = match name {
        "bifrost" => Box::new(ours::Embedded::new()),
        "drivers" => Box::new(ours::Driven::new()),
        "smol" => Box::new(smol_peer::Peer::new()),
        "tokio" => Box::new(tokio_peer::Peer::new()),
        _ => return None,
    };
    let took = contestant.run(jobs);
    println!("{name}: {:.1} ns/job", took.as_nanos() as f64 / jobs as f64);
    Some(())
}

/// What every job does.
fn work(input: u64) -> u64 {
    black_box(input) + 1
}

/// A round: `spawn` starts a caller, which reports the sum of its results; checks that all jobs ran.
fn round(jobs: usize, spawn: impl Fn(usize, usize, std::sync::mpsc::Sender<u64>)) -> Duration {
    let each = jobs.div_ceil(CALLERS);
    let (sums, results) = std::sync::mpsc::channel();
    let began = Instant::now();
    for caller in 0..CALLERS {
        spawn(caller, each, sums.clone());
    }
    drop(sums);
    let sum: u64 = results.iter().sum();
    let took = began.elapsed();
    let expected = (1..=each as u64).sum::<u64>() * CALLERS as u64;
    assert_eq!(sum, expected, "a job is missing");
    // The callers do a few jobs more than asked for.
    took.mul_f64(jobs as f64 / (each * CALLERS) as f64)
}

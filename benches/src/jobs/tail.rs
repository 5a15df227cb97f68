//! The closed loop for some seconds, with the round trip of every job: how long the unluckiest waited.

use super::closed::MAIN;
use super::figures::Figures;
use super::go::{Go, Pool};
use super::histogram::Histogram;
use super::ours;
use super::samples::{Entry, hold};
use super::system::System;
use super::{smol_peer, tokio_peer};
use crate::contest::Effort;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

pub(super) const NAMES: [&str; 4] = [
    "jobs_tail_20x10_c64_p50",
    "jobs_tail_20x10_c64_p99",
    "jobs_tail_20x10_c64_p9999",
    "jobs_tail_20x10_c64_max",
];
const PEERS: &[&str] = &["async-channel + smol", "flume + tokio"];
const GO: &[&str] = &["Go channels, pooled replies"];
const HICCUPS: &[(&str, &str)] = &[
    ("bifrost", "hiccup beside bifrost"),
    ("bifrost, own drivers", "hiccup beside bifrost, own drivers"),
    ("async-channel + smol", "hiccup beside async-channel + smol"),
    ("flume + tokio", "hiccup beside flume + tokio"),
    ("Go channels, pooled replies", "hiccup beside Go channels, pooled replies"),
];
/// How long the hiccup thread sleeps between two looks.
const NAP: Duration = Duration::from_millis(1);

/// Runs `work` beside a thread that does nothing but sleep; what `work` gave and by how many nanoseconds
/// that thread overslept at worst.
fn beside_hiccups<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let watcher = std::thread::spawn(move || {
        let mut worst = Duration::ZERO;
        while !stopped.load(Ordering::Relaxed) {
            let began = Instant::now();
            std::thread::sleep(NAP);
            worst = worst.max(began.elapsed().saturating_sub(NAP));
        }
        worst.as_nanos() as f64
    });
    let given = work();
    stop.store(true, Ordering::Relaxed);
    (given, watcher.join().expect("it only sleeps"))
}

fn trips<S: System>(system: &Arc<S>, limit: Duration) -> Vec<f64> {
    let stop = Arc::new(AtomicBool::new(false));
    let (histograms, results) = channel();
    for caller in 0..MAIN.callers {
        let (own, stop, histograms) = (Arc::clone(system), Arc::clone(&stop), histograms.clone());
        system.spawn(async move {
            let histogram = Histogram::default();
            let mut began = Instant::now();
            for number in 0.. {
                own.call((caller + number) % MAIN.providers, number as u64).await;
                let now = Instant::now();
                histogram.record(now - began);
                began = now;
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
            histograms.send(histogram).expect("the round waits");
        });
    }
    drop(histograms);
    std::thread::sleep(limit);
    stop.store(true, Ordering::Relaxed);
    let all = Histogram::default();
    results.iter().for_each(|histogram| all.merge(&histogram));
    all.numbers()
}

/// Adds the hiccup to the figures of a round, which stand in microseconds then.
fn told((numbers, hiccup): (Vec<f64>, f64)) -> Vec<f64> {
    [numbers[1], numbers[2], numbers[4], numbers[5], hiccup].map(|ns| ns / 1e3).to_vec()
}

fn entry<S: System>(name: &'static str, system: S, limit: Duration) -> Entry {
    let system = Arc::new(system);
    (name, Box::new(move || told(beside_hiccups(|| trips(&system, limit)))))
}

pub(super) fn all(effort: Effort, go: Option<&Go>) -> Vec<Figures> {
    let (rounds, limit) = match effort {
        Effort::Quick => (1, Duration::from_secs(2)),
        Effort::Full => (3, Duration::from_secs(10)),
    };
    let mut entries = vec![
        entry("bifrost", ours::Embedded::new(MAIN), limit),
        entry("bifrost, own drivers", ours::Driven::new(MAIN), limit),
        entry(PEERS[0], smol_peer::Peer::new(MAIN), limit),
        entry(PEERS[1], tokio_peer::Peer::new(MAIN), limit),
    ];
    if let Some(go) = go {
        let pool = Pool::new(go, "pooled", MAIN);
        let millis = limit.as_millis().to_string();
        let round = move || told(beside_hiccups(|| pool.numbers("tail", &millis)));
        entries.push((GO[0], Box::new(round)));
    }
    let mut results = hold(rounds, 5, &mut entries);
    let hiccups = results.pop().unwrap_or_default();
    if let Some(max) = results.last_mut() {
        for (beside, name) in HICCUPS {
            if let Some(hiccup) = hiccups.get(beside) {
                max.insert(name, hiccup.clone());
            }
        }
    }
    let figures = NAMES.into_iter().zip(results).map(|(name, results)| {
        let hiccups = HICCUPS.iter().map(|(_, name)| *name).filter(|n| results.contains_key(n));
        let hiccups: Vec<_> = hiccups.collect();
        let figures = Figures::new(name, "µs", "bifrost", results)
            .variants(&["bifrost, own drivers"])
            .variants(&hiccups)
            .peers(PEERS)
            .peers_if(go.is_some(), GO)
            .group("tail");
        // What is compared is the tail: a queue that serves its latest first has the best median.
        if NAMES[2..].contains(&name) { figures } else { figures.shown() }
    });
    figures.collect()
}

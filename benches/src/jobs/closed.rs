//! Closed loop: each caller submits a trivial job, waits for its result and goes on to the next provider.

use super::go::{Go, Pool, Round};
use super::panel::{self, Entry, Pace, inside};
use super::system::{Shape, System};
use super::{figures::Figures, ours, smol_peer, tokio_peer};
use crate::contest::Effort;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

pub(super) const MAIN: Shape = Shape::new(20, 10, 64);

const PEERS: &[&str] = &["async-channel + smol", "flume + tokio"];
const GO: &[&str] =
    &["Go channels, pooled replies", "Go channels, new replies", "Go channels, context"];
const TWINS: (&str, &str) = ("async-channel + smol", "async-channel + smol, twin");

/// Shares `jobs` among callers; `start` starts one, who sends the sum of its results. Checks that all jobs
/// ran, and gives the time for as many as were asked for.
pub(super) fn share(
    shape: Shape,
    jobs: usize,
    mut start: impl FnMut(usize, usize, Sender<u64>),
) -> Duration {
    let each = jobs.div_ceil(shape.callers);
    let (sums, results) = channel();
    let began = Instant::now();
    for caller in 0..shape.callers {
        start(caller, each, sums.clone());
    }
    drop(sums);
    let sum: u64 = results.iter().sum();
    let took = began.elapsed();
    let expected = (1..=each as u64).sum::<u64>() * shape.callers as u64;
    assert_eq!(sum, expected, "a job is missing");
    // The callers do a few jobs more than asked for.
    took.mul_f64(jobs as f64 / (each * shape.callers) as f64)
}

/// A round with callers that are tasks.
pub(super) fn round<S: System>(system: &Arc<S>, shape: Shape, jobs: usize) -> Duration {
    share(shape, jobs, |caller, each, sums| {
        let own = Arc::clone(system);
        system.spawn(async move {
            let mut sum = 0;
            for number in 0..each {
                sum += own.call((caller + number) % shape.providers, number as u64).await;
            }
            sums.send(sum).expect("the round waits");
        });
    })
}

fn entry<S: System>(name: &'static str, system: S, shape: Shape) -> Entry {
    let system = Arc::new(system);
    inside(name, move |jobs| round(&system, shape, jobs))
}

/// Callers on the workers' executor, in the main shape.
pub(super) fn awaiting<S: System>(name: &'static str, system: S) -> Entry {
    entry(name, system, MAIN)
}

fn contestants(shape: Shape, go: Option<&Go>) -> Vec<Entry> {
    let mut entries = vec![
        entry("bifrost", ours::Embedded::new(shape), shape),
        entry("bifrost, own drivers", ours::Driven::new(shape), shape),
        entry(TWINS.0, smol_peer::Peer::new(shape), shape),
        entry(TWINS.1, smol_peer::Peer::new(shape), shape),
        entry("flume + tokio", tokio_peer::Peer::new(shape), shape),
    ];
    if let Some(go) = go {
        for (name, kind) in GO.iter().zip(["pooled", "new", "context"]) {
            entries.push((name, Box::new(Pool::new(go, kind, shape).rounds(Round::Closed))));
        }
    }
    entries
}

/// A shape with the names of its scenarios.
pub(super) struct Scene {
    shape: Shape,
    pub(super) names: [&'static str; 2],
}

pub(super) const SCENES: &[Scene] = &[
    Scene { shape: MAIN, names: ["jobs_closed_loop_20x10_c64", "jobs_closed_loop_20x10_c64_cpu"] },
    Scene {
        shape: Shape::new(20, 10, 1),
        names: ["jobs_closed_loop_20x10_c1", "jobs_closed_loop_20x10_c1_cpu"],
    },
    Scene {
        shape: Shape::new(20, 10, 1000),
        names: ["jobs_closed_loop_20x10_c1000", "jobs_closed_loop_20x10_c1000_cpu"],
    },
    Scene {
        shape: Shape::new(20, 100, 64),
        names: ["jobs_closed_loop_20x100_c64", "jobs_closed_loop_20x100_c64_cpu"],
    },
];

impl Scene {
    pub(super) fn run(&self, effort: Effort, go: Option<&Go>) -> Vec<Figures> {
        let main = self.names[0] == SCENES[0].names[0];
        let pace = if main { Pace::main(effort) } else { Pace::side(effort) };
        let panel = panel::hold(pace, &mut contestants(self.shape, go));
        panel.figures(self.names, "closed_loop", |figures| {
            let figures = figures.variants(&["bifrost, own drivers"]).peers(PEERS);
            figures.peers_if(go.is_some(), GO).twins(TWINS)
        })
    }
}

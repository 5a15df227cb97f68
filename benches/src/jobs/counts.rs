//! Counts a job instead of times: they are the same on a busy machine.

use super::closed::{MAIN, round};
use super::figures::Figures;
use super::go::{Go, Pool};
use super::samples::{Entry, hold};
use super::system::System;
use super::{ours, smol_peer, tokio_peer};
use crate::contest::Effort;
use crate::usage;
use std::sync::Arc;

pub(super) const ALLOCATIONS: &str = "jobs_closed_loop_20x10_c64_allocations";
const PEERS: &[&str] = &["async-channel + smol", "flume + tokio"];
const GO: &[&str] =
    &["Go channels, pooled replies", "Go channels, new replies", "Go channels, context"];
const JOBS: usize = 100_000;

fn entry<S: System>(name: &'static str, system: S) -> Entry {
    let system = Arc::new(system);
    // The pools and the first use of everything.
    round(&system, MAIN, JOBS);
    let count = move || {
        let allocations = usage::allocations(|| {
            round(&system, MAIN, JOBS);
        });
        vec![1e3 * allocations as f64 / JOBS as f64]
    };
    (name, Box::new(count))
}

pub(super) fn allocations(effort: Effort, go: Option<&Go>) -> Vec<Figures> {
    let rounds = if effort == Effort::Quick { 3 } else { 15 };
    let mut entries = vec![
        entry("bifrost", ours::Embedded::new(MAIN)),
        entry("bifrost, own drivers", ours::Driven::new(MAIN)),
        entry(PEERS[0], smol_peer::Peer::new(MAIN)),
        entry(PEERS[1], tokio_peer::Peer::new(MAIN)),
    ];
    if let Some(go) = go {
        for (name, kind) in GO.iter().zip(["pooled", "new", "context"]) {
            let pool = Pool::new(go, kind, MAIN);
            pool.allocations(JOBS);
            entries
                .push((name, Box::new(move || vec![1e3 * pool.allocations(JOBS) / JOBS as f64])));
        }
    }
    let results = hold(rounds, 1, &mut entries).pop().unwrap_or_default();
    let figures = Figures::new(ALLOCATIONS, "allocations/1000 jobs", "bifrost", results)
        .variants(&["bifrost, own drivers"])
        .peers(PEERS)
        .peers_if(go.is_some(), GO)
        .group("counts")
        .shown();
    vec![figures]
}

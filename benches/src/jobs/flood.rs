//! Flood: one submitter that waits for nothing but room; the jobs count themselves.

use super::closed::MAIN;
use super::figures::Figures;
use super::go::{Go, Pool, Round};
use super::ours::{self, Ours};
use super::panel::{self, Entry, Pace, inside};
use super::system::{System, work};
use super::{smol_peer, tokio_peer};
use crate::contest::Effort;
use bifrost::{Job, Provider};
use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

const PEERS: &[&str] = &["async-channel + smol", "flume + tokio"];
const GO: &[&str] = &["Go channels"];
const BATCH: usize = 16;

pub(super) const SINGLE: [&str; 2] = ["jobs_flood_20x10_single", "jobs_flood_20x10_single_cpu"];
pub(super) const BATCHED: [&str; 2] = ["jobs_flood_20x10_batch16", "jobs_flood_20x10_batch16_cpu"];

/// Jobs that have run in a round. It lives for ever, so that a job holds no more than its address.
struct Tally {
    left: AtomicUsize,
    done: OnceLock<SyncSender<()>>,
}

impl Tally {
    fn new() -> &'static Self {
        Box::leak(Box::new(Self { left: AtomicUsize::new(0), done: OnceLock::new() }))
    }

    fn run(&self, input: u64) {
        black_box(work(input));
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.done.get().and_then(|done| done.send(()).ok()).expect("the round waits");
        }
    }
}

/// A round: `flood` starts the submitter.
fn rounds(
    name: &'static str,
    tally: &'static Tally,
    mut flood: impl FnMut(usize) + 'static,
) -> Entry {
    let (done, end) = sync_channel(1);
    tally.done.set(done).expect("a tally is of one contestant");
    inside(name, move |jobs| {
        tally.left.store(jobs, Ordering::Release);
        let began = Instant::now();
        flood(jobs);
        end.recv().expect("the last job tells");
        began.elapsed()
    })
}

pub(super) fn single<S: System>(name: &'static str, system: S) -> Entry {
    let (system, tally) = (Arc::new(system), Tally::new());
    rounds(name, tally, move |jobs| {
        let own = Arc::clone(&system);
        system.spawn(async move {
            for number in 0..jobs {
                own.post(number % MAIN.providers, move || tally.run(number as u64)).await;
            }
        });
    })
}

fn job(tally: &'static Tally, number: usize) -> Job<()> {
    Job::new(move |_| {
        tally.run(number as u64);
        Ok::<_, io::Error>(())
    })
}

/// A batch does not wait: what found no room is submitted one by one, which does.
async fn submit_batch(provider: &Provider, tally: &'static Tally, first: usize, end: usize) {
    let submitted = provider.submit_batch((first..end).map(|number| job(tally, number)));
    for job in submitted.rejection.into_iter().flat_map(|rejection| rejection.job) {
        drop(provider.submit_async(job).await.expect("the queue has room again"));
    }
}

pub(super) fn batched<S: Ours>(name: &'static str, system: S) -> Entry {
    let (system, tally) = (Arc::new(system), Tally::new());
    rounds(name, tally, move |jobs| {
        let own = Arc::clone(&system);
        system.spawn(async move {
            let providers = own.providers();
            for (batch, first) in (0..jobs).step_by(BATCH).enumerate() {
                let provider = &providers[batch % MAIN.providers];
                submit_batch(provider, tally, first, jobs.min(first + BATCH)).await;
            }
        });
    })
}

/// Both ways of ours against the peers, which have one.
pub(super) fn all(effort: Effort, go: Option<&Go>) -> Vec<Figures> {
    let mut contestants = vec![
        single("bifrost", ours::Embedded::new(MAIN)),
        single("bifrost, own drivers", ours::Driven::new(MAIN)),
        batched("bifrost, batch", ours::Embedded::new(MAIN)),
        batched("bifrost, own drivers, batch", ours::Driven::new(MAIN)),
        single(PEERS[0], smol_peer::Peer::new(MAIN)),
        single(PEERS[1], tokio_peer::Peer::new(MAIN)),
    ];
    if let Some(go) = go {
        contestants.push((GO[0], Box::new(Pool::new(go, "pooled", MAIN).rounds(Round::Flood))));
    }
    let panel = panel::hold(Pace::side(effort), &mut contestants);
    let there = go.is_some();
    let mut both = panel.figures(SINGLE, "flood", |figures| {
        figures.variants(&["bifrost, own drivers"]).peers(PEERS).peers_if(there, GO)
    });
    both.extend(panel.figures(BATCHED, "flood", |figures| {
        let variants = &["bifrost, own drivers, batch", "bifrost"];
        figures.ours("bifrost, batch").variants(variants).peers(PEERS).peers_if(there, GO)
    }));
    both
}

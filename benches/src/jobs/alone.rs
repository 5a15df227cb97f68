//! One contestant alone, for a profiler; and what a profiler says of it.
//!
//! A name is the contestant's (`bifrost`, `drivers`, `smol`, `tokio`), for another scenario than the closed
//! loop behind that scenario's: `callback-smol`.

use super::closed::{MAIN, awaiting};
use super::figures::Figures;
use super::flood::{batched, single};
use super::ours::{Driven, Embedded};
use super::panel::Entry;
use super::smol_peer::Peer as Smol;
use super::submitters::{blocking, callback, channelled, completions};
use super::tokio_peer::Peer as Tokio;
use crate::contest::{Effort, Results};
use std::process::Command;

/// Jobs of the two runs whose difference is told: setup and end fall out.
const RUNS: [usize; 2] = [10_000, 40_000];

/// The contestant of this name.
pub(super) fn contestant(name: &str) -> Option<Entry> {
    macro_rules! of_all {
        ($who:expr, $enter:path) => {
            match $who {
                "bifrost" => $enter("bifrost", Embedded::new(MAIN)),
                "drivers" => $enter("bifrost, own drivers", Driven::new(MAIN)),
                "smol" => $enter("async-channel + smol", Smol::new(MAIN)),
                "tokio" => $enter("flume + tokio", Tokio::new(MAIN)),
                _ => return None,
            }
        };
    }
    macro_rules! of_ours {
        ($who:expr, $enter:path) => {
            match $who {
                "bifrost" => $enter("bifrost", Embedded::new(MAIN)),
                "drivers" => $enter("bifrost, own drivers", Driven::new(MAIN)),
                _ => return None,
            }
        };
    }
    let Some((scenario, who)) = name.split_once('-') else {
        return Some(of_all!(name, awaiting));
    };
    Some(match (scenario, who) {
        ("blocking", _) => of_all!(who, blocking),
        ("callback", _) => of_all!(who, callback),
        ("completion", "smol") => channelled("async-channel + smol", Smol::new(MAIN)),
        ("completion", "tokio") => channelled("flume + tokio", Tokio::new(MAIN)),
        ("completion", _) => of_ours!(who, completions),
        ("flood", _) => of_all!(who, single),
        ("batch", _) => of_ours!(who, batched),
        _ => return None,
    })
}

/// Runs it.
pub(crate) fn profile(name: &str, jobs: usize) -> Option<()> {
    let (told, mut contestant) = contestant(name)?;
    let took = contestant.bare(jobs);
    println!("{told}: {:.1} ns/job", took.as_nanos() as f64 / jobs as f64);
    Some(())
}

/// A scenario whose instructions are counted: its name, and what it is called here.
type Counted = (&'static str, &'static str, &'static [&'static str]);

const ALL: &[&str] = &["bifrost", "drivers", "smol", "tokio"];
const COUNTED: [Counted; 5] = [
    ("jobs_closed_loop_20x10_c64_instructions", "", ALL),
    ("jobs_submitter_callback_20x10_c64_instructions", "callback-", ALL),
    ("jobs_submitter_completion_20x10_c64_instructions", "completion-", ALL),
    ("jobs_flood_20x10_single_instructions", "flood-", ALL),
    ("jobs_flood_20x10_batch16_instructions", "batch-", &["bifrost", "drivers"]),
];

pub(super) const INSTRUCTIONS: [&str; COUNTED.len()] =
    [COUNTED[0].0, COUNTED[1].0, COUNTED[2].0, COUNTED[3].0, COUNTED[4].0];

/// Instructions of a run under callgrind, which lets one thread run at a time.
fn instructions(name: &str, jobs: usize) -> Result<f64, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(own)
        .args(["profile", name, &jobs.to_string()])
        .output()
        .map_err(|error| format!("`valgrind` does not run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split_once("Collected : "));
    let count = collected.and_then(|(_, count)| count.trim().parse().ok());
    count.ok_or_else(|| format!("callgrind says no count of {name}: {text}"))
}

fn of_a_job(name: &str) -> Result<f64, String> {
    let [few, many] = RUNS;
    let more = instructions(name, many)? - instructions(name, few)?;
    Ok(more / (many - few) as f64)
}

/// Instructions a job of ours and the Rust peers; nothing in a quick run, for it takes minutes.
pub(super) fn count(effort: Effort, wanted: &dyn Fn(&str) -> bool) -> Vec<Figures> {
    if effort == Effort::Quick {
        return Vec::new();
    }
    let mut all = Vec::new();
    for (scenario, prefix, whos) in COUNTED.iter().filter(|(name, ..)| wanted(name)) {
        let mut results = Results::new();
        for name in whos.iter().map(|who| format!("{prefix}{who}")) {
            let told = contestant(&name).map_or("", |(told, _)| told);
            match of_a_job(&name) {
                Ok(count) => results.entry(told).or_default().0.push(count),
                Err(error) => {
                    eprintln!("benches: no instructions: {error}");
                    return all;
                }
            }
        }
        let figures = Figures::new(scenario, "instructions/job", "bifrost", results)
            .variants(&["bifrost, own drivers"])
            .group("counts");
        let peers: &[_] =
            if *whos == ALL { &["async-channel + smol", "flume + tokio"] } else { &[] };
        all.push(figures.peers(peers).shown());
    }
    all
}

//! One of two threads is frozen in the middle of whatever it does; what can the other still do?
//!
//! Both push and pop in a loop on a queue of 256. A signal freezes one for 20 ms at a random instant; the
//! other is watched for 12 ms of these. A window is *blocked* if fewer than 10 calls of the other returned,
//! and *starved* if they returned but moved fewer than 300 values.

mod contestants;
mod freeze;
mod window;

use crate::contest::Effort;
use crate::figure::{Better, Figure, Role, Total};
use crate::queue::{JOB_RING, Row};
use crate::sample::Sample;
use contestants::JOB_QUEUE;
use window::{Tally, Trial};

/// The scenarios: a queue of ours each, the same peers.
const SCENARIOS: [(&str, &str); 2] =
    [("stall_job_ring_256", JOB_RING), ("stall_job_queue_256", JOB_QUEUE)];

/// The scenarios whose names are wanted.
pub(crate) fn suite(effort: Effort, wanted: &dyn Fn(&str) -> bool) -> Vec<Figure> {
    let scenarios: Vec<_> = SCENARIOS.into_iter().filter(|(name, _)| wanted(name)).collect();
    if scenarios.is_empty() {
        return Vec::new();
    }
    let windows = match effort {
        Effort::Quick => 16,
        Effort::Full => 80,
    };
    freeze::install();
    let seen: Vec<Row<Tally>> = contestants::all(&Trial { windows })
        .into_iter()
        .map(|(role, name, trial)| {
            eprintln!("benches: {name} with a frozen thread");
            (role, name, trial())
        })
        .collect();
    scenarios.into_iter().map(|(name, ours)| figure(name, ours, windows, &seen)).collect()
}

fn figure(name: &str, ours: &str, windows: usize, seen: &[Row<Tally>]) -> Figure {
    let unit = format!("blocked or starved windows, of {windows} a process");
    let mut figure = Figure::empty(name, "stall", unit, Better::Lower);
    figure.total = Total::Sum;
    for (role, name, tally) in seen {
        let role = match role {
            Role::Ours if *name != ours => Role::Shown,
            role => *role,
        };
        figure.enter(role, name);
        let bad = (tally.blocked + tally.starved) as f64;
        figure.samples.insert((*name).to_owned(), Sample(vec![bad]));
        let details = [
            ("blocked", tally.blocked as f64),
            ("starved", tally.starved as f64),
            ("longest gap ms", tally.longest_gap.as_secs_f64() * 1e3),
            ("transfers a ms", tally.transfers as f64 / tally.watched.as_secs_f64() / 1e3),
            ("windows", tally.windows as f64),
            ("windows repeated", tally.repeated as f64),
        ];
        let details = details.map(|(what, value)| (what.to_owned(), Sample(vec![value])));
        figure.details.insert((*name).to_owned(), details.into());
    }
    figure
}

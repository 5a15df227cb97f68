//! The way of a job, from the caller to its provider's worker and back.
//!
//! | file | what is measured |
//! |---|---|
//! | `closed`, `counts` | callers that wait for each result: time, CPU, sleeps, allocations a job |
//! | `alone` | one contestant under a profiler, instructions a job |
//! | `submitters` | the same with blocking threads, callbacks, a completion queue |
//! | `flood` | one submitter that waits for nothing but room |
//! | `tail` | the longest round trips of some seconds |
//! | `open` | how long jobs wait that come at random |
//! | `idle` | memory and sleeps of providers that have nothing to do |
//! | `micro` | single steps of the way |
//! | `goals` | what the figures should come to |
//! | `system`, `ours`, `smol_peer`, `tokio_peer`, `go` | the contestants |
//! | `panel`, `samples`, `histogram`, `figures` | rounds with several figures each |

mod alone;
mod closed;
mod counts;
mod figures;
mod flood;
mod go;
mod goals;
mod histogram;
mod idle;
mod micro;
mod open;
mod ours;
mod panel;
mod samples;
mod smol_peer;
mod submitters;
mod system;
mod tail;
mod tokio_peer;

use crate::contest::Effort;
use crate::figure::Figure;
use figures::Figures;
use go::Go;

pub(crate) use alone::profile;
pub(crate) use goals::goals;
pub(crate) use idle::{POINT, point};

/// One contest: the names of the scenarios that come of it, and how to hold it.
struct Contest<'a> {
    names: Vec<&'static str>,
    hold: Box<dyn Fn() -> Vec<Figures> + 'a>,
}

fn contest<'a>(names: &[&'static str], hold: impl Fn() -> Vec<Figures> + 'a) -> Contest<'a> {
    Contest { names: names.to_vec(), hold: Box::new(hold) }
}

fn contests<'a>(
    effort: Effort,
    go: Option<&'a Go>,
    wanted: &'a dyn Fn(&str) -> bool,
) -> Vec<Contest<'a>> {
    let mut all: Vec<_> = closed::SCENES
        .iter()
        .map(|scene| contest(&scene.names, move || scene.run(effort, go)))
        .collect();
    all.extend([
        contest(&[counts::ALLOCATIONS], move || counts::allocations(effort, go)),
        contest(&alone::INSTRUCTIONS, move || alone::count(effort, wanted)),
        contest(&submitters::BLOCKING, move || submitters::by_blocking(effort)),
        contest(&submitters::CALLBACK, move || submitters::by_callback(effort)),
        contest(&submitters::COMPLETION, move || submitters::by_completion(effort, go)),
        contest(&[flood::SINGLE, flood::BATCHED].concat(), move || flood::all(effort, go)),
        contest(&tail::NAMES, move || tail::all(effort, go)),
        contest(&open::SAME, move || open::same_executor(effort, go)),
        contest(&open::CROSS, move || open::cross_thread(effort)),
        contest(&idle::SMALL.names, move || idle::all(effort, go, &idle::SMALL)),
        contest(&idle::LARGE.names, move || idle::all(effort, go, &idle::LARGE)),
        contest(&[micro::DEADLINE], move || micro::deadline(effort, go)),
        contest(&[micro::COUNT], move || micro::count(effort)),
        contest(&[micro::RECORD], move || micro::record(effort)),
        contest(&[micro::COUNTERS], move || micro::counters(effort)),
        contest(&[micro::PERCENTILES], move || micro::percentiles(effort)),
    ]);
    all
}

/// The scenarios whose names are wanted, with those of the same contest.
pub(crate) fn suite(effort: Effort, wanted: &dyn Fn(&str) -> bool) -> Vec<Figure> {
    let go = Go::start();
    let mut figures = Vec::new();
    for contest in contests(effort, go.as_ref(), wanted) {
        if contest.names.iter().any(|name| wanted(name)) {
            figures.extend((contest.hold)());
        }
    }
    figures.retain(|one| wanted(one.name));
    figures.into_iter().map(Figures::into_figure).collect()
}

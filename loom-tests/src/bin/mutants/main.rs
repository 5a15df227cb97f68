//! Ordering mutation: is every memory ordering in the sources needed, and does a model know it?
//!
//! ```text
//! cargo run -p loom-tests --bin mutants [-- PART_OF_A_PATH...]
//! ```
//!
//! Builds the models once, asks each test which atomic operations it reaches, then weakens one ordering at
//! a time and runs the tests that reach it. Each mutant gets one verdict:
//!
//! | verdict | meaning |
//! |---|---|
//! | killed | a test failed with a text of loom, of a model or of an assertion in the sources |
//! | survived | all of them passed, or failed with a text that nobody knows |
//! | timeout | none failed and one did not end in time |
//!
//! A mutant that was not killed, and an operation that no model reaches, fails the run unless
//! `loom-tests/orderings.toml` argues it; so does an argument that nothing needs any more. Arguments of
//! paths name files: only what has the given texts in its path is mutated and judged.

mod argued;
mod models;
mod source;
mod verdict;

use argued::Argued;
use models::{Reached, Test};
use source::Place;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use verdict::{Mutant, Verdict};

/// How many tests run at a time.
const PARALLEL: usize = 2;

fn main() -> ExitCode {
    let filters: Vec<String> = std::env::args().skip(1).collect();
    match run(&filters) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mutants: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Everything; whether all is well.
fn run(filters: &[String]) -> Result<bool, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the crate stands nowhere")?;
    let chosen = |file: &str| filters.is_empty() || filters.iter().any(|part| file.contains(part));
    let argued = Argued::read(&root.join("loom-tests/orderings.toml"))?;
    let places: Vec<Place> =
        source::places(root)?.into_iter().filter(|place| chosen(&place.file)).collect();

    let tests = models::build(root)?;
    println!("{} tests of models, one by one, for what they reach", tests.len());
    let tests = all(tests, |test| test.look()).into_iter().collect::<Result<Vec<_>, _>>()?;
    let mutants: Vec<Mutant> = verdict::mutants(&tests, chosen);
    println!("{} operations in the sources, {} mutants", places.len(), mutants.len());

    let (count, done) = (mutants.len(), AtomicUsize::new(0));
    let judged = all(mutants, |mutant| {
        let verdict = mutant.judge(&tests);
        // ORDERING: Relaxed: a count for the reader.
        let n = done.fetch_add(1, Ordering::Relaxed) + 1;
        println!("[{n}/{count}] {verdict}: {mutant}");
        (mutant, verdict)
    });
    Ok(report(&places, &tests, &judged, &argued, filters.is_empty()))
}

/// Runs `f` over `items`, [`PARALLEL`] at a time; the results in the order of the items.
fn all<T: Send, R: Send>(items: Vec<T>, f: impl Fn(T) -> R + Sync) -> Vec<R> {
    let count = items.len();
    let queue = Mutex::new(items.into_iter().enumerate());
    let results = Mutex::new(Vec::with_capacity(count));
    let take = || queue.lock().ok()?.next();
    std::thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(|| {
                while let Some((n, item)) = take() {
                    let result = f(item);
                    if let Ok(mut results) = results.lock() {
                        results.push((n, result));
                    }
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    results.sort_by_key(|(n, _)| *n);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Prints what is not as it should be, and the last line; whether all is well.
fn report(
    places: &[Place],
    tests: &[Test],
    judged: &[(Mutant, Verdict)],
    argued: &Argued,
    complete: bool,
) -> bool {
    let reached: BTreeSet<&str> =
        tests.iter().flat_map(|test| &test.reached).map(|reached: &Reached| reached.at()).collect();
    let (mut used, mut killed, mut excused) = (BTreeSet::new(), 0, 0);
    let (mut survived, mut timeouts) = (0, 0);
    for (mutant, verdict) in judged {
        let place = places.iter().find(|place| place.at() == mutant.at());
        let argument = place.and_then(|place| argued.survivor(&place.id, mutant.ordering()));
        match (verdict, argument) {
            (Verdict::Killed(..), _) => killed += 1,
            (_, Some(n)) => {
                excused += 1;
                used.insert(n);
            }
            (Verdict::Survived(_), None) => survived += 1,
            (Verdict::Timeout(_), None) => timeouts += 1,
        }
        if !matches!(verdict, Verdict::Killed(..)) {
            let id = place.map_or("?", |place| place.id.as_str());
            let said = if argument.is_some() { "argued" } else { "NOT ARGUED" };
            println!("{verdict} ({said}): {mutant}, {id}");
        }
    }
    let mut missing = 0;
    let mut wanted = 0;
    for place in places {
        match argued.unreached(place) {
            _ if reached.contains(place.at()) => wanted += 1,
            Some(n) => drop(used.insert(n)),
            None => {
                wanted += 1;
                missing += 1;
                println!("NOT REACHED by any model: {}, {}", place.at(), place.id);
            }
        }
    }
    let stale = if complete { argued.print_unused(&used) } else { 0 };
    let aside = places.len() - wanted;
    println!("{aside} operations stand where no model can come, each argued");
    let seen = wanted - missing;
    println!(
        "mutants: {killed} killed, {excused} argued, {survived} survived, {timeouts} timeout, \
         {seen}/{wanted} sites reached"
    );
    survived + timeouts + missing + stale == 0
}

//! The benchmarks of libbifrost: `cargo run --release -p benches -- SUITE [--quick] [--json FILE]`.
//!
//! benches/README.md has the table of scenarios and says what the figures do not show.

mod contest;
mod jobs;
mod queue;
mod random;
mod report;
mod sample;
mod usage;

use contest::Effort;
use report::Report;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: benches SUITE [--quick] [--json FILE]   (suites: jobs, queue)
       benches profile CONTESTANT JOBS   (one contestant of the suite jobs, for a profiler)";

struct Arguments {
    suite: String,
    effort: Effort,
    json: Option<PathBuf>,
}

fn arguments(mut given: impl Iterator<Item = String>) -> Option<Arguments> {
    let suite = given.next()?;
    let mut arguments = Arguments { suite, effort: Effort::Full, json: None };
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--quick" => arguments.effort = Effort::Quick,
            "--json" => arguments.json = Some(given.next()?.into()),
            _ => return None,
        }
    }
    Some(arguments)
}

fn measure(arguments: &Arguments) -> Option<Report> {
    let scenarios = match arguments.suite.as_str() {
        "jobs" => {
            jobs::suite(arguments.effort, &|name| {
                std::env::var("ONLY").map_or(true, |only| name.contains(&only))
            });
            vec![]
        }
        "queue" => vec![queue::solo(arguments.effort)],
        _ => return None,
    };
    Some(Report { suite: arguments.suite.clone(), scenarios })
}

fn profile(mut given: impl Iterator<Item = String>) -> Option<()> {
    let name = given.next()?;
    let jobs = given.next()?.parse().ok()?;
    jobs::profile(&name, jobs)
}

fn main() -> ExitCode {
    let mut given = std::env::args().skip(1).peekable();
    if given.next_if_eq("profile").is_some() {
        return profile(given).map_or_else(misused, |()| ExitCode::SUCCESS);
    }
    if given.next_if_eq(jobs::POINT).is_some() {
        return jobs::point(given).map_or_else(misused, |()| ExitCode::SUCCESS);
    }
    let Some(arguments) = arguments(given) else { return misused() };
    let Some(report) = measure(&arguments) else { return misused() };
    print!("{}", report.to_text());
    if let Some(path) = arguments.json
        && let Err(error) = std::fs::write(&path, report.to_json())
    {
        eprintln!("benches: {}: {error}", path.display());
        return ExitCode::from(3);
    }
    ExitCode::SUCCESS
}

fn misused() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

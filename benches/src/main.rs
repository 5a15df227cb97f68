//! The benchmarks of libbifrost: `cargo run --release -p benches -- SUITE [OPTIONS]`.
//!
//! benches/README.md has the table of scenarios and says what the figures do not show.

mod arguments;
mod chart;
mod contest;
mod figure;
mod go;
mod goals;
mod groups;
mod jobs;
mod machine;
mod overload;
mod processes;
mod queue;
mod random;
mod report;
mod sample;
mod stall;
mod tables;
mod usage;

use arguments::Arguments;
use figure::Figure;
use machine::Machine;
use processes::Task;
use report::Report;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// The suites in the order in which `all` runs them.
const SUITES: [&str; 4] = ["queue", "jobs", "stall", "overload"];

fn main() -> ExitCode {
    end_with_any_panic();
    let mut given = std::env::args().skip(1).peekable();
    if given.next_if_eq("profile").is_some() {
        return profile(given).map_or_else(misused, |()| ExitCode::SUCCESS);
    }
    if given.next_if_eq(jobs::POINT).is_some() {
        return jobs::point(given).map_or_else(misused, |()| ExitCode::SUCCESS);
    }
    if given.next_if_eq("sleeps").is_some() {
        return queue::sleeps(given).map_or_else(misused, |()| ExitCode::SUCCESS);
    }
    let Some(arguments) = Arguments::read(given) else { return misused() };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("benches: {error}");
            ExitCode::from(3)
        }
    }
}

/// The other threads of a scenario would wait for the one that panicked.
fn end_with_any_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tell(info);
        std::process::exit(101);
    }));
}

fn misused() -> ExitCode {
    eprintln!("{}", arguments::USAGE);
    ExitCode::from(2)
}

fn profile(mut given: impl Iterator<Item = String>) -> Option<()> {
    let name = given.next()?;
    let jobs = given.next()?.parse().ok()?;
    jobs::profile(&name, jobs)
}

fn run(arguments: &Arguments) -> io::Result<()> {
    for suite in &arguments.suites {
        let task =
            Task { suite: suite.clone(), effort: arguments.effort, only: arguments.only.clone() };
        if arguments.rounds {
            println!("{}", serde_json::to_string(&measure(&task)).map_err(io::Error::other)?);
            continue;
        }
        let figures = match arguments.processes {
            1 => measure(&task),
            count => processes::run(&task, count)?,
        };
        tell(arguments, suite, figures)?;
    }
    Ok(())
}

/// Measures a suite in this process.
fn measure(task: &Task) -> Vec<Figure> {
    let wanted = |name: &str| task.only.as_ref().is_none_or(|only| name.contains(only));
    let mut figures = match task.suite.as_str() {
        "jobs" => jobs::suite(task.effort, &wanted),
        "queue" => queue::suite(task.effort, &wanted),
        "stall" => stall::suite(task.effort, &wanted),
        "overload" => overload::suite(task.effort, &wanted),
        suite => unreachable!("the arguments name one of the suites, not {suite}"),
    };
    for figure in figures.iter_mut().filter(|figure| figure.group.is_empty()) {
        figure.group.clone_from(&task.suite);
    }
    figures
}

fn tell(arguments: &Arguments, suite: &str, figures: Vec<Figure>) -> io::Result<()> {
    let report = Report {
        suite: suite.to_owned(),
        effort: arguments.effort,
        processes: arguments.processes,
        machine: Machine::look(),
        figures,
    };
    println!("{}", report.to_text());
    if let Some(path) = &arguments.json {
        write(path, &report.to_json())?;
    }
    if let Some(directory) = &arguments.out {
        std::fs::create_dir_all(directory)?;
        write(&directory.join(format!("{suite}.json")), &report.to_json())?;
        let charts = chart::draw(&report).map_err(|error| io::Error::other(error.to_string()))?;
        for (name, svg) in &charts {
            write(&directory.join(name), svg)?;
        }
        write(&directory.join(format!("{suite}.md")), &tables::page(&report, &charts))?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let named = |error| io::Error::other(format!("{}: {error}", path.display()));
    std::fs::write(path, text).map_err(named)
}

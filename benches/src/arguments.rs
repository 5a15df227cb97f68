//! The command line.

use crate::SUITES;
use crate::contest::Effort;
use crate::processes::ROUNDS;
use std::path::PathBuf;

pub(crate) const USAGE: &str =
    "usage: benches SUITE [OPTIONS]   (suites: queue, jobs, stall, overload, all)
  --quick          a suite within a minute, in one process: for the eye
  --processes N    how many processes measure, whose rounds are pooled (3; quick: 1)
  --only TEXT      only the scenarios whose name holds TEXT
  --json FILE      the figures as JSON (one suite)
  --out DIRECTORY  JSON, tables and charts
       benches profile CONTESTANT JOBS   (one contestant of the suite jobs, for a profiler)
       benches sleeps CONTESTANT COUNT   (a consumer that sleeps COUNT times, for a tracer)";

#[derive(Debug, PartialEq)]
pub(crate) struct Arguments {
    pub(crate) suites: Vec<String>,
    pub(crate) effort: Effort,
    pub(crate) processes: usize,
    pub(crate) only: Option<String>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) out: Option<PathBuf>,
    /// Print the rounds, for the process that pools them.
    pub(crate) rounds: bool,
}

impl Arguments {
    pub(crate) fn read(mut given: impl Iterator<Item = String>) -> Option<Self> {
        let suites = match given.next()?.as_str() {
            "all" => SUITES.map(str::to_owned).to_vec(),
            suite if SUITES.contains(&suite) => vec![suite.to_owned()],
            _ => return None,
        };
        let mut processes = None;
        let mut arguments = Self {
            suites,
            effort: Effort::Full,
            processes: 1,
            only: None,
            json: None,
            out: None,
            rounds: false,
        };
        while let Some(argument) = given.next() {
            match argument.as_str() {
                "--quick" => arguments.effort = Effort::Quick,
                "--processes" => processes = Some(given.next()?.parse().ok()?),
                "--only" => arguments.only = Some(given.next()?),
                "--json" if arguments.suites.len() == 1 => {
                    arguments.json = Some(given.next()?.into());
                }
                "--out" => arguments.out = Some(given.next()?.into()),
                ROUNDS => arguments.rounds = true,
                _ => return None,
            }
        }
        let usual = if arguments.effort == Effort::Full { 3 } else { 1 };
        arguments.processes = processes.unwrap_or(usual);
        (arguments.processes > 0).then_some(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    fn read(line: &str) -> Option<Arguments> {
        Arguments::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_full_run_takes_three_processes_and_a_quick_one_takes_one() {
        assert_eq!(read("queue").map(|a| a.processes), Some(3));
        assert_eq!(read("queue --quick").map(|a| a.processes), Some(1));
        assert_eq!(read("queue --processes 5 --quick").map(|a| a.processes), Some(5));
    }

    #[test]
    fn all_means_every_suite() {
        assert_eq!(read("all").map(|a| a.suites.len()), Some(4));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for line in ["", "queues", "queue --fast", "queue --processes 0", "queue --json"] {
            assert_eq!(read(line), None, "{line}");
        }
        assert_eq!(read("all --json f"), None, "one file cannot hold four suites");
    }
}

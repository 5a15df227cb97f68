//! The contestants in Go: one program that takes its rounds from us line by line.

use super::panel::{Cost, Rounds};
use super::system::{Shape, THREADS};
use crate::go::Program;
use std::cell::RefCell;
use std::fmt::Debug;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

/// The running program. Clones are the same one.
#[derive(Clone)]
pub(super) struct Go {
    program: Rc<RefCell<Program>>,
}

impl Go {
    /// Builds the program and starts it with as many threads as the others have, where there is Go.
    pub(super) fn start() -> Option<Self> {
        let go = Self { program: Program::start("jobs")? };
        go.ask(&format!("threads {THREADS}"));
        Some(go)
    }

    /// One command, one answer.
    pub(super) fn ask(&self, command: &str) -> String {
        let answer = self.program.borrow_mut().ask(command);
        let answer = answer.unwrap_or_else(|error| panic!("{command:?} to Go: {error}"));
        match answer.strip_prefix("ok") {
            Some(rest) => rest.trim().to_owned(),
            None => panic!("the Go program did not do {command:?}: {answer:?}"),
        }
    }

    /// As `ask`, for an answer of numbers.
    pub(super) fn numbers<T: FromStr<Err: Debug>>(&self, command: &str) -> Vec<T> {
        let answer = self.ask(command);
        answer.split_whitespace().map(|word| word.parse().expect("a number")).collect()
    }
}

/// A pool in the Go program.
pub(super) struct Pool {
    go: Go,
    id: String,
}

/// What a round of a pool does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Round {
    Closed,
    Flood,
    Results,
}

impl Pool {
    /// `kind` is how a caller gets its reply: `pooled`, `new` or `context`.
    pub(super) fn new(go: &Go, kind: &str, shape: Shape) -> Self {
        let Shape { providers, workers, callers } = shape;
        let queue = shape.queue();
        let id = go.ask(&format!("pool {kind} {providers} {workers} {callers} {queue}"));
        Self { go: go.clone(), id }
    }

    /// Asks `command` with what comes after the pool's number.
    pub(super) fn numbers(&self, command: &str, rest: &str) -> Vec<f64> {
        self.go.numbers(&format!("{command} {} {rest}", self.id))
    }

    pub(super) fn rounds(self, round: Round) -> impl Rounds {
        InGo { pool: self, round }
    }

    /// Allocations of a round.
    pub(super) fn allocations(&self, jobs: usize) -> f64 {
        self.numbers("closed", &jobs.to_string())[3]
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // While a panic unwinds, the program may be what has failed.
        if !std::thread::panicking() {
            self.go.ask(&format!("close {}", self.id));
        }
    }
}

struct InGo {
    pool: Pool,
    round: Round,
}

impl Rounds for InGo {
    fn run(&mut self, jobs: usize) -> Cost {
        let command = match self.round {
            Round::Closed => "closed",
            Round::Flood => "flood",
            Round::Results => "results",
        };
        let answer = self.pool.numbers(command, &jobs.to_string());
        let [wall, cpu, switches, _] = answer[..] else {
            panic!("the Go program answered {answer:?}")
        };
        Cost {
            wall: Duration::from_nanos(wall as u64),
            cpu: Duration::from_nanos(cpu as u64),
            switches: switches as u64,
        }
    }
}

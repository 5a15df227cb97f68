//! The contestants in Go: one program, built here, that takes its rounds from us line by line.

use super::panel::{Cost, Rounds};
use super::system::{Shape, THREADS};
use std::cell::RefCell;
use std::fmt::Debug;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/go/jobs");

/// The running program. Clones are the same one.
#[derive(Clone)]
pub(super) struct Go {
    process: Rc<RefCell<Process>>,
}

struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Go {
    /// Builds the program and starts it; the error says why there is none.
    pub(super) fn start() -> Result<Self, String> {
        let program = build()?;
        let mut child = Command::new(program)
            .env("BENCH_THREADS", THREADS.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the Go program does not start: {error}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or("the Go program has no output")?;
        let process = Process { child, stdin, stdout: BufReader::new(stdout) };
        Ok(Self { process: Rc::new(RefCell::new(process)) })
    }

    /// The version of Go, and its GOMAXPROCS.
    pub(super) fn version(&self) -> String {
        let answer = self.ask("version");
        match answer.split_once(' ') {
            Some((version, threads)) => format!("{version}, GOMAXPROCS={threads}"),
            None => answer,
        }
    }

    /// One command, one answer.
    pub(super) fn ask(&self, command: &str) -> String {
        let mut process = self.process.borrow_mut();
        let answer = process.ask(command);
        match answer {
            Ok(answer) => answer,
            Err(error) => panic!("the Go program did not do {command:?}: {error}"),
        }
    }

    /// As `ask`, for an answer of numbers.
    pub(super) fn numbers<T: FromStr<Err: Debug>>(&self, command: &str) -> Vec<T> {
        let answer = self.ask(command);
        answer.split_whitespace().map(|word| word.parse().expect("a number")).collect()
    }
}

impl Process {
    fn ask(&mut self, command: &str) -> Result<String, String> {
        let stdin = self.stdin.as_mut().ok_or("it has no input")?;
        writeln!(stdin, "{command}").map_err(|error| error.to_string())?;
        let mut line = String::new();
        self.stdout.read_line(&mut line).map_err(|error| error.to_string())?;
        match line.strip_prefix("ok") {
            Some(answer) => Ok(answer.trim().to_owned()),
            None => Err(if line.is_empty() { "it ended".to_owned() } else { line }),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It ends with its input.
        self.stdin = None;
        let _status = self.child.wait();
    }
}

/// Builds the program beside this one, in cargo's target directory.
fn build() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = own.parent().unwrap_or(Path::new(".")).join("go");
    let program = target.join("jobs");
    let output = Command::new("go")
        .args(["build", "-trimpath", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(SOURCE)
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-mod=readonly")
        .env("GOWORK", "off")
        .output()
        .map_err(|error| format!("`go` does not run: {error}"))?;
    if output.status.success() {
        return Ok(program);
    }
    Err(format!("`go build` failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
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
        self.go.ask(&format!("close {}", self.id));
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

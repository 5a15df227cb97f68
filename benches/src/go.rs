//! Programs in Go, built here and run beside the others where Go is installed.

use crate::contest::Contestant;
use crate::machine::said_by;
use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

/// The version of Go here, if there is one.
pub(crate) fn version() -> Option<String> {
    said_by("go", &["version"])
}

/// A program that answers a line with the nanoseconds that it took to do what the line says.
///
/// It runs for as long as it is asked, so that its runtime is as warm as this one, and sleeps in between.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// One scenario of a program.
#[derive(Debug)]
pub(crate) struct GoContestant {
    program: Rc<RefCell<Program>>,
    scenario: String,
}

impl Program {
    /// Builds and starts benches/go/NAME. None, with the reason told, where that cannot be.
    pub(crate) fn start(name: &str) -> Option<Rc<RefCell<Self>>> {
        if version().is_none() {
            eprintln!("benches: no rows of Go: it is not installed");
            return None;
        }
        Self::build(name)
            .and_then(|path| Self::spawn(&path))
            .inspect_err(|error| eprintln!("benches: no rows of Go: {error}"))
            .ok()
            .map(|program| Rc::new(RefCell::new(program)))
    }

    fn build(name: &str) -> std::io::Result<PathBuf> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("go").join(name);
        let own = std::env::current_exe()?;
        let built = own.with_file_name(format!("bench-go-{name}"));
        // What is there builds it: nothing is fetched.
        let status = Command::new("go")
            .args(["build", "-o"])
            .arg(&built)
            .env("GOTOOLCHAIN", "local")
            .current_dir(source)
            .status()?;
        if !status.success() {
            return Err(std::io::Error::other(format!("`go build` ended with {status}")));
        }
        Ok(built)
    }

    fn spawn(path: &Path) -> std::io::Result<Self> {
        let mut child = Command::new(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::Error::other("a pipe is missing"));
        };
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// One line in, one line out.
    pub(crate) fn ask(&mut self, line: &str) -> std::io::Result<String> {
        writeln!(self.input, "{line}")?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left of it.
        if self.child.kill().is_ok() {
            self.child.wait().map(drop).unwrap_or_default();
        }
    }
}

impl GoContestant {
    /// `scenario` is the line without the count of operations, which is added for each run.
    pub(crate) fn new(program: &Rc<RefCell<Program>>, scenario: String) -> Self {
        Self { program: Rc::clone(program), scenario }
    }
}

impl Contestant for GoContestant {
    fn run(&mut self, count: usize) -> Duration {
        let answer = self.program.borrow_mut().ask(&format!("{} {count}", self.scenario));
        let answer = answer.expect("the program answers every line");
        let took = answer.trim().parse().unwrap_or_else(|_| panic!("not a time: {answer:?}"));
        Duration::from_nanos(took)
    }
}

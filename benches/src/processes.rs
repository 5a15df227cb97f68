//! Several processes measure the same suite, and one pools their rounds.
//!
//! Where a process's memory lies and which thread started where changes two-thread figures more than any
//! round does, so one process alone says too little.

use crate::contest::Effort;
use crate::figure::Figure;
use std::io;
use std::process::{Command, Stdio};

/// The argument that makes a process print its rounds instead of a report.
pub(crate) const ROUNDS: &str = "--rounds-as-json";

/// What a process is to measure.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) suite: String,
    pub(crate) effort: Effort,
    /// Only the scenarios whose name holds this.
    pub(crate) only: Option<String>,
}

/// Runs `count` processes one after another.
pub(crate) fn run(task: &Task, count: usize) -> io::Result<Vec<Figure>> {
    let mut pooled: Vec<Figure> = Vec::new();
    for number in 1..=count {
        eprintln!("benches: {}, process {number} of {count}", task.suite);
        let figures = run_one(task)?;
        if pooled.is_empty() {
            pooled = figures;
        } else {
            pool(&mut pooled, figures);
        }
    }
    Ok(pooled)
}

fn run_one(task: &Task) -> io::Result<Vec<Figure>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(&task.suite).arg(ROUNDS).stdin(Stdio::null()).stderr(Stdio::inherit());
    if task.effort == Effort::Quick {
        command.arg("--quick");
    }
    if let Some(only) = &task.only {
        command.args(["--only", only]);
    }
    let output = command.output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("a process ended with {}", output.status)));
    }
    serde_json::from_slice(&output.stdout).map_err(io::Error::other)
}

/// The processes measure the same scenarios in the same order.
fn pool(pooled: &mut [Figure], figures: Vec<Figure>) {
    for (own, other) in pooled.iter_mut().zip(figures) {
        assert_eq!(own.name, other.name, "every process measures the same scenarios");
        own.pool(other);
    }
}

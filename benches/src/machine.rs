//! Where and with what the figures were made.

use crate::go;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::process::Command;

/// The other projects whose versions a report names.
const PEERS: [&str; 17] = [
    "async-channel",
    "concurrent-queue",
    "crossbeam-channel",
    "crossbeam-queue",
    "crossfire",
    "event-listener",
    "flume",
    "gil",
    "kanal",
    "lfqueue",
    "loole",
    "oneshot",
    "smol",
    "thingbuf",
    "tokio",
    "turbo-mpmc",
    "async-executor",
];

#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) hardware: String,
    pub(crate) git: String,
    pub(crate) rust: String,
    pub(crate) go: Option<String>,
    /// In UTC.
    pub(crate) date: String,
    pub(crate) peers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

impl Machine {
    pub(crate) fn look() -> Self {
        let unknown = || "unknown".to_owned();
        Self {
            hardware: hardware(),
            git: said_by("git", &["describe", "--always", "--dirty"]).unwrap_or_else(unknown),
            rust: said_by("rustc", &["--version"]).unwrap_or_else(unknown),
            go: go::version(),
            date: said_by("date", &["-u", "+%Y-%m-%d"]).unwrap_or_else(unknown),
            peers: versions(),
        }
    }
}

fn hardware() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |line| line.trim_start_matches([':', '\t', ' ']));
    format!("{cpus} x {model}, {} {}", std::env::consts::OS, std::env::consts::ARCH)
}

/// What the peers were when this was built.
fn versions() -> BTreeMap<String, String> {
    let lock: Lock = toml::from_str(include_str!("../../Cargo.lock"))
        .expect("Cargo wrote it, and the build read it");
    let packages = lock.package.into_iter().map(|package| (package.name, package.version));
    packages.filter(|(name, _)| PEERS.contains(&name.as_str())).collect()
}

/// The output of a program, if it can be run and says anything.
pub(crate) fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::{PEERS, versions};

    #[test]
    fn every_peer_has_a_version() {
        let versions = versions();
        let without: Vec<_> = PEERS.iter().filter(|peer| !versions.contains_key(**peer)).collect();
        assert!(without.is_empty(), "{without:?}");
    }
}

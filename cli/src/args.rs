//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Run jobs against many upstream providers, each isolated from the others.
#[derive(Debug, Parser)]
#[command(name = "bifrost", version)]
pub struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the jobs of a file through the providers of a configuration.
    ///
    /// Each line of JOBS is an object: {id?, provider?, method?, path?, headers?, body | model + messages}, or a
    /// line of the OpenAI batch form {custom_id, method, url, body}. Each gets one line in RESULTS; docs/JOBS.md of the
    /// source describes the fields of both.
    ///
    /// Jobs are handed to a provider as its workers get free, so that queue limits and the overflow policy have nothing
    /// to do. An interrupt ends the reading and gives what runs the shutdown_timeout; a second one ends at once.
    ///
    /// Exit status: 0 all completed, 1 some job or line failed, 2 usage or configuration, 3 the results could not
    /// be written, 130 interrupted and drained.
    Run(RunArgs),
    /// Show that a broken provider does not disturb the others; needs nothing.
    ///
    /// Starts three small providers on loopback, runs jobs through them, breaks one midway, and compares with the
    /// same load on one shared pool. Exit status: 0 when the ledgers balance and every job of the healthy provider
    /// completed, else 1.
    Demo(DemoArgs),
}

/// Of `bifrost run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The configuration, a .toml or .json file.
    #[arg(short, long, value_name = "CONFIG")]
    pub config: PathBuf,
    /// The jobs, one JSON object a line; - is standard input.
    #[arg(value_name = "JOBS")]
    pub jobs: PathBuf,
    /// The results, one JSON object a line; a regular file that must not exist yet.
    #[arg(short, long, value_name = "RESULTS")]
    pub output: PathBuf,
    /// The provider of the jobs that name none; not needed when there is only one.
    #[arg(short, long, value_name = "NAME")]
    pub provider: Option<String>,
}

/// Of `bifrost demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How long each of the two loads lasts, in milliseconds.
    #[arg(long, hide = true, default_value_t = 6_000, value_parser = clap::value_parser!(u64).range(300..=10_000))]
    pub load_ms: u64,
    /// The provider that breaks.
    #[arg(long, hide = true, default_value = "slow", value_parser = ["healthy", "slow", "failing"])]
    pub breaks: String,
}

//! The `bifrost` command.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    bifrost_cli::run(&bifrost_cli::CommandLine::parse()).into()
}

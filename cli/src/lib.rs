//! The parts of the `bifrost` command, as a library for its own tests.

mod args;
mod demo;
mod engine;
mod exit;
mod run;
mod table;
mod tally;
pub mod upstream;

pub use args::{Command, CommandLine, DemoArgs, RunArgs};
pub use exit::Exit;

/// Does what the command line says.
pub fn run(line: &CommandLine) -> Exit {
    match &line.command {
        Command::Run(args) => run::run(args),
        Command::Demo(args) => demo::run(args),
    }
}

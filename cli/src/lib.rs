//! The parts of the `bifrost` command, as a library for its own tests.

mod args;
mod demo;
mod exit;
pub mod run;
mod table;
mod tally;
pub mod upstream;

pub use args::{Command, CommandLine, DemoArgs, RunArgs};
pub use exit::Exit;

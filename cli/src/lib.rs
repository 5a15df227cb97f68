//! The parts of the `bifrost` command, as a library for its own tests.

pub mod run;
pub mod upstream;

//! The contract of docs/SPEC.md as behaviours, each under every executor that S8 names.

mod world;

mod blocking_lane;
mod cancelling;
mod handles;
mod limits;
mod outcomes;
mod overflow;
mod panics;
mod refusals;
mod shutdown;

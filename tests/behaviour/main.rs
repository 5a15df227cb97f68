//! The contract of docs/SPEC.md as behaviours, each under every executor that S8 names.

#[path = "../support/mod.rs"]
mod support;
mod world;

mod batches;
mod blocked;
mod blocking_lane;
mod cancelling;
mod direct;
mod handles;
mod lanes;
mod life;
mod limiter;
mod limits;
mod outcomes;
mod overflow;
mod panics;
mod races;
mod refusals;
mod results;
mod scaling;
mod shutdown;
mod tenants;

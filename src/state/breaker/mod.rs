//! The circuit breaker of a provider (S23–S25): a state machine in one word, and what it knows of the last calls.
//!
//! | file | part |
//! |---|---|
//! | `circuit` | the machine: door, acquisition, control, what the tick does |
//! | `permit` | the leave to make one call, and what its end does |
//! | `word` | the word: state, generation, probes |
//! | `stamp` | an instant that belongs to one generation |
//! | `row` | how many calls have failed in a row |
//! | `window`, `time_window`, `call_window` | what the last seconds, or the last calls, were like |
//! | `rules` | limits, samples and answers: plain data |
//! | `classify` | what of a job's end is the upstream's fault |
//!
//! Time is passed in, and never read.

mod call_window;
mod circuit;
mod classify;
mod permit;
mod row;
mod rules;
mod stamp;
mod time_window;
mod window;
mod word;

#[cfg(test)]
#[cfg(not(loom))]
mod random_tests;
#[cfg(test)]
#[cfg(not(loom))]
mod reference;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

pub use circuit::CircuitBreaker;
pub use classify::{CallResult, classify};
pub use permit::BreakerPermit;
pub use rules::{
    Acquired, BreakerFigures, BreakerRules, BreakerState, BreakerTransition, BreakerWindow,
    CallTotals, CircuitOpen, Recorded, Sample, SampleFate,
};

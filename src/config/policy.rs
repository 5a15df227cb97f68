//! The choices of a provider that are not a number.

use std::time::Duration;

/// What a submission does when the provider's queue is full (S17).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OverflowPolicy {
    /// The submission is refused at once with `QueueFull`.
    #[default]
    Error,
    /// The job is accepted and ends at once as `Dropped`.
    DropNewest,
    /// The oldest queued job ends as `Dropped` and the new one takes its place.
    DropOldest,
    /// The submitter waits for space, for at most this long: in `submit_async` and `submit_blocking`; calls
    /// that never wait refuse the job.
    Block(Duration),
}

/// Which threads drive a provider's executor (S7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DriverMode {
    /// The runtime's shared driver threads, or the embedder when the runtime has none.
    #[default]
    Shared,
    /// This many threads of the provider's own.
    Dedicated(usize),
}

/// Which of its usable keys a provider's request takes (S28).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyPolicy {
    /// By turns, with exact shares by weight.
    #[default]
    RoundRobin,
    /// The one with the fewest requests on their way for its weight.
    LeastInFlight,
    /// The same one for each tenant, as long as it is usable; jobs without a tenant take the one with the
    /// fewest requests on their way.
    Sticky,
}

/// What the initial health check of a provider decides (S2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HealthPolicy {
    /// A provider whose check fails is `Failed` and takes no job.
    Require,
    /// A provider whose check fails starts as `Degraded`.
    #[default]
    BestEffort,
    /// No check is made.
    Skip,
}

//! What a provider has seen.

/// A request that a provider has seen, in order of arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The `authorization` header.
    pub authorization: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Counters of what a provider has seen and done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Requests for completions that arrived.
    pub requests: u64,
    /// Of these, answered with status 200.
    pub answered: u64,
    /// Of these, met by a fault.
    pub faults: u64,
    /// Of these, refused as malformed.
    pub refused: u64,
    /// Being worked on now.
    pub in_flight: u64,
    /// The most that were worked on at once.
    pub most_in_flight: u64,
    /// Requests for the list of models.
    pub models: u64,
}

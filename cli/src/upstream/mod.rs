//! A small OpenAI-compatible provider on loopback, whose behaviour can be changed while it runs.
//!
//! It answers `GET /v1/models` and `POST /v1/chat/completions` over real HTTP/1.1, from a thread of its own, and
//! counts what it sees: what a test says about duplicates or concurrency it asks the server, not the client.
//! With the same seed and behaviour, request number n is always treated in the same way.

mod answer;
mod behaviour;
mod seen;
mod server;

pub use behaviour::{Behaviour, Fault};
pub use seen::{Request, Seen};
pub use server::Upstream;

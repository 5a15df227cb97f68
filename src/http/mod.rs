//! HTTP over pooled clients: one [`HttpService`] a provider, with its own connections, keys and limits.
//!
//! | type | what it does |
//! |---|---|
//! | [`HttpRequest`], [`HttpResponse`] | what a job sends and gets, whole bodies in memory |
//! | [`HttpService`] | joins the address, picks the key, keeps keys away from other hosts, applies the limits |
//! | [`Sending`] | one exchange with its key, which hears how the exchange has ended |
//! | [`Transport`] | moves one [`PreparedRequest`]; tests and other clients can stand in |
//! | [`IsahcTransport`] | the transport over isahc: its own agent thread, so that it works under every executor |
//!
//! What a limit means here: the total limit and the connect limit are enforced by the transport's own
//! thread. A job that is cancelled or timed out drops its future at once; a server that says nothing keeps
//! the connection until the total limit ends it, and [`Transport::zombie_transfers`] counts it until then.

mod client;
mod error;
mod prepared;
mod request;
mod response;
mod retry_after;
mod sending;
mod service;
mod transport;
mod url;
mod zombies;

pub use client::{ClientOptions, IsahcTransport};
pub use error::{HttpError, InvalidRequest};
pub use prepared::PreparedRequest;
pub use request::HttpRequest;
pub use response::{Headers, HttpResponse};
pub use sending::Sending;
pub use service::{Exchange, HttpService};
pub use transport::{SendFuture, Transport, TransportLimits};

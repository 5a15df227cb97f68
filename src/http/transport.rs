//! The seam between a service and the client that moves its bytes.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::{HttpError, HttpResponse, PreparedRequest};

/// The future of one exchange; owns all that it needs.
pub type SendFuture = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send>>;

/// Moves one request and its response.
///
/// What a service relies on:
/// 1. The future needs no executor of a certain kind and no timer of it.
/// 2. The future ends by itself within [`TransportLimits::total`], counted from the call of `send`.
/// 3. Dropping the future releases the caller at once. What stays open behind it is closed within the same
///    limit and counted by [`Transport::zombie_transfers`] until then.
/// 4. No more than [`TransportLimits::max_response_body`] bytes of a body are ever held.
/// 5. It sends each request at most once, except where it knows that nothing reached the network.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Starts to send `request`; the limits count from now.
    fn send(&self, request: PreparedRequest, limits: TransportLimits) -> SendFuture;

    /// How many exchanges are given up by their callers but may still hold a connection. Never less than
    /// the true number, apart from the time that the transport's own thread needs.
    fn zombie_transfers(&self) -> usize {
        0
    }
}

/// The limits of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportLimits {
    /// From the call of [`Transport::send`] to the last byte of the body.
    pub total: Duration,
    /// For a connection to be made, name resolution and TLS handshake included.
    pub connect: Duration,
    /// The largest body that is accepted, in bytes after decompression.
    pub max_response_body: usize,
}

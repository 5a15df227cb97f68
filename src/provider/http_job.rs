//! HTTP requests as jobs.

use super::context::JobContext;
use super::job::{Job, Kind};
use crate::code::Code;
use crate::config::ProviderConfig;
use crate::http::{ClientOptions, Exchange, HttpError, HttpRequest, HttpService, IsahcTransport};
use crate::state::{JobError, Run};
use crate::stats::Count;
use crate::sync::Arc;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

type Sending = Pin<Box<dyn Future<Output = Result<Exchange, HttpError>> + Send>>;

/// The longest that a request without any time limit may take.
const NO_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// An answer with an error status (400 and above): the source of a job's failure with cause
/// [`Code::HttpStatus`], with the whole response.
#[derive(Debug)]
#[non_exhaustive]
pub struct StatusError {
    /// The response and the key that it was got with.
    pub exchange: Exchange,
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the upstream answered with status {}", self.exchange.response.status)
    }
}

impl std::error::Error for StatusError {}

/// Makes the HTTP side of a provider with these settings; `None` if it has no base URL. Nothing is opened.
///
/// # Errors
///
/// [`HttpError::Invalid`] if the base URL, a header's name or a key cannot be used.
pub fn open_http(config: &ProviderConfig) -> Result<Option<HttpService>, HttpError> {
    if config.base_url.is_none() {
        return Ok(None);
    }
    // A job's own timeout may be longer than the provider's: what is left of it is given to each request.
    let config = config.clone().timeout(NO_LIMIT);
    let transport = IsahcTransport::new(ClientOptions::for_workers(config.workers.max));
    HttpService::new(&config, Arc::new(transport)).map(Some)
}

/// A request that becomes an exchange at its first poll.
enum Request {
    Waiting(HttpRequest),
    Sending(Sending),
    /// The transport has given up because the job's time is over, which is for the tick to say.
    Late,
    Over,
}

impl Job<Exchange> {
    /// A request to the provider's upstream, with the next of its keys. A status of 400 or above is a
    /// failure with cause [`Code::HttpStatus`] whose error is a [`StatusError`] with the whole response.
    pub fn http(request: HttpRequest) -> Self {
        Self::from_body(Request::Waiting(request), Kind::Async)
    }
}

impl Run<JobContext, Exchange> for Request {
    fn run(
        mut self: Pin<&mut Self>,
        context: &JobContext,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Exchange, JobError>> {
        let host = context.core.host();
        let mut sending = match std::mem::replace(&mut *self, Self::Over) {
            Self::Sending(sending) => sending,
            Self::Waiting(request) => {
                let Some(http) = &host.http else {
                    let error = "the provider has no base_url";
                    return Poll::Ready(Err(JobError::with_code(Code::Invalid, error)));
                };
                host.stats.add(Count::HttpRequests, 1);
                Box::pin(http.send(request, context.time_left().unwrap_or(NO_LIMIT)))
            }
            Self::Late => {
                *self = Self::Late;
                return Poll::Pending;
            }
            Self::Over => {
                return Poll::Ready(Err(JobError::new("the job was polled after its end")));
            }
        };
        let polled = sending.as_mut().poll(cx);
        if polled.is_pending() {
            *self = Self::Sending(sending);
        }
        let result = match ready!(polled) {
            Ok(exchange) if exchange.response.status >= 400 => {
                if matches!(exchange.response.status, 429 | 503 | 529) {
                    context.report_overload();
                }
                Err(JobError::with_code(Code::HttpStatus, StatusError { exchange }))
            }
            Ok(exchange) => Ok(exchange),
            Err(HttpError::TransportTimeout { .. })
                if context.time_left() == Some(Duration::ZERO) =>
            {
                // Both have the same limit: without this the outcome would depend on who was faster.
                *self = Self::Late;
                return Poll::Pending;
            }
            Err(error) => Err(JobError::with_code(error.code(), error)),
        };
        host.stats.add(Count::HttpErrors, u64::from(result.is_err()));
        Poll::Ready(result)
    }
}

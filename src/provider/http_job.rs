//! HTTP requests as jobs.

use super::context::JobContext;
use super::job::{Job, Kind};
use crate::code::Code;
use crate::config::ProviderConfig;
use crate::http::{
    ClientOptions, Exchange, HttpError, HttpRequest, HttpService, IsahcTransport, Sending,
    Transport,
};
use crate::state::{JobError, KeyAsk, Run};
use crate::stats::Count;
use crate::sync::Arc;
use crate::time::Clock;
use std::fmt;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

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

/// An exchange that broke off or never came about: the source of a job's failure with the cause
/// [`HttpError::code`] names. What was refused before anything was sent is an [`HttpError`] itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransferError {
    /// What happened.
    pub error: HttpError,
    /// The name of the key that the request was sent with; `None` when the provider has no keys.
    pub key: Option<Arc<str>>,
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{} (key {key})", self.error),
            None => self.error.fmt(f),
        }
    }
}

impl std::error::Error for TransferError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Makes the HTTP side of a provider with these settings; `None` if it has no base URL. Nothing is opened.
/// Its keys rest on `clock`. Requests go by `transport`, or by a client of the provider's own.
///
/// # Errors
///
/// [`HttpError::Invalid`] if the base URL, a header's name or a key cannot be used.
pub fn open_http(
    config: &ProviderConfig,
    clock: &Clock,
    transport: Option<Arc<dyn Transport>>,
) -> Result<Option<HttpService>, HttpError> {
    if config.base_url.is_none() {
        return Ok(None);
    }
    // A job's own timeout may be longer than the provider's: what is left of it is given to each request.
    let config = config.clone().timeout(NO_LIMIT);
    let transport = transport.unwrap_or_else(|| {
        Arc::new(IsahcTransport::new(ClientOptions::for_workers(config.workers.max)))
    });
    HttpService::with_clock(&config, transport, clock.clone()).map(Some)
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
        let mut job = Self::from_body(Request::Waiting(request), Kind::Async);
        job.options.is_http = true;
        job
    }
}

/// Which key the job asks for: where keys are sticky, that of its tenant.
fn ask(context: &JobContext) -> KeyAsk {
    let caller = context.tenant().map(|tenant| {
        let mut hasher = DefaultHasher::new();
        tenant.hash(&mut hasher);
        hasher.finish()
    });
    KeyAsk { caller, ..KeyAsk::default() }
}

fn failure(error: HttpError, key: Option<&Arc<str>>) -> JobError {
    let code = error.code();
    match error {
        HttpError::Invalid(_) | HttpError::NoKey(_) => JobError::with_code(code, error),
        error => JobError::with_code(code, TransferError { error, key: key.cloned() }),
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
                http.send_for(request, ask(context), context.time_left().unwrap_or(NO_LIMIT))
            }
            Self::Late => {
                *self = Self::Late;
                return Poll::Pending;
            }
            Self::Over => {
                return Poll::Ready(Err(JobError::new("the job was polled after its end")));
            }
        };
        let Poll::Ready(exchanged) = Pin::new(&mut sending).poll(cx) else {
            *self = Self::Sending(sending);
            return Poll::Pending;
        };
        let result = match exchanged {
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
            Err(error) => Err(failure(error, sending.key())),
        };
        host.stats.add(Count::HttpErrors, u64::from(result.is_err()));
        Poll::Ready(result)
    }
}

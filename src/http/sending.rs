//! One exchange with its key.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{Exchange, HttpError, HttpResponse, SendFuture};
use crate::state::{KeyLease, KeyResult};
use crate::sync::Arc;
use crate::time::Clock;

/// An exchange on its way; made by [`HttpService::send`](super::HttpService::send).
///
/// # Cancel safety
///
/// Dropping it gives the exchange up at once and releases the key. The request may have been sent; its
/// connection is closed by the same time limit at the latest.
#[must_use = "a future does nothing unless polled"]
pub struct Sending {
    stage: Stage,
    lease: Option<KeyLease>,
    key: Option<Arc<str>>,
    clock: Clock,
}

enum Stage {
    Refused(HttpError),
    Moving(SendFuture),
    Over,
}

impl Sending {
    pub(super) fn new(
        started: Result<(SendFuture, Option<KeyLease>), HttpError>,
        clock: &Clock,
    ) -> Self {
        let (stage, lease) = match started {
            Ok((transfer, lease)) => (Stage::Moving(transfer), lease),
            Err(error) => (Stage::Refused(error), None),
        };
        let key = lease.as_ref().map(|lease| Arc::clone(lease.name()));
        Self { stage, lease, key, clock: clock.clone() }
    }

    /// The name of the key that the request is sent with; `None` when the service has no keys, or no key was
    /// picked because the request was refused.
    pub fn key(&self) -> Option<&Arc<str>> {
        self.key.as_ref()
    }

    /// Tells the key what its exchange has come to.
    fn report(&mut self, result: &Result<HttpResponse, HttpError>) {
        let Some(lease) = self.lease.take() else { return };
        let said = match result {
            Ok(response) => response.key_result(self.clock.wall()),
            Err(HttpError::CutOff { status }) => KeyResult::from_status(*status, None),
            Err(_) => KeyResult::Ignored,
        };
        lease.report(self.clock.now(), said);
    }
}

impl Future for Sending {
    type Output = Result<Exchange, HttpError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Moving(mut transfer) => match transfer.as_mut().poll(cx) {
                Poll::Ready(result) => result,
                Poll::Pending => {
                    self.stage = Stage::Moving(transfer);
                    return Poll::Pending;
                }
            },
            Stage::Refused(error) => Err(error),
            Stage::Over => {
                let detail = "the exchange was polled after its end".into();
                return Poll::Ready(Err(HttpError::Client { detail }));
            }
        };
        self.report(&result);
        let key = self.key.clone();
        Poll::Ready(result.map(|response| Exchange { response, key }))
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("key", &self.key).finish_non_exhaustive()
    }
}

//! What a refused submission gives back.

use crate::code::Code;
use crate::state::{BreakerState, CircuitOpen, LifeState};
use crate::sync::Arc;
use std::fmt;
use std::time::Duration;

/// A job that was refused at the door, with the reason (S10). Nothing of it remains with the provider.
#[non_exhaustive]
pub struct Rejected<J> {
    /// Why, one of the codes of kind [`Rejection`](crate::code::CodeKind::Rejection), or
    /// [`Code::Invalid`].
    pub reason: Code,
    /// The job, unchanged.
    pub job: J,
    /// Which provider refused it.
    pub provider: Arc<str>,
    /// Which limit was met.
    pub limit: &'static str,
    /// The limit's value; of one whose name ends in `_ms`, in milliseconds.
    pub value: u64,
    /// When another try makes sense, if that is known.
    pub retry_after: Option<Duration>,
}

/// The reason without the job, on the way through the door.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) reason: Code,
    pub(super) limit: &'static str,
    pub(super) value: u64,
    /// When another try makes sense, if that is known.
    pub(super) retry_after: Option<Duration>,
}

impl Refusal {
    /// The limit that is met at the circuit breaker, whose value is its state.
    const BREAKER: &'static str = "breaker";

    /// A refusal that says nothing about another try.
    pub(super) const fn new(reason: Code, limit: &'static str, value: u64) -> Self {
        Self { reason, limit, value, retry_after: None }
    }

    /// The limit that is met when unread outcomes hold every record.
    pub(super) const RECORDS: &'static str = "records";

    /// Whether there is space later, for a submission that may wait: a place in the queue, and a record.
    pub(super) fn is_for_space(&self) -> bool {
        self.reason == Code::QueueFull || self.limit == Self::RECORDS
    }

    pub(super) fn with<J>(self, job: J, provider: &Arc<str>) -> Rejected<J> {
        Rejected {
            reason: self.reason,
            job,
            provider: Arc::clone(provider),
            limit: self.limit,
            value: self.value,
            retry_after: self.retry_after,
        }
    }
}

impl From<CircuitOpen> for Refusal {
    fn from(open: CircuitOpen) -> Self {
        let refusal = Self::new(Code::CircuitOpen, Self::BREAKER, open.state as u64);
        Self { retry_after: open.retry_after, ..refusal }
    }
}

impl<J> fmt::Debug for Rejected<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("reason", &self.reason)
            .field("provider", &self.provider)
            .field("limit", &self.limit)
            .field("value", &self.value)
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}

impl<J> fmt::Display for Rejected<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, provider, limit, value, .. } = self;
        write!(f, "provider {provider} refused the job: {reason} ")?;
        let name = match *limit {
            "state" => LifeState::from_number(*value).map(LifeState::name),
            Refusal::BREAKER => BreakerState::ALL.get(*value as usize).map(|state| state.name()),
            _ => None,
        };
        match name {
            Some(name) => write!(f, "({limit} = {name})"),
            None => write!(f, "({limit} = {value})"),
        }
    }
}

impl<J> std::error::Error for Rejected<J> {}

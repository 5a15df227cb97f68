//! What of a job's end is the upstream's fault (S25). This is the default; a user may have another.

use super::super::word::Verdict;
use super::rules::Sample;
use crate::code::Code;
use std::time::Duration;

/// What the end of an attempt says about the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallResult {
    /// It did its part.
    Ok,
    /// It did not.
    Failure,
    /// Nothing.
    Ignored,
}

impl CallResult {
    /// The sample for a breaker: whether the call was slow, and how long the upstream asked to be left alone.
    pub const fn sample(self, slow: bool, retry_after: Option<Duration>) -> Sample {
        match self {
            Self::Ok => Sample::Success { slow },
            Self::Failure => Sample::Failure { slow, retry_after },
            Self::Ignored => Sample::Ignored,
        }
    }
}

/// The default: a failure is a status of 500 or above, a broken transport, an execution timeout, a panic, and an error
/// of the job itself, which may well be that of the client that it uses. Every other status, and whatever the library
/// or the submitter decided, says nothing about the upstream.
///
/// `cause` is that of [`Verdict::Failed`], and `status` the upstream's where the cause is [`Code::HttpStatus`].
pub fn classify(verdict: Verdict, cause: Option<Code>, status: Option<u16>) -> CallResult {
    match verdict {
        Verdict::Completed => CallResult::Ok,
        Verdict::TimedOutExec | Verdict::Panicked => CallResult::Failure,
        Verdict::Failed => match cause {
            Some(Code::HttpStatus) if status.is_some_and(|status| status >= 500) => {
                CallResult::Failure
            }
            Some(
                Code::JobError
                | Code::Connect
                | Code::Transport
                | Code::TransportTimeout
                | Code::Tls,
            ) => CallResult::Failure,
            _ => CallResult::Ignored,
        },
        Verdict::TimedOutQueue
        | Verdict::DroppedOverflow
        | Verdict::DroppedCodel
        | Verdict::CancelledCaller
        | Verdict::CancelledShutdown
        | Verdict::CancelledParent
        | Verdict::Abandoned => CallResult::Ignored,
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{CallResult, Code, Verdict, classify};

    #[test]
    fn only_what_the_upstream_did_counts() {
        let status = |status| classify(Verdict::Failed, Some(Code::HttpStatus), Some(status));
        for failure in [500, 502, 503, 504, 529, 599] {
            assert_eq!(status(failure), CallResult::Failure, "{failure}");
        }
        for of_caller in [400, 401, 402, 403, 404, 408, 413, 422, 429, 499] {
            assert_eq!(status(of_caller), CallResult::Ignored, "{of_caller}");
        }
        let cause = |cause| classify(Verdict::Failed, Some(cause), None);
        for code in [Code::Connect, Code::Transport, Code::TransportTimeout, Code::Tls] {
            assert_eq!(cause(code), CallResult::Failure, "{code:?}");
        }
        for local in
            [Code::NoKey, Code::Invalid, Code::CircuitOpen, Code::System, Code::RetriesSpent]
        {
            assert_eq!(cause(local), CallResult::Ignored, "{local:?}");
        }
        for verdict in Verdict::ALL.iter().copied().filter(|it| *it != Verdict::Failed) {
            let expected = match verdict {
                Verdict::Completed => CallResult::Ok,
                Verdict::TimedOutExec | Verdict::Panicked => CallResult::Failure,
                _ => CallResult::Ignored,
            };
            assert_eq!(classify(verdict, None, None), expected, "{verdict:?}");
        }
    }
}

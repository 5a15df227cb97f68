//! How a job ended.

use crate::code::Code;
use crate::state::{Ended, JobError, PanicInfo, Report, Verdict};
use std::fmt;

/// How an accepted job ended: exactly one of these (S11).
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum Outcome<T> {
    /// It ran to its end and returned this.
    Completed(T),
    /// It ended with an error.
    Failed(Failure),
    /// One of its limits passed, while it waited or while it ran.
    TimedOut(Stage),
    /// It was dropped from the queue.
    Dropped(Reason),
    /// It was cancelled.
    Cancelled(By),
    /// It panicked; the worker lives on.
    Panicked(PanicInfo),
    /// It still ran when the last grace of a shutdown ended.
    Abandoned,
}

/// Where a job was when its limit passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Waiting; it was never executed.
    Queue,
    /// Running.
    Execution,
}

/// Why a job was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The overflow policy of a full queue.
    Overflow,
    /// The queue delay controller.
    Codel,
}

/// Who cancelled a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum By {
    /// Its submitter, by the handle or the job's own token.
    Caller,
    /// A shutdown.
    Shutdown,
    /// A token above the job's own.
    Parent,
}

/// Why a job failed, and after how many attempts.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The cause: the job's own error, its transport's, or the library's.
    pub cause: Code,
    /// The error of the last attempt.
    pub error: JobError,
    /// The attempts made; 0 if the job failed before its first one.
    pub attempts: u32,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.cause.name(), self.error)
    }
}

impl<T> Outcome<T> {
    pub(super) fn from_report(report: Report<T>) -> Self {
        let attempts = if report.stamps.started_at.is_some() { report.attempt } else { 0 };
        match report.ended {
            Some(Ended::Value(value)) => return Self::Completed(value),
            Some(Ended::Error(error)) => {
                return Self::Failed(Failure { cause: error.code(), error, attempts });
            }
            Some(Ended::Panic(panic)) => return Self::Panicked(panic),
            None => {}
        }
        match report.verdict {
            Verdict::TimedOutQueue => Self::TimedOut(Stage::Queue),
            Verdict::TimedOutExec => Self::TimedOut(Stage::Execution),
            Verdict::DroppedOverflow => Self::Dropped(Reason::Overflow),
            Verdict::DroppedCodel => Self::Dropped(Reason::Codel),
            Verdict::CancelledCaller => Self::Cancelled(By::Caller),
            Verdict::CancelledShutdown => Self::Cancelled(By::Shutdown),
            Verdict::CancelledParent => Self::Cancelled(By::Parent),
            Verdict::Abandoned => Self::Abandoned,
            Verdict::Completed | Verdict::Failed | Verdict::Panicked => {
                unreachable!("these verdicts leave a result")
            }
        }
    }

    /// The outcome's code, [`Code::Ok`] when the job completed.
    pub fn code(&self) -> Code {
        match self {
            Self::Completed(_) => Code::Ok,
            Self::Failed(_) => Code::Failed,
            Self::TimedOut(Stage::Queue) => Code::TimedOutQueue,
            Self::TimedOut(Stage::Execution) => Code::TimedOutExec,
            Self::Dropped(Reason::Overflow) => Code::DroppedOverflow,
            Self::Dropped(Reason::Codel) => Code::DroppedCodel,
            Self::Cancelled(By::Caller) => Code::CancelledCaller,
            Self::Cancelled(By::Shutdown) => Code::CancelledShutdown,
            Self::Cancelled(By::Parent) => Code::CancelledParent,
            Self::Panicked(_) => Code::Panicked,
            Self::Abandoned => Code::Abandoned,
        }
    }

    /// The result, if the job completed.
    pub fn completed(self) -> Option<T> {
        match self {
            Self::Completed(value) => Some(value),
            _ => None,
        }
    }
}

impl<T> fmt::Display for Outcome<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => failure.fmt(f),
            Self::Panicked(panic) => write!(f, "panicked: {panic}"),
            Self::Completed(_) => f.write_str("completed"),
            _ => self.code().fmt(f),
        }
    }
}

//! The table of every status, reason and outcome.
//!
//! A number is never given a second meaning, and never removed: C programs, metrics and stored result
//! files hold them. `0` is success, a positive number is information, a negative one an error or the
//! reason why a job did not complete.

use std::fmt;

/// What a [`Code`] is about; decides where it can turn up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodeKind {
    /// All went well.
    Success,
    /// Not an error: there is nothing yet.
    Info,
    /// A call was refused or failed; no job is concerned.
    Call,
    /// A job was refused at the door, without a handle (S10).
    Rejection,
    /// How an accepted job ended (S11).
    Outcome,
    /// Why an attempt of a job failed; stands inside the outcome [`Code::Failed`].
    Cause,
}

/// Every status, reason and outcome of the library, with the number that C, Go, JSON and metrics use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i32)]
#[non_exhaustive]
pub enum Code {
    /// Success; as an outcome: the job ran to its end and returned a result.
    Ok = 0,
    /// Nothing is there right now.
    Empty = 1,
    /// The job has no outcome yet.
    Pending = 2,
    /// An argument is out of its range or contradicts another.
    Invalid = -1,
    /// A required pointer is null.
    Null = -2,
    /// The caller was built against an incompatible version of the header.
    Version = -3,
    /// The system has no memory, thread or descriptor to give.
    NoMemory = -4,
    /// A bug in the library: a panic was caught at its boundary.
    Panic = -5,
    /// The object was closed.
    Closed = -6,
    /// The object belongs to the process that this one was forked from.
    Forked = -7,
    /// No object has this name or id.
    NotFound = -8,
    /// An object of this name exists already.
    Exists = -9,
    /// The ticket names a job whose record was given back.
    Stale = -10,
    /// The object is in use elsewhere.
    Busy = -11,
    /// The call waits for the job that it is made from.
    WouldDeadlock = -12,
    /// The wait ended before the event came; nothing changed.
    TimedOut = -13,
    /// The operating system refused a request.
    System = -14,
    /// The configuration has an error.
    Config = -15,
    /// The provider's queue is at its capacity.
    QueueFull = -20,
    /// The provider's circuit breaker is open.
    CircuitOpen = -21,
    /// A limit on unread results, tenants, tasks or concurrency is reached.
    LimitReached = -22,
    /// No API key of the provider is usable before the deadline.
    NoKey = -23,
    /// The estimated wait exceeds what is left of the deadline.
    DeadlineUnmeetable = -24,
    /// The provider has not finished starting, or failed to.
    NotReady = -25,
    /// The provider is draining or stopped; another may take the job.
    ShuttingDown = -26,
    /// The job ended with an error of its own or of its transport.
    Failed = -40,
    /// The job waited longer than its queue limit or deadline and never ran.
    TimedOutQueue = -41,
    /// The job ran longer than its execution timeout or deadline.
    TimedOutExec = -42,
    /// The overflow policy dropped the job from a full queue.
    DroppedOverflow = -43,
    /// The queue delay controller dropped the job.
    DroppedCodel = -44,
    /// The submitter cancelled the job.
    CancelledCaller = -45,
    /// The shutdown of the provider cancelled the job.
    CancelledShutdown = -46,
    /// A cancel token above the job's own was cancelled.
    CancelledParent = -47,
    /// The job panicked; the worker lives on.
    Panicked = -48,
    /// The job still ran when the shutdown's last grace ended.
    Abandoned = -49,
    /// The job returned an error.
    JobError = -60,
    /// Every attempt that the retry policy allows has failed.
    RetriesSpent = -61,
    /// No connection to the upstream could be made.
    Connect = -62,
    /// The connection to the upstream broke.
    Transport = -63,
    /// The upstream was silent for longer than a transport limit.
    TransportTimeout = -64,
    /// The upstream's certificate or TLS handshake was refused.
    Tls = -65,
    /// The upstream answered with an error status.
    HttpStatus = -66,
    /// A body is larger than its limit.
    BodyTooLarge = -67,
    /// A body is not what it has to be, for instance not UTF-8.
    BodyInvalid = -68,
}

/// One row a code: the code, its stable name, its kind, its text.
const TABLE: &[(Code, &str, CodeKind, &str)] = &[
    (Code::Ok, "ok", CodeKind::Success, "success"),
    (Code::Empty, "empty", CodeKind::Info, "nothing is there right now"),
    (Code::Pending, "pending", CodeKind::Info, "the job has no outcome yet"),
    (
        Code::Invalid,
        "invalid",
        CodeKind::Call,
        "an argument is out of its range or contradicts another",
    ),
    (Code::Null, "null", CodeKind::Call, "a required pointer is null"),
    (
        Code::Version,
        "version",
        CodeKind::Call,
        "the caller was built against an incompatible version of the header",
    ),
    (
        Code::NoMemory,
        "no_memory",
        CodeKind::Call,
        "the system has no memory, thread or descriptor to give",
    ),
    (
        Code::Panic,
        "panic",
        CodeKind::Call,
        "a bug in the library: a panic was caught at its boundary",
    ),
    (Code::Closed, "closed", CodeKind::Call, "the object was closed"),
    (
        Code::Forked,
        "forked",
        CodeKind::Call,
        "the object belongs to the process that this one was forked from",
    ),
    (Code::NotFound, "not_found", CodeKind::Call, "no object has this name or id"),
    (Code::Exists, "exists", CodeKind::Call, "an object of this name exists already"),
    (Code::Stale, "stale", CodeKind::Call, "the ticket names a job whose record was given back"),
    (Code::Busy, "busy", CodeKind::Call, "the object is in use elsewhere"),
    (
        Code::WouldDeadlock,
        "would_deadlock",
        CodeKind::Call,
        "the call waits for the job that it is made from",
    ),
    (
        Code::TimedOut,
        "timed_out",
        CodeKind::Call,
        "the wait ended before the event came; nothing changed",
    ),
    (Code::System, "system", CodeKind::Call, "the operating system refused a request"),
    (Code::Config, "config", CodeKind::Call, "the configuration has an error"),
    (Code::QueueFull, "queue_full", CodeKind::Rejection, "the provider's queue is at its capacity"),
    (
        Code::CircuitOpen,
        "circuit_open",
        CodeKind::Rejection,
        "the provider's circuit breaker is open",
    ),
    (
        Code::LimitReached,
        "limit_reached",
        CodeKind::Rejection,
        "a limit on unread results, tenants, tasks or concurrency is reached",
    ),
    (
        Code::NoKey,
        "no_key",
        CodeKind::Rejection,
        "no API key of the provider is usable before the deadline",
    ),
    (
        Code::DeadlineUnmeetable,
        "deadline_unmeetable",
        CodeKind::Rejection,
        "the estimated wait exceeds what is left of the deadline",
    ),
    (
        Code::NotReady,
        "not_ready",
        CodeKind::Rejection,
        "the provider has not finished starting, or failed to",
    ),
    (
        Code::ShuttingDown,
        "shutting_down",
        CodeKind::Rejection,
        "the provider is draining or stopped; another may take the job",
    ),
    (
        Code::Failed,
        "failed",
        CodeKind::Outcome,
        "the job ended with an error of its own or of its transport",
    ),
    (
        Code::TimedOutQueue,
        "timed_out_queue",
        CodeKind::Outcome,
        "the job waited longer than its queue limit or deadline and never ran",
    ),
    (
        Code::TimedOutExec,
        "timed_out_exec",
        CodeKind::Outcome,
        "the job ran longer than its execution timeout or deadline",
    ),
    (
        Code::DroppedOverflow,
        "dropped_overflow",
        CodeKind::Outcome,
        "the overflow policy dropped the job from a full queue",
    ),
    (
        Code::DroppedCodel,
        "dropped_codel",
        CodeKind::Outcome,
        "the queue delay controller dropped the job",
    ),
    (
        Code::CancelledCaller,
        "cancelled_caller",
        CodeKind::Outcome,
        "the submitter cancelled the job",
    ),
    (
        Code::CancelledShutdown,
        "cancelled_shutdown",
        CodeKind::Outcome,
        "the shutdown of the provider cancelled the job",
    ),
    (
        Code::CancelledParent,
        "cancelled_parent",
        CodeKind::Outcome,
        "a cancel token above the job's own was cancelled",
    ),
    (Code::Panicked, "panicked", CodeKind::Outcome, "the job panicked; the worker lives on"),
    (
        Code::Abandoned,
        "abandoned",
        CodeKind::Outcome,
        "the job still ran when the shutdown's last grace ended",
    ),
    (Code::JobError, "job_error", CodeKind::Cause, "the job returned an error"),
    (
        Code::RetriesSpent,
        "retries_spent",
        CodeKind::Cause,
        "every attempt that the retry policy allows has failed",
    ),
    (Code::Connect, "connect", CodeKind::Cause, "no connection to the upstream could be made"),
    (Code::Transport, "transport", CodeKind::Cause, "the connection to the upstream broke"),
    (
        Code::TransportTimeout,
        "transport_timeout",
        CodeKind::Cause,
        "the upstream was silent for longer than a transport limit",
    ),
    (Code::Tls, "tls", CodeKind::Cause, "the upstream's certificate or TLS handshake was refused"),
    (
        Code::HttpStatus,
        "http_status",
        CodeKind::Cause,
        "the upstream answered with an error status",
    ),
    (Code::BodyTooLarge, "body_too_large", CodeKind::Cause, "a body is larger than its limit"),
    (
        Code::BodyInvalid,
        "body_invalid",
        CodeKind::Cause,
        "a body is not what it has to be, for instance not UTF-8",
    ),
];

impl Code {
    /// Every code, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    /// The code with this number.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::all().find(|code| code.number() == number)
    }

    /// The code with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// The stable number, the same in C.
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// The stable name in lower case, the same in JSON and as a metric's label.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Where the code can turn up.
    pub fn kind(self) -> CodeKind {
        self.row().2
    }

    /// One sentence for a person, in lower case and without a full stop.
    pub fn message(self) -> &'static str {
        self.row().3
    }

    /// Whether the same job may be accepted elsewhere or later.
    pub fn is_retryable(self) -> bool {
        self.kind() == CodeKind::Rejection
    }

    fn row(self) -> &'static (Self, &'static str, CodeKind, &'static str) {
        let mut found = &TABLE[0];
        for row in TABLE {
            if row.0 == self {
                found = row;
            }
        }
        found
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, CodeKind, TABLE};
    use std::collections::HashSet;

    #[test]
    fn numbers_and_names_are_unique_and_found_again() {
        let numbers: HashSet<_> = Code::all().map(Code::number).collect();
        let names: HashSet<_> = Code::all().map(Code::name).collect();
        assert_eq!((numbers.len(), names.len()), (TABLE.len(), TABLE.len()));
        for code in Code::all() {
            assert_eq!(Code::from_number(code.number()), Some(code));
            assert_eq!(Code::from_name(code.name()), Some(code));
            assert!(!code.message().ends_with('.'), "{code:?}");
        }
        assert_eq!(Code::from_number(-19), None);
        assert_eq!(Code::from_name("nonsense"), None);
    }

    #[test]
    fn the_sign_says_what_kind_a_code_is() {
        for code in Code::all() {
            match code.kind() {
                CodeKind::Success => assert_eq!(code.number(), 0),
                CodeKind::Info => assert!(code.number() > 0),
                _ => assert!(code.number() < 0),
            }
        }
    }
}

//! What a provider counts.
//!
//! The order of declaration is the order in which one job can raise the counters. A snapshot reads them
//! backwards, which is all that the inequalities of S12 need; the proof stands in `block`. A new counter of
//! a job's life goes to its place in that order, any other one to the end.

use crate::code::Code;

/// One counter of a provider. A counter only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(usize)]
#[non_exhaustive]
pub enum Count {
    /// Jobs that came to the door, counted before anything is decided about them.
    Submitted,
    /// Submissions that had to wait for space.
    Blocked,
    /// Ends of such a wait, whatever came of it.
    Unblocked,
    /// Refused: the queue was full.
    QueueFull,
    /// Refused: the circuit breaker was open.
    CircuitOpen,
    /// Refused: a limit on results, tenants, tasks or concurrency was reached.
    LimitReached,
    /// Refused: no API key was usable in time.
    NoKey,
    /// Refused: the estimated wait was longer than the deadline allows.
    DeadlineUnmeetable,
    /// Refused: the provider was not ready yet.
    NotReady,
    /// Refused: the provider was draining or stopped.
    ShuttingDown,
    /// Refused: the job or one of its options was invalid.
    Invalid,
    /// Entries into the delayed set, of started jobs and of others.
    Delayed,
    /// Ways out of the delayed set: back to the queue, or to an outcome.
    DelayedReturned,
    /// Jobs whose first attempt began.
    Started,
    /// Times that a started job left its worker to wait for another attempt.
    Suspended,
    /// Ends of such a wait: the next attempt began, or the job is about to end without one.
    Resumed,
    /// Jobs that end without ever having started: they were queued or delayed. Counted before the outcome.
    EndedUnstarted,
    /// Outcome: the job returned a result.
    Completed,
    /// Outcome: the job or its transport failed.
    Failed,
    /// Outcome: the job's time to wait was over before it ran.
    TimedOutQueue,
    /// Outcome: the job's time to run was over.
    TimedOutExec,
    /// Outcome: dropped from a full queue.
    DroppedOverflow,
    /// Outcome: dropped by the queue delay controller.
    DroppedCodel,
    /// Outcome: cancelled by its submitter.
    CancelledCaller,
    /// Outcome: cancelled by the shutdown.
    CancelledShutdown,
    /// Outcome: cancelled by a token above its own.
    CancelledParent,
    /// Outcome: panicked.
    Panicked,
    /// Outcome: still ran when the last grace of the shutdown ended.
    Abandoned,
    /// Results that came after their job had been decided otherwise.
    LateResults,
    /// Panics caught in drops, wakers and callbacks, beside those that are an outcome.
    PanicsCaught,
    /// Workers started.
    WorkersStarted,
    /// Workers ended.
    WorkersEnded,
    /// Workers that became held by a job that was decided without them.
    Zombies,
    /// Such workers whose job ended at last.
    ZombiesRecovered,
    /// HTTP requests sent.
    HttpRequests,
    /// HTTP requests that ended without a response.
    HttpErrors,
    /// Successes in the window of the circuit breaker, the slow ones among them: counted after the breaker was
    /// told, by the thread of the job's end, before the outcome.
    BreakerOk,
    /// Slow ones among those, counted behind them.
    BreakerSlow,
    /// Ends of calls that had begun before the breaker changed its state, and do not count.
    BreakerStale,
    /// Changes of the breaker's state.
    BreakerTransitions,
}

impl Count {
    /// Every counter, in the order of declaration.
    pub const ALL: [Self; 40] = [
        Self::Submitted,
        Self::Blocked,
        Self::Unblocked,
        Self::QueueFull,
        Self::CircuitOpen,
        Self::LimitReached,
        Self::NoKey,
        Self::DeadlineUnmeetable,
        Self::NotReady,
        Self::ShuttingDown,
        Self::Invalid,
        Self::Delayed,
        Self::DelayedReturned,
        Self::Started,
        Self::Suspended,
        Self::Resumed,
        Self::EndedUnstarted,
        Self::Completed,
        Self::Failed,
        Self::TimedOutQueue,
        Self::TimedOutExec,
        Self::DroppedOverflow,
        Self::DroppedCodel,
        Self::CancelledCaller,
        Self::CancelledShutdown,
        Self::CancelledParent,
        Self::Panicked,
        Self::Abandoned,
        Self::LateResults,
        Self::PanicsCaught,
        Self::WorkersStarted,
        Self::WorkersEnded,
        Self::Zombies,
        Self::ZombiesRecovered,
        Self::HttpRequests,
        Self::HttpErrors,
        Self::BreakerOk,
        Self::BreakerSlow,
        Self::BreakerStale,
        Self::BreakerTransitions,
    ];

    /// How many counters there are.
    pub const LEN: usize = Self::ALL.len();

    /// The stable name in lower case; of a rejection or an outcome it is the name of its [`Code`], so that
    /// [`Completed`](Self::Completed) is called `ok`.
    pub fn name(self) -> &'static str {
        if let Some(code) = self.code() {
            return code.name();
        }
        match self {
            Self::Submitted => "submitted",
            Self::Blocked => "blocked",
            Self::Unblocked => "unblocked",
            Self::Delayed => "delayed_entered",
            Self::DelayedReturned => "delayed_returned",
            Self::Started => "started",
            Self::Suspended => "suspended",
            Self::Resumed => "resumed",
            Self::EndedUnstarted => "ended_unstarted",
            Self::LateResults => "late_results",
            Self::PanicsCaught => "panics_caught",
            Self::WorkersStarted => "workers_started",
            Self::WorkersEnded => "workers_ended",
            Self::Zombies => "zombies",
            Self::ZombiesRecovered => "zombies_recovered",
            Self::HttpRequests => "http_requests",
            Self::HttpErrors => "http_errors",
            Self::BreakerOk => "breaker_ok",
            Self::BreakerSlow => "breaker_slow",
            Self::BreakerStale => "breaker_stale",
            Self::BreakerTransitions => "breaker_transitions",
            _ => "",
        }
    }

    /// The rejection or outcome that the counter counts, if it counts one.
    pub const fn code(self) -> Option<Code> {
        Some(match self {
            Self::QueueFull => Code::QueueFull,
            Self::CircuitOpen => Code::CircuitOpen,
            Self::LimitReached => Code::LimitReached,
            Self::NoKey => Code::NoKey,
            Self::DeadlineUnmeetable => Code::DeadlineUnmeetable,
            Self::NotReady => Code::NotReady,
            Self::ShuttingDown => Code::ShuttingDown,
            Self::Invalid => Code::Invalid,
            Self::Completed => Code::Ok,
            Self::Failed => Code::Failed,
            Self::TimedOutQueue => Code::TimedOutQueue,
            Self::TimedOutExec => Code::TimedOutExec,
            Self::DroppedOverflow => Code::DroppedOverflow,
            Self::DroppedCodel => Code::DroppedCodel,
            Self::CancelledCaller => Code::CancelledCaller,
            Self::CancelledShutdown => Code::CancelledShutdown,
            Self::CancelledParent => Code::CancelledParent,
            Self::Panicked => Code::Panicked,
            Self::Abandoned => Code::Abandoned,
            _ => return None,
        })
    }

    /// The counter of a reason to refuse a job (S10); none if `code` is no such reason.
    pub const fn rejected(code: Code) -> Option<Self> {
        Some(match code {
            Code::QueueFull => Self::QueueFull,
            Code::CircuitOpen => Self::CircuitOpen,
            Code::LimitReached => Self::LimitReached,
            Code::NoKey => Self::NoKey,
            Code::DeadlineUnmeetable => Self::DeadlineUnmeetable,
            Code::NotReady => Self::NotReady,
            Code::ShuttingDown => Self::ShuttingDown,
            Code::Invalid => Self::Invalid,
            _ => return None,
        })
    }

    /// The counter of an outcome (S11); none if `code` is no outcome.
    pub const fn outcome(code: Code) -> Option<Self> {
        Some(match code {
            Code::Ok => Self::Completed,
            Code::Failed => Self::Failed,
            Code::TimedOutQueue => Self::TimedOutQueue,
            Code::TimedOutExec => Self::TimedOutExec,
            Code::DroppedOverflow => Self::DroppedOverflow,
            Code::DroppedCodel => Self::DroppedCodel,
            Code::CancelledCaller => Self::CancelledCaller,
            Code::CancelledShutdown => Self::CancelledShutdown,
            Code::CancelledParent => Self::CancelledParent,
            Code::Panicked => Self::Panicked,
            Code::Abandoned => Self::Abandoned,
            _ => return None,
        })
    }

    /// Whether this counts refused jobs.
    pub const fn is_rejection(self) -> bool {
        self as usize >= Self::QueueFull as usize && self as usize <= Self::Invalid as usize
    }

    /// Whether this counts ended jobs by their outcome.
    pub const fn is_outcome(self) -> bool {
        self as usize >= Self::Completed as usize && self as usize <= Self::Abandoned as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Count;
    use crate::code::{Code, CodeKind};
    use std::collections::HashSet;

    #[test]
    fn all_lists_each_counter_at_its_own_index() {
        for (index, count) in Count::ALL.into_iter().enumerate() {
            assert_eq!(count as usize, index);
        }
    }

    #[test]
    fn every_counter_has_a_name_of_its_own() {
        let names: HashSet<_> = Count::ALL.into_iter().map(Count::name).collect();
        assert_eq!(names.len(), Count::LEN);
        assert!(!names.contains(""));
    }

    #[test]
    fn every_rejection_and_every_outcome_of_the_code_table_has_its_counter() {
        for code in Code::all() {
            let is_rejection = code.kind() == CodeKind::Rejection || code == Code::Invalid;
            let is_outcome = code.kind() == CodeKind::Outcome || code == Code::Ok;
            assert_eq!(Count::rejected(code).is_some(), is_rejection, "{code:?}");
            assert_eq!(Count::outcome(code).is_some(), is_outcome, "{code:?}");
            if let Some(count) = Count::rejected(code).or(Count::outcome(code)) {
                assert_eq!(count.code(), Some(code));
                assert_eq!(count.name(), code.name());
            }
        }
    }

    #[test]
    fn the_ranges_of_rejections_and_outcomes_agree_with_the_codes() {
        for count in Count::ALL {
            let code = count.code();
            assert_eq!(count.is_rejection(), code.and_then(Count::rejected).is_some(), "{count:?}");
            assert_eq!(count.is_outcome(), code.and_then(Count::outcome).is_some(), "{count:?}");
        }
    }
}

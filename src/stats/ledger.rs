//! One snapshot of a provider's counters, what follows from it, and its checks.
//!
//! A started job that waits for another attempt is `suspended`, and then delayed or queued again; one that
//! waits before its first attempt is delayed without being suspended. So, with `suspended` and `delayed`
//! as the levels (entries less returns):
//!
//! - `accepted = submitted - Σ rejected`
//! - `running = started - (ended - ended_unstarted) - suspended`
//! - `queued = accepted - started - ended_unstarted + suspended - delayed`
//!
//! which add up to `accepted = ended + queued + delayed + running`.

use super::counter::Count;
use std::fmt;

/// All counters of a provider, or of several, at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ledger {
    counts: [u64; Count::LEN],
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new([0; Count::LEN])
    }
}

impl Ledger {
    /// A ledger of these values, indexed by [`Count`].
    pub(crate) fn new(counts: [u64; Count::LEN]) -> Self {
        Self { counts }
    }

    /// One counter's value.
    pub fn get(&self, count: Count) -> u64 {
        self.counts[count as usize]
    }

    /// Adds another provider's ledger. What holds of both holds of the sum.
    pub fn merge(&mut self, other: &Self) {
        for (total, n) in self.counts.iter_mut().zip(other.counts) {
            *total += n;
        }
    }

    /// Jobs that came to the door.
    pub fn submitted(&self) -> u64 {
        self.get(Count::Submitted)
    }

    /// Jobs that were refused, for whatever reason.
    pub fn rejected(&self) -> u64 {
        self.sum(Count::is_rejection)
    }

    /// Jobs that were not refused: those accepted, and those about which nothing is decided yet.
    pub fn accepted(&self) -> u64 {
        self.submitted().saturating_sub(self.rejected())
    }

    /// Jobs whose first attempt began.
    ///
    /// A worker counts a start just after it; a job that was cancelled or timed out in between is counted
    /// as ended first. Whatever ended after a start has started, so the larger of the two figures is the
    /// better one.
    pub fn started(&self) -> u64 {
        let ended = self.ended().saturating_sub(self.get(Count::EndedUnstarted));
        self.get(Count::Started).max(ended)
    }

    /// Jobs that have an outcome.
    pub fn ended(&self) -> u64 {
        self.sum(Count::is_outcome)
    }

    /// Accepted jobs without an outcome.
    pub fn in_flight(&self) -> u64 {
        self.accepted().saturating_sub(self.ended())
    }

    /// Jobs that wait in the queue; exact in a quiet provider.
    pub fn queued(&self) -> u64 {
        clamp(self.queued_exact())
    }

    /// Submissions that wait for space; they are neither accepted nor refused yet.
    pub fn blocked(&self) -> u64 {
        self.get(Count::Blocked).saturating_sub(self.get(Count::Unblocked))
    }

    /// Jobs that wait outside the queue, for a retry, a key or a breaker; exact in a quiet provider.
    pub fn delayed(&self) -> u64 {
        self.get(Count::Delayed).saturating_sub(self.get(Count::DelayedReturned))
    }

    /// Jobs with a worker; exact in a quiet provider.
    pub fn running(&self) -> u64 {
        clamp(self.running_exact())
    }

    /// Checks what holds at any time: submitted ≥ accepted ≥ started ≥ ended, where the jobs that ended
    /// without a start count on the side of the started ([`started`](Self::started) is never below ended).
    ///
    /// # Errors
    ///
    /// [`Imbalance::Order`] with the first pair that is the wrong way round.
    pub fn check_order(&self) -> Result<(), Imbalance> {
        let begun = self.started() + self.get(Count::EndedUnstarted);
        let pairs = [
            ("submitted", self.submitted(), "rejected", self.rejected()),
            ("accepted", self.accepted(), "started + ended_unstarted", begun),
            (
                "delayed_entered",
                self.get(Count::Delayed),
                "delayed_returned",
                self.get(Count::DelayedReturned),
            ),
            ("suspended", self.get(Count::Suspended), "resumed", self.get(Count::Resumed)),
        ];
        for (earlier, earlier_count, later, later_count) in pairs {
            if earlier_count < later_count {
                return Err(Imbalance::Order { earlier, earlier_count, later, later_count });
            }
        }
        Ok(())
    }

    /// Checks what holds when the provider is quiet, against figures that were not counted but measured:
    /// `queued_now` from the ring's length, `running_now` from the busy workers. What remains of the
    /// accepted jobs is then [`delayed`](Self::delayed).
    ///
    /// # Errors
    ///
    /// An [`Imbalance`] that names the figure and both its values.
    pub fn check_quiet(&self, queued_now: u64, running_now: u64) -> Result<(), Imbalance> {
        self.check_order()?;
        let figures = [
            ("queued", self.queued_exact(), queued_now),
            ("running", self.running_exact(), running_now),
        ];
        for (figure, ledger, measured) in figures {
            if ledger != i128::from(measured) {
                return Err(Imbalance::Quiet { figure, ledger, measured });
            }
        }
        Ok(())
    }

    fn suspended(&self) -> i128 {
        i128::from(self.get(Count::Suspended)) - i128::from(self.get(Count::Resumed))
    }

    fn running_exact(&self) -> i128 {
        let begun =
            i128::from(self.get(Count::Started)) + i128::from(self.get(Count::EndedUnstarted));
        begun - i128::from(self.ended()) - self.suspended()
    }

    fn queued_exact(&self) -> i128 {
        let begun =
            i128::from(self.get(Count::Started)) + i128::from(self.get(Count::EndedUnstarted));
        let waiting = self.suspended() - i128::from(self.delayed()) - i128::from(self.blocked());
        i128::from(self.accepted()) - begun + waiting
    }

    fn sum(&self, of: impl Fn(Count) -> bool) -> u64 {
        Count::ALL.into_iter().filter(|count| of(*count)).map(|count| self.get(count)).sum()
    }
}

/// Zero for a level that was read in the middle of a job's move.
fn clamp(level: i128) -> u64 {
    u64::try_from(level).unwrap_or(0)
}

/// Why a ledger does not balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Imbalance {
    /// More jobs are past a later point of their life than past an earlier one.
    Order {
        /// The earlier point.
        earlier: &'static str,
        /// Jobs counted there.
        earlier_count: u64,
        /// The later point.
        later: &'static str,
        /// Jobs counted there.
        later_count: u64,
    },
    /// The counters do not agree with a figure that was measured without them.
    Quiet {
        /// The figure's name.
        figure: &'static str,
        /// What follows from the counters.
        ledger: i128,
        /// What was measured.
        measured: u64,
    },
}

impl fmt::Display for Imbalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order { earlier, earlier_count, later, later_count } => write!(
                f,
                "the ledger has {later_count} jobs {later}, more than the {earlier_count} {earlier}"
            ),
            Self::Quiet { figure, ledger, measured } => {
                write!(f, "by the ledger {ledger} jobs are {figure}, but {measured} are there")
            }
        }
    }
}

impl std::error::Error for Imbalance {}

#[cfg(test)]
mod tests {
    use super::{Imbalance, Ledger};
    use crate::stats::Count;

    fn ledger(counts: &[(Count, u64)]) -> Ledger {
        let mut ledger = Ledger::default();
        counts.iter().for_each(|&(count, n)| ledger.counts[count as usize] += n);
        ledger
    }

    #[test]
    fn the_levels_follow_from_the_counters() {
        let ledger = ledger(&[
            (Count::Submitted, 100),
            (Count::QueueFull, 7),
            (Count::Invalid, 3),
            (Count::Started, 60),
            (Count::EndedUnstarted, 5),
            (Count::TimedOutQueue, 5),
            (Count::Completed, 40),
            // Ten started jobs wait for a retry, four of them are back in the queue already; two unstarted
            // ones wait for a key.
            (Count::Suspended, 12),
            (Count::Resumed, 2),
            (Count::Delayed, 14),
            (Count::DelayedReturned, 6),
        ]);
        assert_eq!((ledger.rejected(), ledger.accepted(), ledger.ended()), (10, 90, 45));
        assert_eq!((ledger.running(), ledger.delayed(), ledger.queued()), (10, 8, 27));
        assert_eq!(ledger.in_flight(), 10 + 8 + 27);
        assert_eq!(ledger.check_quiet(27, 10), Ok(()));
    }

    #[test]
    fn a_figure_that_disagrees_is_named_with_both_numbers() {
        let ledger = ledger(&[(Count::Submitted, 3), (Count::Started, 1)]);
        let error = ledger.check_quiet(1, 1).unwrap_err();
        assert_eq!(error.to_string(), "by the ledger 2 jobs are queued, but 1 are there");
        let error = ledger.check_quiet(2, 0).unwrap_err();
        assert_eq!(error.to_string(), "by the ledger 1 jobs are running, but 0 are there");
    }

    #[test]
    fn every_pair_in_the_wrong_order_is_found() {
        let cases: [(&[(Count, u64)], &str); 4] = [
            (&[(Count::Submitted, 1), (Count::NoKey, 2)], "rejected"),
            (&[(Count::Submitted, 1), (Count::Started, 2)], "started + ended_unstarted"),
            (&[(Count::Delayed, 1), (Count::DelayedReturned, 2)], "delayed_returned"),
            (&[(Count::Suspended, 1), (Count::Resumed, 2)], "resumed"),
        ];
        for (counts, wrong) in cases {
            let error = ledger(counts).check_order().unwrap_err();
            let Imbalance::Order { later, later_count, earlier_count, .. } = error else {
                panic!("{error}");
            };
            assert_eq!((later, earlier_count, later_count), (wrong, 1, 2));
        }
        let error = ledger(&[(Count::Submitted, 1), (Count::NoKey, 2)]).check_order().unwrap_err();
        assert_eq!(error.to_string(), "the ledger has 2 jobs rejected, more than the 1 submitted");
    }

    #[test]
    fn a_level_caught_in_a_move_is_zero_and_never_wraps() {
        let ledger = ledger(&[(Count::Submitted, 1), (Count::Delayed, 2), (Count::Suspended, 1)]);
        assert_eq!((ledger.queued(), ledger.running()), (0, 0));
    }

    #[test]
    fn merged_ledgers_add_every_counter() {
        let mut total = ledger(&[(Count::Submitted, 5), (Count::Completed, 1)]);
        total.merge(&ledger(&[(Count::Submitted, 2), (Count::HttpErrors, 4)]));
        assert_eq!(
            total,
            ledger(&[(Count::Submitted, 7), (Count::Completed, 1), (Count::HttpErrors, 4)])
        );
    }
}

//! What the callers were told, counted by themselves: the figure that a ledger has to agree with.

use std::collections::BTreeMap;

use bifrost::code::Code;
use bifrost::stats::{Count, Ledger};

/// The ends of jobs, as their submitters saw them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Jobs brought to the door.
    pub(crate) submitted: u64,
    /// What each was told: why it was refused, or how it ended.
    ends: BTreeMap<Code, u64>,
}

impl Tally {
    /// Counts one end: a rejection or an outcome.
    pub(crate) fn end(&mut self, code: Code) {
        *self.ends.entry(code).or_default() += 1;
    }

    /// How many ended in this way.
    pub(crate) fn get(&self, code: Code) -> u64 {
        self.ends.get(&code).copied().unwrap_or(0)
    }

    /// Adds another submitter's figures.
    pub(crate) fn add(&mut self, other: &Self) {
        self.submitted += other.submitted;
        for (code, count) in &other.ends {
            *self.ends.entry(*code).or_default() += count;
        }
    }

    /// The ends without those that completed, as `12 failed, 3 timed_out_exec`.
    pub(crate) fn troubles(&self) -> String {
        let troubles = self.ends.iter().rev().filter(|(code, _)| **code != Code::Ok);
        let each: Vec<_> = troubles.map(|(code, n)| format!("{n} {}", code.name())).collect();
        each.join(", ")
    }

    /// Compares with a ledger, figure by figure.
    ///
    /// # Errors
    /// The first figure that differs, with both values.
    pub(crate) fn agrees(&self, ledger: &Ledger) -> Result<(), String> {
        let differs = |name: &str, ours: u64, theirs: u64| {
            format!("the callers count {ours} {name}, the ledger {theirs}")
        };
        if self.submitted != ledger.submitted() {
            return Err(differs("submitted", self.submitted, ledger.submitted()));
        }
        let counts = Count::ALL.into_iter().filter_map(|count| Some((count, count.code()?)));
        for (count, code) in counts {
            let (ours, theirs) = (self.get(code), ledger.get(count));
            if ours != theirs {
                return Err(differs(code.name(), ours, theirs));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;
    use bifrost::code::Code;
    use bifrost::stats::{Blocks, Count};

    #[test]
    fn a_tally_agrees_with_a_ledger_of_the_same_jobs_only() {
        let blocks = Blocks::new();
        let mut tally = Tally { submitted: 3, ..Tally::default() };
        blocks.add(Count::Submitted, 3);
        for (count, code) in [
            (Count::Completed, Code::Ok),
            (Count::QueueFull, Code::QueueFull),
            (Count::TimedOutExec, Code::TimedOutExec),
        ] {
            blocks.add(count, 1);
            tally.end(code);
        }
        assert_eq!(tally.agrees(&blocks.ledger()), Ok(()));
        assert_eq!(tally.troubles(), "1 queue_full, 1 timed_out_exec");
        blocks.add(Count::Completed, 1);
        let message = "the callers count 1 ok, the ledger 2".to_owned();
        assert_eq!(tally.agrees(&blocks.ledger()), Err(message));
    }
}

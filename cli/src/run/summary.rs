//! What became of all lines, in one table.

use std::collections::BTreeMap;

use bifrost::code::Code;
use bifrost::stats::Histogram;

use super::result::Report;
use crate::table::{Table, time};
use crate::tally::Tally;

/// Counts the reports of a run.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// Each provider's jobs, and how long those ran that completed.
    providers: BTreeMap<String, (Tally, Histogram)>,
    malformed: u64,
}

impl Summary {
    pub(super) fn count(&mut self, report: &Report) {
        let Some(provider) = &report.provider else {
            self.malformed += 1;
            return;
        };
        let (tally, times) = self.providers.entry(provider.clone()).or_default();
        tally.submitted += 1;
        tally.end(report.outcome);
        if let (Code::Ok, Some(run)) = (report.outcome, report.run) {
            times.record(u64::try_from(run.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// Whether every line was a job that completed.
    pub(super) fn all_completed(&self) -> bool {
        let completed = |tally: &Tally| tally.get(Code::Ok) == tally.submitted;
        self.malformed == 0 && self.providers.values().all(|(tally, _)| completed(tally))
    }

    /// The table.
    pub(super) fn render(&self) -> String {
        let mut table = Table::new(["provider", "jobs", "completed", "p50", "p99", "others"]);
        for (name, (tally, times)) in &self.providers {
            let times = times.snapshot();
            table.row([
                name.clone(),
                tally.submitted.to_string(),
                tally.get(Code::Ok).to_string(),
                time(times.p50()),
                time(times.p99()),
                tally.troubles(),
            ]);
        }
        let mut text = table.render(2);
        if self.malformed > 0 {
            text.push_str(&format!("malformed lines: {}\n", self.malformed));
        }
        text
    }
}

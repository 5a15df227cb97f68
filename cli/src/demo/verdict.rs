//! What the demo has shown.

use bifrost::code::Code;
use bifrost::stats::{Count, HistogramSnapshot, ProviderSnapshot, Snapshot};

use super::scenario::HEALTHY;
use crate::table::{Table, time};
use crate::tally::Tally;

/// The jobs of one class, as their submitters saw them.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) tally: Tally,
    /// From submission to outcome, of the completed jobs that were submitted before the break, and after it.
    pub(super) before: HistogramSnapshot,
    pub(super) after: HistogramSnapshot,
}

/// One load on one set of pools.
#[derive(Clone, Debug)]
pub(super) struct Phase {
    /// In the order of the classes.
    pub(super) seen: Vec<(&'static str, Seen)>,
    /// When all was over: a pool a class, or one for all.
    pub(super) snapshot: Snapshot,
}

/// The table of both phases side by side, narrow enough for 80 columns.
pub(super) fn comparison(own: &Phase, shared: &Phase) -> String {
    let figures_of = ["completed", "p99 before", "after"];
    let [a, b, c] = figures_of;
    let mut table = Table::new(["", "jobs", a, b, c, a, b, c]);
    for ((name, own), (_, shared)) in own.seen.iter().zip(&shared.seen) {
        let [a, b, c] = figures(own);
        let [d, e, f] = figures(shared);
        let jobs = own.tally.submitted.to_string();
        table.row([(*name).to_owned(), jobs, a, b, c, d, e, f]);
    }
    let table = table.render(2);
    let head = table.lines().next().unwrap_or_default();
    let [left, right] = [head.find(a), head.rfind(a)].map(Option::unwrap_or_default);
    let width = right - left;
    format!("{:left$}{:width$}one pool for all\n{table}", "", "a pool for each")
}

fn figures(seen: &Seen) -> [String; 3] {
    let (done, all) = (seen.tally.get(Code::Ok), seen.tally.submitted);
    let percent = (done * 100).checked_div(all).unwrap_or(0);
    [format!("{done} ({percent}%)"), p99(&seen.before), p99(&seen.after)]
}

fn p99(histogram: &HistogramSnapshot) -> String {
    match histogram.count() {
        0 => "-".to_owned(),
        _ => time(histogram.p99()),
    }
}

/// What the break of the provider `breaks` did to the healthy one in each phase.
pub(super) fn moral(own: &Phase, shared: &Phase, breaks: &str) -> String {
    let told = |phase: &Phase| {
        let found = phase.seen.iter().find(|(name, _)| *name == HEALTHY);
        let (_, seen) = found.cloned().unwrap_or((HEALTHY, Seen::default()));
        let lost = seen.tally.submitted - seen.tally.get(Code::Ok);
        let (before, after) = (p99(&seen.before), p99(&seen.after));
        format!("p99 from {before} to {after}, {lost} of {} jobs lost", seen.tally.submitted)
    };
    let (own, shared) = (told(own), told(shared));
    format!(
        "What \"{HEALTHY}\" noticed when \"{breaks}\" began to hang:\n  a pool for each   {own}\n  one pool for all  {shared}\n"
    )
}

/// The ledger of each pool, and the first thing that is wrong with one.
pub(super) fn ledgers(phase: &Phase) -> (String, Result<(), String>) {
    let mut text = String::new();
    let mut verdict = Ok(());
    for (index, provider) in phase.snapshot.providers.iter().enumerate() {
        let own = phase.seen.get(index..=index).unwrap_or_default();
        let seen = if phase.snapshot.providers.len() == 1 { &phase.seen[..] } else { own };
        let mut tally = Tally::default();
        seen.iter().for_each(|(_, seen)| tally.add(&seen.tally));
        let balanced = balance(provider, &tally);
        let end = balanced.as_ref().err().map_or("balanced", String::as_str);
        text.push_str(&format!("  {}: {end}\n", sum(provider)));
        verdict = verdict.and(balanced.map_err(|error| format!("{}: {error}", provider.name)));
    }
    (text, verdict)
}

/// Whether the ledger of a quiet provider agrees with itself, with the queue and the workers, and with the callers.
fn balance(provider: &ProviderSnapshot, tally: &Tally) -> Result<(), String> {
    let (queued, running) = (provider.queue.depth, provider.workers.busy);
    provider.ledger.check_quiet(queued, running).map_err(|error| error.to_string())?;
    if queued + running + provider.ledger.delayed() > 0 {
        return Err(format!("{queued} jobs are still queued and {running} running"));
    }
    tally.agrees(&provider.ledger)
}

/// `a  submitted 9 = 1 rejected + 8 accepted, accepted = 7 ok + 1 failed`.
fn sum(provider: &ProviderSnapshot) -> String {
    let ledger = &provider.ledger;
    let outcomes: Vec<_> = Count::ALL
        .into_iter()
        .filter(|count| count.is_outcome() && ledger.get(*count) > 0)
        .map(|count| format!("{} {}", ledger.get(count), count.name()))
        .collect();
    let (submitted, rejected, accepted) =
        (ledger.submitted(), ledger.rejected(), ledger.accepted());
    let outcomes = if outcomes.is_empty() { "0".to_owned() } else { outcomes.join(" + ") };
    format!(
        "{:8} submitted {submitted} = {rejected} rejected + {accepted} accepted; accepted = {outcomes}",
        provider.name
    )
}

/// Whether every job of the healthy provider completed.
pub(super) fn healthy(own: &Phase) -> Result<(), String> {
    let Some((_, seen)) = own.seen.iter().find(|(name, _)| *name == HEALTHY) else {
        return Err("there is no healthy provider".to_owned());
    };
    let (done, all) = (seen.tally.get(Code::Ok), seen.tally.submitted);
    if done == all && all > 0 {
        return Ok(());
    }
    Err(format!(
        "only {done} of {all} jobs of the healthy provider completed: {}",
        seen.tally.troubles()
    ))
}

#[cfg(test)]
mod tests {
    use super::{Phase, Seen, comparison, healthy, ledgers, moral};
    use bifrost::code::Code;
    use bifrost::stats::{Blocks, Count, Histogram, ProviderSnapshot, Snapshot};

    /// `done` jobs that completed and one that was refused, of each of two classes.
    fn phase(shared: bool, done: u64, counted: u64) -> Phase {
        let histogram = Histogram::new();
        histogram.record(1_000_000);
        let class = |name, refused: u64| {
            let mut seen = Seen { before: histogram.snapshot(), ..Seen::default() };
            seen.tally.submitted = done + refused;
            (0..done).for_each(|_| seen.tally.end(Code::Ok));
            (0..refused).for_each(|_| seen.tally.end(Code::QueueFull));
            (name, seen)
        };
        let provider = |name: &str, done, refused| {
            let blocks = Blocks::new();
            blocks.add(Count::Submitted, done + refused);
            blocks.add(Count::QueueFull, refused);
            blocks.add(Count::Started, done);
            blocks.add(Count::Completed, done);
            let (name, ledger) = (name.to_owned(), blocks.ledger());
            ProviderSnapshot { name, ledger, ..ProviderSnapshot::default() }
        };
        let providers = match shared {
            true => vec![provider("shared", 2 * counted, 1)],
            false => vec![provider("healthy", counted, 0), provider("slow", counted, 1)],
        };
        Phase {
            seen: vec![class("healthy", 0), class("slow", 1)],
            snapshot: Snapshot { uptime_seconds: 1.0, providers },
        }
    }

    #[test]
    fn ledgers_that_agree_with_the_callers_balance() {
        let (text, verdict) = ledgers(&phase(false, 5, 5));
        assert_eq!(verdict, Ok(()));
        assert_eq!(
            text,
            "  healthy  submitted 5 = 0 rejected + 5 accepted; accepted = 5 ok: balanced\n  \
               slow     submitted 6 = 1 rejected + 5 accepted; accepted = 5 ok: balanced\n"
        );
        assert_eq!(ledgers(&phase(true, 5, 5)).1, Ok(()));
    }

    #[test]
    fn a_lost_job_is_found() {
        let lost = "healthy: the callers count 5 submitted, the ledger 4".to_owned();
        assert_eq!(ledgers(&phase(false, 5, 4)).1, Err(lost));
        assert!(ledgers(&phase(true, 5, 4)).1.is_err());
        let mut running = phase(false, 5, 5);
        running.snapshot.providers[1].workers.busy = 1;
        assert!(ledgers(&running).1.is_err());
    }

    #[test]
    fn a_healthy_job_that_did_not_complete_is_found() {
        let mut own = phase(false, 5, 5);
        assert_eq!(healthy(&own), Ok(()));
        own.seen[0].1.tally.submitted += 1;
        own.seen[0].1.tally.end(Code::TimedOutExec);
        let message = "only 5 of 6 jobs of the healthy provider completed: 1 timed_out_exec";
        assert_eq!(healthy(&own), Err(message.to_owned()));
        own.seen.remove(0);
        assert!(healthy(&own).is_err());
    }

    #[test]
    fn both_phases_stand_side_by_side() {
        let table = comparison(&phase(false, 9, 9), &phase(true, 3, 3));
        let lines: Vec<_> = table.lines().collect();
        let cells: Vec<_> = lines[3].split_whitespace().collect();
        assert_eq!(
            cells,
            ["slow", "10", "9", "(90%)", "1.00", "ms", "-", "3", "(75%)", "1.00", "ms", "-"]
        );
        let starts = |line: &str, what: &str| line.rfind(what).expect("a heading");
        assert_eq!(starts(lines[0], "one pool"), starts(lines[1], "completed"));
        let moral = moral(&phase(false, 9, 9), &phase(true, 3, 3), "slow");
        assert!(moral.contains("each   p99 from 1.00 ms to -, 0 of 9 jobs lost\n"), "{moral}");
    }
}

//! The providers while they work.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use bifrost::stats::{Count, HistogramSnapshot, ProviderSnapshot, Snapshot};

use crate::table::{Table, time};

/// Standard output: a terminal's lines are drawn anew, anything else gets them one after another.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: bool,
    /// The lines that the next drawing replaces.
    drawn: usize,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { terminal: io::stdout().is_terminal(), drawn: 0 }
    }

    /// How often to draw: what scrolls by is drawn less often.
    pub(super) fn every(&self) -> Duration {
        Duration::from_millis(if self.terminal { 200 } else { 1_000 })
    }

    /// Shows what the snapshot says, in place of what was shown before.
    pub(super) fn live(&mut self, title: &str, snapshot: &Snapshot) {
        let text = format!("{title}\n{}", live_table(snapshot));
        let back = match self.drawn {
            0 => String::new(),
            lines if self.terminal => format!("\x1b[{lines}A\x1b[J"),
            _ => "\n".to_owned(),
        };
        self.drawn = text.matches('\n').count();
        // A line that is wider than the terminal is cut: wrapped, it would count twice for the next drawing.
        let (begin, end) = if self.terminal { ("\x1b[?7l", "\x1b[?7h") } else { ("", "") };
        write(&format!("{back}{begin}{text}{end}"));
    }

    /// Leaves what was shown, and adds `text` below it.
    pub(super) fn say(&mut self, text: &str) {
        self.drawn = 0;
        write(&format!("{text}\n"));
    }
}

/// Whoever closed the output does not want to see more; the exit status says the rest.
fn write(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Narrow enough for 80 columns; what is in flight is queued or runs.
fn live_table(snapshot: &Snapshot) -> String {
    let mut table = Table::new([
        "pool",
        "queue",
        "busy",
        "flight",
        "wait p50/p99",
        "run p50/p99",
        "ok",
        "failed",
        "late",
        "refused",
    ]);
    for provider in &snapshot.providers {
        table.row(cells(provider));
    }
    table.render(1)
}

fn cells(provider: &ProviderSnapshot) -> [String; 10] {
    let ProviderSnapshot { queue, workers, ledger, wait, run, .. } = provider;
    let late = ledger.get(Count::TimedOutQueue) + ledger.get(Count::TimedOutExec);
    let times = |times: &HistogramSnapshot| {
        format!("{}/{}", time(times.p50()), time(times.p99())).replace(' ', "")
    };
    [
        provider.name.clone(),
        format!("{}/{}", queue.depth, queue.capacity),
        format!("{}/{}", workers.busy, workers.spawned),
        ledger.in_flight().to_string(),
        times(wait),
        times(run),
        ledger.get(Count::Completed).to_string(),
        ledger.get(Count::Failed).to_string(),
        late.to_string(),
        ledger.rejected().to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::live_table;
    use bifrost::stats::{
        Blocks, Count, ProviderSnapshot, QueueSnapshot, Snapshot, WorkerSnapshot,
    };

    #[test]
    fn a_row_has_the_figures_of_the_snapshot() {
        let blocks = Blocks::new();
        let counts = [
            (Count::Submitted, 20),
            (Count::QueueFull, 2),
            (Count::Started, 16),
            (Count::Completed, 9),
            (Count::Failed, 3),
            (Count::TimedOutQueue, 1),
            (Count::TimedOutExec, 1),
        ];
        counts.into_iter().for_each(|(count, n)| blocks.add(count, n));
        blocks.record_wait(1_000);
        blocks.record_run(2_000_000);
        let provider = ProviderSnapshot {
            name: "a".to_owned(),
            state: "ready".to_owned(),
            workers: WorkerSnapshot { spawned: 6, busy: 3, ..WorkerSnapshot::default() },
            queue: QueueSnapshot { depth: 1, capacity: 64, ..QueueSnapshot::default() },
            ledger: blocks.ledger(),
            wait: blocks.wait(),
            run: blocks.run(),
            ..ProviderSnapshot::default()
        };
        let snapshot = Snapshot { uptime_seconds: 1.0, providers: vec![provider] };
        let table = live_table(&snapshot);
        let row = table.lines().nth(1).expect("a row");
        let cells: Vec<_> = row.split_whitespace().collect();
        assert_eq!(cells[..4], ["a", "1/64", "3/6", "4"]);
        assert!(cells[4].contains("us/") && cells[5].contains("ms/"), "{row}");
        assert_eq!(cells[6..], ["9", "3", "2", "2"]);
        assert!(table.lines().all(|line| line.len() <= 74), "{table}");
    }
}

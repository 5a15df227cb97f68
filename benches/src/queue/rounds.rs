//! Rounds that end when their time is over, whatever was done by then.
//!
//! A round of so many operations is as long as the scheduler makes it: with more threads than cores a queue
//! that moved them in its time once may need a hundred times that in the next round. A round of so much time
//! always ends, and its figure is what was done in it over what that took.

use super::peers::Row;
use crate::contest::{Contestant, Plan};
use crate::figure::{Entry, Figure, Title};
use crate::sample::Sample;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// A round that has not ended by then never does: the contestant has lost a value or a wake-up.
const STUCK: Duration = Duration::from_secs(30);

/// What is told of a contestant whose rounds lasted twice their time or longer.
const LATE: &str = "late rounds";

/// The figure of a round is told for so many operations, whatever was done in it.
const TOLD_FOR: usize = 1 << 20;

/// One that stops by itself.
pub(crate) trait Timed {
    /// Does operations until `time` is over, and ends what it began.
    fn run_for(&mut self, time: Duration) -> Done;
}

/// What was done in a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) operations: usize,
    pub(crate) took: Duration,
}

struct Round {
    name: &'static str,
    timed: Box<dyn Timed>,
    time: Duration,
    /// How many rounds were late; the scenario reads it when the contest is over.
    late: Rc<Cell<usize>>,
}

impl Contestant for Round {
    /// How long `count` operations take at the rate of a round.
    fn run(&mut self, count: usize) -> Duration {
        let began = Instant::now();
        let done = self.watched();
        if began.elapsed() >= self.time * 2 {
            self.late.set(self.late.get() + 1);
        }
        done.took.mul_f64(count as f64 / done.operations.max(1) as f64)
    }

    /// Nothing has to be found out.
    fn fit(&mut self, _: Duration) -> usize {
        TOLD_FOR
    }
}

impl Round {
    /// The run, of whose contestant is told who it is if it gets stuck: the panic ends the process.
    fn watched(&mut self) -> Done {
        let (name, timed, time) = (self.name, &mut self.timed, self.time);
        std::thread::scope(|scope| {
            let (running, ended) = channel::<()>();
            scope.spawn(move || {
                let result = ended.recv_timeout(STUCK);
                assert_ne!(result, Err(RecvTimeoutError::Timeout), "{name} is stuck in a round");
            });
            let done = timed.run_for(time);
            drop(running);
            done
        })
    }
}

/// Lets the contestants of `rows` run in turn, and one beside them that has to be told how much to do.
pub(crate) fn hold(
    title: Title,
    plan: Plan,
    rows: Vec<Row<Box<dyn Timed>>>,
    counting: Option<Row<Box<dyn Contestant>>>,
) -> Figure {
    let mut late = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    for (role, name, timed) in rows {
        let round = Round { name, timed, time: plan.round, late: Rc::default() };
        late.push((name, Rc::clone(&round.late)));
        entries.push(Entry { role, name, contestant: Box::new(round) });
    }
    let mut figure = match counting {
        None => Figure::hold_count(title, plan.rounds, TOLD_FOR, entries),
        Some((role, name, contestant)) => {
            entries.push(Entry { role, name, contestant });
            Figure::hold(title, plan, entries)
        }
    };
    for (name, late) in late.into_iter().filter(|(_, late)| late.get() > 0) {
        let details = figure.details.entry(name.to_owned()).or_default();
        details.insert(LATE.to_owned(), Sample(vec![late.get() as f64]));
    }
    figure
}

#[cfg(test)]
mod tests {
    use super::{Done, LATE, Timed, hold};
    use crate::contest::Plan;
    use crate::figure::{Role, Title, Unit};
    use std::time::{Duration, Instant};

    const TITLE: Title = Title { name: "f", group: "g", unit: Unit::Nanoseconds("ns") };

    /// Takes so many times the time that it is given, and says that an operation took 5 ns.
    struct Stubborn(u32);

    impl Timed for Stubborn {
        fn run_for(&mut self, time: Duration) -> Done {
            let began = Instant::now();
            while began.elapsed() < time * self.0 {
                std::hint::spin_loop();
            }
            Done { operations: 1000, took: Duration::from_micros(5) }
        }
    }

    #[test]
    fn a_figure_is_the_time_over_what_was_done() {
        let figure =
            hold(TITLE, Plan::new(3, 1), vec![(Role::Peer, "a", Box::new(Stubborn(1)))], None);
        assert!((figure.value("a") - 5.0).abs() < 1e-3, "{figure:?}");
    }

    #[test]
    fn who_was_late_is_told() {
        let figure =
            hold(TITLE, Plan::new(3, 1), vec![(Role::Peer, "a", Box::new(Stubborn(2)))], None);
        assert_eq!(figure.details["a"][LATE].0, [3.0]);
    }
}

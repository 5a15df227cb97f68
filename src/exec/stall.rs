//! Drivers that are stuck in a poll, and those who take over (S7).
//!
//! A job that blocks, on an async worker, holds the thread that drives there. Whoever ticks looks at what the
//! drivers do while one is awake; one that is in the same poll at two looks is stuck. Its unit is handed over, so
//! that the provider's other jobs go on: the stuck thread keeps the one job, and finds its turn gone when it comes
//! back. And a spare takes its place among the drivers until then.
//!
//! A provider is handed over once at a time. If the next one who drives it gets stuck as well, that thread keeps
//! the unit: so a provider holds two threads at most, and both have a spare.

use super::driver::Shared;
use crate::state::Seen;
use crate::sync::Mutex;
use crate::time::{Deadline, Instant};
use std::time::Duration;

/// How long a poll takes at most that is not stuck.
const STUCK: Duration = Duration::from_millis(5);
/// The time between two looks: with it, a stuck one is noticed within 10 ms.
pub(super) const LOOK: Duration = Duration::from_millis(4);

/// What was seen of a seat.
#[derive(Clone, Copy, Debug)]
struct Look {
    seen: Seen,
    since: Instant,
    is_stuck: bool,
}

/// What was seen of the seats of a pool.
#[derive(Debug, Default)]
pub(super) struct StallWatch {
    looks: Mutex<Vec<Look>>,
}

impl StallWatch {
    /// Looks at the seats; `stuck` gets the seats that turn out to be stuck. When to look again.
    pub(super) fn look(
        &self,
        shared: &Shared,
        now: Instant,
        mut stuck: impl FnMut(u32, Seen),
    ) -> Deadline {
        let mut looks = self.looks.lock();
        let mut awake = false;
        for (seat, stint) in shared.stints.iter().enumerate() {
            let seen = stint.look();
            awake |= !seen.is_asleep();
            let fresh = Look { seen, since: now, is_stuck: false };
            if looks.len() == seat {
                looks.push(fresh);
            } else if looks[seat].seen != seen {
                looks[seat] = fresh;
            }
            let Look { since, is_stuck, .. } = looks[seat];
            let Some((unit, turn)) = seen.poll().filter(|_| !is_stuck && now >= since + STUCK)
            else {
                continue;
            };
            let held =
                |look: &Look| look.is_stuck && look.seen.poll().is_some_and(|(of, _)| of == unit);
            let is_first = !looks.iter().any(held);
            looks[seat].is_stuck = true;
            if let Some(unit) = shared.unit(unit) {
                unit.stalled(turn, is_first);
            }
            stuck(seat as u32, seen);
        }
        if awake { Deadline::after(now, LOOK) } else { Deadline::NEVER }
    }
}

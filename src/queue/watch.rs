//! Who sees to it that what a thread keeps for itself is not left lying when that thread stops.
//!
//! A thread that drives keeps what it made ready, and looks for it before it sleeps. If it blocks instead, in
//! code that is not ours, another one has to look: the watcher, one of those that rest, who rises after a while
//! although nobody called it. The word counts the seats that are driving and has a bit for the watcher.
//!
//! | change | by | condition |
//! |---|---|---|
//! | count down, bit set | a seat that rests | others drive, and nobody watches |
//! | count down | a seat that rests | otherwise |
//! | count up, bit cleared | the watcher when it rises | it appoints another one if others drive |
//! | count up | any other seat when it rises | |
//! | count down | a seat that is given up | |
//!
//! Invariants: 1. The bit is set while exactly one seat is the watcher. 2. Nothing is left lying: who keeps
//! something passes a SeqCst fence and looks at the bit; if it is clear, it wakes somebody who is idle. Who
//! rests becomes idle before it sets the bit, and looks at everything when it rises; who ends a watch while
//! others drive wakes somebody behind a fence. In the order of the fences, the second one sees what came
//! before the first.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `watch.fences` | `fence` of `Ready::keep_watched` after what is kept | `fence` of `Waiters::notify` behind `rise` | what is kept, or the cleared bit |
//!
//! Progress: lock-free. Model: `ready_watch_ends`.

use crate::sync::atomic::{AtomicU32, Ordering};

const WATCHED: u32 = 1;
const DRIVING: u32 = 2;

/// Who watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watcher {
    /// Nobody: whatever a seat keeps, it wakes another one.
    Nobody,
    /// A thread beside the seats, which looks again and again while anything can be kept.
    Outside,
    /// One of the seats that rest.
    Seat,
}

/// Whether somebody watches, and how many seats drive.
#[derive(Debug)]
pub(super) struct Watch {
    word: AtomicU32,
    by: Watcher,
}

impl Watch {
    pub(super) fn new(by: Watcher) -> Self {
        let word = if by == Watcher::Outside { WATCHED } else { 0 };
        Self { word: AtomicU32::new(word), by }
    }

    /// Whether somebody watches. For one who has passed a SeqCst fence after what it keeps.
    #[inline]
    pub(super) fn is_kept(&self) -> bool {
        // ORDERING: Relaxed: ordered by the caller's fence (`watch.fences`).
        self.word.load(Ordering::Relaxed) & WATCHED != 0
    }

    /// A seat drives again. `true`: it was the watcher, and another one is to be appointed.
    #[must_use]
    pub(super) fn rise(&self, was_watcher: bool) -> bool {
        if self.by != Watcher::Seat {
            return false;
        }
        // The watcher's bit is set, so this clears it.
        let change = if was_watcher { DRIVING - WATCHED } else { DRIVING };
        // ORDERING: Relaxed: whoever appoints another passes a fence (`watch.fences`).
        let before = self.word.fetch_add(change, Ordering::Relaxed);
        was_watcher && before >= DRIVING
    }

    /// Whether a seat beside the caller's drives and none watches. For one who has just risen.
    #[inline]
    pub(super) fn is_vacant(&self) -> bool {
        // ORDERING: Relaxed: not older than what the caller's own change has left.
        let word = self.word.load(Ordering::Relaxed);
        word & WATCHED == 0 && word >= 2 * DRIVING
    }

    /// A seat that drives is given up.
    pub(super) fn leave(&self) {
        if self.by == Watcher::Seat {
            // ORDERING: Relaxed: a count.
            self.word.fetch_sub(DRIVING, Ordering::Relaxed);
        }
    }

    /// A seat rests, and is idle already. `true`: as the watcher.
    #[must_use]
    pub(super) fn rest(&self) -> bool {
        if self.by != Watcher::Seat {
            return false;
        }
        let rested = |word| {
            let left: u32 = word - DRIVING;
            if left >= DRIVING { left | WATCHED } else { left }
        };
        // ORDERING: Relaxed, both: a count; before this bit is set its seat stood among the idle ones.
        let order = Ordering::Relaxed;
        let mut word = self.word.load(order);
        loop {
            match self.word.compare_exchange_weak(word, rested(word), order, order) {
                Ok(_) => return word & WATCHED == 0 && rested(word) & WATCHED != 0,
                Err(seen) => word = seen,
            }
        }
    }
}

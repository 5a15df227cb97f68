//! Who sees to it that what a thread keeps for itself is not left lying when that thread stops.
//!
//! A thread that drives keeps what it made ready, and looks for it before it sleeps. If it blocks instead, in
//! code that is not ours, another one has to look: the watcher, one of those that rest, who rises after a while
//! although nobody called it. The word counts the seats that are
//! driving and those that keep time, and has a bit for the watcher.
//!
//! | change | by | condition |
//! |---|---|---|
//! | count down, bit set | a seat that rests | nobody watches, and others drive or one keeps time for a tick that is near |
//! | count down, time kept | a seat that rests | otherwise |
//! | count up, bit cleared | the watcher when it rises | it appoints another one if others drive |
//! | count up, time not kept | any other seat when it rises | |
//! | count down | a seat that is given up | |
//!
//! Who keeps time sleeps until the tick is due. One is enough where the tick is near: two would wake at once.
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
const TIMED: u32 = 2;
const DRIVING: u32 = 1 << 16;

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
        let change = DRIVING - if was_watcher { WATCHED } else { TIMED };
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

    /// A new seat drives.
    pub(super) fn enter(&self) {
        if self.by == Watcher::Seat {
            // ORDERING: Relaxed: a count.
            self.word.fetch_add(DRIVING, Ordering::Relaxed);
        }
    }

    /// A seat that drives is given up.
    pub(super) fn leave(&self) {
        if self.by == Watcher::Seat {
            // ORDERING: Relaxed: a count.
            self.word.fetch_sub(DRIVING, Ordering::Relaxed);
        }
    }

    /// A seat rests, and is idle already; `near`, if the next tick is due before a watcher would look. `true`: it
    /// is the watcher.
    #[must_use]
    pub(super) fn rest(&self, near: bool) -> bool {
        if self.by != Watcher::Seat {
            return false;
        }
        let watches = |word| {
            let looked_after = if near { TIMED } else { DRIVING };
            word & WATCHED == 0 && word - DRIVING >= looked_after
        };
        let rested = |word| word - DRIVING + if watches(word) { WATCHED } else { TIMED };
        // ORDERING: Relaxed, both: a count; before this bit is set its seat stood among the idle ones.
        let order = Ordering::Relaxed;
        let mut word = self.word.load(order);
        loop {
            match self.word.compare_exchange_weak(word, rested(word), order, order) {
                Ok(_) => return watches(word),
                Err(seen) => word = seen,
            }
        }
    }
}

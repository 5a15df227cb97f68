//! What the thread on a seat does at the moment, for whoever watches whether it goes on.
//!
//! A word, written by the seat's owner alone: whether it is awake, and if it polls a task, in which unit, which
//! turn and which poll of it. The watcher compares what it sees with what it saw before: the same poll at two
//! looks is one that lasts.
//!
//! **Edges.** None: the word is all there is. Progress: wait-free. Models: `activation_hand_over`.

use super::activation::TurnId;
use crate::sync::CachePadded;
use crate::sync::atomic::{AtomicU64, Ordering};

const ASLEEP: u64 = 0;
const AWAKE: u64 = 1;
/// In a poll: 13 bits of unit, 30 of turn, 20 of poll above the lowest bit.
const POLLS: u64 = 1;
const POLL_SHIFT: u32 = 1;
const POLL_MASK: u64 = 0xf_ffff;
const TURN_SHIFT: u32 = 21;
const UNIT_SHIFT: u32 = 51;

/// What one seat does.
#[derive(Debug, Default)]
pub struct Stint(CachePadded<AtomicU64>);

/// What a look at a seat saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen(u64);

impl Stint {
    /// It goes to sleep.
    pub fn sleep(&self) {
        self.set(ASLEEP);
    }

    /// It is awake, and polls nothing. `true`: it was asleep.
    pub fn wake(&self) -> bool {
        // ORDERING: Relaxed: its own word.
        let was_asleep = self.0.load(Ordering::Relaxed) == ASLEEP;
        self.set(AWAKE);
        was_asleep
    }

    /// It begins another poll in this turn of this unit, below 8,191.
    #[inline]
    pub fn poll(&self, unit: u32, turn: TurnId, poll: u32) {
        let (unit, turn) = (u64::from(unit) + 1, u64::from(turn.number()));
        let poll = u64::from(poll) & POLL_MASK;
        self.set(unit << UNIT_SHIFT | turn << TURN_SHIFT | poll << POLL_SHIFT | POLLS);
    }

    /// What it does.
    pub fn look(&self) -> Seen {
        // ORDERING: Relaxed: a figure; two equal ones that lie apart are what counts.
        Seen(self.0.load(Ordering::Relaxed))
    }

    #[inline]
    fn set(&self, word: u64) {
        // ORDERING: Relaxed: as in `look`.
        self.0.store(word, Ordering::Relaxed);
    }
}

impl Seen {
    /// Whether it sleeps.
    pub fn is_asleep(self) -> bool {
        self.0 == ASLEEP
    }

    /// The unit and the turn of the poll that it is in, if it is in one.
    pub fn poll(self) -> Option<(u32, TurnId)> {
        let unit = u32::try_from(self.0 >> UNIT_SHIFT).ok()?.checked_sub(1)?;
        Some((unit, TurnId::of((self.0 >> TURN_SHIFT) as u32)))
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::Stint;
    use crate::state::{Activation, TurnId};

    #[test]
    fn a_look_names_the_unit_and_the_turn() {
        let stint = Stint::default();
        assert!(stint.look().is_asleep());
        assert!(stint.wake() && !stint.wake());
        assert!(!stint.look().is_asleep());
        assert_eq!(stint.look().poll(), None);
        for (unit, turn) in [(0, 0), (4095, (1 << 30) - 1), (7, 123_456_789)] {
            stint.poll(unit, TurnId::of(turn), 31);
            assert_eq!(stint.look().poll(), Some((unit, TurnId::of(turn))));
        }
        stint.sleep();
        assert!(stint.look().is_asleep());
    }

    #[test]
    fn the_next_poll_and_the_next_turn_look_different() {
        let (stint, activation) = (Stint::default(), Activation::default());
        assert!(activation.activate());
        let turn = activation.begin();
        stint.poll(3, turn, 0);
        let first = stint.look();
        stint.poll(3, turn, 1);
        assert_ne!(stint.look(), first);
        assert!(!activation.end(turn) && activation.activate());
        stint.poll(3, activation.begin(), 0);
        assert_ne!(stint.look(), first);
    }
}

//! Two rings of the usual kinds, in which a thread that stands still stops the others: what the tests of
//! this crate must find.

use crate::bounded::{Answer, Op};
use crate::queue::Queue;
use bifrost::sync::atomic::{AtomicU32, AtomicU64, Ordering};

#[derive(Debug)]
struct Slot {
    stamp: AtomicU64,
    value: AtomicU32,
}

/// A ring that hands out tickets: a push or pop takes its place first and waits until it is its turn. It
/// is never Full, never Empty, and cannot be closed.
#[derive(Debug)]
pub struct Tickets {
    head: AtomicU64,
    tail: AtomicU64,
    slots: Box<[Slot]>,
}

/// A ring with a stamp in each slot (after Vyukov): a push moves the tail, and then fills the slot. Full
/// and Empty are said without waiting, also of a slot that somebody is about to fill.
#[derive(Debug)]
pub struct Stamped(Tickets);

impl Tickets {
    /// A ring of `capacity` slots.
    pub fn new(capacity: usize) -> Self {
        let slot = |at| Slot { stamp: AtomicU64::new(at as u64), value: AtomicU32::new(0) };
        Self {
            head: AtomicU64::new(0),
            tail: AtomicU64::new(0),
            slots: (0..capacity).map(slot).collect(),
        }
    }

    fn slot(&self, at: u64) -> &Slot {
        &self.slots[(at % self.slots.len() as u64) as usize]
    }

    fn await_stamp(&self, at: u64, stamp: u64) -> &Slot {
        let slot = self.slot(at);
        while slot.stamp.load(Ordering::Acquire) != stamp {
            std::thread::yield_now();
        }
        slot
    }

    fn fill(slot: &Slot, at: u64, value: u32) {
        slot.value.store(value, Ordering::Relaxed);
        slot.stamp.store(at + 1, Ordering::Release);
    }

    fn empty(&self, slot: &Slot, at: u64) -> u32 {
        let value = slot.value.load(Ordering::Relaxed);
        slot.stamp.store(at + self.slots.len() as u64, Ordering::Release);
        value
    }

    fn push(&self, value: u32) {
        let at = self.tail.fetch_add(1, Ordering::Relaxed);
        Self::fill(self.await_stamp(at, at), at, value);
    }

    fn pop(&self) -> u32 {
        let at = self.head.fetch_add(1, Ordering::Relaxed);
        self.empty(self.await_stamp(at, at + 1), at)
    }
}

impl Queue for Tickets {
    fn call(&self, op: Op) -> Answer {
        match op {
            Op::Push(value) => {
                self.push(value);
                Answer::Pushed
            }
            Op::Pop => Answer::Popped(self.pop()),
            _ => Answer::Nothing,
        }
    }
}

impl Stamped {
    /// A ring of `capacity` slots, at least 2: the stamps of one slot would not tell full from empty.
    pub fn new(capacity: usize) -> Self {
        Self(Tickets::new(capacity))
    }

    /// Claims the position of `end` whose slot has the stamp that is `ahead` of it; `None` if it has an
    /// older one.
    fn claim(&self, end: &AtomicU64, ahead: u64) -> Option<(u64, &Slot)> {
        let mut at = end.load(Ordering::Relaxed);
        loop {
            let slot = self.0.slot(at);
            let stamp = slot.stamp.load(Ordering::Acquire);
            if stamp < at + ahead {
                return None;
            }
            let claimed = stamp == at + ahead
                && end.compare_exchange(at, at + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok();
            if claimed {
                return Some((at, slot));
            }
            at = end.load(Ordering::Relaxed);
        }
    }
}

impl Queue for Stamped {
    fn call(&self, op: Op) -> Answer {
        match op {
            Op::Push(value) => self.claim(&self.0.tail, 0).map_or(Answer::Full, |(at, slot)| {
                Tickets::fill(slot, at, value);
                Answer::Pushed
            }),
            Op::Pop => self
                .claim(&self.0.head, 1)
                .map_or(Answer::Empty, |(at, slot)| Answer::Popped(self.0.empty(slot, at))),
            _ => Answer::Nothing,
        }
    }
}

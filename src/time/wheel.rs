//! A hierarchical timing wheel that keeps every deadline to the nanosecond.
//!
//! Algorithm: Varghese and Lauck's hierarchical wheel. Time is cut into ticks of 2^20 ns (1.05 ms). A level
//! has 64 slots; a slot of level `l` spans 64^l ticks. An entry lies on the level of the highest base-64
//! digit in which its tick differs from the wheel's current tick `base`, in the slot which that digit names,
//! and comes down a level when `base` reaches its slot. Entries whose tick `base` has reached lie in `near`,
//! a heap by deadline, which gives the order inside a tick.
//!
//! Invariants: 1. an entry in a slot has a tick after `base`; one in `near` has not. So all of `near` is
//! due before all of the slots, and a lower level before a higher one. 2. `base` never passes the start of
//! an occupied slot without emptying it, nor the tick of the `now` given to `expire`. 3. A bit of `occupied`
//! is set exactly if its slot's list is not empty. 4. `near` may name cancelled entries (their `seq` is
//! gone); never more than live ones plus [`STALE_ALLOWANCE`]. 5. `slot_min`, if known, is the earliest
//! deadline in the slots.
//!
//! Costs: insert and cancel O(1), but O(log n) in the n entries of the current tick; an entry moves down at
//! most 7 times. [`next_deadline`](Wheel::next_deadline) is O(1), or a walk of one slot's list after the
//! earliest entry of the slots went.

use super::Instant;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const TICK_BITS: u32 = 20;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// 8 levels of 6 bits cover the 44 bits of a tick number.
const LEVELS: usize = 8;
/// The end of a list.
const NIL: u32 = u32::MAX;
/// Cancelled entries that `near` may name before it is swept.
const STALE_ALLOWANCE: usize = 64;

/// Names one entry of a [`Wheel`]; it never names another one later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerKey {
    index: u32,
    seq: u64,
}

/// A set of values with deadlines, for one owner. See the module for the algorithm.
#[derive(Debug)]
pub struct Wheel<T> {
    entries: Vec<Entry<T>>,
    /// The first of the free entries, linked by `next`.
    free: u32,
    len: usize,
    last_seq: u64,
    base: u64,
    near: BinaryHeap<Reverse<Near>>,
    near_len: usize,
    occupied: [u64; LEVELS],
    heads: [[u32; SLOTS]; LEVELS],
    slot_min: Option<Instant>,
}

/// An entry in `near`, in the order of expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Near {
    deadline: Instant,
    seq: u64,
    index: u32,
}

#[derive(Debug)]
struct Entry<T> {
    deadline: Instant,
    /// The insertion's number: the order of equal deadlines, and what makes a key stale. 0 if free.
    seq: u64,
    /// `None` if it lies in `near` or is free.
    slot: Option<Slot>,
    prev: u32,
    next: u32,
    value: Option<T>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    level: u8,
    index: u8,
}

const fn tick(instant: Instant) -> u64 {
    instant.as_nanos() >> TICK_BITS
}

impl Slot {
    /// Where `tick`, which is after `base`, belongs.
    fn of(tick: u64, base: u64) -> Self {
        let highest = u64::BITS - 1 - (tick ^ base).leading_zeros();
        let level = highest / SLOT_BITS;
        let digit = (tick >> (level * SLOT_BITS)) & (SLOTS as u64 - 1);
        Self { level: level as u8, index: digit as u8 }
    }

    /// The first tick of this slot, as seen from `base`.
    fn start(self, base: u64) -> u64 {
        let shift = u32::from(self.level) * SLOT_BITS;
        let above = base >> (shift + SLOT_BITS) << (shift + SLOT_BITS);
        above | u64::from(self.index) << shift
    }
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Wheel<T> {
    /// An empty wheel at [`Instant::ZERO`]. It allocates at the first insertion.
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: NIL,
            len: 0,
            last_seq: 0,
            base: 0,
            near: BinaryHeap::new(),
            near_len: 0,
            occupied: [0; LEVELS],
            heads: [[NIL; SLOTS]; LEVELS],
            slot_min: None,
        }
    }

    /// How many entries wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no entry waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds `value`, due at `deadline`, which may have passed.
    ///
    /// # Panics
    ///
    /// If 2^32 - 1 entries wait already.
    pub fn insert(&mut self, deadline: Instant, value: T) -> TimerKey {
        self.last_seq += 1;
        let seq = self.last_seq;
        let entry = Entry { deadline, seq, slot: None, prev: NIL, next: NIL, value: Some(value) };
        let index = self.store(entry);
        let only_slotted = self.len == self.near_len;
        if self.place(index) {
            self.slot_min = match self.slot_min {
                Some(min) => Some(min.min(deadline)),
                None => only_slotted.then_some(deadline),
            };
        }
        self.len += 1;
        TimerKey { index, seq }
    }

    /// Takes the entry out again; `None` if it has expired or was cancelled.
    pub fn cancel(&mut self, key: TimerKey) -> Option<T> {
        if self.entry(key)?.slot.is_some() {
            self.unlink(key.index);
        } else {
            self.near_len -= 1;
        }
        let value = self.release(key.index);
        if self.near.len() > 2 * self.near_len + STALE_ALLOWANCE {
            let entries = &self.entries;
            self.near.retain(|Reverse(near)| entries[near.index as usize].seq == near.seq);
        }
        value
    }

    /// The value of an entry that still waits.
    pub fn get_mut(&mut self, key: TimerKey) -> Option<&mut T> {
        self.entry(key)?;
        self.entries[key.index as usize].value.as_mut()
    }

    /// The earliest deadline, exactly.
    pub fn next_deadline(&mut self) -> Option<Instant> {
        if let Some(near) = self.peek_near() {
            return Some(near.deadline);
        }
        let slot = self.first_slot()?;
        if self.slot_min.is_none() {
            let head = self.heads[usize::from(slot.level)][usize::from(slot.index)];
            self.slot_min = self.list(head).map(|index| self.entries[index].deadline).min();
        }
        self.slot_min
    }

    /// Takes out at most `limit` entries whose deadline `now` has reached and gives them to `f`: in the
    /// order of their deadlines, equal ones in the order of insertion. Returns how many.
    ///
    /// `now` should not go back from one call to the next; if it does, nothing new expires.
    pub fn expire(&mut self, now: Instant, limit: usize, mut f: impl FnMut(T)) -> usize {
        let mut count = 0;
        while count < limit {
            match self.peek_near() {
                Some(near) if near.deadline <= now => {
                    self.near.pop();
                    self.near_len -= 1;
                    count += 1;
                    if let Some(value) = self.release(near.index) {
                        f(value);
                    }
                }
                Some(_) => break,
                None if self.advance(tick(now)) => {}
                None => break,
            }
        }
        count
    }

    /// Moves `base` to the next occupied slot and empties that; if none starts by `now`, moves it to `now`
    /// and says `false`.
    fn advance(&mut self, now: u64) -> bool {
        let next = self.first_slot().map(|slot| (slot, slot.start(self.base)));
        let Some((slot, start)) = next.filter(|(_, start)| *start <= now) else {
            self.base = self.base.max(now);
            return false;
        };
        self.base = start;
        self.slot_min = None;
        let (level, index) = (usize::from(slot.level), usize::from(slot.index));
        let mut next = std::mem::replace(&mut self.heads[level][index], NIL);
        self.occupied[level] &= !(1 << index);
        while next != NIL {
            let moved = next;
            next = self.entries[moved as usize].next;
            self.place(moved);
        }
        true
    }

    /// Puts a stored entry where it belongs; `true` if that is a slot.
    fn place(&mut self, index: u32) -> bool {
        let base = self.base;
        let entry = &mut self.entries[index as usize];
        let tick = tick(entry.deadline);
        if tick <= base {
            entry.slot = None;
            let near = Near { deadline: entry.deadline, seq: entry.seq, index };
            self.near.push(Reverse(near));
            self.near_len += 1;
            return false;
        }
        let slot = Slot::of(tick, base);
        let head = &mut self.heads[usize::from(slot.level)][usize::from(slot.index)];
        let second = std::mem::replace(head, index);
        (entry.slot, entry.prev, entry.next) = (Some(slot), NIL, second);
        if let Some(second) = self.entries.get_mut(second as usize) {
            second.prev = index;
        }
        self.occupied[usize::from(slot.level)] |= 1 << slot.index;
        true
    }

    /// Takes an entry out of its slot's list.
    fn unlink(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        let (deadline, prev, next) = (entry.deadline, entry.prev, entry.next);
        let Some(slot) = entry.slot.take() else { return };
        if let Some(next) = self.entries.get_mut(next as usize) {
            next.prev = prev;
        }
        let (level, bit) = (usize::from(slot.level), usize::from(slot.index));
        match self.entries.get_mut(prev as usize) {
            Some(prev) => prev.next = next,
            None => self.heads[level][bit] = next,
        }
        if self.heads[level][bit] == NIL {
            self.occupied[level] &= !(1 << bit);
        }
        if self.slot_min == Some(deadline) {
            self.slot_min = None;
        }
    }

    /// The slot of the earliest entries: the lowest level's first, by invariant 1.
    fn first_slot(&self) -> Option<Slot> {
        let level = self.occupied.iter().position(|bits| *bits != 0)?;
        let index = self.occupied[level].trailing_zeros();
        Some(Slot { level: level as u8, index: index as u8 })
    }

    /// The earliest live entry of `near`; drops the cancelled ones before it.
    fn peek_near(&mut self) -> Option<Near> {
        while let Some(Reverse(near)) = self.near.peek().copied() {
            if self.entries[near.index as usize].seq == near.seq {
                return Some(near);
            }
            self.near.pop();
        }
        None
    }

    fn list(&self, head: u32) -> impl Iterator<Item = usize> + '_ {
        let entry = |index: u32| (index != NIL).then_some(index);
        std::iter::successors(entry(head), move |index| entry(self.entries[*index as usize].next))
            .map(|index| index as usize)
    }

    fn entry(&self, key: TimerKey) -> Option<&Entry<T>> {
        self.entries.get(key.index as usize).filter(|entry| entry.seq == key.seq)
    }

    fn store(&mut self, entry: Entry<T>) -> u32 {
        if let Some(slot) = self.entries.get_mut(self.free as usize) {
            let index = std::mem::replace(&mut self.free, slot.next);
            *slot = entry;
            return index;
        }
        let index = self.entries.len();
        assert!(index < NIL as usize, "the timing wheel holds its limit of {NIL} entries");
        self.entries.push(entry);
        index as u32
    }

    /// Frees an entry that is in no list.
    fn release(&mut self, index: u32) -> Option<T> {
        let entry = &mut self.entries[index as usize];
        entry.seq = 0;
        entry.next = std::mem::replace(&mut self.free, index);
        self.len -= 1;
        entry.value.take()
    }
}

#[cfg(test)]
#[cfg(not(loom))]
#[path = "wheel_tests.rs"]
mod tests;

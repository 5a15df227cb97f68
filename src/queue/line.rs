//! Those who wait at one end of a channel, in the order in which they came.
//!
//! Algorithm: a list under a lock that is taken only to sleep and to wake. Whether anybody stands in it is
//! told to the peers by a mark in the word that they move on anyway (`ring/waits.rs`): while nobody waits,
//! a send or a receive neither looks at the line nor passes a fence for it.
//!
//! | state of an entry | in the list | meaning | next |
//! |---|---|---|---|
//! | `Waiting` | yes | sleeps | `Told` by a peer; gone by its owner |
//! | `Told` | no | was woken; its turn lasts until it leaves or stands in front again | `Waiting` by its owner, at the front; gone by its owner |
//! | `Told`, from the start | no | a thread that found a peer busy: it waits for that peer on behalf of all | the same |
//!
//! Invariants:
//! 1. While somebody is `Waiting`, the end is marked as awaited or the turn of a woken *thread* lasts
//!    (`turns`). The mark is set and taken back under the lock.
//! 2. An entry joins the list only if under the lock, after the mark was set, there was nothing to be had
//!    (then the claim that changes this sees the mark), or while the turn of a thread lasts.
//! 3. Whoever ends its turn looks on behalf of those who wait, and wakes the first if there is something.
//!
//! No wake-up is lost: by 2. whoever brings something for a sleeper has seen the mark, or somebody's turn
//! lasts who by 3. looks when it ends. There is no herd: while the turn of a thread lasts, nobody else is
//! woken, and one who leaves more behind wakes the next. A woken *task* does not hold the others up so,
//! because its executor may poll it late or never: for tasks each send wakes one.
//!
//! The order is that of joining; who was woken and found that a newcomer had been faster stands in front.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `line.lock` | the lock's release | its next acquisition | list and marks; what the teller had published |
//!
//! Progress: blocking, by the lock. Wakers are called, cloned and dropped outside of it.
//!
//! Models: `channel_wake`, `channel_wake_two`, `channel_wake_two_consumers`, `channel_wake_busy`, `channel_space`,
//! `channel_cancel`, `channel_cancel_task`, `channel_cancel_send`, `channel_close`, `channel_close_full`,
//! `channel_batch`, `channel_batch_space`.

use crate::ring::Outlook;
use crate::sync::{Mutex, contain, drop_caught};
use std::task::Waker;

/// The end of a ring that a line stands at.
pub(super) trait End {
    /// Marks the end as awaited, and looks.
    fn mark(&self) -> Outlook;
    /// Takes back the mark.
    fn unmark(&self);
}

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sleeper {
    /// A thread that blocks: once woken it goes on by itself.
    Thread,
    /// A task that its executor polls when it likes.
    Task,
}

/// The number of one's entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket(usize);

#[derive(Debug, Default)]
pub(super) struct Line(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    entries: Vec<Entry>,
    first: Option<usize>,
    last: Option<usize>,
    /// The first of the entries that nobody has, linked by `behind`.
    unused: Option<usize>,
    /// Woken threads whose turn lasts.
    turns: usize,
}

#[derive(Debug)]
struct Entry {
    sleeper: Sleeper,
    /// `Some` while it waits.
    waker: Option<Waker>,
    before: Option<usize>,
    behind: Option<usize>,
}

impl Line {
    /// Stands in line, unless there is something to be had. `ticket` is that of an earlier call whose wait
    /// has not ended: one who was woken stands in front, and one who still waits gets its new waker.
    pub(super) fn join(
        &self,
        ticket: &mut Option<Ticket>,
        sleeper: Sleeper,
        waker: &Waker,
        end: &impl End,
    ) -> Outlook {
        let waker = waker.clone();
        let mut list = self.0.lock();
        let mut replaced = None;
        let outlook = match *ticket {
            Some(Ticket(at)) if list.entries[at].waker.is_some() => {
                replaced = list.entries[at].waker.replace(waker);
                Outlook::Nothing
            }
            Some(Ticket(at)) => {
                let outlook = end.mark();
                if outlook == Outlook::Nothing {
                    list.end_turn(at);
                    list.entries[at].waker = Some(waker);
                    list.link_front(at);
                } else {
                    list.unmark_unless_needed(end);
                }
                outlook
            }
            None => {
                let outlook = if list.turns == 0 { end.mark() } else { Outlook::Nothing };
                match (outlook, sleeper) {
                    (Outlook::Nothing, _) => {
                        *ticket = Some(Ticket(list.enter(sleeper, Some(waker))));
                    }
                    (Outlook::Busy, Sleeper::Thread) => {
                        *ticket = Some(Ticket(list.enter(sleeper, None)));
                        list.unmark_unless_needed(end);
                    }
                    _ => list.unmark_unless_needed(end),
                }
                outlook
            }
        };
        drop(list);
        drop_caught(replaced);
        outlook
    }

    /// Ends a wait. One who was woken wakes the next if there is more to be had.
    pub(super) fn leave(&self, Ticket(at): Ticket, end: &impl End) {
        let mut list = self.0.lock();
        let waker = list.entries[at].waker.take();
        let next = if waker.is_some() {
            list.unlink(at);
            list.unmark_unless_needed(end);
            None
        } else {
            list.end_turn(at);
            list.pass_on(end)
        };
        list.entries[at].behind = list.unused.replace(at);
        drop(list);
        drop_caught(waker);
        wake(next);
    }

    /// Wakes the first: something was brought by one who saw the mark.
    #[cold]
    pub(super) fn tell(&self, end: &impl End) {
        let mut list = self.0.lock();
        let first = if list.turns == 0 { list.pop_front() } else { None };
        list.unmark_unless_needed(end);
        drop(list);
        wake(first);
    }

    /// Wakes all, and each looks for itself.
    pub(super) fn tell_all(&self, end: &impl End) {
        loop {
            let mut list = self.0.lock();
            let first = list.pop_front();
            list.unmark_unless_needed(end);
            drop(list);
            if first.is_none() {
                break;
            }
            wake(first);
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        contain(|| waker.wake());
    }
}

impl List {
    /// Invariant 3.
    fn pass_on(&mut self, end: &impl End) -> Option<Waker> {
        if self.first.is_none() || self.turns > 0 {
            return None;
        }
        if end.mark() == Outlook::Nothing {
            return None;
        }
        let next = self.pop_front();
        self.unmark_unless_needed(end);
        next
    }

    /// Invariant 1.
    fn unmark_unless_needed(&self, end: &impl End) {
        if self.first.is_none() || self.turns > 0 {
            end.unmark();
        }
    }

    /// The turn of `at`, which was woken, is over.
    fn end_turn(&mut self, at: usize) {
        if self.entries[at].sleeper == Sleeper::Thread {
            self.turns -= 1;
        }
    }

    /// Makes an entry: at the back of the list, or, without a waker, as that of a thread whose turn begins.
    fn enter(&mut self, sleeper: Sleeper, waker: Option<Waker>) -> usize {
        let waits = waker.is_some();
        let entry = Entry { sleeper, waker, before: None, behind: None };
        let at = match self.unused {
            Some(at) => {
                self.unused = self.entries[at].behind;
                self.entries[at] = entry;
                at
            }
            None => {
                self.entries.push(entry);
                self.entries.len() - 1
            }
        };
        if waits {
            self.link_back(at);
        } else {
            self.turns += 1;
        }
        at
    }

    fn link_back(&mut self, at: usize) {
        self.entries[at].before = self.last;
        match self.last.replace(at) {
            Some(last) => self.entries[last].behind = Some(at),
            None => self.first = Some(at),
        }
    }

    fn link_front(&mut self, at: usize) {
        self.entries[at].before = None;
        self.entries[at].behind = self.first;
        match self.first.replace(at) {
            Some(first) => self.entries[first].before = Some(at),
            None => self.last = Some(at),
        }
    }

    fn unlink(&mut self, at: usize) {
        let Entry { before, behind, .. } = self.entries[at];
        match before {
            Some(before) => self.entries[before].behind = behind,
            None => self.first = behind,
        }
        match behind {
            Some(behind) => self.entries[behind].before = before,
            None => self.last = before,
        }
    }

    /// Takes the first out and begins its turn.
    fn pop_front(&mut self) -> Option<Waker> {
        let at = self.first?;
        self.unlink(at);
        if self.entries[at].sleeper == Sleeper::Thread {
            self.turns += 1;
        }
        self.entries[at].waker.take()
    }
}

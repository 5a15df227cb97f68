//! Time that moves only when it is told to, or when everyone waits for it.
//!
//! What a [`TestClock`](super::TestClock) is made of. One lock guards the list of threads; a thread's
//! notification is taken only under that lock, so whoever holds it sees of each parked thread whether it
//! sleeps, is due, or is notified and about to run. That is what makes the jump exact.
//!
//! Invariants: 1. a slot has a `sleep` exactly while its thread has a sleep open on its parker (between
//! `Parker::begin` and `Parker::end`), and both change under the lock only. 2. Time never moves backwards.
//! 3. In automatic mode time moves by itself only while every slot sleeps, is not due and is not notified.
//!
//! A notification by a thread outside the clock can come at any time; the jump is then before or after it.

use super::{Deadline, Instant};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::thread::{self, ThreadId};
use crate::sync::{Condvar, Mutex, MutexGuard, Parker, Unparker};

/// Names a slot for as long as it lives; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotId(u64);

/// The state of a test clock.
#[derive(Debug)]
pub(super) struct SimulatedTime {
    now: AtomicU64,
    automatic: bool,
    threads: Mutex<Threads>,
    parked: Condvar,
}

#[derive(Debug, Default)]
struct Threads {
    slots: Vec<Slot>,
    last_id: u64,
    /// Callers of `wait_for_parked`: without one, parking need not signal.
    watchers: usize,
}

/// A thread that takes part: registered (automatic), or parked at the moment (manual).
#[derive(Debug)]
struct Slot {
    id: SlotId,
    /// `None` until the registration is entered: it counts as running.
    thread: Option<ThreadId>,
    /// How many registrations the thread holds.
    depth: usize,
    sleep: Option<Sleeping>,
}

#[derive(Debug)]
struct Sleeping {
    deadline: Deadline,
    unparker: Unparker,
    /// The clock has reached the deadline and nudged the thread.
    due: bool,
}

/// Everyone sleeps and nobody has a deadline.
#[derive(Debug)]
struct Deadlock;

impl SimulatedTime {
    pub(super) fn new(automatic: bool) -> Self {
        Self {
            now: AtomicU64::new(0),
            automatic,
            threads: Mutex::new(Threads::default()),
            parked: Condvar::new(),
        }
    }

    pub(super) fn now(&self) -> Instant {
        // ORDERING: Relaxed: only the number counts. Threads that time wakes synchronise by the lock.
        Instant::from_nanos(self.now.load(Ordering::Relaxed))
    }

    pub(super) fn is_automatic(&self) -> bool {
        self.automatic
    }

    /// Moves time to `to`, if it is not there yet, and wakes those whose deadline has come.
    pub(super) fn advance_to(&self, to: Instant) {
        let mut threads = self.threads.lock();
        self.set(&mut threads, to.max(self.now()));
    }

    /// As [`advance_to`](Self::advance_to), from what is now at the moment of the step.
    pub(super) fn advance(&self, by: std::time::Duration) {
        let mut threads = self.threads.lock();
        self.set(&mut threads, self.now() + by);
    }

    /// Takes a place for a thread that will enter it.
    pub(super) fn register(&self) -> SlotId {
        self.threads.lock().add(None)
    }

    /// Binds `id` to the calling thread, or drops it for the place that the thread already has.
    pub(super) fn enter(&self, id: SlotId) -> SlotId {
        let me = thread::current().id();
        let mut threads = self.threads.lock();
        if let Some(own) = threads.slots.iter_mut().find(|slot| slot.thread == Some(me)) {
            own.depth += 1;
            let own = own.id;
            threads.remove(id);
            return own;
        }
        if let Some(slot) = threads.slot(id) {
            slot.thread = Some(me);
        }
        id
    }

    /// Gives a place back; time may jump if the others all sleep. If they sleep without a deadline nothing
    /// happens: a thread outside the clock, as the one that just left, may still wake them.
    pub(super) fn leave(&self, id: SlotId) {
        let mut threads = self.threads.lock();
        if let Some(slot) = threads.slot(id) {
            slot.depth -= 1;
            if slot.depth == 0 {
                threads.remove(id);
                drop(self.settle(&mut threads));
            }
        }
    }

    /// [`Clock::park`](super::Clock::park) on this time.
    pub(super) fn park(&self, parker: &Parker, deadline: Deadline) -> bool {
        let me = thread::current().id();
        let mut threads = self.threads.lock();
        let own = threads.slots.iter().position(|slot| slot.thread == Some(me));
        if own.is_none() && self.automatic {
            drop(threads);
            stranger();
        }
        if !parker.begin() {
            return true;
        }
        if deadline.is_past(self.now()) {
            return parker.end();
        }
        let id = match own {
            Some(index) => threads.slots[index].id,
            None => threads.add(Some(me)),
        };
        let unparker = parker.unparker();
        threads.fall_asleep(id, Sleeping { deadline, unparker: unparker.clone(), due: false });
        if threads.watchers > 0 {
            self.parked.notify_all();
        }
        if self.settle(&mut threads).is_err() {
            let count = threads.slots.len();
            threads.wake_up(id, self.automatic);
            parker.end();
            drop(threads);
            deadlock(count);
        }
        loop {
            if threads.is_due(id) || unparker.is_notified() {
                threads.wake_up(id, self.automatic);
                return parker.end();
            }
            drop(threads);
            parker.idle();
            threads = self.threads.lock();
        }
    }

    /// Blocks until at least `count` threads sleep with neither a notification nor a deadline that has come.
    pub(super) fn wait_for_parked(&self, count: usize) {
        let mut threads = self.threads.lock();
        threads.watchers += 1;
        while threads.slots.iter().filter(|slot| slot.is_asleep()).count() < count {
            threads = self.parked.wait(threads);
        }
        threads.watchers -= 1;
    }

    /// Jumps to the earliest deadline if everyone sleeps (invariant 3).
    fn settle(&self, threads: &mut MutexGuard<'_, Threads>) -> Result<(), Deadlock> {
        let idle = !threads.slots.is_empty() && threads.slots.iter().all(Slot::is_asleep);
        if !self.automatic || !idle {
            return Ok(());
        }
        let sleeps = threads.slots.iter().filter_map(|slot| slot.sleep.as_ref());
        let earliest = sleeps.map(|sleep| sleep.deadline).min().and_then(Deadline::instant);
        self.set(threads, earliest.ok_or(Deadlock)?);
        Ok(())
    }

    fn set(&self, threads: &mut MutexGuard<'_, Threads>, now: Instant) {
        // ORDERING: Relaxed, as in `now`; writers hold the lock (invariant 2).
        self.now.store(now.as_nanos(), Ordering::Relaxed);
        for sleep in threads.slots.iter_mut().filter_map(|slot| slot.sleep.as_mut()) {
            if !sleep.due && sleep.deadline.is_past(now) {
                sleep.due = true;
                sleep.unparker.nudge();
            }
        }
    }
}

impl Threads {
    fn add(&mut self, thread: Option<ThreadId>) -> SlotId {
        self.last_id += 1;
        let id = SlotId(self.last_id);
        self.slots.push(Slot { id, thread, depth: 1, sleep: None });
        id
    }

    fn slot(&mut self, id: SlotId) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.id == id)
    }

    fn remove(&mut self, id: SlotId) {
        self.slots.retain(|slot| slot.id != id);
    }

    fn is_due(&mut self, id: SlotId) -> bool {
        self.slot(id).and_then(|slot| slot.sleep.as_ref()).is_none_or(|sleep| sleep.due)
    }

    fn fall_asleep(&mut self, id: SlotId, sleep: Sleeping) {
        if let Some(slot) = self.slot(id) {
            slot.sleep = Some(sleep);
        }
    }

    /// Ends a sleep; the place stays if it belongs to a registration.
    fn wake_up(&mut self, id: SlotId, registered: bool) {
        if !registered {
            self.remove(id);
        } else if let Some(slot) = self.slot(id) {
            slot.sleep = None;
        }
    }
}

impl Slot {
    fn is_asleep(&self) -> bool {
        self.sleep.as_ref().is_some_and(|sleep| !sleep.due && !sleep.unparker.is_notified())
    }
}

fn stranger() -> ! {
    panic!(
        "test clock: thread {:?} parks but is not registered; an automatic test clock needs \
         `clock.register_thread().enter()` on every thread that waits on it",
        thread::current().name().unwrap_or("unnamed")
    );
}

fn deadlock(count: usize) -> ! {
    panic!(
        "test clock: deadlock: all registered threads ({count}) are parked and none has a deadline; \
         the last to park is {:?}",
        thread::current().name().unwrap_or("unnamed")
    );
}

//! The units that have something to do: a queue for all, and beside it a ring for each seat.
//!
//! Whoever sits on a seat drives. What it makes ready itself it keeps in its own ring, from which it takes first
//! and others steal; everything else goes through the shared queue. So a unit stays with the thread that
//! activated it, with what that thread has in its cache, and nobody is woken for what that thread comes to
//! anyway.
//!
//! Invariants: 1. Only the owner of a seat pushes to its ring, and it takes everything out of it before it
//! rests; gone, it leaves the ring empty. So a single unit there needs nobody else, unless the owner stops:
//! that is what the watcher is for (`watch.rs`). 2. What is more than one is told to one who is idle, as the
//! shared queue tells (invariant 2 of `waiters.rs`: the owner pushes, passes a SeqCst fence, and looks for idle
//! ones; who rests enlists, passes a fence, and looks at every ring). 3. A ring that was ever in use is below
//! the mark `used`, which only grows; one whose mark a thread does not see yet has an owner who has not passed
//! the fence of 2. yet.
//!
//! The order of taking: the own ring, the shared queue, the others' rings; each [`SHARED_FIRST`]th time the
//! shared queue first, so that two units that activate each other hold nobody up.
//!
//! Progress: lock-free. Models: `ready_surplus`, `ready_leave`, `ready_steal`, `ready_watch_ends`.

use super::job_queue::JobQueue;
use super::waiters::{Waiters, Waking};
use super::watch::{Watch, Watcher};
use crate::ring::{JobRing, PopError};
use crate::sync::atomic::{AtomicUsize, Ordering, fence_after_rmw};
use std::fmt;
use std::task::Waker;

/// How many units a seat keeps at most. More go to the shared queue.
const KEPT: usize = if cfg!(loom) { 2 } else { 32 };
/// One of so many takes looks at the shared queue first: a turn may last a millisecond.
const SHARED_FIRST: u32 = 4;

/// The units that have something to do.
pub struct Ready {
    shared: JobQueue,
    rings: Box<[JobRing]>,
    /// No ring at or above it was ever in use.
    used: AtomicUsize,
    watch: Watch,
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("shared", &self.shared).finish_non_exhaustive()
    }
}

impl Ready {
    /// Makes it for `units` units, each of which is in it at most once, and `seats` seats.
    ///
    /// # Panics
    ///
    /// If one of them is 0 or above [`MAX_CAPACITY`](crate::ring::MAX_CAPACITY).
    pub fn new(units: usize, seats: usize, watcher: Watcher) -> Self {
        Self {
            shared: JobQueue::new(units, seats, Waking::Each),
            rings: (0..seats).map(|_| JobRing::new(units.min(KEPT))).collect(),
            used: AtomicUsize::new(0),
            watch: Watch::new(watcher),
        }
    }

    /// Adds a unit for whoever comes first, and wakes somebody.
    pub fn push(&self, unit: u32) {
        // There is a place for every unit; closed, nobody takes turns.
        let _woken = self.shared.push(unit);
    }

    /// Adds a unit for the calling thread, which sits on `seat`. `false`: it is left to that thread alone, as
    /// long as it goes on; a watcher sees to it otherwise.
    #[inline]
    pub fn push_own(&self, seat: u32, unit: u32) -> bool {
        let ring = &self.rings[seat as usize];
        let surplus = !ring.is_empty();
        if ring.push(unit).is_err() {
            self.push(unit);
            return true;
        }
        if surplus {
            self.idle().notify_one();
            return true;
        }
        self.keep_watched()
    }

    /// For a thread that sits here, right after it made something by a read-modify-write that it will come to by
    /// itself: if nobody watches whether it does, one who is idle looks now, and this is `true`.
    #[inline]
    pub fn keep_watched(&self) -> bool {
        // ORDERING: `watch.fences`: store-load against the end of a watch.
        fence_after_rmw();
        let vacant = !self.watch.is_kept();
        if vacant {
            self.idle().notify_one();
        }
        vacant
    }

    /// For a watcher outside: wakes somebody if anything is ready.
    pub fn relieve(&self) {
        if self.holds_something() {
            self.idle().notify_one();
        }
    }

    /// Takes a unit from anywhere, by a thread without a seat.
    ///
    /// # Errors
    ///
    /// [`PopError::Empty`] and [`PopError::Closed`].
    pub fn try_take(&self) -> Result<u32, PopError> {
        self.shared.try_pop().or_else(|error| self.steal(0, 1).ok_or(error))
    }

    /// Takes seat `number`, which no other thread has at the time.
    pub fn sit(&self, number: u32) -> ReadySeat<'_> {
        // ORDERING: Relaxed: invariant 3.
        self.used.fetch_max(number as usize + 1, Ordering::Relaxed);
        self.watch.enter();
        ReadySeat { ready: self, number, takes: 0, listed: false, resting: false, watching: false }
    }

    /// The owner of a seat drives no more until it [`resume`](Self::resume)s: it sits on another one.
    pub fn suspend(&self) {
        self.watch.leave();
    }

    /// Ends a [`suspend`](Self::suspend).
    pub fn resume(&self) {
        self.watch.enter();
    }

    /// Lets no more in; the takers end when nothing is left.
    pub fn close(&self) {
        self.shared.close();
    }

    /// Those who rest.
    pub fn idle(&self) -> &Waiters {
        self.shared.consumers()
    }

    /// Steals from the rings behind `first`, in turn, from those that have `least` or more.
    fn steal(&self, first: usize, least: usize) -> Option<u32> {
        // ORDERING: Relaxed: invariant 3.
        let used = self.used.load(Ordering::Relaxed);
        let rings = (0..used).map(|offset| &self.rings[(first + offset) % used]);
        let mut rich = rings.filter(|ring| least == 1 || ring.len() >= least);
        rich.find_map(|ring| ring.pop().ok())
    }

    fn holds_something(&self) -> bool {
        // ORDERING: Relaxed: invariant 3.
        let used = self.used.load(Ordering::Relaxed);
        !self.shared.is_empty() || self.rings[..used].iter().any(|ring| !ring.is_empty())
    }
}

/// The place of a thread that drives. Dropped, it gives away what it kept.
#[derive(Debug)]
pub struct ReadySeat<'a> {
    ready: &'a Ready,
    number: u32,
    takes: u32,
    /// Its number stands among the idle ones.
    listed: bool,
    /// The watch knows that it does not drive.
    resting: bool,
    /// It is the watcher.
    watching: bool,
}

impl ReadySeat<'_> {
    /// Its number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether it rests as the watcher: its owner looks again after a while.
    pub fn is_watching(&self) -> bool {
        self.watching
    }

    /// Takes a unit: an own one, a shared one, or one of another seat that has `least` or more.
    ///
    /// # Errors
    ///
    /// [`PopError::Empty`] and [`PopError::Closed`].
    #[inline]
    pub fn take(&mut self, least: usize) -> Result<u32, PopError> {
        self.takes = self.takes.wrapping_add(1);
        let ready = self.ready;
        if self.takes % SHARED_FIRST == 0
            && let Ok(unit) = ready.shared.try_pop()
        {
            return Ok(unit);
        }
        if let Ok(unit) = ready.rings[self.number as usize].pop() {
            return Ok(unit);
        }
        let next = self.number as usize + 1;
        ready.shared.try_pop().or_else(|error| ready.steal(next, least).ok_or(error))
    }

    /// Its owner drives again. To be called before it runs anything. `true`: it was notified, and takes what is
    /// ready before it runs anything else, which may hold it up.
    #[inline]
    pub fn rise(&mut self) -> bool {
        let notified = self.unlist();
        self.drive();
        if notified && self.ready.watch.is_vacant() {
            // It was to watch, but may be held up after its first look.
            self.ready.idle().notify_one();
        }
        notified
    }

    /// Its owner has found nothing and goes to sleep, unless there is something after all. `waker` wakes it.
    /// `near`: the next tick is due before a watcher would look, so that one seat that sleeps until then is enough.
    ///
    /// # Errors
    ///
    /// [`PopError::Empty`] and [`PopError::Closed`]: it rests now.
    pub fn rest(&mut self, waker: &Waker, near: bool) -> Result<u32, PopError> {
        let idle = self.ready.idle();
        idle.register(self.number, waker);
        idle.enlist(self.number);
        self.listed = true;
        let looked = self.take(1);
        if looked.is_ok() {
            if self.unlist() && self.ready.holds_something() {
                // What it was woken for is still there, and this one has its work.
                idle.notify_one();
            }
        } else {
            self.watching = self.ready.watch.rest(near);
            self.resting = true;
        }
        looked
    }

    /// Takes its number out of the idle ones; whether it was notified meanwhile.
    fn unlist(&mut self) -> bool {
        std::mem::take(&mut self.listed) && !self.ready.idle().withdraw(self.number)
    }

    fn drive(&mut self) {
        if std::mem::take(&mut self.resting) {
            let watched = std::mem::take(&mut self.watching);
            if self.ready.watch.rise(watched) {
                self.ready.idle().notify_one();
            }
        }
    }
}

impl Drop for ReadySeat<'_> {
    fn drop(&mut self) {
        let ready = self.ready;
        self.unlist();
        self.drive();
        while let Ok(unit) = ready.rings[self.number as usize].pop() {
            ready.push(unit);
        }
        ready.watch.leave();
        // Whoever is idle looks at what this one no longer comes to: at the tick, too.
        ready.idle().notify_one();
    }
}

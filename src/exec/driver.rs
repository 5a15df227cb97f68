//! Threads that take turns of ready units.

use super::driving::{self, Driving};
use super::stall::StallWatch;
use super::unit::Unit;
use crate::queue::{Ready, ReadySeat, Watcher};
use crate::ring::{IndexStack, PopError};
use crate::state::{Seen, Stint};
use crate::stats;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Arc, Mutex, OnceLock};
use crate::time::{Clock, Deadline, Instant};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Units that a pool can have over its life.
const MAX_UNITS: usize = 4096;
/// Threads of an embedder's that may drive a pool at once.
const SEATS: usize = 64;
/// Spares that there are at most for each driver that is stuck.
const SPARES: usize = 2;
/// Turns that an embedder's thread takes before it looks at its own future again.
const TURNS_A_LOOK: u32 = 8;
/// Units that a seat must have before a thread that is about to sleep anyway takes one from it: a single one
/// is about to be taken by its owner.
const WORTH_A_STEAL: usize = 2;

/// Who takes the turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drivers {
    /// Threads of the pool's own.
    Threads {
        /// How many.
        count: usize,
        /// How long one looks for work before it sleeps.
        spin: Duration,
    },
    /// Threads of the embedder's, through [`DriverPool::turn`].
    Embedder,
}

/// What the threads of a pool share.
pub(super) struct Shared {
    pub(super) ready: Arc<Ready>,
    units: Box<[OnceLock<Arc<Unit>>]>,
    clock: Clock,
    spin: Duration,
    /// What each seat does; nobody looks at those of embedders' threads.
    pub(super) stints: Arc<[Stint]>,
    /// Called when a driver wakes up.
    woken: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// The numbers of spare drivers' seats, those of the drivers left out.
    spares: IndexStack,
}

impl Shared {
    pub(super) fn unit(&self, number: u32) -> Option<&Arc<Unit>> {
        self.units.get(number as usize).and_then(OnceLock::get)
    }

    fn take_turn(&self, unit: u32) {
        if let Some(unit) = self.unit(unit) {
            unit.turn();
        }
    }
}

/// A set of units and those who drive them.
pub struct DriverPool {
    shared: Arc<Shared>,
    name: Box<str>,
    drivers: u32,
    threads: Mutex<Vec<JoinHandle<()>>>,
    numbers: IndexStack,
    /// The consumer numbers of embedders' threads.
    seats: IndexStack,
    watch: StallWatch,
}

/// The place of an embedder's thread among those that drive a pool: what it makes ready stays here.
#[derive(Debug)]
pub struct Seat<'a> {
    pool: &'a DriverPool,
    own: ReadySeat<'a>,
    _driving: Driving,
    _free: FreeSeat<'a>,
}

/// A seat's number on its way back; dropped after all else of the seat.
#[derive(Debug)]
struct FreeSeat<'a>(&'a DriverPool, u32);

impl Drop for FreeSeat<'_> {
    fn drop(&mut self) {
        self.0.seats.push(self.1);
    }
}

impl Seat<'_> {
    /// Says that the thread is awake, before anything runs; takes a turn if it was woken for one.
    pub fn rise(&mut self) {
        if self.own.rise() {
            self.take_turn();
        }
    }

    /// Takes some turns, as long as anything is ready.
    pub fn take_turns(&mut self) {
        for _ in 0..TURNS_A_LOOK {
            if !self.take_turn() {
                break;
            }
        }
    }

    fn take_turn(&mut self) -> bool {
        let taken = self.own.take(1);
        taken.map(|unit| self.pool.shared.take_turn(unit)).is_ok()
    }

    /// Lets the thread sleep until `waker` wakes it or its time comes, which is `near` if the tick is due before a
    /// watcher would look. `false`: it took one more turn instead.
    pub fn rest(&mut self, waker: &Waker, near: bool) -> bool {
        let found = self.own.rest(waker, near);
        found.map(|unit| self.pool.shared.take_turn(unit)).is_err()
    }

    /// Whether the thread, while it sleeps, is the one that looks after a while whether the others go on.
    pub fn is_watching(&self) -> bool {
        self.own.is_watching()
    }
}

impl fmt::Debug for DriverPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DriverPool").field("ready", &self.shared.ready).finish_non_exhaustive()
    }
}

impl DriverPool {
    /// Starts a pool for up to `units` units whose threads are named after `name`.
    ///
    /// # Errors
    ///
    /// What the operating system says when it has no thread to give; no thread is left running then.
    pub fn start(name: &str, drivers: Drivers, units: usize, clock: &Clock) -> io::Result<Self> {
        let (threads, spin, watcher) = match drivers {
            Drivers::Threads { count, spin } => (count, spin, Watcher::Outside),
            Drivers::Embedder => (0, Duration::ZERO, Watcher::Seat),
        };
        // Where time stands still while a thread blocks, nobody would ever look again.
        let watcher = if clock.is_real() { watcher } else { Watcher::Nobody };
        let units = units.clamp(1, MAX_UNITS);
        let spares = SPARES * threads;
        let seats = if threads == 0 { SEATS } else { threads + spares };
        let shared = Shared {
            ready: Arc::new(Ready::new(units, seats, watcher)),
            units: (0..units).map(|_| OnceLock::new()).collect(),
            clock: clock.clone(),
            spin,
            stints: (0..seats).map(|_| Stint::default()).collect(),
            woken: OnceLock::new(),
            spares: IndexStack::full(spares.max(1)),
        };
        let pool = Self {
            shared: Arc::new(shared),
            name: name.into(),
            drivers: threads as u32,
            threads: Mutex::new(Vec::with_capacity(threads)),
            numbers: IndexStack::full(units),
            seats: IndexStack::full(seats),
            watch: StallWatch::default(),
        };
        for number in 0..pool.drivers {
            let shared = Arc::clone(&pool.shared);
            match pool
                .spawn(&format!("bf:{name}:{number}"), move || drive(&shared, number, || true))
            {
                Ok(thread) => pool.threads.lock().push(thread),
                Err(error) => {
                    pool.close();
                    pool.join();
                    return Err(error);
                }
            }
        }
        Ok(pool)
    }

    fn spawn(
        &self,
        name: &str,
        drive: impl FnOnce() + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        let registration = self.shared.clock.register_thread();
        thread::spawn(name, move || {
            let _entered = registration.enter();
            stats::sit();
            drive();
        })
    }

    /// Says what to do when a driver wakes up while nobody may be looking whether drivers get stuck. The first call
    /// counts.
    pub fn when_woken(&self, woken: impl Fn() + Send + Sync + 'static) {
        let _first = self.shared.woken.set(Box::new(woken));
    }

    /// Looks for drivers that are stuck, and lets others take over; when to look again. Where time stands still
    /// while a thread blocks, and for threads of an embedder's, nobody looks.
    pub fn look_for_stalls(&self, now: Instant) -> Deadline {
        if self.drivers == 0 || !self.shared.clock.is_real() {
            return Deadline::NEVER;
        }
        self.watch.look(&self.shared, now, |seat, seen| self.replace(seat, seen))
    }

    /// Starts a spare for the driver on `seat`, which is stuck in what was `seen`.
    fn replace(&self, seat: u32, seen: Seen) {
        let Some(spare) = self.shared.spares.pop() else { return };
        let (shared, number) = (Arc::clone(&self.shared), self.drivers + spare);
        let drive = move || {
            drive(&shared, number, || shared.stints[seat as usize].look() == seen);
            shared.spares.push(spare);
        };
        match self.spawn(&format!("bf:{}:{number}", self.name), drive) {
            Ok(thread) => {
                let mut threads = self.threads.lock();
                threads.retain(|thread| !thread.is_finished());
                threads.push(thread);
            }
            Err(error) => {
                self.shared.spares.push(spare);
                tracing::warn!(%error, "no thread for a driver that is stuck");
            }
        }
    }

    /// Adds a unit with room for `tasks` runnable ones. `None`: the pool has had as many units as it was made
    /// for.
    pub fn add(&self, tasks: usize) -> Option<Arc<Unit>> {
        let number = self.numbers.pop()?;
        let Shared { ready, units, clock, stints, .. } = &*self.shared;
        let unit = Unit::new(number, tasks, (Arc::clone(ready), Arc::clone(stints)), clock);
        units[number as usize].get_or_init(|| Arc::clone(&unit));
        Some(unit)
    }

    /// Takes one turn of one ready unit, if there is one: the embedder's way to drive the pool.
    pub fn turn(&self) -> bool {
        match self.shared.ready.try_take() {
            Ok(unit) => {
                self.shared.take_turn(unit);
                true
            }
            Err(_) => false,
        }
    }

    /// Takes a place among the threads that drive a pool without threads of its own.
    ///
    /// # Panics
    ///
    /// If all 64 places are taken.
    pub fn seat(&self) -> Seat<'_> {
        let Some(number) = self.seats.pop() else {
            panic!("more than {SEATS} threads drive a runtime at once")
        };
        let free = FreeSeat(self, number);
        let driving = Driving::enter(&self.shared.ready, number);
        Seat { pool: self, own: self.shared.ready.sit(number), _driving: driving, _free: free }
    }

    /// Lets those who drive see that the tick is due earlier than before. The calling thread has just said so by
    /// a read-modify-write, and looks by itself before it sleeps if it drives.
    pub fn tick_is_earlier(&self) {
        if driving::seat(&self.shared.ready).is_some() {
            self.shared.ready.keep_watched();
        } else {
            self.shared.ready.idle().notify_all();
        }
    }

    /// Wakes somebody if anything is ready.
    pub fn relieve(&self) {
        self.shared.ready.relieve();
    }

    /// Lets the threads end when nothing is ready any more.
    pub fn close(&self) {
        self.shared.ready.close();
    }

    /// Waits for the threads, which [`close`](Self::close) lets end.
    pub fn join(&self) {
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            // A driver catches what its units throw; if it died all the same, there is nobody to tell.
            let _died = thread.join();
        }
    }
}

/// Drives from the seat of this number until the pool is closed, or `goes_on` says no.
fn drive(shared: &Shared, number: u32, goes_on: impl Fn() -> bool) {
    let mut seat = shared.ready.sit(number);
    let _driving = Driving::enter(&shared.ready, number);
    let stint = &shared.stints[number as usize];
    while goes_on() {
        if stint.wake()
            && let Some(woken) = shared.woken.get()
        {
            woken();
        }
        let Ok(unit) = next(shared, stint, &mut seat) else { break };
        shared.take_turn(unit);
    }
    stint.sleep();
}

/// The next unit for a driver, which looks for one for a while before it sleeps.
fn next(shared: &Shared, stint: &Stint, seat: &mut ReadySeat<'_>) -> Result<u32, PopError> {
    let mut least = 1;
    let look = || match seat.take(std::mem::replace(&mut least, WORTH_A_STEAL)) {
        Err(PopError::Empty) => None,
        done => Some(done),
    };
    let found = shared.clock.spin(shared.spin, look);
    found.unwrap_or_else(|| {
        stint.sleep();
        shared.clock.block_on(poll_fn(|cx| wait(seat, cx)))
    })
}

fn wait(seat: &mut ReadySeat<'_>, cx: &mut Context<'_>) -> Poll<Result<u32, PopError>> {
    seat.rise();
    match seat.take(1) {
        Err(PopError::Empty) => {}
        done => return Poll::Ready(done),
    }
    match seat.rest(cx.waker(), false) {
        Err(PopError::Empty) => Poll::Pending,
        done => Poll::Ready(done),
    }
}

//! Threads that take turns of ready units.

use super::unit::Unit;
use crate::queue::{Consumer, JobQueue, Waking};
use crate::ring::{IndexStack, PopError};
use crate::stats;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Arc, Mutex, OnceLock};
use crate::time::Clock;
use futures_lite::future::yield_now;
use std::fmt;
use std::io;
use std::time::Duration;

/// Units that a pool can have over its life.
const MAX_UNITS: usize = 4096;
/// Threads of an embedder's that may drive a pool at once.
const SEATS: usize = 64;
/// Turns that an embedder's thread takes before it looks at its own future again.
const TURNS_A_LOOK: u32 = 8;
/// The units that have something to do, in the order in which they were activated.
pub(super) struct Ready {
    queue: JobQueue,
}

/// The units of a pool by their numbers.
type Units = Arc<[OnceLock<Arc<Unit>>]>;

impl Ready {
    pub(super) fn enqueue(&self, unit: u32) {
        // The ring has a place for every unit and a unit is in it once; closed, nobody takes turns.
        let _woken = self.queue.push(unit);
    }
}

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

/// A set of units and those who drive them.
pub struct DriverPool {
    ready: Arc<Ready>,
    units: Units,
    clock: Clock,
    threads: Mutex<Vec<JoinHandle<()>>>,
    numbers: IndexStack,
    /// The consumer numbers of embedders' threads.
    seats: IndexStack,
}

/// The place of an embedder's thread among those that drive a pool.
#[derive(Debug)]
pub struct Seat<'a> {
    pool: &'a DriverPool,
    number: u32,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.pool.seats.push(self.number);
    }
}

impl fmt::Debug for DriverPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DriverPool").field("ready", &self.ready.queue).finish_non_exhaustive()
    }
}

impl DriverPool {
    /// Starts a pool for up to `units` units whose threads are named after `name`.
    ///
    /// # Errors
    ///
    /// What the operating system says when it has no thread to give; no thread is left running then.
    pub fn start(name: &str, drivers: Drivers, units: usize, clock: &Clock) -> io::Result<Self> {
        let (threads, spin) = match drivers {
            Drivers::Threads { count, spin } => (count, spin),
            Drivers::Embedder => (0, Duration::ZERO),
        };
        let units = units.clamp(1, MAX_UNITS);
        let consumers = if threads == 0 { SEATS } else { threads };
        let pool = Self {
            ready: Arc::new(Ready { queue: JobQueue::new(units, consumers, Waking::Each) }),
            units: (0..units).map(|_| OnceLock::new()).collect(),
            clock: clock.clone(),
            threads: Mutex::new(Vec::with_capacity(threads)),
            numbers: IndexStack::full(units),
            seats: IndexStack::full(consumers),
        };
        for number in 0..threads {
            match pool.spawn(name, number as u32, spin) {
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

    fn spawn(&self, name: &str, number: u32, spin: Duration) -> io::Result<JoinHandle<()>> {
        let (ready, units) = (Arc::clone(&self.ready), Arc::clone(&self.units));
        let clock = self.clock.clone();
        let registration = clock.register_thread();
        thread::spawn(&format!("bf:{name}:{number}"), move || {
            let _entered = registration.enter();
            stats::sit();
            let mut consumer = ready.queue.consumer(number);
            while let Ok(unit) = next(&ready, &clock, spin, &mut consumer) {
                take_turn(&units, unit);
            }
        })
    }

    /// Adds a unit with room for `tasks` runnable ones. `None`: the pool has had as many units as it was made
    /// for.
    pub fn add(&self, tasks: usize) -> Option<Arc<Unit>> {
        let number = self.numbers.pop()?;
        let unit = Unit::new(number, tasks, Arc::clone(&self.ready), &self.clock);
        self.units[number as usize].get_or_init(|| Arc::clone(&unit));
        Some(unit)
    }

    /// Takes one turn of one ready unit, if there is one: the embedder's way to drive the pool.
    pub fn turn(&self) -> bool {
        match self.ready.queue.try_pop() {
            Ok(unit) => {
                take_turn(&self.units, unit);
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
        match self.seats.pop() {
            Some(number) => Seat { pool: self, number },
            None => panic!("more than {SEATS} threads drive a runtime at once"),
        }
    }

    /// Lets every thread that waits for a turn look again.
    pub fn wake_all(&self) {
        self.ready.queue.consumers().notify_all();
    }

    /// Takes turns until the pool is closed, some in each poll.
    pub async fn turns(&self, seat: &Seat<'_>) {
        let mut turns = 0;
        let mut consumer = self.ready.queue.consumer(seat.number);
        while let Ok(unit) = consumer.pop().await {
            take_turn(&self.units, unit);
            turns += 1;
            if turns % TURNS_A_LOOK == 0 {
                yield_now().await;
            }
        }
    }

    /// Lets the threads end when nothing is ready any more.
    pub fn close(&self) {
        self.ready.queue.close();
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

/// The next unit for a driver, which looks for one for up to `spin` before it sleeps.
fn next(
    ready: &Ready,
    clock: &Clock,
    spin: Duration,
    consumer: &mut Consumer<'_>,
) -> Result<u32, PopError> {
    let look = || match ready.queue.try_pop() {
        Err(PopError::Empty) => None,
        done => Some(done),
    };
    clock.spin(spin, look).unwrap_or_else(|| clock.block_on(consumer.pop()))
}

fn take_turn(units: &Units, unit: u32) {
    if let Some(unit) = units.get(unit as usize).and_then(OnceLock::get) {
        unit.turn();
    }
}

//! The sleepers of a clock, and who wakes them.
//!
//! A clock has no thread of its own: the runtimes that were built with it call [`Clock::fire_timers`] in
//! their tick and park until the deadline that it returns. `next` is a lower bound of the earliest deadline
//! (exact after each firing; a cancelled sleeper leaves it too early, which costs one vain wake-up). Who
//! inserts an earlier one publishes it first and then calls every driver, whose wake-up makes `next`
//! visible to the driver's thread. So a driver that read the old value is woken and reads again.
//!
//! Foreign code (wakers, drivers) runs outside the locks, and its panics are caught.

use super::wheel::{TimerKey, Wheel};
use super::{Clock, Deadline, Instant};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, contain};
use std::fmt;
use std::task::Waker;

/// How many wakers are taken out of the wheel under one hold of its lock.
const BATCH: usize = 64;
/// How many batches one call fires: a waker that sleeps again at once cannot hold its driver for ever.
const BATCHES: usize = 64;

type Wake = Arc<dyn Fn() + Send + Sync>;

/// What a [`Clock`] keeps for its sleepers.
pub(super) struct Timers {
    wheel: Mutex<Wheel<Waker>>,
    /// The buffer of the last firing, empty.
    buffer: Mutex<Vec<Waker>>,
    /// A [`Deadline`]'s word, written under the lock of `wheel`.
    next: AtomicU64,
    drivers: Mutex<Drivers>,
}

#[derive(Default)]
struct Drivers {
    last_id: u64,
    /// Replaced when a driver comes or goes, so that they are called without the lock or a copy.
    list: Arc<[(u64, Wake)]>,
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers").field("next", &self.next()).finish_non_exhaustive()
    }
}

impl Timers {
    pub(super) fn new() -> Self {
        Self {
            wheel: Mutex::new(Wheel::new()),
            buffer: Mutex::new(Vec::new()),
            next: AtomicU64::new(Deadline::NEVER.as_word()),
            drivers: Mutex::new(Drivers::default()),
        }
    }

    fn next(&self) -> Deadline {
        // ORDERING: Relaxed: whoever lowers it calls the drivers afterwards, and their wake-up
        // (`park.notify`) makes it visible; until then an older value is as good.
        Deadline::from_word(self.next.load(Ordering::Relaxed))
    }

    fn publish(&self, next: Deadline) {
        // ORDERING: Relaxed, as in `next`; writers hold the wheel's lock.
        self.next.store(next.as_word(), Ordering::Relaxed);
    }

    /// Adds a sleeper and calls the drivers if it is the earliest.
    pub(super) fn insert(&self, instant: Instant, waker: Waker) -> TimerKey {
        let mut wheel = self.wheel.lock();
        let key = wheel.insert(instant, waker);
        let earliest = Deadline::at(instant) < self.next();
        if earliest {
            self.publish(Deadline::at(instant));
        }
        drop(wheel);
        if earliest {
            self.call_drivers();
        }
        key
    }

    /// Gives a sleeper another waker; `false` if it was fired already.
    pub(super) fn replace(&self, key: TimerKey, waker: &Waker) -> bool {
        match self.wheel.lock().get_mut(key) {
            Some(known) if known.will_wake(waker) => return true,
            Some(_) => {}
            None => return false,
        }
        let mut fresh = waker.clone();
        let mut wheel = self.wheel.lock();
        let found = wheel.get_mut(key).map(|old| std::mem::swap(old, &mut fresh)).is_some();
        drop(wheel);
        quietly(|| drop(fresh));
        found
    }

    /// Takes a sleeper out, if it was not fired.
    pub(super) fn cancel(&self, key: TimerKey) {
        let waker = self.wheel.lock().cancel(key);
        quietly(|| drop(waker));
    }

    fn call_drivers(&self) {
        let drivers = Arc::clone(&self.drivers.lock().list);
        for (_, wake) in drivers.iter() {
            quietly(|| wake());
        }
    }

    fn fire(&self, now: Instant) -> Deadline {
        if !self.next().is_past(now) {
            return self.next();
        }
        let mut due = std::mem::take(&mut *self.buffer.lock());
        for _ in 0..BATCHES {
            if !self.next().is_past(now) {
                break;
            }
            let mut wheel = self.wheel.lock();
            wheel.expire(now, BATCH, |waker| due.push(waker));
            self.publish(wheel.next_deadline().map_or(Deadline::NEVER, Deadline::at));
            drop(wheel);
            for waker in due.drain(..) {
                quietly(|| waker.wake());
            }
        }
        *self.buffer.lock() = due;
        self.next()
    }

    #[cfg(test)]
    #[cfg(not(loom))]
    pub(super) fn len(&self) -> usize {
        self.wheel.lock().len()
    }
}

/// Runs foreign code whose panic must not reach us.
fn quietly(f: impl FnOnce()) {
    contain(f);
}

/// Keeps a driver with its clock; see [`Clock::set_timer_driver`].
#[must_use = "dropping the guard takes the driver away"]
#[derive(Debug)]
pub struct TimerDriver {
    clock: Clock,
    id: u64,
}

impl Drop for TimerDriver {
    fn drop(&mut self) {
        let mut drivers = self.clock.timers().drivers.lock();
        let left = drivers.list.iter().filter(|(id, _)| *id != self.id).cloned().collect();
        let old = std::mem::replace(&mut drivers.list, left);
        drop(drivers);
        quietly(|| drop(old));
    }
}

impl Clock {
    /// Says how to wake one who calls [`fire_timers`](Self::fire_timers): `wake` is called, by any thread,
    /// when a sleeper with an earlier deadline than all before has come. Several may drive one clock; each
    /// is called. The driver is forgotten when the guard drops.
    pub fn set_timer_driver(&self, wake: Arc<dyn Fn() + Send + Sync>) -> TimerDriver {
        let mut drivers = self.timers().drivers.lock();
        drivers.last_id += 1;
        let id = drivers.last_id;
        drivers.list = drivers.list.iter().cloned().chain([(id, wake)]).collect();
        drop(drivers);
        TimerDriver { clock: self.clone(), id }
    }

    /// Wakes the sleepers whose deadline `now` has reached, in the order of their deadlines, and returns
    /// when it must be called again; that has passed already if there were more than 4,096. Costs one load
    /// while nothing is due. A waker that panics is caught.
    pub fn fire_timers(&self, now: Instant) -> Deadline {
        self.timers().fire(now)
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;
    use crate::time::TestClock;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;
    use std::task;

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    struct Note(mpsc::Sender<u64>, u64);

    impl task::Wake for Note {
        fn wake(self: Arc<Self>) {
            self.0.send(self.1).unwrap();
        }
    }

    fn counting_driver(clock: &Clock) -> (TimerDriver, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let driver = clock.set_timer_driver(Arc::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        }));
        (driver, calls)
    }

    #[test]
    fn sleepers_wake_in_order_and_the_next_instant_is_returned() {
        let clock = TestClock::new();
        let (sender, woken) = mpsc::channel();
        for n in (1..=200).rev() {
            let waker = Waker::from(Arc::new(Note(sender.clone(), n)));
            clock.timers().insert(at(n), waker);
        }
        assert_eq!(clock.fire_timers(at(0)), Deadline::at(at(1)));
        assert_eq!(clock.fire_timers(at(150)), Deadline::at(at(151)));
        assert_eq!(Vec::from_iter(woken.try_iter()), Vec::from_iter(1..=150));
        assert_eq!(clock.fire_timers(at(200)), Deadline::NEVER);
        assert_eq!(woken.try_iter().count(), 50);
    }

    #[test]
    fn drivers_are_called_only_for_an_earlier_deadline_and_while_their_guard_lives() {
        let clock = TestClock::new();
        let (first, first_calls) = counting_driver(&clock);
        let (second, second_calls) = counting_driver(&clock);
        let counts = || (first_calls.load(Ordering::SeqCst), second_calls.load(Ordering::SeqCst));
        clock.timers().insert(at(50), Waker::noop().clone());
        clock.timers().insert(at(60), Waker::noop().clone());
        assert_eq!(counts(), (1, 1));
        drop(first);
        clock.timers().insert(at(40), Waker::noop().clone());
        assert_eq!(counts(), (1, 2));
        drop(second);
        clock.timers().insert(at(30), Waker::noop().clone());
        assert_eq!(counts(), (1, 2));
        assert_eq!(clock.fire_timers(at(0)), Deadline::at(at(30)));
    }

    struct Broken;

    impl task::Wake for Broken {
        fn wake(self: Arc<Self>) {
            panic!("a waker that breaks");
        }
    }

    #[test]
    fn a_waker_or_driver_that_panics_harms_nobody_else() {
        let clock = TestClock::new();
        let _broken = clock.set_timer_driver(Arc::new(|| panic!("a driver that breaks")));
        let (_driver, calls) = counting_driver(&clock);
        let (sender, woken) = mpsc::channel();
        clock.timers().insert(at(1), Waker::from(Arc::new(Broken)));
        clock.timers().insert(at(2), Waker::from(Arc::new(Note(sender, 2))));
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        assert_eq!(clock.fire_timers(at(2)), Deadline::NEVER);
        assert_eq!(woken.try_recv(), Ok(2));
    }

    struct Again(Clock);

    impl task::Wake for Again {
        fn wake(self: Arc<Self>) {
            self.0.timers().insert(at(9), Waker::noop().clone());
        }
    }

    #[test]
    fn a_waker_that_sleeps_again_at_once_does_not_hold_its_driver() {
        let clock = TestClock::new();
        clock.timers().insert(at(9), Waker::from(Arc::new(Forever(clock.clock()))));
        assert_eq!(clock.fire_timers(at(9)), Deadline::at(at(9)));
    }

    struct Forever(Clock);

    impl task::Wake for Forever {
        fn wake(self: Arc<Self>) {
            self.0.timers().insert(at(9), Waker::from(Arc::clone(&self)));
        }
    }

    #[test]
    fn a_waker_may_start_a_sleep_of_its_own() {
        let clock = TestClock::new();
        clock.timers().insert(at(1), Waker::from(Arc::new(Again(clock.clock()))));
        assert_eq!(clock.fire_timers(at(1)), Deadline::at(at(9)));
    }
}

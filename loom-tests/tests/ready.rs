//! `Ready`: what a thread keeps for itself is taken once, by itself or by another, and is not left lying when
//! its thread goes or stops. A lost turn is a deadlock: no wait here has a timer to mask it.
#![cfg(loom)]

use bifrost::queue::{Ready, ReadySeat, Watcher};
use bifrost::ring::PopError;
use bifrost::time::Clock;
use loom_tests::{Bound, Model, Note, spawn};
use std::future::poll_fn;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::task::{Poll, Waker};

const A: u32 = 0;
const B: u32 = 1;
const C: u32 = 2;

/// Units of which each is a note that its pusher wrote.
struct Units {
    ready: Ready,
    notes: [Note; 2],
}

impl Units {
    fn new(seats: usize, watcher: Watcher) -> Arc<Self> {
        Arc::new(Self { ready: Ready::new(2, seats, watcher), notes: Default::default() })
    }

    fn keep(&self, unit: u32) -> bool {
        self.notes[unit as usize].write(unit + 10);
        self.ready.push_own(A, unit)
    }

    fn read(&self, unit: u32) {
        assert_eq!(self.notes[unit as usize].read(), unit + 10);
    }

    /// Waits for a unit as a driver does; it and how often it looked.
    fn wait(&self, seat: &mut ReadySeat<'_>) -> (u32, usize) {
        let mut looks = 0;
        let unit = Clock::monotonic().block_on(poll_fn(|cx| {
            looks += 1;
            seat.rise();
            let taken = seat.take(1).or_else(|_| seat.rest(cx.waker(), false));
            taken.map_or(Poll::Pending, Poll::Ready)
        }));
        self.read(unit);
        (unit, looks)
    }
}

/// A keeps two units and stops; another comes for one that rests, or is about to.
#[test]
fn ready_surplus() {
    let model = Model::new("ready_surplus").floor(60).bound(Bound::Preemptions(3));
    model.witness("at once").witness("after a sleep").run(|w| {
        let units = Units::new(2, Watcher::Outside);
        let own = Arc::clone(&units);
        let task = spawn(move || {
            let _stopped = ManuallyDrop::new(own.ready.sit(A));
            own.keep(0);
            own.keep(1);
        });
        let (_, looks) = units.wait(&mut units.ready.sit(B));
        w.saw(if looks == 1 { "at once" } else { "after a sleep" });
        task.join();
    });
}

/// A keeps a unit and leaves its seat; another gets it.
#[test]
fn ready_leave() {
    let model = Model::new("ready_leave").floor(60).bound(Bound::Preemptions(3));
    model.witness("at once").witness("after a sleep").run(|w| {
        let units = Units::new(2, Watcher::Seat);
        let own = Arc::clone(&units);
        let task = spawn(move || {
            let _seat = own.ready.sit(A);
            own.keep(0);
        });
        let (_, looks) = units.wait(&mut units.ready.sit(B));
        w.saw(if looks == 1 { "at once" } else { "after a sleep" });
        task.join();
    });
}

/// What one keeps and another steals is taken once.
#[test]
fn ready_steal() {
    let model = Model::new("ready_steal").floor(60).bound(Bound::Preemptions(2));
    let model = model.witness("its own").witness("one stolen").witness("both stolen");
    model.run(|w| {
        let units = Units::new(2, Watcher::Outside);
        let own = Arc::clone(&units);
        let take = |units: &Units, seat: &mut ReadySeat<'_>| {
            let takes = (0..2).filter_map(|_| seat.take(1).ok());
            takes.inspect(|unit| units.read(*unit)).collect::<Vec<_>>()
        };
        let task = spawn(move || {
            let mut seat = own.ready.sit(A);
            own.keep(0);
            own.keep(1);
            take(&own, &mut seat)
        });
        let stolen = take(&units, &mut units.ready.sit(B));
        let mut all = task.join();
        w.saw(["its own", "one stolen", "both stolen"][stolen.len()]);
        all.extend(stolen);
        all.sort_unstable();
        assert_eq!(all, [0, 1], "each once");
        assert_eq!(units.ready.try_take(), Err(PopError::Empty));
    });
}

/// A keeps a unit and stops while B ends its watch: A saw that nobody watches, or B's successor sees the unit.
#[test]
fn ready_watch_ends() {
    let model = Model::new("ready_watch_ends").floor(20).bound(Bound::Preemptions(3));
    model.witness("told").witness("left to the watch").run(|w| {
        let units = Units::new(3, Watcher::Seat);
        // The seats outlive the threads: each thread has its own.
        let own = Arc::clone(&units);
        let _driving = ManuallyDrop::new(units.ready.sit(A));
        let mut watcher = ManuallyDrop::new(units.ready.sit(B));
        let mut idle = ManuallyDrop::new(units.ready.sit(C));
        assert!(watcher.rest(Waker::noop(), false).is_err() && watcher.is_watching());
        assert!(idle.rest(Waker::noop(), false).is_err() && !idle.is_watching());
        let task = spawn(move || own.keep(0));
        watcher.rise();
        let seen = watcher.take(1);
        let told = task.join();
        assert!(told || seen == Ok(0), "left lying");
        w.saw(if told { "told" } else { "left to the watch" });
    });
}

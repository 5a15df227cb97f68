//! `AtomicWaker`: a wake-up that comes after the registration is delivered, and one that came before is
//! visible to the registrar, who looks again.
//!
//! The condition is a `Relaxed` flag, so that the edges of the waker and of the parker under it are the only
//! ones there are. A lost wake-up is a deadlock.
#![cfg(loom)]

use bifrost::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use bifrost::sync::{AtomicWaker, Parker};
use loom_tests::{Bound, Model, spawn};
use std::sync::Arc;
use std::task::{Wake, Waker};

struct Shared {
    waker: AtomicWaker,
    flags: [AtomicBool; 2],
}

impl Shared {
    fn new() -> Arc<Self> {
        let flags = [AtomicBool::new(false), AtomicBool::new(false)];
        Arc::new(Self { waker: AtomicWaker::new(), flags })
    }

    fn signal(&self, n: usize) {
        // ORDERING: Relaxed: the edges of the waker must carry it.
        self.flags[n].store(true, Ordering::Relaxed);
        self.waker.wake();
    }

    fn ready(&self, n: usize) -> bool {
        // ORDERING: Relaxed, as above.
        self.flags[n].load(Ordering::Relaxed)
    }
}

#[test]
fn waker_register_wake() {
    let model = Model::new("waker_register_wake").floor(240);
    model.witness("no park").witness("one park").run(|w| {
        let (shared, parker) = (Shared::new(), Parker::new());
        let theirs = Arc::clone(&shared);
        let task = spawn(move || theirs.signal(0));
        let waker = parker.unparker().waker();
        let mut parks = 0;
        loop {
            shared.waker.register(&waker);
            if shared.ready(0) {
                break;
            }
            parker.park();
            parks += 1;
        }
        // More than one would say that the look after a registration does not see why it was woken.
        w.saw(["no park", "one park", "more"][parks.min(2)]);
        task.join();
    });
}

/// Whoever is woken while it registers, by itself or by the other thread, sees why at its next look.
#[test]
fn waker_told_while_registering() {
    let model = Model::new("waker_told_while_registering").floor(390);
    model.witness("told").witness("before").witness("after").run(|w| {
        let (shared, parker) = (Shared::new(), Parker::new());
        let theirs = Arc::clone(&shared);
        let task = spawn(move || theirs.signal(0));
        shared.waker.register(&parker.unparker().waker());
        if parker.take() {
            assert!(shared.ready(0), "woken, and the condition is not visible");
            w.saw("told");
        } else if shared.ready(0) {
            w.saw("before");
        } else {
            parker.park();
            assert!(shared.ready(0), "woken, and the condition is not visible");
            w.saw("after");
        }
        task.join();
    });
}

#[test]
fn waker_two_wakes() {
    let model =
        Model::new("waker_two_wakes").bound(Bound::Preemptions(3)).deep(Bound::Full).floor(4000);
    model.witness("none").witness("one").witness("two").run(|w| {
        let (shared, parker) = (Shared::new(), Parker::new());
        let signal = |n| {
            let theirs = Arc::clone(&shared);
            spawn(move || theirs.signal(n))
        };
        let tasks = [signal(0), signal(1)];
        let waker = parker.unparker().waker();
        let mut parks = 0;
        loop {
            shared.waker.register(&waker);
            if shared.ready(0) && shared.ready(1) {
                break;
            }
            parker.park();
            parks += 1;
        }
        w.saw(["none", "one", "two", "more"][parks.min(3)]);
        tasks.into_iter().for_each(|task| task.join());
    });
}

/// A waker that counts.
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        // ORDERING: Relaxed: a count.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The task that is not woken registers again: the cell itself must be handed over, first to the waking
/// thread and back by `waker.release`.
#[test]
fn waker_reuse() {
    let model = Model::new("waker_reuse").floor(180);
    model.witness("none").witness("first").witness("second").witness("both").run(|w| {
        let shared = Shared::new();
        let counts = [0, 1].map(|_| Arc::new(Count(AtomicU32::new(0))));
        let theirs = Arc::clone(&shared);
        let task = spawn(move || theirs.signal(0));
        for count in &counts {
            shared.waker.register(&Waker::from(Arc::clone(count)));
        }
        let seen = shared.ready(0);
        task.join();
        // ORDERING: Relaxed: after the join.
        let woken = counts.map(|count| count.0.load(Ordering::Relaxed));
        match woken {
            [1, 0] => w.saw("first"),
            [0, 1] => w.saw("second"),
            [1, 1] => w.saw("both"),
            [0, 0] => w.saw("none"), // the wake-up came before both
            _ => w.saw("more than once"),
        }
        assert!(seen || woken[1] == 1, "the last to register was neither told nor woken");
    });
}

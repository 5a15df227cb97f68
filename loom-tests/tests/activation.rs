//! `Activation`: a task that was made runnable gets a turn, and the unit stands in the ready ring once.
#![cfg(loom)]

use bifrost::ring::JobRing;
use bifrost::state::{Activation, Stint};
use bifrost::sync::atomic::{AtomicBool, Ordering};
use loom_tests::{Bound, Model, spawn};
use std::sync::Arc;

/// A unit with two tasks and the ready ring that it stands in.
struct Unit {
    activation: Activation,
    ready: JobRing,
    tasks: [AtomicBool; 2],
}

impl Unit {
    fn make_runnable(&self, task: usize) {
        // ORDERING: Relaxed: `activation.set` must carry it.
        self.tasks[task].store(true, Ordering::Relaxed);
        if self.activation.activate() {
            self.enqueue();
        }
    }

    fn enqueue(&self) {
        assert_eq!(self.ready.push(0), Ok(()), "the unit stands in the ring once");
    }

    /// A turn, if the unit is ready; how many tasks ran in it.
    fn turn(&self) -> Option<usize> {
        self.ready.pop().ok()?;
        let turn = self.activation.begin();
        // ORDERING: Relaxed, both: as above; only the one driver takes tasks.
        let runs = |task: &&AtomicBool| task.load(Ordering::Relaxed);
        let ran = self.tasks.iter().filter(runs).map(|task| task.store(false, Ordering::Relaxed));
        let ran = ran.count();
        if self.activation.end(turn) {
            self.enqueue();
        }
        Some(ran)
    }
}

#[test]
fn activation_no_lost_turn() {
    let model = Model::new("activation_no_lost_turn").floor(2300).bound(Bound::Preemptions(3));
    let model = model.deep(Bound::Full).witness("in one turn").witness("in two turns");
    model.witness("an empty turn").run(|w| {
        let tasks = [AtomicBool::new(false), AtomicBool::new(false)];
        let unit =
            Arc::new(Unit { activation: Activation::default(), ready: JobRing::new(1), tasks });
        let wake = |task| {
            let unit = Arc::clone(&unit);
            spawn(move || unit.make_runnable(task))
        };
        let wakers = [wake(0), wake(1)];
        let mut turns: Vec<usize> = (0..2).filter_map(|_| unit.turn()).collect();
        wakers.into_iter().for_each(|task| task.join());
        turns.extend(std::iter::from_fn(|| unit.turn()));
        assert_eq!(turns.iter().sum::<usize>(), 2, "each task ran once");
        w.saw(if turns.contains(&2) { "in one turn" } else { "in two turns" });
        if turns.contains(&0) {
            w.saw("an empty turn");
        }
    });
}

/// A turn that ends while two tasks are made runnable: one of the three enqueues the unit.
#[test]
fn activation_end() {
    let model = Model::new("activation_end").floor(350).bound(Bound::Full);
    let model = model.witness("by the driver").witness("by the first").witness("by the second");
    model.run(|w| {
        let activation = Arc::new(Activation::default());
        assert!(activation.activate());
        let turn = activation.begin();
        let wake = || {
            let activation = Arc::clone(&activation);
            spawn(move || activation.activate())
        };
        let wakers = [wake(), wake()];
        let again = activation.end(turn);
        let [first, second] = wakers.map(|task| task.join());
        w.saw(match (again, first, second) {
            (true, false, false) => "by the driver",
            (false, true, false) => "by the first",
            (false, false, true) => "by the second",
            _ => "not by one",
        });
    });
}

/// A turn that ends by itself while a watcher takes it for stuck, and a task is made runnable: the unit is enqueued
/// once, and whoever had the turn knows whether it still has it.
#[test]
fn activation_hand_over() {
    let model = Model::new("activation_hand_over").floor(1000).bound(Bound::Full);
    let model = model.witness("handed over").witness("ended first");
    model.witness("by the driver").witness("by the waker").witness("by the watcher").run(|w| {
        let activation = Arc::new(Activation::default());
        assert!(activation.activate());
        let turn = activation.begin();
        let stint = Arc::new(Stint::default());
        assert!(stint.wake(), "it was asleep");
        stint.poll(3, turn, 0);
        let watcher = spawn({
            let (activation, stint) = (Arc::clone(&activation), Arc::clone(&stint));
            move || match stint.look().poll() {
                Some((3, seen)) => activation.hand_over(seen),
                _ => false,
            }
        });
        let waker = spawn({
            let activation = Arc::clone(&activation);
            move || activation.activate()
        });
        let again = activation.end(turn);
        stint.sleep();
        let (handed, woke) = (watcher.join(), waker.join());
        w.saw(if handed { "handed over" } else { "ended first" });
        let enqueued =
            [(again, "by the driver"), (woke, "by the waker"), (handed, "by the watcher")];
        let mut by = enqueued.into_iter().filter(|(did, _)| *did);
        w.saw(by.next().expect("what was made runnable gets a turn").1);
        assert!(by.next().is_none(), "the unit stands in the ring once");
        assert!(!activation.is_turn(turn), "nobody has the turn any more");
        assert_ne!(activation.begin(), turn, "the next turn is another one");
    });
}

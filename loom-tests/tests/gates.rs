//! A gate on each atomic loses nothing: on small random programs the search comes to the very outcomes
//! that it comes to when every operation is made dependent on every other.
#![cfg(loom)]

use bifrost::sync::atomic::{AtomicU32, Ordering, fence};
use loom_tests::{Gates, Model, spawn};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// One operation on one of two atomics.
#[derive(Clone, Copy, Debug)]
enum Op {
    Load(usize, Ordering),
    Store(usize, u32, Ordering),
    Add(usize, u32, Ordering),
    Swap(usize, u32, Ordering),
    Exchange(usize, u32, Ordering),
    Fence,
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn op(&mut self, value: u32) -> Op {
        let atomic = self.below(2) as usize;
        // ORDERING: drawn: the test is about the search, whatever the orderings are.
        let pair = [(Ordering::Relaxed, Ordering::Relaxed), (Ordering::Acquire, Ordering::Release)];
        let (reads, writes) = pair[self.below(2) as usize];
        match self.below(8) {
            0..=2 => Op::Load(atomic, reads),
            3..=4 => Op::Store(atomic, value, writes),
            5 => Op::Add(atomic, value, writes),
            6 if value % 2 == 0 => Op::Swap(atomic, value, writes),
            6 => Op::Exchange(atomic, value, reads),
            _ => Op::Fence,
        }
    }
}

fn perform(op: Op, atomics: &[AtomicU32; 2]) -> u32 {
    match op {
        Op::Load(n, order) => atomics[n].load(order),
        Op::Store(n, value, order) => {
            atomics[n].store(value, order);
            0
        }
        Op::Add(n, value, order) => atomics[n].fetch_add(value, order),
        Op::Swap(n, value, order) => atomics[n].swap(value, order),
        Op::Exchange(n, value, order) => {
            // ORDERING: drawn; Relaxed on failure.
            let result = atomics[n].compare_exchange(0, value, order, Ordering::Relaxed);
            result.unwrap_or_else(|seen| seen)
        }
        Op::Fence => {
            // ORDERING: SeqCst, because any two of those must be tried in both orders.
            fence(Ordering::SeqCst);
            0
        }
    }
}

/// What the threads of `program` can read between them.
fn outcomes(name: &'static str, program: &[Vec<Op>; 2], gates: Gates) -> BTreeSet<Vec<u32>> {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let (all, program) = (Arc::clone(&seen), program.clone());
    Model::new(name).gates(gates).quiet().run(move |_| {
        let atomics = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
        let (theirs, ops) = (Arc::clone(&atomics), program[0].clone());
        let task = spawn(move || ops.iter().map(|op| perform(*op, &theirs)).collect::<Vec<_>>());
        let mut read: Vec<u32> = program[1].iter().map(|op| perform(*op, &atomics)).collect();
        read.extend(task.join());
        all.lock().expect("not poisoned").insert(read);
    });
    let seen = seen.lock().expect("not poisoned");
    seen.clone()
}

#[test]
fn a_gate_on_each_atomic_loses_no_outcome() {
    let mut dice = Dice(2026);
    let (mut varied, mut blind) = (0, 0);
    for _ in 0..120 {
        let mut value = 0;
        let mut thread = |dice: &mut Dice| {
            let op = |_| {
                value += 1;
                dice.op(value)
            };
            (0..3).map(op).collect::<Vec<Op>>()
        };
        let program = [thread(&mut dice), thread(&mut dice)];
        let every = outcomes("gates_one", &program, Gates::One);
        let found = outcomes("gates_each", &program, Gates::Each);
        assert_eq!(found, every, "{program:?}");
        varied += usize::from(every.len() > 1);
        blind += usize::from(outcomes("gates_off", &program, Gates::Off) != every);
    }
    assert!(varied >= 60, "only {varied} programs have more than one outcome");
    assert!(blind > 0, "loom alone found every outcome: the programs are too easy");
    println!(
        "{varied} of 120 programs with more than one outcome; loom alone misses some in {blind}"
    );
}

//! `IndexStack`: an index has one owner at a time, and brings what its last owner wrote.
#![cfg(loom)]

use bifrost::ring::IndexStack;
use loom_tests::{Bound, Model, Note, spawn};
use std::sync::Arc;

struct Records {
    stack: IndexStack,
    notes: [Note; 3],
}

impl Records {
    fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { stack: IndexStack::full(capacity), notes: Default::default() })
    }

    /// Takes an index and writes to its record: a second owner at the time would be a data race.
    fn take(&self) -> Option<u32> {
        self.stack.pop().inspect(|index| {
            let note = &self.notes[*index as usize];
            note.write(note.read() + 1);
        })
    }

    fn all(&self) -> Vec<u32> {
        let mut all: Vec<u32> = std::iter::from_fn(|| self.take()).collect();
        all.sort_unstable();
        all
    }
}

/// One thread pops while the other pops two and pushes the first back: without the tag the first one's
/// exchange would succeed with a link of the past.
#[test]
fn stack_aba() {
    let model = Model::new("stack_aba")
        .floor(1400)
        .spurious(1)
        .bound(Bound::Preemptions(4))
        .deep(Bound::Full);
    model.witness("0").witness("1").witness("2").run(|w| {
        let records = Records::new(3);
        let theirs = Arc::clone(&records);
        let task = spawn(move || {
            let first = theirs.take();
            let second = theirs.take();
            if let Some(first) = first {
                theirs.stack.push(first);
            }
            second
        });
        let mine = records.take().expect("there is always one");
        w.saw(["0", "1", "2"][mine as usize]);
        let theirs = task.join().expect("there are enough");
        let mut all = records.all();
        all.extend([mine, theirs]);
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2]);
    });
}

/// What an owner did is visible to the next one.
#[test]
fn stack_pass() {
    let model = Model::new("stack_pass").floor(4200).spurious(1);
    model.witness("both").witness("one").run(|w| {
        let records = Records::new(1);
        let turn = |records: &Records| {
            let taken = records.take();
            if let Some(index) = taken {
                records.stack.push(index);
            }
            usize::from(taken.is_some())
        };
        let theirs = Arc::clone(&records);
        let task = spawn(move || turn(&theirs));
        let turns = turn(&records) + task.join();
        w.saw(["none", "one", "both"][turns]);
        assert!(!records.stack.is_empty());
        assert_eq!(records.all(), [0]);
        assert_eq!(records.notes[0].read() as usize, turns + 1);
    });
}

/// Who finds the stack empty and marks it is known to the next push, with all that it did before.
#[test]
fn stack_mark() {
    let model = Model::new("stack_mark").floor(100).spurious(1);
    model.witness("found one").witness("told").run(|w| {
        let records = Records::new(1);
        let index = records.take().expect("there is one");
        let theirs = Arc::clone(&records);
        let task = spawn(move || {
            theirs.notes[1].write(7);
            theirs.stack.pop_or_mark()
        });
        if records.stack.push(index) {
            assert_eq!(records.notes[1].read(), 7, "who is told sees what the other did");
            assert_eq!(task.join(), None);
            w.saw("told");
            assert!(!records.stack.push(records.take().expect("it is there")), "told once");
        } else {
            assert_eq!(task.join(), Some(index));
            w.saw("found one");
        }
    });
}

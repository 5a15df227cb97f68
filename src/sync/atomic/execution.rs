//! What one execution of a model is given: whether atomics have gates, and how often a weak
//! compare-exchange may fail for no reason.
//!
//! A die is a loom atomic that a thread of nobody has stored `true` to, without any edge to the model's
//! threads: a load may return the old value or the new one, so loom tries both. That is the only choice
//! point that loom offers without a schedule to it.

use loom::sync::atomic::{AtomicBool, Ordering};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// Which operations loom's search is made to see as dependent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gates {
    /// Those that loom sees by itself: too few.
    Off,
    /// Any two on the same atomic.
    Each,
    /// Any two at all: every interleaving is tried. For small models, to judge the others by.
    One,
}

/// What the executions of one model are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which gates the atomics have.
    pub gates: Gates,
    /// How many times an execution the weak compare-exchanges may fail for no reason, over all threads.
    /// More than zero costs one of loom's five threads.
    pub spurious: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { gates: Gates::Each, spurious: 0 }
    }
}

struct Execution {
    settings: Settings,
    dice: Rc<[AtomicBool]>,
    thrown: usize,
    /// Every `fence(SeqCst)` passes here, so that the search tries both orders of any two; and every
    /// operation of a model with one gate.
    shared: Option<Arc<AtomicBool>>,
}

thread_local! {
    static CURRENT: RefCell<Execution> = RefCell::new(Execution {
        settings: Settings::default(),
        dice: Rc::new([]),
        thrown: 0,
        shared: None,
    });
    /// Whether loom records choices now; it refuses to be told twice.
    static EXPLORING: Cell<bool> = const { Cell::new(true) };
}

/// Starts an execution. Call it first in the closure of a loom model whose builder has
/// `expect_explicit_explore`; the search begins when it returns.
pub fn begin(settings: Settings) {
    EXPLORING.set(false);
    let dice = dice(settings.spurious);
    let shared = (settings.gates != Gates::Off).then(|| Arc::new(AtomicBool::new(false)));
    CURRENT.set(Execution { settings, dice, thrown: 0, shared });
    loom::explore();
    EXPLORING.set(true);
}

/// Makes `count` dice, each already stored to by a thread that the model's threads know nothing of.
fn dice(count: usize) -> Rc<[AtomicBool]> {
    let made: Rc<RefCell<Rc<[AtomicBool]>>> = Rc::new(RefCell::new(Rc::new([])));
    if count > 0 {
        let (theirs, done) = (Rc::clone(&made), Rc::new(Cell::new(false)));
        let (finished, main) = (Rc::clone(&done), loom::thread::current());
        loom::thread::spawn(move || {
            // Made here, because a value that a thread has seen before it yields is not given to it again.
            let dice: Rc<[AtomicBool]> = (0..count).map(|_| AtomicBool::new(false)).collect();
            theirs.replace(Rc::clone(&dice));
            main.unpark();
            for die in dice.iter() {
                // ORDERING: Relaxed, and after the `unpark`, so that this store is unordered with every load.
                die.store(true, Ordering::Relaxed);
            }
            finished.set(true);
        });
        loom::thread::park();
        while !done.get() {
            loom::thread::yield_now();
        }
    }
    made.take()
}

/// Forgets the last execution, for whoever uses loom on this thread next.
pub fn end() {
    CURRENT.set(Execution {
        settings: Settings::default(),
        dice: Rc::new([]),
        thrown: 0,
        shared: None,
    });
    EXPLORING.set(true);
}

/// The gate of an atomic that is being made.
#[track_caller]
pub(super) fn gate() -> Option<Arc<AtomicBool>> {
    CURRENT.with_borrow(|current| match current.settings.gates {
        Gates::Off => None,
        Gates::Each => Some(Arc::new(AtomicBool::new(false))),
        Gates::One => current.shared.clone(),
    })
}

/// Runs `f` without letting the search branch inside.
pub(super) fn unexplored(f: impl FnOnce()) {
    if !EXPLORING.get() || std::thread::panicking() {
        return;
    }
    EXPLORING.set(false);
    loom::stop_exploring();
    f();
    loom::explore();
    EXPLORING.set(true);
}

/// One of the choices that this execution has left: `true` is "fail for no reason".
#[track_caller]
pub(super) fn throw() -> bool {
    let next = CURRENT.with_borrow_mut(|current| {
        let next = current.thrown;
        current.thrown += 1;
        (next < current.dice.len()).then(|| (Rc::clone(&current.dice), next))
    });
    // ORDERING: Relaxed: the value is the choice, and it must bring nothing with it.
    next.is_some_and(|(dice, next)| dice[next].load(Ordering::Relaxed))
}

/// Makes the calling `fence(SeqCst)` dependent on every other. The fence itself is no step of the search,
/// so this store, which is one, stands for both.
#[track_caller]
pub(super) fn pass_fence() {
    if let Some(gate) = CURRENT.with_borrow(|current| current.shared.clone()) {
        // ORDERING: Relaxed: nobody reads it; the conflict is all that is wanted.
        gate.store(false, Ordering::Relaxed);
    }
}

//! A cell for one [`Waker`] that one task registers and any thread wakes.
//!
//! Algorithm: the three-state cell that the futures crates use (a lock of two bits that nobody waits for).
//!
//! | state | meaning | next |
//! |---|---|---|
//! | `IDLE` | the cell belongs to whoever takes it | `REGISTERING`, `WAKING` |
//! | `REGISTERING` | the registering task has the cell | `IDLE`, or `REGISTERING + WAKING` by a waker that came meanwhile |
//! | `WAKING` | a waker has the cell | `IDLE` |
//! | both | a wake-up arrived while registering: the registrar delivers it | `IDLE` |
//!
//! Invariants: 1. the cell is touched only by whoever set the only bit, or by the registrar while both are
//! set. 2. A wake that comes after a registration is delivered to it. 3. `register` is called by one task
//! at a time.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `waker.register` | `register` leaves `REGISTERING` | `wake` enters `WAKING` | the stored waker |
//! | `waker.wake` | `wake` sets `WAKING` | `register` sees it | what the waking thread did before |
//! | `waker.release` | `wake` leaves `WAKING` | `register` enters `REGISTERING` | the emptied cell |
//!
//! Progress: both operations are wait-free. Models: `waker_register_wake`, `waker_told_while_registering`,
//! `waker_two_wakes`, `waker_reuse`.

use super::atomic::{AtomicU32, Ordering};
use super::{UnsafeCell, contain, drop_caught};
use std::task::Waker;

const IDLE: u32 = 0;
const REGISTERING: u32 = 1;
const WAKING: u32 = 2;

/// One waker, set by one task and woken from anywhere. See the module for the protocol.
#[derive(Debug)]
pub struct AtomicWaker {
    state: AtomicU32,
    cell: UnsafeCell<Option<Waker>>,
}

// SAFETY: invariant 1 gives the cell to one thread at a time, with the edges of the table between them.
#[expect(unsafe_code, reason = "the cell is shared under the protocol of the module")]
unsafe impl Sync for AtomicWaker {}
// SAFETY: a `Waker` may be sent and dropped anywhere.
#[expect(unsafe_code, reason = "as above")]
unsafe impl Send for AtomicWaker {}

impl Default for AtomicWaker {
    fn default() -> Self {
        Self::new()
    }
}

impl AtomicWaker {
    /// An empty cell.
    pub fn new() -> Self {
        Self { state: AtomicU32::new(IDLE), cell: UnsafeCell::new(None) }
    }

    /// Stores `waker` for the next [`wake`](Self::wake). The caller checks its condition again afterwards:
    /// a wake-up that came before the registration is delivered to no one, or at once to `waker`.
    pub fn register(&self, waker: &Waker) {
        // ORDERING: Acquire takes `waker.release` (the cell as the last wake left it) and `waker.wake`. Relaxed
        // on failure: the task is woken and comes again, and the exchange that then succeeds acquires.
        match self.state.compare_exchange(IDLE, REGISTERING, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => {
                // A waker whose clone panics must not keep the cell: the guard leaves it either way.
                let leaving = Leaving(self);
                let replaced = self.replace(waker);
                drop(leaving);
                drop_caught(replaced);
            }
            // A wake-up is being delivered to the waker before this one: this task must look again, which is
            // in vain until the other thread gets on.
            Err(_) => {
                waker.wake_by_ref();
                super::spin_loop();
            }
        }
    }

    /// Wakes and forgets the registered waker, if there is one.
    pub fn wake(&self) {
        // ORDERING: Acquire takes `waker.register` (the stored waker); Release is `waker.wake`.
        if self.state.fetch_or(WAKING, Ordering::AcqRel) == IDLE {
            let taken = self.take();
            // ORDERING: Release is edge `waker.release`.
            self.state.fetch_and(!WAKING, Ordering::Release);
            wake(taken);
        }
    }

    /// The registrar gives the cell back, and delivers a wake-up that came meanwhile.
    fn leave(&self) {
        // ORDERING: Release is edge `waker.register`; after a failure the exchange below acquires.
        let left =
            self.state.compare_exchange(REGISTERING, IDLE, Ordering::Release, Ordering::Relaxed);
        if left.is_err() {
            let taken = self.take();
            // ORDERING: an exchange, not a store: a second `wake` may have come after the failure
            // above and left the delivery to us. It stays at the head of what the next `register`
            // acquires (`waker.wake`), and the exchange acquires both for the caller's next look.
            // Release is `waker.register` for the next wake.
            self.state.swap(IDLE, Ordering::AcqRel);
            wake(taken);
        }
    }

    fn replace(&self, waker: &Waker) -> Option<Waker> {
        self.cell.with_mut(|cell| {
            // SAFETY: invariant 1: the caller holds the only bit, so nobody else touches the cell.
            #[expect(unsafe_code, reason = "exclusive by the state word")]
            let cell = unsafe { &mut *cell };
            match cell {
                Some(old) if old.will_wake(waker) => None,
                _ => cell.replace(waker.clone()),
            }
        })
    }

    fn take(&self) -> Option<Waker> {
        self.cell.with_mut(|cell| {
            // SAFETY: invariant 1, as in `replace`.
            #[expect(unsafe_code, reason = "exclusive by the state word")]
            let cell = unsafe { &mut *cell };
            cell.take()
        })
    }
}

/// The registrar's hold of the cell.
struct Leaving<'a>(&'a AtomicWaker);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        contain(|| waker.wake());
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::AtomicWaker;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{RawWaker, RawWakerVTable, Wake, Waker};

    /// A waker whose clone panics, made without memory of its own.
    fn unclonable() -> Waker {
        const TABLE: RawWakerVTable =
            RawWakerVTable::new(|_| panic!("no clone"), |_| (), |_| (), |_| ());
        // SAFETY: the table's functions use no data, and the clone never returns.
        #[expect(unsafe_code, reason = "only a raw waker can panic in its clone")]
        unsafe {
            Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE))
        }
    }

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_waker_whose_clone_panics_leaves_the_cell_to_the_next() {
        let cell = AtomicWaker::new();
        let registered = catch_unwind(AssertUnwindSafe(|| cell.register(&unclonable())));
        assert!(registered.is_err());
        let count = std::sync::Arc::new(Count(AtomicUsize::new(0)));
        cell.register(&Waker::from(std::sync::Arc::clone(&count)));
        cell.wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }
}

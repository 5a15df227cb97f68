//! Who waits, in the order of waiting.
//!
//! Algorithm: every waiter has a number and a slot with a state word; the numbers of the idle ones stand
//! in a lock-free ring. A waiter that finds something to do by itself leaves its number behind as stale.
//!
//! | state of a slot | its number | meaning | next |
//! |---|---|---|---|
//! | `AWAKE` | not in the ring | has something to do, or was just notified | `IDLE` by its owner, who then enlists it |
//! | `STALE` | in the ring | woke by itself; the entry is void | `IDLE` by its owner, `AWAKE` by a notifier that skips it |
//! | `IDLE` | in the ring, or about to be | waits | `AWAKE` by a notifier that wakes it, `STALE` by its owner |
//!
//! Invariants: 1. a number is in the ring at most once: only its owner enlists it, from `AWAKE`, and only
//! whoever popped it leads back there. 2. No notification is lost: a notifier makes its condition true,
//! passes a SeqCst fence and looks for idle waiters; a waiter enlists, passes a SeqCst fence and looks at
//! the condition. In the order of the two fences, the second one sees what came before the first: either
//! the notifier finds the waiter or the waiter sees the condition. 3. Whoever was notified and found its
//! work elsewhere passes the notification on.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `wait.fences` | `fence` of `notify` after the condition | `fence` of `enlist` before the look | the condition, or the idle waiter |
//! | `wait.notify` | the swap to `AWAKE` | the owner's next look at its state | what the notifier did before |
//!
//! Progress: `notify` is lock-free and steps over at most as many stale entries as there are waiters;
//! `enlist` and `withdraw` are lock-free.
//!
//! Models: `queue_wake`, `queue_wake_two`, `queue_wake_batch`, `queue_wake_close`, `queue_wake_cancel`, `queue_wake_stale`.

use crate::ring::JobRing;
use crate::sync::AtomicWaker;
use crate::sync::atomic::{AtomicU32, Ordering, fence};
use std::fmt;
use std::task::Waker;

const AWAKE: u32 = 0;
const STALE: u32 = 1;
const IDLE: u32 = 2;

struct Slot {
    state: AtomicU32,
    waker: AtomicWaker,
}

/// A fixed number of waiters, each known by its number, the idle ones in the order of their waiting.
pub struct Waiters {
    slots: Box<[Slot]>,
    idle: JobRing,
}

impl fmt::Debug for Waiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiters").field("count", &self.count()).finish_non_exhaustive()
    }
}

impl Waiters {
    /// Makes `count` waiters, all awake.
    ///
    /// # Panics
    ///
    /// If `count` is 0 or above [`MAX_CAPACITY`](crate::ring::MAX_CAPACITY).
    pub fn new(count: usize) -> Self {
        let slot = |_| Slot { state: AtomicU32::new(AWAKE), waker: AtomicWaker::new() };
        Self { slots: (0..count).map(slot).collect(), idle: JobRing::new(count) }
    }

    /// How many waiters there are.
    pub fn count(&self) -> usize {
        self.slots.len()
    }

    /// How many wait; exact while nobody comes or goes.
    pub fn idle(&self) -> usize {
        // ORDERING: Relaxed: a figure.
        self.slots.iter().filter(|slot| slot.state.load(Ordering::Relaxed) == IDLE).count()
    }

    /// Wakes the one that has waited longest. Call it after the condition that they wait for was made
    /// true. `false`: nobody waits.
    pub fn notify_one(&self) -> bool {
        self.notify(1) == 1
    }

    /// As [`notify_one`](Self::notify_one), for up to `most` waiters behind one fence; how many it woke.
    pub fn notify(&self, most: usize) -> usize {
        // ORDERING: `wait.fences`, invariant 2: store-load against `enlist`.
        fence(Ordering::SeqCst);
        (0..most).take_while(|_| self.wake_longest_idle()).count()
    }

    fn wake_longest_idle(&self) -> bool {
        while let Ok(number) = self.idle.pop() {
            let slot = &self.slots[number as usize];
            // ORDERING: Release is edge `wait.notify`; nothing is read through the old state.
            if slot.state.swap(AWAKE, Ordering::Release) == IDLE {
                slot.waker.wake();
                return true;
            }
        }
        false
    }

    /// Wakes all that wait.
    pub fn notify_all(&self) {
        // Whoever waits again meanwhile has looked again.
        for _ in 0..self.count() {
            if !self.notify_one() {
                break;
            }
        }
    }

    /// Wakes waiter `number` whether or not it waits here: it has something else to look at.
    pub fn wake(&self, number: u32) {
        if let Some(slot) = self.slots.get(number as usize) {
            slot.waker.wake();
        }
    }

    /// Stores the waker of waiter `number`, for [`wake`](Self::wake) and the notifications.
    pub fn register(&self, number: u32, waker: &Waker) {
        self.slots[number as usize].waker.register(waker);
    }

    /// Makes waiter `number` idle. It registered its waker before, and looks at its condition afterwards.
    pub(super) fn enlist(&self, number: u32) {
        let state = &self.slots[number as usize].state;
        loop {
            // ORDERING: Acquire takes `wait.notify`.
            match state.load(Ordering::Acquire) {
                IDLE => break,
                STALE => {
                    // ORDERING: Relaxed: the entry is in the ring already; a notifier that skips it at
                    // this moment makes the exchange fail.
                    let again =
                        state.compare_exchange(STALE, IDLE, Ordering::Relaxed, Ordering::Relaxed);
                    if again.is_ok() {
                        break;
                    }
                }
                _ => {
                    // ORDERING: Relaxed: published with the number by the ring (`ring.push`).
                    state.store(IDLE, Ordering::Relaxed);
                    let listed = self.idle.push(number);
                    debug_assert!(listed.is_ok(), "invariant 1");
                    break;
                }
            }
        }
        // ORDERING: `wait.fences`, invariant 2: store-load against `notify`.
        fence(Ordering::SeqCst);
    }

    /// Ends the waiting of `number` by itself. `false`: it was notified, and passes that on if it found
    /// its work elsewhere.
    #[must_use]
    pub(super) fn withdraw(&self, number: u32) -> bool {
        let state = &self.slots[number as usize].state;
        // ORDERING: Relaxed on success: nothing is published; Acquire on failure takes `wait.notify`.
        state.compare_exchange(IDLE, STALE, Ordering::Relaxed, Ordering::Acquire) != Err(AWAKE)
    }
}

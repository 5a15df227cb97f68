//! Who waits, in the order of waiting.
//!
//! Algorithm: every waiter has a number and a slot with a state word; the numbers of the idle ones stand
//! in a lock-free ring. A waiter that finds something to do by itself leaves its number behind as stale.
//!
//! Waiters wake one by one ([`Waking::Relay`]) where more of them would only get into each other's way:
//! whoever was woken holds the baton, and until it lays the baton down notifiers wake nobody, for the one
//! that has it looks after everything that came meanwhile.
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
//! work elsewhere passes the notification on. 4. Every raising of the baton is followed by a laying down
//! by somebody who then passes a SeqCst fence and looks: at the condition, if a waiter lays it down; at the
//! idle waiters, if a notifier does who had raised it and found nobody. By the fences of 2., a notifier that
//! still saw the baton up has its condition seen, directly or through a waiter that this notifier wakes.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `wait.fences` | `fence` of `notify` after the condition | `fence` of `enlist` before the look | the condition, or the idle waiter |
//! | `wait.notify` | the swap to `AWAKE` | the owner's next look at its state | what the notifier did before |
//! | `wait.baton` | the fence of `lay_down`, or of a notifier that found nobody | `fence` of `notify` before its look at the baton | the laid down baton, or the condition |
//!
//! Progress: `notify` is lock-free and steps over at most as many stale entries as there are waiters;
//! `enlist` and `withdraw` are lock-free.
//!
//! Models: `queue_wake`, `queue_wake_two`, `queue_wake_batch`, `queue_wake_close`, `queue_wake_cancel`,
//! `queue_wake_stale`, `queue_relay`, `queue_relay_two`, `queue_hand_over`.

use crate::ring::JobRing;
use crate::sync::AtomicWaker;
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence, fence_after_rmw};
use std::fmt;
use std::task::Waker;

const AWAKE: u32 = 0;
const STALE: u32 = 1;
const IDLE: u32 = 2;

struct Slot {
    state: AtomicU32,
    waker: AtomicWaker,
}

/// How many waiters are woken for what there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waking {
    /// One for each notification: for threads, which work beside each other.
    Each,
    /// One at a time, who has the next one woken when it cannot go on: for tasks that one thread polls.
    Relay,
}

/// A fixed number of waiters, each known by its number, the idle ones in the order of their waiting.
pub struct Waiters {
    slots: Box<[Slot]>,
    idle: JobRing,
    waking: Waking,
    /// Whether somebody was woken who has not yet looked at everything.
    baton: AtomicBool,
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
    pub fn new(count: usize, waking: Waking) -> Self {
        let slot = |_| Slot { state: AtomicU32::new(AWAKE), waker: AtomicWaker::new() };
        Self {
            slots: (0..count).map(slot).collect(),
            idle: JobRing::new(count),
            waking,
            baton: AtomicBool::new(false),
        }
    }

    /// How many waiters there are.
    pub fn count(&self) -> usize {
        self.slots.len()
    }

    /// Whether they are woken one at a time.
    #[inline]
    pub(super) fn relays(&self) -> bool {
        self.waking == Waking::Relay
    }

    /// How many wait; exact while nobody comes or goes.
    pub fn idle(&self) -> usize {
        // ORDERING: Relaxed: a figure.
        self.slots.iter().filter(|slot| slot.state.load(Ordering::Relaxed) == IDLE).count()
    }

    /// Whether anybody waits; exact while nobody comes or goes. Cheap where nobody does.
    pub fn is_one_idle(&self) -> bool {
        !self.idle.is_empty() && self.idle() > 0
    }

    /// Sees to it that somebody looks: wakes the one that has waited longest, or leaves it to the one that was
    /// woken last. Call it right after the read-modify-write that made the condition true. `false`: nobody
    /// waits.
    #[inline]
    pub fn notify_one(&self) -> bool {
        self.notify(1) == 1
    }

    /// As [`notify_one`](Self::notify_one), for up to `most` waiters behind one fence; for how many somebody
    /// looks. Where they wake one at a time, one looks for all.
    #[inline]
    pub fn notify(&self, most: usize) -> usize {
        // ORDERING: `wait.fences`, invariant 2: store-load against `enlist`; `wait.baton`, invariant 4.
        fence_after_rmw();
        if self.relays() {
            // ORDERING: Relaxed: ordered by the fence.
            let looked_after = self.baton.load(Ordering::Relaxed) || self.wake_with_baton();
            return if looked_after { most } else { 0 };
        }
        (0..most).take_while(|_| self.wake_longest_idle()).count()
    }

    fn wake_idle(&self) -> bool {
        match self.waking {
            Waking::Each => self.wake_longest_idle(),
            Waking::Relay => self.wake_with_baton(),
        }
    }

    fn wake_with_baton(&self) -> bool {
        while !self.idle.is_empty() {
            // ORDERING: Relaxed: raised before the swap that lets the woken one lay it down (`wait.notify`).
            self.baton.store(true, Ordering::Relaxed);
            if self.wake_longest_idle() {
                return true;
            }
            // Who saw the baton relies on a look: at those who became idle meanwhile (invariant 4).
            self.lay_down();
        }
        false
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

    /// Lays the baton down, where there is one; the caller looks at the condition afterwards.
    pub(super) fn lay_down(&self) {
        if self.relays() {
            // ORDERING: Relaxed: a read-modify-write only for the sake of the fence behind it.
            self.baton.swap(false, Ordering::Relaxed);
            // ORDERING: `wait.baton`, invariant 4: store-load against `notify`.
            fence_after_rmw();
        }
    }

    /// Wakes all that wait.
    pub fn notify_all(&self) {
        // ORDERING: `wait.fences`, as in `notify`. Whoever waits again meanwhile has looked again.
        fence(Ordering::SeqCst);
        for _ in 0..self.count() {
            if !self.wake_idle() {
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
                STALE => {
                    // ORDERING: Relaxed: the entry is in the ring already; a notifier that skips it at
                    // this moment makes the exchange fail.
                    let again =
                        state.compare_exchange(STALE, IDLE, Ordering::Relaxed, Ordering::Relaxed);
                    if again.is_ok() {
                        break;
                    }
                }
                state_before => {
                    debug_assert_eq!(
                        state_before, AWAKE,
                        "its owner withdraws before it enlists again"
                    );
                    // ORDERING: Relaxed: published with the number by the ring (`ring.push`).
                    state.store(IDLE, Ordering::Relaxed);
                    let listed = self.idle.push(number);
                    debug_assert!(listed.is_ok(), "invariant 1");
                    break;
                }
            }
        }
        // ORDERING: `wait.fences`, invariant 2: store-load against `notify`. Both ways here end in a
        // read-modify-write.
        fence_after_rmw();
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

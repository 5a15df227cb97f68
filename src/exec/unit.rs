//! One provider's executor, and a turn of it.
//!
//! Tasks are `async_task`'s, as in smol's executor. What is ours is the run queue: a [`Ring`] with a place
//! for every task, so that a wake-up is one exchange on the task, one on the ring and one on the activation
//! flag, takes no lock and allocates nothing. Since one driver at a time has the turn, nobody steals and
//! nobody sleeps here: who finds nothing runnable ends the turn, and the next wake-up activates the unit.

use super::driving;
use crate::queue::Ready;
use crate::ring::Ring;
use crate::state::{Activation, Stint, TurnId};
use crate::sync::{Arc, OnceLock};
use crate::time::{Clock, Instant};
use async_task::{Builder, Runnable};
use concurrent_queue::ConcurrentQueue;
use std::fmt;
use std::time::Duration;

/// Polls that a turn makes at most.
const TURN_POLLS: u32 = 32;
/// How long a turn may last before the driver goes on to the next unit.
const TURN_TIME: Duration = Duration::from_millis(1);
/// Polls between two looks at the clock.
const POLLS_A_LOOK: u32 = 4;

/// An executor that some driver runs when it is activated.
pub struct Unit {
    runnable: Ring<Runnable>,
    /// Runnable tasks that found the ring full: more of them than it was made for, or a driver stopped in
    /// the middle of taking one.
    overflow: ConcurrentQueue<Runnable>,
    activation: Activation,
    ready: Arc<Ready>,
    stints: Arc<[Stint]>,
    stalled: OnceLock<Box<dyn Fn(bool) + Send + Sync>>,
    number: u32,
    clock: Clock,
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unit").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Unit {
    /// Makes a unit with room for `tasks` runnable ones.
    pub(super) fn new(
        number: u32,
        tasks: usize,
        (ready, stints): (Arc<Ready>, Arc<[Stint]>),
        clock: &Clock,
    ) -> Arc<Self> {
        Arc::new(Self {
            runnable: Ring::new(tasks.clamp(1, crate::ring::MAX_CAPACITY)),
            overflow: ConcurrentQueue::unbounded(),
            activation: Activation::default(),
            ready,
            stints,
            stalled: OnceLock::new(),
            number,
            clock: clock.clone(),
        })
    }

    /// Runs `task` on the unit's executor, in the background. A panic of the task ends it alone.
    pub fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let unit = Arc::clone(self);
        let schedule = move |runnable| unit.schedule(runnable);
        let (runnable, task) = Builder::new().propagate_panic(true).spawn(|()| task, schedule);
        task.detach();
        runnable.schedule();
    }

    fn schedule(&self, runnable: Runnable) {
        if let Err(refused) = self.runnable.push(runnable) {
            // An unbounded queue that nobody closes takes everything.
            let _taken = self.overflow.push(refused.into_inner());
        }
        self.activate();
    }

    /// The next task to poll. Nothing, although one is being pushed at the moment: whoever pushes it activates
    /// the unit afterwards.
    fn next(&self) -> Option<Runnable> {
        match self.runnable.pop() {
            Ok(runnable) => Some(runnable),
            Err(_) => self.overflow.pop().ok(),
        }
    }

    /// Says that there is something to do.
    fn activate(&self) {
        if self.activation.activate() {
            self.enqueue();
        }
    }

    /// Leaves the unit to the calling thread if that drives the pool.
    fn enqueue(&self) {
        match driving::seat(&self.ready) {
            Some(seat) => {
                self.ready.push_own(seat, self.number);
            }
            None => self.ready.push(self.number),
        }
    }

    /// One driver's turn: up to 32 polls or 1 ms, then the next unit.
    pub(super) fn turn(&self) {
        let turn = self.activation.begin();
        let stint = driving::seat(&self.ready).map(|seat| &self.stints[seat as usize]);
        let mut polls = 0;
        let mut until = None;
        while let Some(runnable) = self.next() {
            if let Some(stint) = stint {
                stint.poll(self.number, turn, polls);
            }
            runnable.run();
            if !self.activation.is_turn(turn) {
                // It took long, and the unit was handed over: a spare may wait to hear that this one is back.
                self.ready.idle().notify_all();
                break;
            }
            polls += 1;
            if polls == TURN_POLLS || polls % POLLS_A_LOOK == 0 && self.is_over(&mut until) {
                // There may be more: that is for the next turn.
                let _enqueued_below = self.activation.activate();
                break;
            }
        }
        if self.activation.end(turn) {
            self.enqueue();
        }
    }

    /// Says what to do when a driver is stuck in a turn of the unit; `true`, if that was handed over. The first call
    /// counts.
    pub fn when_stalled(&self, stalled: impl Fn(bool) + Send + Sync + 'static) {
        let _first = self.stalled.set(Box::new(stalled));
    }

    /// A driver is stuck in `turn`. If it is to be handed over, somebody else takes the next one.
    pub(super) fn stalled(&self, turn: TurnId, hand_over: bool) {
        let handed = hand_over && self.activation.hand_over(turn);
        if handed {
            self.ready.push(self.number);
        }
        if let Some(stalled) = self.stalled.get() {
            stalled(handed);
        }
    }

    fn is_over(&self, until: &mut Option<Instant>) -> bool {
        let now = self.clock.now();
        now >= *until.get_or_insert(now + TURN_TIME)
    }
}

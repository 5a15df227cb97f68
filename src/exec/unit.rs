//! One provider's executor, and a turn of it.

use super::driver::Ready;
use crate::state::Activation;
use crate::sync::{Arc, Mutex, OnceLock, Weak};
use crate::time::Clock;
use async_executor::Executor;
use futures_lite::future::yield_now;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

/// Polls that a turn makes at most.
const TURN_POLLS: u32 = 32;
/// How long a turn may last before the driver goes on to the next unit.
const TURN_TIME: Duration = Duration::from_millis(1);
/// Polls between two looks at the clock.
const POLLS_A_LOOK: u32 = 4;

type Turns = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An executor that some driver runs when it is activated.
pub struct Unit {
    executor: Arc<Executor<'static>>,
    activation: Activation,
    ready: Weak<Ready>,
    number: u32,
    waker: OnceLock<Waker>,
    /// All turns of the unit, one in each poll. Polled by the one driver that has the turn, so nobody ever
    /// waits for the lock.
    turns: Mutex<Turns>,
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unit").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Unit {
    pub(super) fn new(number: u32, ready: Weak<Ready>, clock: &Clock) -> Arc<Self> {
        let executor = Arc::new(Executor::new());
        Arc::new(Self {
            turns: Mutex::new(Box::pin(turns(Arc::clone(&executor), clock.clone()))),
            executor,
            activation: Activation::default(),
            ready,
            number,
            waker: OnceLock::new(),
        })
    }

    /// Runs `task` on the unit's executor, in the background.
    pub fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        self.executor.spawn(task).detach();
        // The executor wakes who waits for a task, and before the first turn nobody does.
        self.activate();
    }

    /// Says that a task became runnable.
    fn activate(&self) {
        if self.activation.activate() {
            self.enqueue();
        }
    }

    /// One driver's turn: up to 32 polls or 1 ms, then the next unit.
    pub(super) fn turn(self: &Arc<Self>) {
        self.activation.begin();
        let waker =
            self.waker.get_or_init(|| Waker::from(Arc::new(Activate(Arc::downgrade(self)))));
        let over = self.turns.lock().as_mut().poll(&mut Context::from_waker(waker));
        debug_assert!(over.is_pending(), "turns have no end");
        if self.activation.end() {
            self.enqueue();
        }
    }

    fn enqueue(&self) {
        if let Some(ready) = self.ready.upgrade() {
            ready.enqueue(self.number);
        }
    }
}

/// Runs the executor's tasks, and gives way to other units after each turn.
async fn turns(executor: Arc<Executor<'static>>, clock: Clock) {
    let mut polls = 0;
    let mut until = None;
    loop {
        executor.tick().await;
        polls += 1;
        let mut over = polls >= TURN_POLLS;
        if polls % POLLS_A_LOOK == 0 {
            let now = clock.now();
            over |= now >= *until.get_or_insert(now + TURN_TIME);
        }
        if over {
            (polls, until) = (0, None);
            yield_now().await;
        }
    }
}

/// The waker that activates a unit.
struct Activate(Weak<Unit>);

impl Wake for Activate {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(unit) = self.0.upgrade() {
            unit.activate();
        }
    }
}

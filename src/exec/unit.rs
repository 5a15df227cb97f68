//! One provider's executor, and a turn of it.

use super::driver::Ready;
use crate::state::Activation;
use crate::sync::{Arc, Mutex, OnceLock, Weak};
use crate::time::Clock;
use async_executor::Executor;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// Polls that a turn makes at most.
const TURN_POLLS: u32 = 32;
/// How long a turn may last before the driver goes on to the next unit.
const TURN_TIME: Duration = Duration::from_millis(1);
/// Polls between two looks at the clock.
const POLLS_A_LOOK: u32 = 8;

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An executor that some driver runs when it is activated.
pub struct Unit {
    executor: Arc<Executor<'static>>,
    activation: Activation,
    ready: Weak<Ready>,
    number: u32,
    /// The executor's own wait for a runnable task, with this unit's activation as its waker. Touched once
    /// in a turn that runs out of work, by the one driver that has the turn.
    asleep: Mutex<Option<Sleep>>,
    waker: OnceLock<Waker>,
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unit").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Unit {
    pub(super) fn new(number: u32, ready: Weak<Ready>) -> Arc<Self> {
        Arc::new(Self {
            executor: Arc::new(Executor::new()),
            activation: Activation::default(),
            ready,
            number,
            asleep: Mutex::new(None),
            waker: OnceLock::new(),
        })
    }

    /// Runs `task` on the unit's executor, in the background.
    pub fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        self.executor.spawn(task).detach();
        self.activate();
    }

    /// Says that a task became runnable.
    fn activate(&self) {
        if self.activation.activate()
            && let Some(ready) = self.ready.upgrade()
        {
            ready.enqueue(self.number);
        }
    }

    /// One driver's turn: up to 32 polls or 1 ms, then the next unit.
    pub(super) fn turn(self: &Arc<Self>, clock: &Clock) {
        self.activation.begin();
        let more = self.run(clock);
        if self.activation.end(more)
            && let Some(ready) = self.ready.upgrade()
        {
            ready.enqueue(self.number);
        }
    }

    /// Whether there may be more to do.
    fn run(self: &Arc<Self>, clock: &Clock) -> bool {
        let mut until = None;
        for poll in 1..=TURN_POLLS {
            if !self.executor.try_tick() {
                return self.fall_asleep();
            }
            if poll % POLLS_A_LOOK == 0 {
                let now = clock.now();
                if now >= *until.get_or_insert(now + TURN_TIME) {
                    break;
                }
            }
        }
        true
    }

    /// Registers the activation with the executor. `true`: a task was runnable after all, and has run.
    fn fall_asleep(self: &Arc<Self>) -> bool {
        let waker =
            self.waker.get_or_init(|| Waker::from(Arc::new(Activate(Arc::downgrade(self)))));
        let mut asleep = self.asleep.lock();
        let sleep = asleep.get_or_insert_with(|| {
            let executor = Arc::clone(&self.executor);
            Box::pin(async move { executor.tick().await })
        });
        match sleep.as_mut().poll(&mut Context::from_waker(waker)) {
            Poll::Pending => false,
            Poll::Ready(()) => {
                *asleep = None;
                true
            }
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

//! The tick: looks at limits when one may have passed, and never while nothing is in flight.
//!
//! Everything that has limits is [`Ticked`] and asks for its next tick by an instant; the ticker sleeps
//! until the earliest. Nobody asks while nothing is in flight, so an idle runtime makes no system call.

use super::driver::DriverPool;
use super::stall::LOOK;
use crate::state::Due;
use crate::stats;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Arc, AtomicWaker, Mutex, OnceLock, Weak};
use crate::time::{Clock, Deadline, Instant};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

/// Something with limits that a tick looks at.
pub trait Ticked: Send + Sync {
    /// Looks at the limits, `now` being the time, and says when to look again.
    fn tick(&self, now: Instant) -> Deadline;
}

/// Who ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickedBy {
    /// A thread that does nothing else.
    Thread,
    /// The threads that drive the pool, whichever of them comes to it.
    Drivers,
}

/// The tick of one runtime.
pub struct Ticker {
    clock: Clock,
    next: Due,
    closed: AtomicBool,
    /// Of the thread that ticks.
    waker: AtomicWaker,
    /// Whose units it looks after, and whether those who drive them tick.
    pool: OnceLock<(Weak<DriverPool>, TickedBy)>,
    /// Replaced when a part comes, so that a tick looks at the same parts from its beginning to its end.
    parts: Mutex<Parts>,
}

type Parts = Arc<[Weak<dyn Ticked>]>;

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticker").field("next", &self.next_due()).finish_non_exhaustive()
    }
}

impl Ticker {
    /// A ticker without anything to look at. It serves the timers of `clock` as well.
    pub fn new(clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            next: Due::new(),
            closed: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            pool: OnceLock::new(),
            parts: Mutex::new(Arc::new([])),
        }
    }

    /// Looks after `pool` from now on: a tick wakes somebody for what is ready there.
    pub fn look_after(&self, pool: &Arc<DriverPool>, by: TickedBy) {
        self.pool.get_or_init(|| (Arc::downgrade(pool), by));
    }

    /// Sees to it that `pool`'s own drivers are looked at, soon after one woke up.
    pub fn watch(self: &Arc<Self>, pool: &DriverPool) {
        if !self.clock.is_real() {
            return;
        }
        let own = Arc::downgrade(self);
        pool.when_woken(move || {
            if let Some(ticker) = own.upgrade() {
                let look = Deadline::after(ticker.clock.now(), LOOK);
                if look < ticker.next_due() {
                    ticker.request(look);
                }
            }
        });
    }

    /// Looks at `part` from now on, as long as it lives.
    pub fn add(&self, part: Weak<dyn Ticked>) {
        let mut parts = self.parts.lock();
        let alive = parts.iter().filter(|part| part.strong_count() > 0).cloned();
        *parts = alive.chain([part]).collect();
    }

    /// Asks for a tick at `deadline` at the latest.
    pub fn request(&self, deadline: Deadline) {
        if self.next.lower_unfenced(deadline) {
            self.waker.wake();
            if let Some((pool, TickedBy::Drivers)) = self.pool.get()
                && let Some(pool) = pool.upgrade()
            {
                pool.tick_is_earlier();
            }
        }
    }

    /// When the next tick is due.
    pub fn next_due(&self) -> Deadline {
        self.next.get()
    }

    /// Whether a tick is due, or will be within `time`.
    pub fn is_due_within(&self, time: Duration) -> bool {
        let next = self.next.get();
        !next.is_never() && next.is_past(self.clock.now() + time)
    }

    /// Ticks if that is due; whether it did.
    pub fn tick_if_due(&self) -> bool {
        if self.next.get().is_never() {
            return false;
        }
        let now = self.clock.refresh();
        if !self.next.take(now) {
            return false;
        }
        let mut next = self.clock.fire_timers(now);
        // What a part wakes may add another, so the lock is not held; what is added asks by itself.
        let parts = Arc::clone(&self.parts.lock());
        for part in parts.iter().filter_map(Weak::upgrade) {
            next = next.min(part.tick(now));
        }
        if let Some(pool) = self.pool.get().and_then(|(pool, _)| pool.upgrade()) {
            next = next.min(pool.look_for_stalls(now));
            pool.relieve();
        }
        self.request(next);
        true
    }

    /// For the thread that ticks: ready when the due instant is earlier than `seen`, or the ticker was closed;
    /// wakes the task when that changes.
    fn poll_changed(&self, cx: &mut Context<'_>, seen: Deadline) -> Poll<()> {
        self.waker.register(cx.waker());
        if self.next_due() < seen || self.is_closed() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether the ticker was closed.
    pub fn is_closed(&self) -> bool {
        // ORDERING: Relaxed: ordered by the waker, which is registered before and woken after.
        self.closed.load(Ordering::Relaxed)
    }

    /// Lets the ticker's thread end.
    pub fn close(&self) {
        // ORDERING: Relaxed: as in `is_closed`.
        self.closed.store(true, Ordering::Relaxed);
        self.waker.wake();
    }
}

/// The thread that ticks for a runtime whose embedder does not.
#[derive(Debug)]
pub struct TickerThread(JoinHandle<()>);

impl TickerThread {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// What the operating system says when it has no thread to give.
    pub fn start(ticker: &Arc<Ticker>) -> io::Result<Self> {
        let ticker = Arc::clone(ticker);
        let registration = ticker.clock.register_thread();
        let thread = thread::spawn("bf:tick", move || {
            let _entered = registration.enter();
            stats::sit();
            while !ticker.is_closed() {
                if !ticker.tick_if_due() {
                    let due = ticker.next_due();
                    let changed = poll_fn(|cx| ticker.poll_changed(cx, due));
                    ticker.clock.block_on_deadline(changed, due);
                }
            }
        })?;
        Ok(Self(thread))
    }

    /// Waits for its end, which [`Ticker::close`] brings about.
    pub fn join(self) {
        // Whatever it may have died of is gone with it.
        let _died = self.0.join();
    }
}

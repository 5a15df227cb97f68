//! The tick: looks at limits when one may have passed, and never while nothing is in flight.
//!
//! Everything that has limits is [`Ticked`] and asks for its next tick by an instant; the ticker sleeps
//! until the earliest. Nobody asks while nothing is in flight, so an idle runtime makes no system call.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `tick.request` | `request` lowers `next` | the tick's swap of `next` | what the requester did before |
//!
//! Progress: `request` is wait-free but for the wake-up. Models: `tick_request`.

use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Arc, AtomicWaker, Mutex, Weak};
use crate::time::{Clock, Deadline, Instant};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

/// Something with limits that a tick looks at.
pub trait Ticked: Send + Sync {
    /// Looks at the limits, `now` being the time, and says when to look again.
    fn tick(&self, now: Instant) -> Deadline;
}

/// The tick of one runtime.
pub struct Ticker {
    clock: Clock,
    next: AtomicU64,
    closed: AtomicBool,
    waker: AtomicWaker,
    /// Replaced when a part comes or goes, so that a tick looks at them without the lock or a copy.
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
            next: AtomicU64::new(Deadline::NEVER.as_word()),
            closed: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            parts: Mutex::new(Arc::new([])),
        }
    }

    /// Looks at `part` from now on, as long as it lives.
    pub fn add(&self, part: Weak<dyn Ticked>) {
        let mut parts = self.parts.lock();
        *parts = parts.iter().cloned().chain([part]).collect();
    }

    /// Asks for a tick at `deadline` at the latest.
    pub fn request(&self, deadline: Deadline) {
        let word = deadline.as_word();
        // ORDERING: Release is edge `tick.request`.
        if self.next.fetch_min(word, Ordering::Release) > word {
            self.waker.wake();
        }
    }

    /// When the next tick is due.
    pub fn next_due(&self) -> Deadline {
        // ORDERING: Relaxed: the tick itself swaps the word with Acquire.
        Deadline::from_word(self.next.load(Ordering::Relaxed))
    }

    /// Ticks if that is due; whether it did.
    pub fn tick_if_due(&self) -> bool {
        if self.next_due() == Deadline::NEVER {
            return false;
        }
        let now = self.clock.refresh();
        if !self.next_due().is_past(now) {
            return false;
        }
        // ORDERING: Acquire takes `tick.request`. Who asks from now on asks for the tick after this one.
        self.next.swap(Deadline::NEVER.as_word(), Ordering::Acquire);
        let mut next = self.clock.fire_timers(now);
        // What the parts wake may add one, so the lock is not held.
        let parts = Arc::clone(&self.parts.lock());
        let mut gone = false;
        for part in parts.iter() {
            match part.upgrade() {
                Some(part) => next = next.min(part.tick(now)),
                None => gone = true,
            }
        }
        if gone {
            self.forget_the_dead();
        }
        self.request(next);
        true
    }

    fn forget_the_dead(&self) {
        let mut parts = self.parts.lock();
        *parts = parts.iter().filter(|part| part.strong_count() > 0).cloned().collect();
    }

    /// Ready when a tick is due or the ticker was closed; wakes the task when the due instant moves
    /// forward. Who waits for it does so until [`next_due`](Self::next_due) at the longest.
    pub fn poll_changed(&self, cx: &mut Context<'_>, seen: Deadline) -> Poll<()> {
        self.waker.register(cx.waker());
        if self.next_due() < seen || self.is_closed() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether the ticker was closed.
    pub fn is_closed(&self) -> bool {
        // ORDERING: Acquire, with the Release of `close`: nothing hangs on it but the thread's end.
        self.closed.load(Ordering::Acquire)
    }

    /// Lets the ticker's thread end.
    pub fn close(&self) {
        // ORDERING: Release: see `is_closed`.
        self.closed.store(true, Ordering::Release);
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

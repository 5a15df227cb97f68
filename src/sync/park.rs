//! Blocking one thread until another says go on.
//!
//! Algorithm: one word, three states, over the thread's own park token (as in `std::thread::park`).
//!
//! | state | who may be in it | next |
//! |---|---|---|
//! | `EMPTY` | owner runs, no notification | `PARKED` by the owner, `NOTIFIED` by an unparker |
//! | `PARKED` | owner sleeps or is about to | `NOTIFIED` by an unparker, `EMPTY` by the owner whose wait timed out |
//! | `NOTIFIED` | a notification that the owner has not taken | `EMPTY` by the owner |
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `park.notify` | [`Unparker::unpark`] swaps in `NOTIFIED` | [`Parker::park`] takes it | everything that the unparker did before |
//!
//! Under the word is the thread's own token (`token`). It may be left over from a notification that was
//! taken without sleeping, so a sleep may end early; the word decides.
//!
//! Progress: `unpark` is wait-free but for the operating system's wake; `park` blocks.
//! Models: `park_notify`, `park_notify_against_a_timeout`, `park_notify_from_two`.

use super::Arc;
use super::atomic::{AtomicU32, Ordering};
use super::token::Token;
use std::task::{Wake, Waker};
use std::time::Duration;

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;

#[derive(Debug)]
struct Inner {
    state: AtomicU32,
    token: Token,
}

/// The sleeping side; belongs to the thread that made it.
#[derive(Debug)]
pub struct Parker {
    inner: Arc<Inner>,
    /// Parking is for the thread whose handle `inner` holds, so this type stays on it.
    _not_send: std::marker::PhantomData<*mut ()>,
}

/// The waking side; clone it into whoever may wake the [`Parker`]. It is also a [`Waker`].
#[derive(Clone, Debug)]
pub struct Unparker(Arc<Inner>);

impl Default for Parker {
    fn default() -> Self {
        Self::new()
    }
}

impl Parker {
    /// Makes a parker for the calling thread.
    pub fn new() -> Self {
        let inner = Inner { state: AtomicU32::new(EMPTY), token: Token::current() };
        Self { inner: Arc::new(inner), _not_send: std::marker::PhantomData }
    }

    /// The handle that wakes this parker.
    pub fn unparker(&self) -> Unparker {
        Unparker(Arc::clone(&self.inner))
    }

    /// Takes a pending notification without waiting; `true` if there was one.
    pub fn take(&self) -> bool {
        // ORDERING: Acquire takes `park.notify`; the failing load publishes and reads nothing.
        self.inner
            .state
            .compare_exchange(NOTIFIED, EMPTY, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// Sleeps until notified. A notification that came before is taken at once.
    pub fn park(&self) {
        self.sleep(None);
    }

    /// Sleeps until notified or until `timeout` of real time has passed; `true` if notified. It may return
    /// `false` sooner, for no reason: look at the clock.
    pub fn park_timeout(&self, timeout: Duration) -> bool {
        self.sleep(Some(timeout))
    }

    /// Opens a sleep in parts ([`begin`](Self::begin), [`idle`](Self::idle), [`end`](Self::end)): from now on
    /// a notification wakes the thread. `false` if one was pending; it is taken and no sleep is open.
    pub(crate) fn begin(&self) -> bool {
        let state = &self.inner.state;
        // ORDERING: Relaxed: success publishes nothing, and after a failure the exchange below acquires.
        if state.compare_exchange(EMPTY, PARKED, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            // ORDERING: only the owner leaves NOTIFIED; Acquire takes `park.notify`, and that of a second
            // unpark that may have come since the failure. A store would throw that one away.
            state.swap(EMPTY, Ordering::Acquire);
            return false;
        }
        true
    }

    /// Sleeps in an open sleep until notified, nudged, or for no reason. Takes no notification.
    pub(crate) fn idle(&self) {
        self.inner.token.park(None);
    }

    /// Closes an open sleep; `true` if a notification came, which is taken.
    pub(crate) fn end(&self) -> bool {
        // ORDERING: leaving PARKED races with `unpark`; if it was first, Acquire takes `park.notify`.
        self.inner.state.swap(EMPTY, Ordering::Acquire) == NOTIFIED
    }

    fn sleep(&self, timeout: Option<Duration>) -> bool {
        if !self.begin() {
            return true;
        }
        loop {
            let timed_out = self.inner.token.park(timeout);
            if self.take() {
                return true;
            }
            if timed_out {
                return self.end();
            }
        }
    }
}

impl Unparker {
    /// Wakes the parker, or leaves it a notification if it does not sleep.
    pub fn unpark(&self) {
        self.0.notify();
    }

    /// Whether a notification waits that the owner has not taken yet.
    pub(crate) fn is_notified(&self) -> bool {
        // ORDERING: Relaxed: the answer is a hint to the test clock. A notification by the asking thread, or
        // by one that the asking thread synchronised with, is always seen; nothing else is read through it.
        self.0.state.load(Ordering::Relaxed) == NOTIFIED
    }

    /// Ends one [`Parker::idle`] without leaving a notification.
    pub(crate) fn nudge(&self) {
        self.0.token.unpark();
    }

    /// This handle as a [`Waker`].
    pub fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.0))
    }
}

impl Inner {
    fn notify(&self) {
        // ORDERING: Release is edge `park.notify`; the old value is only compared.
        if self.state.swap(NOTIFIED, Ordering::Release) == PARKED {
            self.token.unpark();
        }
    }
}

impl Wake for Inner {
    fn wake(self: Arc<Self>) {
        self.notify();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.notify();
    }
}

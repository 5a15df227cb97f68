//! The park token of one thread: what is under [`Parker`](super::Parker).
//!
//! Under loom it is our own: loom's `unpark` hands its history to a thread that does not even sleep, and is
//! no step of the search, so a missing edge or a late wake-up would go unseen.

use std::time::Duration;

#[cfg(loom)]
pub(super) use modeled::Token;
#[cfg(not(loom))]
pub(super) use plain::Token;

#[cfg(not(loom))]
mod plain {
    use super::Duration;

    /// The token that std gives the thread.
    #[derive(Debug)]
    pub(crate) struct Token(std::thread::Thread);

    impl Token {
        /// The token of the calling thread.
        pub(crate) fn current() -> Self {
            Self(std::thread::current())
        }

        /// Makes the token available.
        pub(crate) fn unpark(&self) {
            self.0.unpark();
        }

        /// Waits for the token, or for no reason, or at most `timeout`; `true` when that may have been it.
        pub(crate) fn park(&self, timeout: Option<Duration>) -> bool {
            match timeout {
                None => std::thread::park(),
                Some(timeout) => {
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "this is the parker that the rest is told to use"
                    )]
                    std::thread::park_timeout(timeout);
                }
            }
            timeout.is_some()
        }
    }
}

#[cfg(loom)]
mod modeled {
    use super::Duration;
    use loom::sync::atomic::AtomicBool as Step;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A token over loom's park, which is used only while the thread does sleep.
    #[derive(Debug)]
    pub(crate) struct Token {
        thread: loom::thread::Thread,
        /// Stored to, never read: makes unparking and parking dependent steps of the search.
        step: Step,
        // The search does not see these two. The threads of a model take turns, and only at loom's own
        // operations, so there is nothing to see.
        available: AtomicBool,
        asleep: AtomicBool,
    }

    // ORDERING: Relaxed everywhere here: `step` is never read, and the token gives no edge while the thread
    // is awake. Asleep, loom's unpark gives the one that std promises.
    const ORDER: Ordering = Ordering::Relaxed;

    impl Token {
        pub(crate) fn current() -> Self {
            Self {
                thread: loom::thread::current(),
                step: Step::new(false),
                available: AtomicBool::new(false),
                asleep: AtomicBool::new(false),
            }
        }

        #[track_caller]
        pub(crate) fn unpark(&self) {
            self.step.store(false, ORDER);
            match self.asleep.swap(false, ORDER) {
                true => self.thread.unpark(),
                false => self.available.store(true, ORDER),
            }
        }

        /// A timeout is over at once: the search puts it after whatever the others do in the meantime.
        #[track_caller]
        pub(crate) fn park(&self, timeout: Option<Duration>) -> bool {
            self.step.store(false, ORDER);
            if !self.available.swap(false, ORDER) && timeout.is_none() {
                self.asleep.store(true, ORDER);
                loom::thread::park();
                self.asleep.store(false, ORDER);
            }
            timeout.is_some()
        }
    }
}

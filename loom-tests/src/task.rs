//! A thread of a model.
//!
//! Loom's own `JoinHandle::join` prints two lines of debug output each time, hundreds of thousands in a
//! model; this one does not.

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread::Thread;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug)]
struct Shared<T> {
    done: AtomicBool,
    // The search sees `done` alone. The threads of a model take turns at loom's operations, so these two
    // change together with it.
    result: Mutex<Option<T>>,
    joiner: Mutex<Option<Thread>>,
}

/// A thread of a model that can be waited for.
#[derive(Debug)]
pub struct Task<T>(Arc<Shared<T>>);

/// Starts a thread of the model; there may be four beside the main one, or three if the model lets weak
/// compare-exchanges fail for no reason.
#[track_caller]
pub fn spawn<T: 'static>(f: impl FnOnce() -> T + 'static) -> Task<T> {
    let shared = Arc::new(Shared {
        done: AtomicBool::new(false),
        result: Mutex::new(None),
        joiner: Mutex::new(None),
    });
    let theirs = Arc::clone(&shared);
    loom::thread::spawn(move || {
        let result = f();
        // ORDERING: Release pairs with `join`: all that the thread did is visible to who joins it. An exchange:
        // loom may put a plain store before an exchange that came earlier and did not read it.
        theirs.done.swap(true, Ordering::Release);
        *theirs.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        let joiner = theirs.joiner.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(joiner) = joiner {
            joiner.unpark();
        }
    });
    Task(shared)
}

impl<T> Task<T> {
    /// Waits until the thread is over and gives its result.
    ///
    /// # Panics
    ///
    /// Never: a thread that panics ends the model.
    #[track_caller]
    pub fn join(self) -> T {
        // ORDERING: Acquire pairs with the exchange in `spawn`; an exchange, because it reads the latest value.
        while !self.0.done.fetch_or(false, Ordering::Acquire) {
            let me = loom::thread::current();
            *self.0.joiner.lock().unwrap_or_else(PoisonError::into_inner) = Some(me);
            loom::thread::park();
        }
        let result = self.0.result.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.expect("a thread that is done has left its result")
    }
}

//! The handle of a cancellation.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `cancel.set` | `cancel` stores the flag | [`CancelToken::is_cancelled`] | what the canceller did before |
//!
//! Cancelling, making children and registering callbacks take the lock of the tree, so they have one order:
//! a child or a callback that comes after a cancel finds the flag set. Wake-ups and callbacks happen
//! outside the lock; a callback may do anything with any token.
//!
//! Progress: `is_cancelled` and `cause` are wait-free; the rest blocks for the lock's short holds, never
//! for a callback. Model: `cancel_set`.

use super::tree::{NONE, NodeId, Tree};
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::{Arc, Mutex, Quiet, contain};
use event_listener::Event;
use std::fmt;

const LIVE: u8 = 0;
const OWN: u8 = 1;
const PARENT: u8 = 2;

pub(super) type Callback = Box<dyn FnOnce() + Send>;

/// Says that work is not wanted any more, to everyone who holds a clone or a child of it.
///
/// Clones are the same token. A child is cancelled with its parent, also when the parent has been dropped
/// in between and something above it is cancelled; cancelling a child leaves the parent alone. Tokens do
/// not keep each other alive, and a dropped one leaves nothing behind.
///
/// # Examples
///
/// ```
/// use bifrost::cancel::{CancelCause, CancelToken};
///
/// let service = CancelToken::new();
/// let request = service.child();
/// service.cancel();
/// assert!(request.is_cancelled());
/// assert_eq!(request.cause(), Some(CancelCause::Parent));
/// assert!(service.child().is_cancelled());
/// ```
#[derive(Clone)]
pub struct CancelToken(Arc<Shared>);

/// Why a token is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelCause {
    /// This very token was cancelled.
    Own,
    /// A token above it was cancelled.
    Parent,
}

/// What all clones of a token share.
pub(super) struct Shared {
    pub(super) flag: AtomicU8,
    event: Event,
    tree: Arc<Mutex<Tree>>,
    /// `NONE` if it was born cancelled: nothing can reach it any more.
    node: NodeId,
}

/// Keeps a callback of [`CancelToken::on_cancel`]; dropping it takes the callback back.
///
/// The drop never waits: a callback that has begun on another thread may still run when it returns.
#[must_use = "dropping the registration takes the callback back"]
pub struct CancelRegistration {
    /// The token and the callback's number; `None` if it ran at once.
    entry: Option<(CancelToken, u64)>,
}

impl CancelToken {
    /// A token that nothing but itself cancels.
    pub fn new() -> Self {
        let tree = Arc::new(Mutex::new(Tree::default()));
        Self::add(&tree, &mut tree.lock(), NONE)
    }

    /// A token that is cancelled with this one. If this one is cancelled already, so is the child.
    pub fn child(&self) -> Self {
        let shared = &*self.0;
        if !self.is_cancelled() {
            let mut tree = shared.tree.lock();
            if !self.is_cancelled() {
                return Self::add(&shared.tree, &mut tree, shared.node);
            }
        }
        let (event, tree) = (Event::new(), Arc::clone(&shared.tree));
        Self(Arc::new(Shared { flag: AtomicU8::new(PARENT), event, tree, node: NONE }))
    }

    fn add(shared_tree: &Arc<Mutex<Tree>>, tree: &mut Tree, parent: NodeId) -> Self {
        let node = tree.add(parent);
        let (event, family) = (Event::new(), Arc::clone(shared_tree));
        let shared = Arc::new(Shared { flag: AtomicU8::new(LIVE), event, tree: family, node });
        tree.name(node, Arc::downgrade(&shared));
        Self(shared)
    }

    /// Cancels this token and all below it: wakes who waits, then runs the callbacks on this thread,
    /// parents' before children's. `true` if this call did it, `false` if it was cancelled before.
    ///
    /// A callback that panics is caught; the others run.
    pub fn cancel(&self) -> bool {
        let mut tree = self.0.tree.lock();
        if self.is_cancelled() {
            return false;
        }
        let reached = tree.cancel(self.0.node, OWN, PARENT);
        drop(tree);
        for token in &reached.tokens {
            token.event.notify(usize::MAX);
        }
        reached.callbacks.into_iter().for_each(call);
        true
    }

    /// Whether it is cancelled: one load.
    pub fn is_cancelled(&self) -> bool {
        self.cause().is_some()
    }

    /// Why it is cancelled; `None` if it is not. The first cause stays.
    pub fn cause(&self) -> Option<CancelCause> {
        // ORDERING: Acquire takes `cancel.set`.
        match self.0.flag.load(Ordering::Acquire) {
            LIVE => None,
            OWN => Some(CancelCause::Own),
            _ => Some(CancelCause::Parent),
        }
    }

    /// Waits until it is cancelled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn cancelled(&self) {
        while !self.is_cancelled() {
            let listener = Quiet(self.0.event.listen());
            if self.is_cancelled() {
                return;
            }
            listener.await;
        }
    }

    /// Has `callback` called once when the token is cancelled, by the thread that cancels it; at once and
    /// here, if it is cancelled already. Dropping the registration takes the callback back.
    ///
    /// The callback runs without a lock: it may cancel, make children, and drop registrations. It should
    /// be short, since the canceller waits for it. A panic of it is caught.
    pub fn on_cancel(&self, callback: impl FnOnce() + Send + 'static) -> CancelRegistration {
        let callback: Callback = Box::new(callback);
        let mut tree = self.0.tree.lock();
        if self.is_cancelled() {
            drop(tree);
            call(callback);
            return CancelRegistration { entry: None };
        }
        let number = tree.add_callback(self.0.node, callback);
        CancelRegistration { entry: Some((self.clone(), number)) }
    }
}

/// Runs foreign code whose panic must not reach us.
fn call(callback: impl FnOnce()) {
    contain(callback);
}

impl Drop for CancelRegistration {
    fn drop(&mut self) {
        if let Some((token, number)) = self.entry.take() {
            let callback = token.0.tree.lock().remove_callback(token.0.node, number);
            call(|| drop(callback));
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.node != NONE {
            let callbacks = self.tree.lock().forget(self.node);
            call(|| drop(callbacks));
        }
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken").field("cause", &self.cause()).finish_non_exhaustive()
    }
}

impl fmt::Debug for CancelRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits = self.entry.as_ref().is_some_and(|(token, _)| !token.is_cancelled());
        f.debug_struct("CancelRegistration").field("waits", &waits).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(not(loom))]
#[path = "token_tests.rs"]
mod tests;

//! The tree of a family of tokens: plain data, guarded by the one lock of the family.
//!
//! A node whose token is gone stays only as a relay, while it joins two children or more: with one child it
//! is replaced by the child, without a child it goes. So relays are fewer than live tokens, no chain of
//! dropped ancestors is kept, and each change is O(1). A cancel walks with a list of its own: no depth
//! overflows the stack.
//!
//! Invariants: 1. `prev`/`next` of a node link it among the children of `parent`; a root has neither.
//! 2. `children` is the length of the list at `first_child`. 3. A node without a token has two children or
//! more (once `forget` has returned).

use crate::sync::{Weak, atomic::Ordering};
use std::collections::BTreeMap;

use super::token::{Callback, Shared};

/// The place of a node; `NONE` for no node.
pub(super) type NodeId = u32;
pub(super) const NONE: NodeId = u32::MAX;

#[derive(Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    free: Vec<NodeId>,
    last_callback: u64,
}

struct Node {
    /// Cannot be upgraded once the token is being dropped.
    token: Weak<Shared>,
    /// By registration number, so that they run in the order of registration.
    callbacks: BTreeMap<u64, Callback>,
    is_relay: bool,
    children: usize,
    parent: NodeId,
    first_child: NodeId,
    prev: NodeId,
    next: NodeId,
}

/// What a cancel reached; to be woken and called outside the lock, in this order.
#[derive(Default)]
pub(super) struct Reached {
    pub(super) tokens: Vec<crate::sync::Arc<Shared>>,
    pub(super) callbacks: Vec<Callback>,
}

impl Tree {
    /// Adds a node below `parent`, or a root if that is `NONE`.
    pub(super) fn add(&mut self, parent: NodeId) -> NodeId {
        let node = Node {
            token: Weak::new(),
            callbacks: BTreeMap::new(),
            is_relay: false,
            children: 0,
            parent: NONE,
            first_child: NONE,
            prev: NONE,
            next: NONE,
        };
        let id = match self.free.pop() {
            Some(id) => {
                self.nodes[id as usize] = node;
                id
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as NodeId
            }
        };
        self.link(id, parent);
        id
    }

    /// Says whose node `id` is.
    pub(super) fn name(&mut self, id: NodeId, token: Weak<Shared>) {
        self.node(id).token = token;
    }

    pub(super) fn add_callback(&mut self, id: NodeId, callback: Callback) -> u64 {
        self.last_callback += 1;
        let number = self.last_callback;
        self.node(id).callbacks.insert(number, callback);
        number
    }

    pub(super) fn remove_callback(&mut self, id: NodeId, number: u64) -> Option<Callback> {
        self.node(id).callbacks.remove(&number)
    }

    /// Sets the flag of `id` to `own` and of all below to `inherited`, parents before children, and takes
    /// their callbacks. What was cancelled before is left out, with all below it.
    pub(super) fn cancel(&mut self, id: NodeId, own: u8, inherited: u8) -> Reached {
        let mut reached = Reached::default();
        let mut pending = vec![(id, own)];
        while let Some((id, flag)) = pending.pop() {
            if let Some(token) = self.node(id).token.upgrade() {
                // The upgraded token outlives the lock, since its drop takes it.
                let fresh = token.set(flag);
                reached.tokens.push(token);
                if !fresh {
                    continue;
                }
            }
            let callbacks = std::mem::take(&mut self.node(id).callbacks);
            reached.callbacks.extend(callbacks.into_values());
            let mut child = self.node(id).first_child;
            while child != NONE {
                pending.push((child, inherited));
                child = self.node(child).next;
            }
        }
        reached
    }

    /// The token of `id` is gone: removes the node, or leaves a relay. Gives back what it held.
    pub(super) fn forget(&mut self, id: NodeId) -> BTreeMap<u64, Callback> {
        let node = self.node(id);
        node.is_relay = true;
        node.token = Weak::new();
        let callbacks = std::mem::take(&mut node.callbacks);
        self.collapse(id);
        callbacks
    }

    /// Restores invariant 3 at `id` and above.
    fn collapse(&mut self, mut id: NodeId) {
        while id != NONE && self.node(id).is_relay && self.node(id).children < 2 {
            let (parent, child) = (self.node(id).parent, self.node(id).first_child);
            if child != NONE {
                self.unlink(child);
                self.link(child, parent);
            }
            self.unlink(id);
            self.free.push(id);
            id = parent;
        }
        if self.free.len() == self.nodes.len() {
            self.nodes.clear();
            self.free.clear();
        }
    }

    fn link(&mut self, id: NodeId, parent: NodeId) {
        if parent == NONE {
            return;
        }
        let above = self.node(parent);
        above.children += 1;
        let second = std::mem::replace(&mut above.first_child, id);
        if second != NONE {
            self.node(second).prev = id;
        }
        let node = self.node(id);
        (node.parent, node.prev, node.next) = (parent, NONE, second);
    }

    fn unlink(&mut self, id: NodeId) {
        let node = self.node(id);
        let (parent, prev, next) = (node.parent, node.prev, node.next);
        (node.parent, node.prev, node.next) = (NONE, NONE, NONE);
        if next != NONE {
            self.node(next).prev = prev;
        }
        if prev != NONE {
            self.node(prev).next = next;
        }
        if parent != NONE {
            let above = self.node(parent);
            above.children -= 1;
            if prev == NONE {
                above.first_child = next;
            }
        }
    }

    fn node(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    #[cfg(test)]
    #[cfg(not(loom))]
    pub(super) fn counts(&self) -> (usize, usize) {
        let callbacks = self.nodes.iter().map(|node| node.callbacks.len()).sum();
        (self.nodes.len() - self.free.len(), callbacks)
    }
}

impl Shared {
    /// Cancels this token alone, under the lock of its tree; `false` if it was.
    fn set(&self, flag: u8) -> bool {
        // ORDERING: Relaxed: the lock orders the writers.
        let fresh = self.flag.load(Ordering::Relaxed) == 0;
        if fresh {
            // ORDERING: Release is edge `cancel.set`.
            self.flag.store(flag, Ordering::Release);
        }
        fresh
    }
}

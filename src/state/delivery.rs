//! Where an outcome goes when nobody holds a handle: a list of completed records, or a callback.
//!
//! Algorithm of the list: Treiber's stack through the records' own links, of which a consumer takes all at
//! once and turns it round. Nothing can come back between a consumer's load and exchange, since it takes
//! everything: there is no ABA. The head also counts what was pushed (`unread.rs`).
//!
//! Invariants: 1. an index is pushed once, by the publisher of a job that was filled for this list; the
//! list then holds the job's `HANDLE`. 2. A taken chain belongs to one consumer, links included.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `completions.push` | the head's compare-exchange | the head's `fetch_or` in `take_all` | the published record and its link |
//!
//! Progress: `push` is lock-free, `take_all` wait-free but for turning the chain round.
//! Models: `completions_push_take`, `job_callback`.

use super::reader::{Reader, Report};
use super::shared::{Held, SharedSlab};
use super::slab::Ticket;
use super::unread::{NONE, Tally};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use std::fmt;
use std::marker::PhantomData;

/// Somebody who gets every outcome of the jobs that were filled for it.
pub(super) trait Receive: Send + Sync {
    /// Takes over `HANDLE` of the job of `ticket`.
    fn receive(&self, ticket: Ticket);
}

/// Where a published outcome goes.
#[derive(Default)]
pub(super) enum Delivery {
    /// To whoever registered a waker.
    #[default]
    Waker,
    /// Into a list.
    List(Arc<dyn Receive>),
    /// To a callback.
    Call(Box<dyn FnOnce(Ticket) + Send>),
}

impl Delivery {
    pub(super) fn to_list<C, X, T>(list: Arc<Completions<C, X, T>>) -> Self
    where
        X: Send + Sync + 'static,
        T: 'static,
    {
        Self::List(list)
    }

    pub(super) fn to_callback<C, X, T>(
        slab: Held<C, X>,
        callback: impl FnOnce(Reader<C, X, T>) + Send + 'static,
    ) -> Self
    where
        X: Send + Sync + 'static,
    {
        Self::Call(Box::new(move |ticket| callback(Reader::new(slab, ticket))))
    }

    /// Delivers, by the publisher. `false`: whoever waits is to be woken.
    pub(super) fn deliver(self, ticket: Ticket) -> bool {
        match self {
            Self::Waker => return false,
            Self::List(list) => list.receive(ticket),
            Self::Call(callback) => callback(ticket),
        }
        true
    }
}

/// The completed records of one provider that nobody has read yet. They need no room: the list goes
/// through the records themselves.
pub struct Completions<C: 'static, X, T> {
    slab: Arc<SharedSlab<C, X>>,
    tally: Arc<Tally>,
    notify: Box<dyn Fn() + Send + Sync>,
    result: PhantomData<fn() -> T>,
}

impl<C, X, T> Completions<C, X, T> {
    /// Makes an empty list for the jobs of `slab`. `notify` is called after each completion, by its
    /// publisher; it must not block.
    pub fn new(
        slab: Arc<SharedSlab<C, X>>,
        notify: impl Fn() + Send + Sync + 'static,
    ) -> Arc<Self> {
        let tally = slab.unread().lease();
        Arc::new(Self { slab, tally, notify: Box::new(notify), result: PhantomData })
    }

    /// The records that the list goes through.
    pub fn slab(&self) -> &Arc<SharedSlab<C, X>> {
        &self.slab
    }

    /// Whether there is nothing to take, at this moment.
    pub fn is_empty(&self) -> bool {
        self.tally.top().index() == NONE
    }

    /// Takes every completion, the oldest first.
    pub fn take_all(&self) -> Chain<C, X, T> {
        let mut index = self.tally.take();
        let mut turned = NONE;
        while index != NONE {
            let link = &self.slab.record(index).next;
            // ORDERING: Relaxed, both: the chain is this consumer's alone (2.).
            let next = link.load(Ordering::Relaxed);
            link.store(turned, Ordering::Relaxed);
            turned = index;
            index = next;
        }
        let (slab, tally) = (Arc::clone(&self.slab), Arc::clone(&self.tally));
        Chain { slab, tally, first: turned, result: PhantomData }
    }
}

impl<C, X: Send + Sync, T> Receive for Completions<C, X, T> {
    fn receive(&self, ticket: Ticket) {
        let link = &self.slab.record(ticket.index()).next;
        let mut top = self.tally.top();
        loop {
            // ORDERING: Relaxed: published by the push (`completions.push`).
            link.store(top.index(), Ordering::Relaxed);
            match self.tally.push(top, ticket.index()) {
                Ok(()) => break,
                Err(now) => top = now,
            }
        }
        (self.notify)();
    }
}

impl<C, X, T> Drop for Completions<C, X, T> {
    fn drop(&mut self) {
        drop(self.take_all());
        self.tally.leave();
    }
}

impl<C, X, T> fmt::Debug for Completions<C, X, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completions").field("is_empty", &self.is_empty()).finish_non_exhaustive()
    }
}

/// Completions that were taken, in the order in which they came. Dropped, it drops the unread outcomes.
pub struct Chain<C: 'static, X, T> {
    slab: Arc<SharedSlab<C, X>>,
    tally: Arc<Tally>,
    first: u32,
    result: PhantomData<fn() -> T>,
}

impl<C, X, T> Chain<C, X, T> {
    /// Whether all were taken out.
    pub fn is_empty(&self) -> bool {
        self.first == NONE
    }

    /// Takes the next outcome out; from then on it does not count as unread.
    pub fn read(&mut self) -> Option<Report<T>> {
        let report = self.next_reader()?.try_take();
        self.tally.count_read();
        report
    }

    fn next_reader(&mut self) -> Option<Reader<C, X, T>> {
        if self.is_empty() {
            return None;
        }
        let index = self.first;
        // ORDERING: Relaxed: the chain is this consumer's alone.
        self.first = self.slab.record(index).next.load(Ordering::Relaxed);
        Some(Reader::new(Held::new(&self.slab), self.slab.ticket_at(index)))
    }
}

impl<C, X, T> Drop for Chain<C, X, T> {
    fn drop(&mut self) {
        while let Some(unread) = self.next_reader() {
            drop(unread);
            self.tally.count_read();
        }
    }
}

impl<C, X, T> fmt::Debug for Chain<C, X, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("is_empty", &self.is_empty()).finish_non_exhaustive()
    }
}

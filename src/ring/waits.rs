//! What somebody who would wait at an end of a [`Ring`] does there: mark the end as awaited, and look.
//!
//! The mark stands in the very word that a pusher or popper moves on by its compare-exchange. So whoever
//! claims a place after the mark was set knows of it and tells (`queue/line.rs`), and for whoever claimed
//! before, the word that the mark was set in says that it did. No fence stands on anybody's way.
//!
//! That is why no wake-up is lost: a waiter sleeps only if the place that it waits for was not yet claimed
//! in the word that it marked. In the order of the changes of that one word the claim then comes after the
//! mark, whatever else the waiter has read, and however old that was.

use super::Ring;
use super::place::{AtHead, AtTail, Place};
use crate::sync::atomic::Ordering;

/// What somebody finds who would wait.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// Nothing to be had, and whoever changes that will tell.
    Nothing,
    /// Another try may succeed.
    Ready,
    /// A peer stands in the middle of its operation and need not know that somebody waits.
    Busy,
}

impl<T> Ring<T> {
    /// Marks that a value is awaited, and looks for one.
    pub(crate) fn await_value(&self) -> Outlook {
        // ORDERING: Relaxed: the argument above is about this word alone.
        let tail = Place::from_word(self.tail.fetch_or(Place::AWAITED, Ordering::Relaxed));
        if tail.is_closed() {
            self.meet_close();
        }
        let head = self.head_now();
        match self.slot(head).stamp().at_head(head) {
            AtHead::Full | AtHead::Behind => Outlook::Ready,
            AtHead::Free | AtHead::Busy if head.is_before(tail) => Outlook::Busy,
            AtHead::Free if tail.is_closed() => Outlook::Ready,
            AtHead::Busy if tail.is_closed() => Outlook::Busy,
            AtHead::Free | AtHead::Busy => Outlook::Nothing,
        }
    }

    /// Takes back the mark of [`await_value`](Self::await_value).
    pub(crate) fn await_no_value(&self) {
        // ORDERING: Relaxed, as in `await_value`.
        self.tail.fetch_and(!Place::AWAITED, Ordering::Relaxed);
    }

    /// Marks that a free slot is awaited, and looks for one.
    pub(crate) fn await_space(&self) -> Outlook {
        // ORDERING: Relaxed, as in `await_value`.
        let head = Place::from_word(self.head.fetch_or(Place::AWAITED, Ordering::Relaxed));
        let tail = self.tail_now();
        if tail.is_closed() {
            return Outlook::Ready;
        }
        match self.slot(tail).stamp().at_tail(tail) {
            AtTail::Free | AtTail::Behind => Outlook::Ready,
            AtTail::Taken => match self.shape.lap_before(tail) {
                Some(oldest) if !oldest.is_before(head) => Outlook::Nothing,
                _ => Outlook::Busy,
            },
        }
    }

    /// Takes back the mark of [`await_space`](Self::await_space).
    pub(crate) fn await_no_space(&self) {
        // ORDERING: Relaxed, as in `await_value`.
        self.head.fetch_and(!Place::AWAITED, Ordering::Relaxed);
    }
}

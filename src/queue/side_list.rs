//! Those who wait for space, in the order of their coming (S17).
//!
//! Who stands in the list does not try again by itself: whoever frees a slot moves the first in on its
//! behalf. So nobody is woken who then finds the slot taken, a slot that one does not want is offered to the
//! next by the same hand, and whoever stands in front enters before those behind. A push that finds a slot may
//! overtake the list; one that finds none stands behind it. Each lane of a queue has a list of its own.
//!
//! Algorithm: a map by place under a lock, and a count beside it that says without the lock whether anybody
//! stands there. One thread at a time moves: it takes the first out of the map, lets it try without the lock,
//! and puts it back to its place if there is no slot. Others who want to move meanwhile say so and go on.
//!
//! Invariants:
//! 1. While an entrant is in the map or in the mover's hand, `standing` is not 0.
//! 2. Nobody stands beside a free slot when nobody moves. Who stands counts itself, passes a SeqCst fence and
//!    moves; who frees a slot passes a SeqCst fence and moves if the count is not 0. In the order of the two
//!    fences, the second one sees what came before the first: either the one who stands finds the slot, or the
//!    other finds the count. Who finds a mover at work marks, under the lock, that the mover has to look
//!    `again`; the mover looks at the mark under the lock when it is about to stop.
//! 3. Entrants enter in the order of their places: only the mover tries, and only with the first.
//!
//! Cases of 2. with a first that has given up: it is out of the map, or its try says that it is done; the mover
//! goes on to the next with the same slot. Given up in the mover's hand, it marks `again`, and the mover that
//! puts it back takes it out once more.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `side.fences` | the fence of `freed` or `popped` after the slot | the fence of `stand` before the move | the free slot, or the entrant |
//!
//! Progress: while nobody stands, one load after a fence that a pop has anyway. The lock is held for steps in
//! the map and never while somebody tries to enter; a mover that stands still holds up the list and nobody else.
//!
//! Models: `side_moves`, `side_order`, `side_gives_up`, `side_close`.

use crate::sync::atomic::{AtomicUsize, Ordering, fence, fence_after_rmw};
use crate::sync::{Arc, Mutex, contain};
use std::collections::BTreeMap;
use std::fmt;

/// Somebody who waits for space.
pub trait Entrant: Send + Sync {
    /// Tries to enter, for the one who waits.
    fn enter(&self) -> Try;
}

/// What a try to enter came to.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// The entrant waits no longer: it is in, or refused, or has given up.
    Done,
    /// There is no space; it goes on waiting.
    Full,
}

/// A place in a list, by which it can be left.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(u64);

/// The list.
#[derive(Default)]
pub(super) struct SideList {
    standing: AtomicUsize,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    waiting: BTreeMap<Place, Arc<dyn Entrant>>,
    places: u64,
    moving: bool,
    again: bool,
}

impl SideList {
    /// Stands behind all others, and moves whoever can enter.
    pub(super) fn stand(&self, entrant: Arc<dyn Entrant>) -> Place {
        let mut line = self.line.lock();
        let place = Place(line.places);
        line.places += 1;
        line.waiting.insert(place, entrant);
        // ORDERING: Relaxed: the fence below orders it.
        self.standing.fetch_add(1, Ordering::Relaxed);
        drop(line);
        // ORDERING: `side.fences`: store-load against `freed`.
        fence(Ordering::SeqCst);
        self.advance();
        place
    }

    /// Leaves `place`. The entrant says that it is done from now on.
    pub(super) fn leave(&self, place: Place) {
        let mut line = self.line.lock();
        let left = line.waiting.remove(&place);
        match left {
            Some(_) => self.count_out(),
            None if line.moving => line.again = true,
            None => {}
        }
        drop(line);
        drop(left);
    }

    /// Moves those who can enter, after something happened that may let them.
    #[inline]
    pub(super) fn freed(&self) {
        if any_awaited([self]) {
            self.advance();
        }
    }

    /// As [`freed`](Self::freed), right behind the read-modify-write that made the space.
    #[inline]
    pub(super) fn popped(&self) {
        // ORDERING: `side.fences`: store-load against `stand`.
        fence_after_rmw();
        // ORDERING: Relaxed: ordered by the fence.
        if self.standing.load(Ordering::Relaxed) != 0 {
            self.advance();
        }
    }

    #[cold]
    fn advance(&self) {
        let mut line = self.line.lock();
        if line.moving {
            line.again = true;
            return;
        }
        line.moving = true;
        while let Some((place, first)) = line.waiting.pop_first() {
            line.again = false;
            drop(line);
            let tried = attempt(&*first);
            // What an entrant holds is dropped without the lock.
            let stays = (tried == Try::Full).then_some(first);
            line = self.line.lock();
            match stays {
                None => self.count_out(),
                Some(first) => {
                    line.waiting.insert(place, first);
                    if !line.again {
                        break;
                    }
                }
            }
        }
        line.moving = false;
    }

    fn count_out(&self) {
        // ORDERING: Relaxed: who sees an old count only looks into the list for nothing.
        self.standing.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether anybody stands in one of the lists, for a caller who has just made space or is about to.
#[inline]
pub(super) fn any_awaited<'a>(lists: impl IntoIterator<Item = &'a SideList>) -> bool {
    // ORDERING: `side.fences`: store-load against `stand`.
    fence(Ordering::SeqCst);
    // ORDERING: Relaxed: ordered by the fence.
    lists.into_iter().any(|list| list.standing.load(Ordering::Relaxed) != 0)
}

/// An entrant that panics would leave the list without a mover for ever.
fn attempt(entrant: &dyn Entrant) -> Try {
    let mut tried = Try::Done;
    contain(|| tried = entrant.enter());
    tried
}

impl fmt::Debug for SideList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SideList").finish_non_exhaustive()
    }
}

//! How many outcomes of a provider stand in completion lists and have not been read (S15).
//!
//! Algorithm: no count of its own is kept by those who publish. A list's head is exchanged at each push
//! anyway, and carries beside the top index how many pushes there were; readers count what they have read in
//! a word of their own. The difference of the two sums is the number. A tally outlives its list: the next
//! list of the provider takes it over, so that there are as many as lists at one time.
//!
//! Invariants: 1. both counts only grow, by read-modify-writes. 2. An outcome is counted as read after its
//! record was released, and after the push that brought it was acquired. 3. The list of tallies only grows.
//!
//! Whether at least `limit` are unread is exact, in this sense. Let `r`, `p`, `s` be the sums of the read,
//! pushed and read counts, collected in this order. At the moment between the first two collections at most
//! `p - r` were unread, since `r` can only be lower and `p` higher than the truth of that moment; at the moment
//! between the last two at least `p - s` were. So `p - r < limit` proves a moment of the call with fewer, and
//! `p - s ≥ limit` one with as many; if neither holds somebody has read meanwhile, and the caller looks again.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `unread.read` | `count_read` | the collection of the read counts | the free record, and the push that was read |
//! | `unread.pushed` | the head's exchange (`completions.push`) | the collection of the pushed counts | every read that the publisher knew of |
//!
//! Progress: pushing, reading and a look that finds fewer are as free as their list; a look that finds as many
//! repeats only after somebody has read. Models: `unread_frees`, `unread_not_more`, `unread_not_fewer`.

use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Arc, CachePadded, OnceLock};
use std::fmt;

const INDEX_BITS: u32 = 20;
/// The index of no record.
pub(super) const NONE: u32 = (1 << INDEX_BITS) - 1;

/// A list's head: the record on top, and how many were ever pushed (44 bits; only differences count).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Top(u64);

impl Top {
    pub(super) fn index(self) -> u32 {
        self.0 as u32 & NONE
    }

    fn pushed(self) -> u64 {
        self.0 >> INDEX_BITS
    }

    fn followed_by(self, index: u32) -> Self {
        Self(self.pushed().wrapping_add(1) << INDEX_BITS | u64::from(index))
    }
}

/// The head of one list, and how much of it was read.
#[derive(Debug)]
pub(super) struct Tally {
    head: CachePadded<AtomicU64>,
    read: CachePadded<AtomicU64>,
    leased: AtomicBool,
}

impl Tally {
    fn new() -> Self {
        Self {
            head: CachePadded::new(AtomicU64::new(u64::from(NONE))),
            read: CachePadded::new(AtomicU64::new(0)),
            leased: AtomicBool::new(true),
        }
    }

    /// The head, to push on or to look at.
    pub(super) fn top(&self) -> Top {
        // ORDERING: Relaxed: only compared and linked to; `take` acquires.
        Top(self.head.load(Ordering::Relaxed))
    }

    /// Puts `index` on top of `top`, whose index its record links to.
    pub(super) fn push(&self, top: Top, index: u32) -> Result<(), Top> {
        let next = top.followed_by(index);
        // ORDERING: Release is edge `completions.push` and `unread.pushed`; a failure is only compared again.
        self.head
            .compare_exchange_weak(top.0, next.0, Ordering::Release, Ordering::Relaxed)
            .map(|_| ())
            .map_err(Top)
    }

    /// Takes the whole list; the record on its top.
    pub(super) fn take(&self) -> u32 {
        // ORDERING: Acquire takes `completions.push` of every record in the chain: whatever changes the head
        // is a read-modify-write, so the later ones continue the release sequences of the earlier.
        Top(self.head.fetch_or(u64::from(NONE), Ordering::Acquire)).index()
    }

    /// Counts one outcome as read, whose record was released.
    pub(super) fn count_read(&self) {
        // ORDERING: Release is edge `unread.read`.
        self.read.fetch_add(1, Ordering::Release);
    }

    /// Leaves the tally to the next list. What was taken from this one is still counted as it is read.
    pub(super) fn leave(&self) {
        // ORDERING: Relaxed: the next list goes on with both counts as they are, by read-modify-writes.
        self.leased.store(false, Ordering::Relaxed);
    }

    fn pushed(&self) -> u64 {
        // ORDERING: Acquire takes `unread.pushed`: the collection of the read counts comes after it.
        Top(self.head.load(Ordering::Acquire)).pushed()
    }

    fn read(&self) -> u64 {
        // ORDERING: Acquire takes `unread.read`: no outcome is read before it is seen pushed.
        self.read.load(Ordering::Acquire)
    }
}

/// The tallies of a provider's completion lists.
#[derive(Default)]
pub struct Unread {
    first: Place,
}

type Place = OnceLock<Box<Node>>;

struct Node {
    tally: Arc<Tally>,
    next: Place,
}

impl Unread {
    /// A tally for one more list.
    pub(super) fn lease(&self) -> Arc<Tally> {
        let mut place = &self.first;
        loop {
            let mut is_new = false;
            let node = place.get_or_init(|| {
                is_new = true;
                Box::new(Node { tally: Arc::new(Tally::new()), next: OnceLock::new() })
            });
            // ORDERING: Relaxed: as in `leave`.
            if is_new || !node.tally.leased.swap(true, Ordering::Relaxed) {
                return Arc::clone(&node.tally);
            }
            place = &node.next;
        }
    }

    /// Whether at least `limit` outcomes, not 0, stand unread in the lists, at a moment of the call.
    pub fn is_at_least(&self, limit: usize) -> bool {
        let Ok(limit) = i64::try_from(limit) else { return false };
        let mut read = self.sum(Tally::read);
        loop {
            let pushed = self.sum(Tally::pushed);
            if difference(pushed, read) < limit {
                return false;
            }
            let later = self.sum(Tally::read);
            if difference(pushed, later) >= limit {
                return true;
            }
            read = later;
        }
    }

    /// Without a list this is one load of a word that hardly ever changes.
    fn sum(&self, count: impl Fn(&Tally) -> u64) -> u64 {
        let nodes = std::iter::successors(self.first.get(), |node| node.next.get());
        nodes.fold(0, |sum, node| sum.wrapping_add(count(&node.tally)))
    }
}

/// How far `pushed` is ahead of `read`, each known in its lowest 44 bits.
fn difference(pushed: u64, read: u64) -> i64 {
    (pushed.wrapping_sub(read) << INDEX_BITS) as i64 >> INDEX_BITS
}

impl Drop for Unread {
    fn drop(&mut self) {
        // One after another: a long list must not drop itself recursively.
        let mut next = self.first.take();
        while let Some(mut node) = next {
            next = node.next.take();
        }
    }
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (read, pushed) = (self.sum(Tally::read), self.sum(Tally::pushed));
        f.debug_struct("Unread").field("count", &difference(pushed, read)).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{NONE, Tally, Unread, difference};
    use crate::sync::Arc;

    fn push(tally: &Tally, index: u32) {
        assert!(tally.push(tally.top(), index).is_ok(), "nobody else pushes");
    }

    #[test]
    fn the_sum_over_all_lists_decides_and_a_read_makes_room() {
        let unread = Unread::default();
        assert!(!unread.is_at_least(1));
        let lists = [unread.lease(), unread.lease()];
        push(&lists[0], 4);
        push(&lists[1], 5);
        assert!(unread.is_at_least(2) && !unread.is_at_least(3));
        assert_eq!((lists[0].take(), lists[0].take()), (4, NONE));
        assert!(unread.is_at_least(2), "taken is not read");
        lists[0].count_read();
        assert!(unread.is_at_least(1) && !unread.is_at_least(2));
    }

    #[test]
    fn a_list_that_is_gone_leaves_its_tally_to_the_next() {
        let unread = Unread::default();
        let (first, second) = (unread.lease(), unread.lease());
        push(&first, 1);
        first.leave();
        let third = unread.lease();
        assert!(Arc::ptr_eq(&first, &third) && !Arc::ptr_eq(&second, &third));
        assert!(unread.is_at_least(1), "what was taken before is still counted");
        first.count_read();
        assert!(!unread.is_at_least(1));
    }

    #[test]
    fn counts_that_wrap_keep_their_difference() {
        assert_eq!(difference(3, (1 << 44) - 2), 5);
        assert_eq!(difference((1 << 44) - 2, 3), -5);
    }
}

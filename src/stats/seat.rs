//! Which shard a thread records in: a seat that is its own, while there are some, or one that it shares.
//!
//! A thread takes a seat at its first record and leaves it when it ends; the next to take the seat goes on
//! with the values that it finds, so that sums never go back. Whoever has a seat of its own is the only one
//! to write there, and needs no read-modify-write. The last [`RESERVED`] seats are for the library's own
//! threads, which say so by [`sit`].
//!
//! Invariant: a bit of the word is set while its seat has an owner, and one thread at a time has it.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `seat.leave` | `leave` clears the bit | `take` sets it | everything that the owner before recorded |
//!
//! Progress: `take` is lock-free, `leave` wait-free. Model: `seat_leave`.

use crate::sync::atomic::{AtomicU64, Ordering};

/// Seats with one owner.
pub(super) const OWN: usize = if cfg!(loom) { 1 } else { 64 };
/// Those among them that only the library's own threads take.
const RESERVED: usize = if cfg!(loom) { 0 } else { 32 };
/// Seats that are shared, a power of two.
pub(super) const SHARED: usize = if cfg!(loom) { 1 } else { 8 };

/// A place to record in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat(usize);

impl Seat {
    /// A seat that any thread may use at any time.
    pub const SHARED: Self = Self(OWN);

    #[inline]
    pub(super) fn number(self) -> usize {
        self.0
    }

    /// Whether the seat has one owner.
    #[inline]
    pub(super) fn is_own(self) -> bool {
        self.0 < OWN
    }
}

/// The seats with one owner.
#[derive(Debug)]
pub struct Seats(AtomicU64);

impl Default for Seats {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl Seats {
    /// Takes a free seat, if there is one; the ones of the library's own threads only for such a thread.
    pub fn take(&self, ours: bool) -> Option<Seat> {
        let among = if ours { OWN } else { OWN - RESERVED };
        // ORDERING: Relaxed: only compared; the exchange acquires.
        let mut taken = self.0.load(Ordering::Relaxed);
        loop {
            // Ours begin with their own seats, so that the others' are left to the others.
            let free = !taken & (u64::MAX >> (64 - among));
            let reserved = free >> (OWN - RESERVED) << (OWN - RESERVED);
            let from = if ours && reserved != 0 { reserved } else { free };
            if from == 0 {
                return None;
            }
            let seat = from.trailing_zeros() as usize;
            // ORDERING: Acquire takes `seat.leave`; a failure is only compared again.
            match self.0.compare_exchange_weak(
                taken,
                taken | 1 << seat,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(Seat(seat)),
                Err(now) => taken = now,
            }
        }
    }

    /// Gives a seat back, which the caller took and no longer records in.
    pub fn leave(&self, seat: Seat) {
        // ORDERING: Release is edge `seat.leave`; other seats' changes continue its release sequence.
        self.0.fetch_and(!(1 << seat.number()), Ordering::Release);
    }
}

/// The calling thread's seat, taken at the first call.
#[cfg(not(loom))]
#[inline]
pub(super) fn current() -> Seat {
    thread::current()
}

/// Under loom, threads that have taken no seat share one.
#[cfg(loom)]
pub(super) fn current() -> Seat {
    Seat::SHARED
}

/// Takes a seat for the calling thread, which is one of the library's own.
#[cfg(not(loom))]
pub fn sit() {
    thread::sit(true);
}

#[cfg(not(loom))]
mod thread {
    use super::{OWN, SHARED, Seat, Seats};
    use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    use std::cell::Cell;

    static SEATS: Seats = Seats(AtomicU64::new(0));
    static NEXT_SHARED: AtomicUsize = AtomicUsize::new(0);

    const NONE: usize = usize::MAX;

    thread_local! {
        static CURRENT: Cell<usize> = const { Cell::new(NONE) };
        static SITTING: Cell<Option<Sitting>> = const { Cell::new(None) };
    }

    /// Leaves the thread's seat when the thread ends; what is recorded even later goes to a shared one.
    struct Sitting(Seat);

    impl Drop for Sitting {
        fn drop(&mut self) {
            CURRENT.set(OWN);
            SEATS.leave(self.0);
        }
    }

    #[inline]
    pub(super) fn current() -> Seat {
        match CURRENT.get() {
            NONE => sit(false),
            seat => Seat(seat),
        }
    }

    #[cold]
    pub(super) fn sit(ours: bool) -> Seat {
        if let seated @ 0..OWN = CURRENT.get() {
            return Seat(seated);
        }
        // A thread that is ending takes no seat: nobody would leave it.
        let own = SITTING.try_with(|sitting| {
            let seat = SEATS.take(ours)?;
            sitting.set(Some(Sitting(seat)));
            Some(seat)
        });
        let seat = own.ok().flatten().unwrap_or_else(|| {
            // ORDERING: Relaxed: only spreads the threads; nothing is published by it.
            Seat(OWN + NEXT_SHARED.fetch_add(1, Ordering::Relaxed) % SHARED)
        });
        CURRENT.set(seat.number());
        seat
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{OWN, RESERVED, Seats, current, sit};
    use crate::sync::thread;
    use std::collections::HashSet;

    #[test]
    fn every_seat_has_one_owner_and_the_reserved_ones_are_ours() {
        let seats = Seats::default();
        let theirs: Vec<_> = std::iter::from_fn(|| seats.take(false)).collect();
        assert_eq!(theirs.len(), OWN - RESERVED);
        let ours: Vec<_> = std::iter::from_fn(|| seats.take(true)).collect();
        let all: HashSet<_> = theirs.iter().chain(&ours).map(|seat| seat.number()).collect();
        assert_eq!(all.len(), OWN);
        seats.leave(ours[3]);
        assert_eq!(seats.take(false), None, "a reserved seat is not for others");
        assert_eq!(seats.take(true), Some(ours[3]));
    }

    #[test]
    fn a_thread_keeps_its_seat_and_leaves_it_when_it_ends() {
        let own = || {
            sit();
            assert_eq!(current(), current());
            assert!(current().is_own());
            current().number()
        };
        // One after another; were seats kept, the later threads would find none.
        for _ in 0..3 * OWN {
            thread::spawn("sits", move || assert!(own() < OWN)).unwrap().join().unwrap();
        }
    }
}

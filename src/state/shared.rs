//! Who keeps a slab alive: those who share it, and every job that has one of its records.
//!
//! Handles come and go with every job. A count of them would be a cache line that all threads write, and it would
//! say nothing new: a job has a record, and a record that is not in the free list has a job. So those who live
//! long share the slab by an `Arc`; when the last of them is gone, it closes the free list and counts the records
//! in it as home, and each of the others is counted when it comes home. Whoever counts the last frees the slab.
//!
//! Invariants: 1. who has a right to a record, and no share, touches the slab only until the record goes back.
//! 2. No record is taken out after the close: that takes a share. 3. After the close each record is counted home
//! once: in the free list by the closer, who counts as one more, or by its last owner.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `slab.home` | the `fetch_add` of whoever counts records home | the same by who counts the last | that nobody touches the slab any more |
//!
//! Progress: wait-free, but for the closer's walk through the free list. Models: `slab_last_home`, `slab_last_home_told`.

use super::slab::Slab;
use crate::sync::atomic::Ordering;
use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;

/// A share of a slab, to be shared by an `Arc`. The slab outlives it as long as jobs have records.
pub struct SharedSlab<C: 'static, X = ()> {
    slab: NonNull<Slab<C, X>>,
}

// SAFETY: it gives shared access to a slab and may be the one that drops it, as an `Arc` would.
#[expect(unsafe_code, reason = "a pointer says nothing of what it points to")]
unsafe impl<C, X: Send + Sync> Send for SharedSlab<C, X> {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "as above")]
unsafe impl<C, X: Send + Sync> Sync for SharedSlab<C, X> {}

impl<C, X> SharedSlab<C, X> {
    /// Makes `records` free records beside `host`.
    ///
    /// # Panics
    ///
    /// If `records` is 0 or more than a 20-bit index can name.
    pub fn new(records: usize, host: X) -> Self {
        Self { slab: NonNull::from(Box::leak(Box::new(Slab::new(records, host)))) }
    }
}

impl<C, X> Deref for SharedSlab<C, X> {
    type Target = Slab<C, X>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        // SAFETY: nobody frees the slab before this share is dropped.
        #[expect(unsafe_code, reason = "the slab lives as long as this")]
        unsafe {
            self.slab.as_ref()
        }
    }
}

impl<C, X> Drop for SharedSlab<C, X> {
    fn drop(&mut self) {
        // The closer counts as one more, or the slab could end before it has counted.
        let home = self.close() + 1;
        // SAFETY: nothing is touched afterwards, and these records came home by the close.
        #[expect(unsafe_code, reason = "the last one home frees the slab")]
        unsafe {
            came_home(self.slab, home);
        }
    }
}

impl<C, X> fmt::Debug for SharedSlab<C, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Slab::fmt(self, f)
    }
}

/// Access to a slab for as long as some record of it is not home, which is for the holder to know.
pub(super) struct Held<C: 'static, X>(NonNull<Slab<C, X>>);

// SAFETY: it gives shared access to a slab, and may be the one that frees it.
#[expect(unsafe_code, reason = "a pointer says nothing of what it points to")]
unsafe impl<C, X: Send + Sync> Send for Held<C, X> {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "as above")]
unsafe impl<C, X: Send + Sync> Sync for Held<C, X> {}

impl<C, X> Clone for Held<C, X> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<C, X> Copy for Held<C, X> {}

impl<C, X> fmt::Debug for Held<C, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.0).finish()
    }
}

impl<C, X> Held<C, X> {
    /// For an owner of one of the slab's records, who does not use it any more once the record is home.
    #[inline]
    pub(super) fn new(slab: &Slab<C, X>) -> Self {
        Self(NonNull::from(slab))
    }

    /// Brings a record home as its last owner, which ends this access. Nothing of the slab is touched once it is
    /// there.
    #[inline]
    pub(super) fn give_back(self, index: u32) {
        if self.put_back(index) {
            // SAFETY: the caller, who is the record's last owner, ends its access.
            #[expect(unsafe_code, reason = "the last one home frees the slab")]
            unsafe {
                came_home(self.0, 1);
            }
        }
    }

    /// Whether two of them are of the same slab.
    pub(super) fn is_of(self, slab: &Slab<C, X>) -> bool {
        std::ptr::eq(self.0.as_ptr(), slab)
    }
}

impl<C, X> Deref for Held<C, X> {
    type Target = Slab<C, X>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        // SAFETY: some record is not home (contract of `new`), so the slab is there.
        #[expect(unsafe_code, reason = "the slab lives as long as a record is out")]
        unsafe {
            self.0.as_ref()
        }
    }
}

/// Counts records home after the close; with the last one the slab ends.
///
/// # Safety
///
/// The slab is closed, and the caller does not touch it any more.
#[cold]
#[expect(unsafe_code, reason = "the last one home frees the slab")]
unsafe fn came_home<C, X>(slab: NonNull<Slab<C, X>>, records: usize) {
    let last = {
        // SAFETY: these records are not counted yet, so nobody has freed the slab.
        let slab = unsafe { slab.as_ref() };
        let capacity = slab.capacity();
        // ORDERING: Release and Acquire are both ends of edge `slab.home`.
        slab.home.fetch_add(records, Ordering::AcqRel) + records == capacity + 1
    };
    if last {
        // SAFETY: it was made by a box, all records are home and no share is left: nobody else has access.
        drop(unsafe { Box::from_raw(slab.as_ptr()) });
    }
}

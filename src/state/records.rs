//! The memory of a provider's records.

use super::record::JobRecord;
use crate::sync::CachePadded;
use std::ops::Deref;

/// So many records without a job. Where atomics are plain words, their memory comes zeroed from the system, which
/// gives a page only when it is first written to.
#[cfg(not(any(loom, bifrost_chaos)))]
pub(super) use zeroed::Records;

/// So many records without a job.
#[cfg(any(loom, bifrost_chaos))]
pub(super) struct Records<C: 'static>(Box<[CachePadded<JobRecord<C>>]>);

#[cfg(any(loom, bifrost_chaos))]
impl<C> Records<C> {
    pub(super) fn new(records: usize) -> Self {
        Self((0..records).map(|_| CachePadded::new(JobRecord::new())).collect())
    }
}

#[cfg(any(loom, bifrost_chaos))]
impl<C> Deref for Records<C> {
    type Target = [CachePadded<JobRecord<C>>];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

#[cfg(not(any(loom, bifrost_chaos)))]
mod zeroed {
    use super::{CachePadded, Deref, JobRecord};
    use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
    use std::ptr::NonNull;

    /// See above.
    pub(in crate::state) struct Records<C: 'static> {
        first: NonNull<CachePadded<JobRecord<C>>>,
        records: usize,
        memory: NonNull<u8>,
        layout: Layout,
    }

    // SAFETY: it owns its records as a box does, and they may be shared and sent.
    #[expect(unsafe_code, reason = "a pointer says nothing of what it points to")]
    unsafe impl<C> Send for Records<C> {}
    // SAFETY: as above.
    #[expect(unsafe_code, reason = "as above")]
    unsafe impl<C> Sync for Records<C> {}

    impl<C> Records<C> {
        pub(in crate::state) fn new(records: usize) -> Self {
            let align = align_of::<CachePadded<JobRecord<C>>>();
            // The system's zeroed memory is only had at its own alignment; the rest is ours. A slab has one record
            // at least, and no more than a 20-bit index can name.
            let size = records.max(1) * size_of::<CachePadded<JobRecord<C>>>() + align;
            let layout = Layout::array::<u128>(size.div_ceil(size_of::<u128>()))
                .unwrap_or_else(|_| unreachable!("{records} records have an address each"));
            // SAFETY: the layout is not of size 0.
            #[expect(unsafe_code, reason = "zeroed memory without a value to write")]
            let Some(memory) = NonNull::new(unsafe { alloc_zeroed(layout) }) else {
                handle_alloc_error(layout)
            };
            let skip = memory.as_ptr().align_offset(align);
            // SAFETY: `skip` is less than `align`, and there is room for that.
            #[expect(unsafe_code, reason = "the first record in the memory")]
            let first = unsafe { memory.add(skip) };
            Self { first: first.cast(), records, memory, layout }
        }
    }

    impl<C> Deref for Records<C> {
        type Target = [CachePadded<JobRecord<C>>];

        #[inline]
        fn deref(&self) -> &Self::Target {
            let records = NonNull::slice_from_raw_parts(self.first, self.records);
            // SAFETY: there is room for so many, and zeros are a record, field by field: atomics of 0, no table,
            // cells of which nothing is initialized.
            #[expect(unsafe_code, reason = "the records that the memory was made for")]
            unsafe {
                records.as_ref()
            }
        }
    }

    impl<C> Drop for Records<C> {
        fn drop(&mut self) {
            // A record without a job, which all of them are in the end, owns nothing.
            // SAFETY: the memory was allocated with this layout, and nobody has access any more.
            #[expect(unsafe_code, reason = "what was allocated is freed")]
            unsafe {
                dealloc(self.memory.as_ptr(), self.layout);
            }
        }
    }
}

//! On which seat of which pool the calling thread drives, if it does.

use crate::queue::Ready;
use crate::sync::Arc;
use std::cell::Cell;
use std::ptr;

thread_local! {
    static DRIVING: Cell<(*const Ready, u32)> = const { Cell::new((ptr::null(), 0)) };
}

/// The seat of the calling thread at `ready`, if it drives there at this moment.
#[inline]
pub(super) fn seat(ready: &Ready) -> Option<u32> {
    let (driven, seat) = DRIVING.with(Cell::get);
    ptr::eq(driven, ready).then_some(seat)
}

/// Marks the calling thread as driving, until it is dropped: inside it may drive something else, or the same
/// from another seat.
#[must_use]
#[derive(Debug)]
pub(super) struct Driving {
    before: (*const Ready, u32),
    /// The seat of before belongs to the same.
    suspended: Option<Arc<Ready>>,
}

impl Driving {
    pub(super) fn enter(ready: &Arc<Ready>, seat: u32) -> Self {
        let before = DRIVING.with(|driving| driving.replace((Arc::as_ptr(ready), seat)));
        let suspended = ptr::eq(before.0, &**ready).then(|| Arc::clone(ready));
        suspended.iter().for_each(|ready| ready.suspend());
        Self { before, suspended }
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        DRIVING.with(|driving| driving.set(self.before));
        self.suspended.iter().for_each(|ready| ready.resume());
    }
}

//! Which runtime's job the calling thread is in, if it is in one.

use std::cell::Cell;

thread_local! {
    static CURRENT: Cell<usize> = const { Cell::new(0) };
}

/// Whether the calling thread polls a job of `runtime` at this moment.
pub fn inside(runtime: usize) -> bool {
    CURRENT.with(Cell::get) == runtime
}

/// Marks the calling thread as being in a job of a runtime, until it is dropped.
#[must_use]
#[derive(Debug)]
pub struct Inside {
    before: usize,
}

impl Inside {
    /// Enters a job of `runtime`, a number that is not 0.
    pub fn enter(runtime: usize) -> Self {
        Self { before: CURRENT.with(|current| current.replace(runtime)) }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.before));
    }
}

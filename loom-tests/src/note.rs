//! Something that an edge has to make visible.

use bifrost::sync::UnsafeCell;

/// A value that is not atomic: written before an edge and read after it. Without the edge the model fails,
/// because loom sees a data race.
#[derive(Debug)]
pub struct Note(UnsafeCell<u32>);

// SAFETY: whether the accesses are ordered is what the models ask, and loom stops them if they are not. The
// threads of a model take turns on one thread of the system.
#[expect(unsafe_code, reason = "loom judges the accesses")]
unsafe impl Sync for Note {}

impl Default for Note {
    fn default() -> Self {
        Self(UnsafeCell::new(0))
    }
}

impl Note {
    /// Writes.
    #[track_caller]
    pub fn write(&self, value: u32) {
        self.0.with_mut(|cell| {
            // SAFETY: see the type.
            #[expect(unsafe_code, reason = "loom judges the access")]
            unsafe {
                *cell = value;
            }
        });
    }

    /// Reads what was written last.
    #[track_caller]
    pub fn read(&self) -> u32 {
        self.0.with(|cell| {
            // SAFETY: see the type.
            #[expect(unsafe_code, reason = "loom judges the access")]
            unsafe {
                *cell
            }
        })
    }
}

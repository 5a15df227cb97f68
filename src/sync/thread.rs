//! Threads of our own.

#[cfg(loom)]
pub use loom::thread::{JoinHandle, ThreadId, current, yield_now};
#[cfg(not(loom))]
pub use std::thread::{JoinHandle, ThreadId, current, yield_now};

/// Starts a thread named `name` (cut to 15 bytes by Linux). On Unix it takes no signals but those that a
/// thread raises against itself: handlers run on the program's threads.
///
/// # Errors
///
/// What the operating system says when it has no thread to give.
pub fn spawn<T: Send + 'static>(
    name: &str,
    f: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<JoinHandle<T>> {
    #[cfg(all(unix, not(loom)))]
    let _blocked = super::signals::Blocked::new();
    #[cfg(not(loom))]
    return std::thread::Builder::new().name(name.to_owned()).spawn(f);
    #[cfg(loom)]
    return loom::thread::Builder::new().name(name.to_owned()).spawn(f);
}

/// How many threads the machine can run at once; 1 where the system does not say.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

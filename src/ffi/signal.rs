//! The descriptor that tells an event loop of completions: an eventfd on Linux, a pipe on other Unix.
//!
//! It is written to once for each arming, so a loop that is busy polling costs its workers no system call.

use crate::sync::{Arc, AtomicWaker};
use std::io;
use std::task::{Wake, Waker};

/// A descriptor that is readable once something came after it was armed.
#[derive(Debug)]
pub(super) struct Signal {
    bell: Arc<Bell>,
    armed: AtomicWaker,
}

impl Signal {
    /// Opens a descriptor that is not armed.
    ///
    /// # Errors
    ///
    /// What the system says when it has none to give.
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self { bell: Arc::new(Bell::open()?), armed: AtomicWaker::new() })
    }

    /// The descriptor to poll for reading; -1 where there is none.
    pub(super) fn descriptor(&self) -> i32 {
        self.bell.descriptor()
    }

    /// Makes the descriptor unreadable, and readable at the next [`came`](Self::came): whoever looks for
    /// completions after this misses none.
    pub(super) fn arm(&self) {
        self.bell.hush();
        self.armed.register(&Waker::from(Arc::clone(&self.bell)));
    }

    /// Something came.
    pub(super) fn came(&self) {
        self.armed.wake();
    }

    /// Makes the descriptor readable, armed or not.
    pub(super) fn ring(&self) {
        self.bell.ring();
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
use eventfd::Bell;
#[cfg(not(unix))]
use none::Bell;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
use pipe::Bell;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod eventfd {
    use rustix::event::{EventfdFlags, eventfd};
    use std::io;
    use std::os::fd::{AsRawFd, OwnedFd};

    #[derive(Debug)]
    pub(super) struct Bell(OwnedFd);

    impl Bell {
        pub(super) fn open() -> io::Result<Self> {
            Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
        }

        pub(super) fn descriptor(&self) -> i32 {
            self.0.as_raw_fd()
        }

        pub(super) fn ring(&self) {
            // It only fails where the count is at its top: readable, as it should be.
            let _readable = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        }

        pub(super) fn hush(&self) {
            // It only fails where the count is 0: not readable, as it should be.
            let _unreadable = rustix::io::read(&self.0, &mut [0_u8; 8]);
        }
    }
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
mod pipe {
    use rustix::io::{FdFlags, fcntl_setfd, ioctl_fionbio};
    use std::io;
    use std::os::fd::{AsRawFd, OwnedFd};

    #[derive(Debug)]
    pub(super) struct Bell {
        reader: OwnedFd,
        writer: OwnedFd,
    }

    impl Bell {
        pub(super) fn open() -> io::Result<Self> {
            let (reader, writer) = rustix::pipe::pipe()?;
            for end in [&reader, &writer] {
                fcntl_setfd(end, FdFlags::CLOEXEC)?;
                ioctl_fionbio(end, true)?;
            }
            Ok(Self { reader, writer })
        }

        pub(super) fn descriptor(&self) -> i32 {
            self.reader.as_raw_fd()
        }

        pub(super) fn ring(&self) {
            // It only fails where the pipe is full: readable, as it should be.
            let _readable = rustix::io::write(&self.writer, &[1]);
        }

        pub(super) fn hush(&self) {
            let mut bytes = [0_u8; 64];
            while rustix::io::read(&self.reader, &mut bytes).is_ok_and(|read| read == bytes.len()) {
            }
        }
    }
}

#[cfg(not(unix))]
mod none {
    use std::io;

    #[derive(Debug)]
    pub(super) struct Bell;

    impl Bell {
        pub(super) fn open() -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) fn descriptor(&self) -> i32 {
            -1
        }

        pub(super) fn ring(&self) {}

        pub(super) fn hush(&self) {}
    }
}

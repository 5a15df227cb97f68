//! Foreign code whose panic must not reach us: wakers, callbacks, and the drops of what others made.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `f`; `true` if it panicked. A payload whose own drop panics is leaked, since what that panic throws
/// could panic as well.
///
/// Under loom it catches nothing: loom reports a failed model by a panic out of any operation.
pub fn contain(f: impl FnOnce()) -> bool {
    if cfg!(loom) {
        f();
        return false;
    }
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else { return false };
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        let _leaked = std::mem::ManuallyDrop::new(second);
    }
    true
}

/// Drops `value`; `true` if that panicked.
pub fn drop_caught<T>(value: T) -> bool {
    contain(|| drop(value))
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{contain, drop_caught};

    /// Panics whenever it is dropped, with another of its kind.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::panic_any(Bomb);
        }
    }

    #[test]
    fn nothing_gets_out() {
        assert!(!contain(|| ()));
        assert!(contain(|| std::panic::panic_any(Bomb)));
        assert!(drop_caught(Bomb));
    }
}

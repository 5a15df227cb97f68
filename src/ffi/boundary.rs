//! The one boundary that no panic crosses.

use crate::code::Code;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What the inside of an entry point returns; `?` leaves with a status.
pub(super) type Called<T = ()> = Result<T, Code>;

/// Runs the inside of an entry point that returns a status.
pub(super) fn guard(body: impl FnOnce() -> Called) -> Code {
    guard_or(Code::Panic, || body().err().unwrap_or(Code::Ok))
}

/// Runs the inside of an entry point that returns something else, `fallback` after a panic.
pub(super) fn guard_or<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(payload) => {
            // A payload's own drop may panic; then it is leaked with what is left of it.
            if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                let _leaked = std::mem::ManuallyDrop::new(second);
            }
            fallback
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{guard, guard_or};
    use crate::code::Code;

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::panic_any(Bomb);
        }
    }

    #[test]
    fn a_panic_becomes_a_status_even_if_its_payload_panics_too() {
        assert_eq!(guard(|| panic!("inside")), Code::Panic);
        assert_eq!(guard(|| std::panic::panic_any(Bomb)), Code::Panic);
        assert_eq!(guard_or(7, || panic!("inside")), 7);
    }

    #[test]
    fn a_status_passes_through() {
        assert_eq!(guard(|| Ok(())), Code::Ok);
        assert_eq!(guard(|| Err(Code::Stale)), Code::Stale);
    }
}

//! The wrappers over std's atomics. They have the methods that all builds have in one shape.

use super::agent;
use super::site::Kind;
use std::panic::Location;
use std::sync::atomic as imp;
pub use std::sync::atomic::Ordering;

/// One operation that cannot fail, at its caller's place.
#[inline]
#[track_caller]
fn single<R>(kind: Kind, order: Ordering, f: impl FnOnce() -> R) -> R {
    let at = Location::caller();
    agent::before(at);
    let result = f();
    agent::after(at, kind, order);
    result
}

/// One compare-exchange, at its caller's place.
#[inline]
#[track_caller]
fn compare<T>(
    success: Ordering,
    failure: Ordering,
    f: impl FnOnce() -> Result<T, T>,
) -> Result<T, T> {
    let at = Location::caller();
    agent::before(at);
    let result = f();
    match result {
        Ok(_) => agent::after(at, Kind::CasSuccess, success),
        Err(_) => agent::after(at, Kind::CasFailure, failure),
    }
    result
}

/// As in std.
#[track_caller]
pub fn fence(order: Ordering) {
    single(Kind::Fence, order, || imp::fence(order));
}

macro_rules! common {
    ($(<$t:ident>)? $name:ident, $value:ty, $imp:ty) => {
        #[doc = concat!("`std::sync::atomic::", stringify!($name), "` whose operations can be disturbed.")]
        #[derive(Debug)]
        #[repr(transparent)]
        pub struct $name $(<$t>)? ($imp);

        impl $(<$t>)? $name $(<$t>)? {
            /// As in std.
            pub const fn new(value: $value) -> Self {
                Self(<$imp>::new(value))
            }

            /// As in std.
            #[track_caller]
            pub fn load(&self, order: Ordering) -> $value {
                single(Kind::Load, order, || self.0.load(order))
            }

            /// As in std.
            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                single(Kind::Store, order, || self.0.store(value, order));
            }

            /// As in std.
            #[track_caller]
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                single(Kind::Rmw, order, || self.0.swap(value, order))
            }

            /// As in std.
            ///
            /// # Errors
            ///
            /// The value, when it is not `current`.
            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                compare(success, failure, || self.0.compare_exchange(current, new, success, failure))
            }

            /// As in std, failing for no reason as often as the thread's agent draws it.
            ///
            /// # Errors
            ///
            /// The value, which may well be `current`.
            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                compare(success, failure, || match agent::fails() {
                    true => Err(self.0.load(failure)),
                    false => self.0.compare_exchange_weak(current, new, success, failure),
                })
            }
        }
    };
}

macro_rules! fetch {
    ($name:ident, $value:ty, $($method:ident)*) => {
        impl $name {
            $(
                /// As in std.
                #[track_caller]
                pub fn $method(&self, value: $value, order: Ordering) -> $value {
                    single(Kind::Rmw, order, || self.0.$method(value, order))
                }
            )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new(<$value>::default())
            }
        }
    };
}

common!(AtomicBool, bool, imp::AtomicBool);
common!(AtomicU8, u8, imp::AtomicU8);
common!(AtomicU32, u32, imp::AtomicU32);
common!(AtomicU64, u64, imp::AtomicU64);
common!(AtomicUsize, usize, imp::AtomicUsize);
common!(<T> AtomicPtr, *mut T, imp::AtomicPtr<T>);

fetch!(AtomicBool, bool, fetch_and fetch_or fetch_xor);
fetch!(AtomicU8, u8, fetch_add fetch_sub fetch_and fetch_or fetch_xor fetch_max fetch_min);
fetch!(AtomicU32, u32, fetch_add fetch_sub fetch_and fetch_or fetch_xor fetch_max fetch_min);
fetch!(AtomicU64, u64, fetch_add fetch_sub fetch_and fetch_or fetch_xor fetch_max fetch_min);
fetch!(AtomicUsize, usize, fetch_add fetch_sub fetch_and fetch_or fetch_xor fetch_max fetch_min);

//! The wrappers over loom's atomics. They have the methods that both worlds have in
//! one shape: no `get_mut`, which loom cannot give; exclusive owners load and store `Relaxed`.

use super::execution;
use super::gate::Gate;
use super::mutant::weakened;
use super::site::{Kind, reach};
use loom::sync::atomic as imp;
pub use loom::sync::atomic::Ordering;
use std::panic::Location;

/// Loom takes a `SeqCst` access for `AcqRel`: a proof that needs more would be no proof.
#[track_caller]
fn access(order: Ordering) -> Ordering {
    assert!(
        order != Ordering::SeqCst,
        "SeqCst access: loom models only fence(SeqCst), so write the store-load argument with fences"
    );
    order
}

/// One operation that cannot fail, at its caller's place.
#[track_caller]
fn single<R>(kind: Kind, order: Ordering, gate: &Gate, f: impl FnOnce(Ordering) -> R) -> R {
    let at = Location::caller();
    let result = f(weakened(at, kind, access(order)));
    gate.pass();
    reach(at, kind, order);
    result
}

/// One compare-exchange, at its caller's place.
#[track_caller]
fn compare<T>(
    success: Ordering,
    failure: Ordering,
    gate: &Gate,
    f: impl FnOnce(Ordering, Ordering) -> Result<T, T>,
) -> Result<T, T> {
    let at = Location::caller();
    let result = f(
        weakened(at, Kind::CasSuccess, access(success)),
        weakened(at, Kind::CasFailure, access(failure)),
    );
    gate.pass();
    match result {
        Ok(_) => reach(at, Kind::CasSuccess, success),
        Err(_) => reach(at, Kind::CasFailure, failure),
    }
    result
}

/// A fence; `SeqCst` is modelled, and any two of those are tried in both orders.
#[track_caller]
pub fn fence(order: Ordering) {
    let at = Location::caller();
    if order == Ordering::SeqCst {
        execution::pass_fence();
    }
    match weakened(at, Kind::Fence, order) {
        Ordering::Relaxed => {}
        order => imp::fence(order),
    }
    reach(at, Kind::Fence, order);
}

macro_rules! common {
    ($(<$t:ident>)? $name:ident, $value:ty, $imp:ty) => {
        #[doc = concat!("`std::sync::atomic::", stringify!($name), "` as the models see it.")]
        #[derive(Debug)]
        pub struct $name $(<$t>)? {
            value: $imp,
            gate: Gate,
        }

        impl $(<$t>)? $name $(<$t>)? {
            /// As in std.
            #[track_caller]
            pub fn new(value: $value) -> Self {
                Self { value: <$imp>::new(value), gate: Gate::new() }
            }

            /// As in std.
            #[track_caller]
            pub fn load(&self, order: Ordering) -> $value {
                single(Kind::Load, order, &self.gate, |order| self.value.load(order))
            }

            /// As in std.
            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                single(Kind::Store, order, &self.gate, |order| self.value.store(value, order));
            }

            /// As in std.
            #[track_caller]
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                single(Kind::Rmw, order, &self.gate, |order| self.value.swap(value, order))
            }

            /// As in std; loom lets a failure see the latest value alone.
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
                compare(success, failure, &self.gate, |success, failure| {
                    self.value.compare_exchange(current, new, success, failure)
                })
            }

            /// As in std, failing for no reason as often as the model allows.
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
                let fails = execution::throw();
                compare(success, failure, &self.gate, |success, failure| match fails {
                    true => Err(self.value.load(failure)),
                    false => self.value.compare_exchange(current, new, success, failure),
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
                    single(Kind::Rmw, order, &self.gate, |order| self.value.$method(value, order))
                }
            )*
        }

        impl Default for $name {
            #[track_caller]
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

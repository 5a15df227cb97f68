//! Cancel tokens: one call that ends many jobs, parent to child.

#![expect(unsafe_code, reason = "exported symbols, and pointers from C")]

use super::boundary::{guard, guard_or};
use super::fork::Birth;
use super::handle::{Handle, writable};
use crate::cancel::CancelToken;
use crate::code::Code;

/// A cancel token. Jobs that name it are cancelled when it is fired. Opaque.
#[derive(Debug)]
pub struct CancelHandle {
    birth: Birth,
    pub(super) token: CancelToken,
}

impl Handle for CancelHandle {
    fn birth(&self) -> Birth {
        self.birth
    }
}

/// Makes a token that nothing else fires.
///
/// Parameters:
/// - `out`: gets the token.
///
/// Returns: `BIFROST_OK` or `BIFROST_NULL`.
/// Ownership: the token is the caller's, until `bifrost_cancel_free`.
/// Thread safety: any thread, at any time.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `out` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_cancel_new(out: *mut *mut CancelHandle) -> Code {
    guard(|| {
        writable(out)?;
        let handle = CancelHandle { birth: Birth::now(), token: CancelToken::new() };
        // SAFETY: checked above.
        unsafe { handle.give(out) }
    })
}

/// Makes a token that is fired with another one; firing it leaves the other alone.
///
/// Parameters:
/// - `parent`: the other token; if it is fired already, so is the new one.
/// - `out`: gets the token.
///
/// Returns: `BIFROST_OK`, `BIFROST_NULL`, or `BIFROST_FORKED`.
/// Ownership: the token is the caller's, until `bifrost_cancel_free`; the parent may be freed before.
/// Thread safety: any thread.
/// Blocking: for a short lock.
/// Since: 0.1.
///
/// # Safety
///
/// `parent` is null or not freed; `out` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_cancel_child(
    parent: *const CancelHandle,
    out: *mut *mut CancelHandle,
) -> Code {
    guard(|| {
        // SAFETY: by contract.
        let parent = unsafe { CancelHandle::borrow(parent) }?;
        writable(out)?;
        let handle = CancelHandle { birth: Birth::now(), token: parent.token.child() };
        // SAFETY: checked above.
        unsafe { handle.give(out) }
    })
}

/// Fires a token: every job that names it, or a child of it, and has no outcome yet ends as cancelled.
/// Firing it again does nothing.
///
/// Parameters:
/// - `cancel`: the token.
///
/// Returns: `BIFROST_OK`, `BIFROST_NULL`, or `BIFROST_FORKED`.
/// Ownership: nothing changes hands.
/// Thread safety: any thread, also inside a job.
/// Blocking: for a short lock, and while the outcomes are published.
/// Since: 0.1.
///
/// # Safety
///
/// `cancel` is null or not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_cancel_fire(cancel: *const CancelHandle) -> Code {
    guard(|| {
        // SAFETY: by contract.
        unsafe { CancelHandle::borrow(cancel) }?.token.cancel();
        Ok(())
    })
}

/// Whether a token is fired.
///
/// Parameters:
/// - `cancel`: the token.
///
/// Returns: whether it is; false for null.
/// Ownership: nothing changes hands.
/// Thread safety: any thread.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `cancel` is null or not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_cancel_is_fired(cancel: *const CancelHandle) -> bool {
    guard_or(false, || {
        // SAFETY: by contract.
        unsafe { CancelHandle::borrow(cancel) }.is_ok_and(|handle| handle.token.is_cancelled())
    })
}

/// Frees a token without firing it. Jobs that name it, and its children, are of no concern.
///
/// Parameters:
/// - `cancel`: the token; null does nothing.
///
/// Returns: `BIFROST_OK`, or `BIFROST_FORKED`: it is not freed then.
/// Ownership: the token is gone after `BIFROST_OK`; freeing it again is undefined.
/// Thread safety: nobody else may use the token meanwhile.
/// Blocking: for a short lock.
/// Since: 0.1.
///
/// # Safety
///
/// `cancel` is null or not freed, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_cancel_free(cancel: *mut CancelHandle) -> Code {
    // SAFETY: by contract.
    guard(|| unsafe { CancelHandle::take(cancel) }.map(drop))
}

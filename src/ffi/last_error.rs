//! Last error: the text behind a cold call that failed.

use super::boundary::{Called, guard, guard_or};
use super::handle::copy_text;
use crate::code::Code;
use std::cell::RefCell;
use std::ffi::c_char;
use std::fmt::Display;

thread_local! {
    static TEXT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps the text of `error` for this thread and gives `code` back.
pub(super) fn keep(code: Code, error: impl Display) -> Code {
    let text = error.to_string();
    // A thread whose variables are gone already gets the status alone.
    let _kept = TEXT.try_with(|place| *place.borrow_mut() = text);
    code
}

/// Runs the inside of an entry point that promises a text: if it fails, this thread has the text of this
/// failure, and of no earlier one.
pub(super) fn told(body: impl FnOnce() -> Called) -> Code {
    // A thread whose variables are gone already gets the status alone.
    let _cleared = TEXT.try_with(|place| place.borrow_mut().clear());
    let code = guard(body);
    let untold = TEXT.try_with(|place| place.borrow().is_empty()).unwrap_or(false);
    if code != Code::Ok && untold { keep(code, code.message()) } else { code }
}

/// The text of the last failure of a cold function on the calling thread. Functions that keep one say so,
/// and replace it at each call; no other function touches it.
///
/// Parameters:
/// - `buffer`: where the text goes, NUL-terminated and cut to fit; may be null.
/// - `capacity`: the bytes that `buffer` has; may be 0.
///
/// Returns: the length of the whole text in bytes without its NUL; 0 if nothing has failed.
/// Ownership: the buffer stays the caller's; the text is copied.
/// Thread safety: any thread; each has its own text.
/// Blocking: never.
/// Since: 0.1.
///
/// # Safety
///
/// `buffer` is null or has room for `capacity` bytes.
#[expect(unsafe_code, reason = "an exported symbol, and the caller's buffer")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bifrost_last_error(buffer: *mut c_char, capacity: usize) -> usize {
    guard_or(0, || {
        let text = TEXT.try_with(|place| place.borrow().clone()).unwrap_or_default();
        // SAFETY: by contract.
        unsafe { copy_text(&text, buffer, capacity) }
    })
}

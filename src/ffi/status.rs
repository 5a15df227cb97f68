//! Status: names and texts of the numbers that functions return and completions carry.

use super::boundary::guard_or;
use crate::code::Code;
use crate::sync::OnceLock;
use std::ffi::{CStr, CString, c_char};

/// What stands for a number that is no status.
const UNKNOWN: &CStr = c"unknown";

/// Every code with its texts, NUL-terminated.
fn texts() -> &'static [(Code, CString, CString)] {
    static TEXTS: OnceLock<Vec<(Code, CString, CString)>> = OnceLock::new();
    let text = |text: &str| CString::new(text).unwrap_or_default();
    TEXTS.get_or_init(|| {
        Code::all().map(|code| (code, text(code.name()), text(code.message()))).collect()
    })
}

fn row(status: i32) -> Option<&'static (Code, CString, CString)> {
    texts().iter().find(|row| row.0.number() == status)
}

/// The stable name of a status, the same in JSON and as a metric's label.
///
/// Parameters:
/// - `status`: any number.
///
/// Returns: for instance "queue_full", NUL-terminated; "unknown" if there is no such status; never null.
/// Ownership: the string is static; do not free it.
/// Thread safety: any thread, at any time.
/// Blocking: never.
/// Since: 0.1.
#[expect(unsafe_code, reason = "an exported symbol")]
#[unsafe(no_mangle)]
pub extern "C" fn bifrost_status_name(status: i32) -> *const c_char {
    guard_or(UNKNOWN, || row(status).map_or(UNKNOWN, |row| &row.1)).as_ptr()
}

/// One sentence for a person about a status.
///
/// Parameters:
/// - `status`: any number.
///
/// Returns: a text in lower case, NUL-terminated; "unknown" if there is no such status; never null.
/// Ownership: the string is static; do not free it.
/// Thread safety: any thread, at any time.
/// Blocking: never.
/// Since: 0.1.
#[expect(unsafe_code, reason = "an exported symbol")]
#[unsafe(no_mangle)]
pub extern "C" fn bifrost_status_message(status: i32) -> *const c_char {
    guard_or(UNKNOWN, || row(status).map_or(UNKNOWN, |row| &row.2)).as_ptr()
}

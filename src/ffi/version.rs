//! Version: what the program was built against, and what it runs with.

use super::boundary::{Called, guard};
use super::cq::Completion;
use super::job::JobSpec;
use crate::code::Code;
use std::ffi::c_char;

/// The version of the binary interface. It changes when a frozen struct or the meaning of a function
/// does, together with the SONAME.
pub const BIFROST_ABI_VERSION: u32 = 0;
/// `bifrost_features`: HTTP jobs are built in.
pub const BIFROST_FEATURE_HTTP: u64 = 1;
/// `bifrost_features`: HTTP jobs can use TLS.
pub const BIFROST_FEATURE_TLS: u64 = 2;

const MAJOR: u32 = number(env!("CARGO_PKG_VERSION_MAJOR"));
const MINOR: u32 = number(env!("CARGO_PKG_VERSION_MINOR"));
const PATCH: u32 = number(env!("CARGO_PKG_VERSION_PATCH"));

const fn number(text: &str) -> u32 {
    let (digits, mut value, mut i) = (text.as_bytes(), 0, 0);
    while i < digits.len() {
        value = value * 10 + (digits[i] - b'0') as u32;
        i += 1;
    }
    value
}

/// The version of the library that is linked.
///
/// Parameters: none.
/// Returns: major * 1,000,000 + minor * 1,000 + patch; compare it with `BIFROST_VERSION_NUMBER`.
/// Ownership: nothing changes hands.
/// Thread safety: any thread, at any time.
/// Blocking: never.
/// Since: 0.1.
#[expect(unsafe_code, reason = "an exported symbol")]
#[unsafe(no_mangle)]
pub extern "C" fn bifrost_version() -> u32 {
    MAJOR * 1_000_000 + MINOR * 1_000 + PATCH
}

/// The version of the library that is linked, as text.
///
/// Parameters: none.
/// Returns: a string such as "0.1.0", NUL-terminated, never null.
/// Ownership: the string is static; do not free it.
/// Thread safety: any thread, at any time.
/// Blocking: never.
/// Since: 0.1.
#[expect(unsafe_code, reason = "an exported symbol")]
#[unsafe(no_mangle)]
pub extern "C" fn bifrost_version_string() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// What the library was built with.
///
/// Parameters: none.
/// Returns: a set of `BIFROST_FEATURE_...` bits; ignore those that you do not know.
/// Ownership: nothing changes hands.
/// Thread safety: any thread, at any time.
/// Blocking: never.
/// Since: 0.1.
#[expect(unsafe_code, reason = "an exported symbol")]
#[unsafe(no_mangle)]
pub extern "C" fn bifrost_features() -> u64 {
    let http = if cfg!(feature = "http") { BIFROST_FEATURE_HTTP } else { 0 };
    let tls = if cfg!(feature = "tls") { BIFROST_FEATURE_TLS } else { 0 };
    http | tls
}

/// Whether a program fits the library that it runs with. Call it once at the start, by the macro
/// `BIFROST_ABI_CHECK()`.
///
/// Parameters:
/// - `abi`: `BIFROST_ABI_VERSION`.
/// - `sizeof_job`: `sizeof(bifrost_job)`.
/// - `sizeof_completion`: `sizeof(bifrost_completion)`.
///
/// Returns: `BIFROST_OK`, or `BIFROST_VERSION`: the header is not that of this library.
/// Ownership: nothing changes hands.
/// Thread safety: any thread, at any time.
/// Blocking: never.
/// Since: 0.1.
#[expect(unsafe_code, reason = "an exported symbol")]
#[unsafe(no_mangle)]
pub extern "C" fn bifrost_abi_check(abi: u32, sizeof_job: usize, sizeof_completion: usize) -> Code {
    guard(|| check(abi, sizeof_job, sizeof_completion))
}

fn check(abi: u32, job: usize, completion: usize) -> Called {
    let fits = abi == BIFROST_ABI_VERSION
        && job == size_of::<JobSpec>()
        && completion == size_of::<Completion>();
    if fits { Ok(()) } else { Err(Code::Version) }
}

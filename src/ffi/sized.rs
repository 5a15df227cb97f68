//! Structs that begin with their own size, so that they can grow: what a caller does not know yet is zero,
//! and zero means the default.

#![expect(unsafe_code, reason = "structs are copied byte by byte, as far as the caller knows them")]

use super::boundary::Called;
use super::handle::{get, writable};
use crate::code::Code;

/// No struct will ever be larger; a larger size is a mistake.
const MOST: usize = 4096;

/// A plain struct that begins with a `uint32_t struct_size` and may get more fields at its end.
///
/// # Safety
///
/// The type is `repr(C)`, begins with a `u32`, all zeros are one of its values, so are any bytes, and it
/// has no padding.
pub(super) unsafe trait Sized32: Copy {
    /// The size of the first version that was published.
    const FIRST: usize;
}

/// The size that the caller says its struct has.
///
/// # Safety
///
/// `raw` is null or valid for reads of a `u32`.
unsafe fn said<T: Sized32>(raw: *const T) -> Called<usize> {
    writable(raw.cast_mut())?;
    // SAFETY: by contract; a `T` begins with it.
    let size = *unsafe { get(raw.cast::<u32>()) }? as usize;
    if (T::FIRST..=MOST).contains(&size) { Ok(size) } else { Err(Code::Version) }
}

/// Reads options; null stands for all defaults.
///
/// # Safety
///
/// `raw` is null, or valid for reads of as many bytes as its first field says.
pub(super) unsafe fn read<T: Sized32>(raw: *const T) -> Called<T> {
    // SAFETY: all zeros are a value, by the trait's contract.
    let mut value = unsafe { std::mem::zeroed::<T>() };
    if raw.is_null() {
        return Ok(value);
    }
    // SAFETY: by contract.
    let size = unsafe { said(raw) }?;
    // SAFETY: by contract.
    let bytes = unsafe { std::slice::from_raw_parts(raw.cast::<u8>(), size) };
    let known = size.min(size_of::<T>());
    if bytes[known..].iter().any(|&byte| byte != 0) {
        return Err(Code::Version);
    }
    // SAFETY: any bytes are a value; `known` is within both.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut value).cast::<u8>(), known) };
    Ok(value)
}

/// Writes figures, as far as the caller's struct goes, with zeros in what we do not know; the caller's
/// size stays.
///
/// # Safety
///
/// `out` is null, or valid for reads and writes of as many bytes as its first field says.
pub(super) unsafe fn write<T: Sized32>(out: *mut T, value: &T) -> Called {
    // SAFETY: by contract.
    let size = unsafe { said(out) }?;
    const HEAD: usize = size_of::<u32>();
    let known = size.min(size_of::<T>());
    // SAFETY: within the value.
    let from = unsafe { std::ptr::from_ref(value).cast::<u8>().add(HEAD) };
    // SAFETY: within the caller's struct.
    let to = unsafe { out.cast::<u8>().add(HEAD) };
    // SAFETY: `known` is within both, and C's struct is not ours.
    unsafe { std::ptr::copy_nonoverlapping(from, to, known - HEAD) };
    // SAFETY: within the caller's struct.
    let tail = unsafe { out.cast::<u8>().add(known) };
    // SAFETY: as above.
    unsafe { tail.write_bytes(0, size - known) };
    Ok(())
}

/// Checks the size of a struct that will be written, before anything is done.
///
/// # Safety
///
/// `out` is null or valid for reads of a `u32`.
pub(super) unsafe fn check_optional<T: Sized32>(out: *const T) -> Called {
    if out.is_null() {
        return Ok(());
    }
    // SAFETY: by contract.
    unsafe { said(out) }.map(drop)
}

//! Handles that C holds: one Rust type each, so that giving one to the wrong function, or freeing it as
//! another, does not compile.

#![expect(unsafe_code, reason = "handles are raw pointers on C's side")]

use super::boundary::Called;
use super::fork::Birth;
use crate::code::Code;

/// A type whose values C owns by a pointer.
pub(super) trait Handle: Send + Sync + Sized {
    /// When it was made.
    fn birth(&self) -> Birth;

    /// Gives it to C, by way of `out`.
    ///
    /// # Safety
    ///
    /// `out` is null or valid for a write.
    unsafe fn give(self, out: *mut *mut Self) -> Called {
        let raw = Box::into_raw(Box::new(self));
        // SAFETY: by contract.
        unsafe { write(out, raw) }
    }

    /// Borrows it from C for the length of a call.
    ///
    /// # Safety
    ///
    /// `raw` is null, or came from [`give`](Self::give) and is not freed before `'a` ends.
    unsafe fn borrow<'a>(raw: *const Self) -> Called<&'a Self> {
        // SAFETY: by contract.
        let handle = unsafe { get(raw) }?;
        handle.birth().check()?;
        Ok(handle)
    }

    /// As [`borrow`](Self::borrow), where null stands for none.
    ///
    /// # Safety
    ///
    /// As of [`borrow`](Self::borrow).
    unsafe fn borrow_optional<'a>(raw: *const Self) -> Called<Option<&'a Self>> {
        if raw.is_null() {
            return Ok(None);
        }
        // SAFETY: by contract.
        unsafe { Self::borrow(raw) }.map(Some)
    }

    /// Takes it back from C for good; `None` for null. In a fork of the process that made it, it is left
    /// where it is: what it owns belongs to threads that are not there.
    ///
    /// # Safety
    ///
    /// `raw` is null, or came from [`give`](Self::give), and nobody uses it any more.
    unsafe fn take(raw: *mut Self) -> Called<Option<Box<Self>>> {
        // SAFETY: by contract.
        if unsafe { Self::borrow_optional(raw) }?.is_none() {
            return Ok(None);
        }
        // SAFETY: `give` made it from a box, and the caller gives it up.
        Ok(Some(unsafe { Box::from_raw(raw) }))
    }
}

/// What `raw` points to.
///
/// # Safety
///
/// `raw` is null, or valid for reads throughout `'a`.
pub(super) unsafe fn get<'a, T>(raw: *const T) -> Called<&'a T> {
    if !raw.is_aligned() {
        return Err(Code::Invalid);
    }
    // SAFETY: aligned, and by contract.
    unsafe { raw.as_ref() }.ok_or(Code::Null)
}

/// Writes `value` to where `out` points.
///
/// # Safety
///
/// `out` is null or valid for a write.
pub(super) unsafe fn write<T>(out: *mut T, value: T) -> Called {
    writable(out)?;
    // SAFETY: neither null nor unaligned, and by contract.
    unsafe { out.write(value) };
    Ok(())
}

/// As [`write`], where null means that the caller does not want the value.
///
/// # Safety
///
/// As of [`write`].
pub(super) unsafe fn write_optional<T>(out: *mut T, value: T) -> Called {
    if out.is_null() {
        return Ok(());
    }
    // SAFETY: by contract.
    unsafe { write(out, value) }
}

/// Whether something could be written to where `out` points.
pub(super) fn writable<T>(out: *mut T) -> Called {
    match (out.is_null(), out.is_aligned()) {
        (true, _) => Err(Code::Null),
        (false, false) => Err(Code::Invalid),
        (false, true) => Ok(()),
    }
}

/// `len` values from `first` on; none are an empty slice, whatever the pointer.
///
/// # Safety
///
/// `first` is null, or valid for reads of `len` values throughout `'a`.
pub(super) unsafe fn slice<'a, T>(first: *const T, len: usize) -> Called<&'a [T]> {
    if len == 0 {
        return Ok(&[]);
    }
    writable(first.cast_mut())?;
    check_len::<T>(len)?;
    // SAFETY: neither null nor unaligned nor too long, and by contract.
    Ok(unsafe { std::slice::from_raw_parts(first, len) })
}

/// Whether `len` values can be in memory at all.
pub(super) fn check_len<T>(len: usize) -> Called {
    match len.checked_mul(size_of::<T>()) {
        Some(bytes) if bytes <= isize::MAX as usize => Ok(()),
        _ => Err(Code::Invalid),
    }
}

/// Copies `text` and a NUL to `buffer` as far as `capacity` goes, like `snprintf`; the length of `text`.
///
/// # Safety
///
/// `buffer` is null, or valid for writes of `capacity` bytes.
pub(super) unsafe fn copy_text(
    text: &str,
    buffer: *mut std::ffi::c_char,
    capacity: usize,
) -> usize {
    if !buffer.is_null() && capacity > 0 {
        let mut fits = text.len().min(capacity - 1);
        while !text.is_char_boundary(fits) {
            fits -= 1;
        }
        // SAFETY: both are valid for `fits` bytes, and C's buffer is not ours.
        unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast(), fits) };
        // SAFETY: `fits` is below the capacity.
        let end = unsafe { buffer.add(fits) };
        // SAFETY: within the buffer.
        unsafe { end.write(0) };
    }
    text.len()
}

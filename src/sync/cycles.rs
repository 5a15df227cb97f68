//! The processor's cycle counter, for those who can turn cycles into time.
//!
//! It counts at a constant rate and alike on every core where the kernel itself keeps time by it, and only
//! there [`trusted`] says so.

/// Whether the counter may stand for time: on x86-64 Linux, if the kernel's clock source is the counter.
#[cfg(all(target_arch = "x86_64", target_os = "linux", not(loom)))]
pub fn trusted() -> bool {
    let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    std::fs::read_to_string(source).is_ok_and(|name| name.trim() == "tsc")
}

/// Whether the counter may stand for time: not on this target.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux", not(loom))))]
pub fn trusted() -> bool {
    false
}

/// The cycles counted so far. It may be read some tens of cycles before what stands in front of it is done.
#[cfg(all(target_arch = "x86_64", not(loom)))]
#[inline]
pub fn read() -> u64 {
    // SAFETY: every x86-64 processor has the instruction; where the kernel forbids it to programs, it does not
    // name the counter as its source either, and `trusted` comes first.
    #[expect(unsafe_code, reason = "the instruction has no safe name")]
    unsafe {
        core::arch::x86_64::_rdtsc()
    }
}

/// No cycles: there is no counter here that could be trusted.
#[cfg(not(all(target_arch = "x86_64", not(loom))))]
#[inline]
pub fn read() -> u64 {
    0
}

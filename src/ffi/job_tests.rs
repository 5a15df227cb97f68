//! Who gives `arg` back, at the level of one value.

use super::{Arg, DRIVE, Mark, REFUSE, limit, may_block};
use std::ffi::c_void;
use std::time::Duration;

/// Counts a drop.
///
/// # Safety
///
/// `arg` is a counter.
unsafe extern "C" fn count(arg: *mut c_void) {
    // SAFETY: by contract.
    unsafe { *arg.cast::<u32>() += 1 };
}

#[test]
fn an_arg_is_given_back_once_unless_its_job_is_being_refused() {
    let mut drops = 0_u32;
    let arg = (&raw mut drops).cast::<c_void>();
    drop(Arg { arg, drop: Some(count) });
    assert_eq!(drops, 1);
    let refusing = Mark::set(REFUSE, true);
    drop(Arg { arg, drop: Some(count) });
    assert_eq!(drops, 1, "the caller keeps it");
    drop(refusing);
    drop(Arg { arg, drop: Some(count) });
    assert_eq!(drops, 2);
    drop(Arg { arg, drop: None });
}

#[test]
fn a_mark_inside_a_mark_leaves_the_outer_one() {
    let driver = Mark::set(DRIVE, true);
    drop(Mark::set(DRIVE, false));
    assert!(!may_block());
    drop(driver);
    assert!(may_block());
}

#[test]
fn zero_and_for_ever_are_no_limit() {
    assert_eq!((limit(0), limit(u64::MAX)), (None, None));
    assert_eq!(limit(5), Some(Duration::from_nanos(5)));
}

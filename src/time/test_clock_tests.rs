use super::TestClock;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Parker, Unparker};
use crate::time::{Clock, Deadline, Instant};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Parks a new registered thread until `deadline`; it answers what the park gave and when it ended.
fn park_on(clock: &Clock, deadline: Deadline) -> (Unparker, JoinHandle<(bool, Instant)>) {
    let registration = clock.register_thread();
    let (clock, (sender, receiver)) = (clock.clone(), mpsc::channel());
    let thread = thread::spawn("parked", move || {
        let _entered = registration.enter();
        let parker = Parker::new();
        sender.send(parker.unparker()).unwrap();
        (clock.park(&parker, deadline), clock.now())
    });
    (receiver.recv().unwrap(), thread.unwrap())
}

fn seconds(n: u64) -> Instant {
    Instant::from_nanos(n * 1_000_000_000)
}

fn panic_text(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
    payload.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn manual_time_moves_only_when_told_and_never_back() {
    let clock = TestClock::new();
    assert_eq!(clock.now(), Instant::ZERO);
    clock.advance(SECOND);
    clock.advance_to(seconds(5));
    clock.advance_to(seconds(2));
    assert_eq!(clock.clock().now(), seconds(5));
    clock.advance(Duration::MAX);
    assert_eq!(clock.now().as_nanos(), u64::MAX);
}

#[test]
fn manual_time_wakes_those_whose_deadline_has_come_and_no_other() {
    let clock = TestClock::new();
    let (_, first) = park_on(&clock, Deadline::at(seconds(1)));
    let (unparker, second) = park_on(&clock, Deadline::at(seconds(3)));
    clock.wait_for_parked(2);
    clock.advance_to(seconds(2));
    assert_eq!(first.join().unwrap(), (false, seconds(2)));
    clock.wait_for_parked(1);
    unparker.unpark();
    assert_eq!(second.join().unwrap(), (true, seconds(2)));
}

#[test]
fn a_nudge_without_cause_does_not_end_a_park() {
    let clock = TestClock::new();
    let (unparker, thread) = park_on(&clock, Deadline::at(seconds(1)));
    clock.wait_for_parked(1);
    unparker.nudge();
    clock.advance(SECOND);
    assert_eq!(thread.join().unwrap(), (false, seconds(1)));
}

#[test]
fn a_notification_that_came_with_the_deadline_is_not_lost() {
    let clock = TestClock::new();
    let parker = Parker::new();
    parker.unparker().unpark();
    clock.advance(SECOND);
    let past = Deadline::at(seconds(1));
    assert!(clock.park(&parker, past));
    assert!(!clock.park(&parker, past));
}

#[test]
fn one_thread_alone_jumps_from_deadline_to_deadline() {
    let clock = TestClock::automatic();
    let _entered = clock.register_thread().enter();
    let parker = Parker::new();
    for step in 1..=100_000 {
        let deadline = Deadline::after(clock.now(), Duration::from_millis(7));
        assert!(!clock.park(&parker, deadline));
        assert_eq!(clock.now().as_nanos(), step * 7_000_000);
    }
}

#[test]
fn time_jumps_to_the_earliest_deadline_of_all_threads() {
    let clock = TestClock::automatic();
    let entered = clock.register_thread().enter();
    let threads: Vec<_> =
        (1..=4).rev().map(|n| park_on(&clock, Deadline::at(seconds(n))).1).collect();
    clock.wait_for_parked(4);
    assert_eq!(clock.now(), Instant::ZERO, "this thread runs, so time stands");
    assert!(!clock.park(&Parker::new(), Deadline::at(seconds(9))));
    assert_eq!(clock.now(), seconds(9));
    drop(entered);
    for (thread, n) in threads.into_iter().zip((1..=4).rev()) {
        assert_eq!(thread.join().unwrap(), (false, seconds(n)));
    }
}

#[test]
fn a_registration_holds_time_before_its_thread_has_started() {
    let clock = TestClock::automatic();
    let late = clock.register_thread();
    let (_, thread) = park_on(&clock, Deadline::at(seconds(1)));
    clock.wait_for_parked(1);
    assert_eq!(clock.now(), Instant::ZERO);
    drop(late);
    assert_eq!(thread.join().unwrap(), (false, seconds(1)));
}

#[test]
fn a_parked_thread_with_a_notification_counts_as_running() {
    let clock = TestClock::automatic();
    let entered = clock.register_thread().enter();
    for round in 0..500 {
        let start = clock.now();
        let (unparker, thread) = park_on(&clock, Deadline::after(start, SECOND));
        clock.wait_for_parked(1);
        unparker.unpark();
        // Were the notified thread taken for idle, time would jump past its answer.
        let (end, answer) = (start + SECOND * 3, thread);
        assert!(!clock.park(&Parker::new(), Deadline::at(end)));
        assert_eq!(answer.join().unwrap(), (true, start), "round {round}");
    }
    drop(entered);
}

#[test]
fn two_threads_hand_a_turn_to_and_fro_without_time_passing() {
    let clock = TestClock::automatic();
    let entered = clock.register_thread().enter();
    let parker = Parker::new();
    let own = parker.unparker();
    let registration = clock.register_thread();
    let (sender, receiver) = mpsc::channel();
    let other = clock.clock();
    let thread = thread::spawn("other", move || {
        let _entered = registration.enter();
        let parker = Parker::new();
        sender.send(parker.unparker()).unwrap();
        for _ in 0..2_000 {
            assert!(other.park(&parker, Deadline::at(seconds(1))));
            own.unpark();
        }
    })
    .unwrap();
    let partner = receiver.recv().unwrap();
    for _ in 0..2_000 {
        partner.unpark();
        assert!(clock.park(&parker, Deadline::at(seconds(1))));
    }
    assert_eq!(clock.now(), Instant::ZERO);
    drop(entered);
    thread.join().unwrap();
}

#[test]
fn a_thread_that_enters_twice_counts_once() {
    let clock = TestClock::automatic();
    let outer = clock.register_thread().enter();
    let inner = clock.register_thread().enter();
    assert!(!clock.park(&Parker::new(), Deadline::at(seconds(1))));
    drop(inner);
    assert!(!clock.park(&Parker::new(), Deadline::at(seconds(2))));
    drop(outer);
    let text = panic_text(|| {
        clock.park(&Parker::new(), Deadline::at(seconds(3)));
    });
    assert!(text.contains("not registered"), "{text}");
}

#[test]
fn a_stranger_cannot_park_on_an_automatic_clock() {
    let clock = TestClock::automatic();
    let text = panic_text(|| {
        clock.park(&Parker::new(), Deadline::at(seconds(1)));
    });
    assert!(text.contains("not registered"), "{text}");
}

#[test]
fn a_deadlock_panics_in_the_last_thread_to_park() {
    let clock = TestClock::automatic();
    let entered = clock.register_thread().enter();
    let (unparker, thread) = park_on(&clock, Deadline::NEVER);
    clock.wait_for_parked(1);
    let parker = Parker::new();
    let text = panic_text(|| {
        clock.park(&parker, Deadline::NEVER);
    });
    assert!(text.contains("deadlock") && text.contains("(2)"), "{text}");
    assert!(!clock.park(&parker, Deadline::at(seconds(1))), "the clock is still good");
    drop(entered);
    unparker.unpark();
    assert_eq!(thread.join().unwrap(), (true, seconds(1)));
}

//! What breakers elsewhere got wrong, and what the contract says in figures.

use std::time::Duration;

use super::rules::{
    BreakerRules, BreakerState, BreakerTransition, BreakerWindow, CallTotals, CircuitOpen, Sample,
    SampleFate,
};
use super::{BreakerPermit, CircuitBreaker};
use crate::time::{Deadline, Instant};

const OK: Sample = Sample::Success { slow: false };
const FAIL: Sample = Sample::Failure { slow: false, retry_after: None };

/// The contract's figures, without jitter.
fn contract() -> BreakerRules {
    BreakerRules {
        window: BreakerWindow::Time(Duration::from_secs(10)),
        min_calls: 20,
        failure_rate: 50,
        failures_in_row: 10,
        slow_rate: 80,
        open: Duration::from_secs(5),
        open_max: Duration::from_secs(60),
        jitter: 0,
        calm: Duration::from_secs(60),
        probes: 3,
        probes_to_decide: 5,
        half_open: Duration::from_secs(30),
    }
}

fn ms(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

fn secs(s: u64) -> Instant {
    ms(s * 1_000)
}

type Held<'a> = BreakerPermit<&'a CircuitBreaker>;

/// A breaker with the sums of its successes.
struct World {
    breaker: CircuitBreaker,
    totals: CallTotals,
}

impl World {
    fn new(rules: BreakerRules) -> Self {
        Self { breaker: CircuitBreaker::new(rules, 1), totals: CallTotals::default() }
    }

    fn permit(&self, now: Instant) -> Held<'_> {
        self.breaker.acquire(now).permit.unwrap()
    }

    fn refused(&self, now: Instant) -> CircuitOpen {
        self.breaker.acquire(now).permit.unwrap_err()
    }

    fn call(&mut self, now: Instant, sample: Sample) -> Option<BreakerTransition> {
        let totals = self.totals;
        let done = self.permit(now).record(sample, now, || totals);
        if let (SampleFate::Counted, Sample::Success { slow }) = (done.fate, sample) {
            self.totals.ok += 1;
            self.totals.slow += u64::from(slow);
        }
        done.transition
    }

    fn calls(&mut self, now: Instant, n: usize, sample: Sample) -> Option<BreakerTransition> {
        (0..n).fold(None, |before, _| before.or_else(|| self.call(now, sample)))
    }

    /// Fails until it is open; how long it stays so.
    fn open(&mut self, now: Instant) -> Duration {
        let opened = self.calls(now, 20, FAIL).unwrap();
        assert_eq!(opened.to, BreakerState::Open);
        self.breaker.next_change().remaining(now).unwrap()
    }

    fn state(&self) -> BreakerState {
        self.breaker.state()
    }
}

fn record(permit: Held<'_>, sample: Sample, now: Instant) -> (SampleFate, Option<BreakerState>) {
    let done = permit.record(sample, now, CallTotals::default);
    (done.fate, done.transition.map(|it| it.to))
}

#[test]
fn ten_failures_in_a_row_open_and_a_success_between_starts_anew() {
    let mut world = World::new(BreakerRules { min_calls: 1_000, ..contract() });
    assert_eq!(world.calls(secs(1), 9, FAIL), None);
    assert_eq!(world.call(secs(1), OK), None);
    assert_eq!(world.calls(secs(1), 9, FAIL), None);
    let opened = world.call(secs(2), FAIL).unwrap();
    assert_eq!((opened.from, opened.to), (BreakerState::Closed, BreakerState::Open));
    assert_eq!((opened.at, opened.generation), (secs(2), 1));
}

#[test]
fn half_of_twenty_calls_opens_and_half_of_nineteen_does_not() {
    let mut world = World::new(BreakerRules { failures_in_row: 0, ..contract() });
    world.calls(secs(1), 9, OK);
    assert_eq!(world.calls(secs(1), 10, FAIL), None, "19 calls");
    assert!(world.call(secs(1), FAIL).is_some(), "20 calls, 11 failures");
    let mut world = World::new(BreakerRules { failures_in_row: 0, ..contract() });
    world.calls(secs(1), 11, OK);
    assert_eq!(world.calls(secs(1), 10, FAIL), None, "10 of 21");
    assert!(world.call(secs(1), FAIL).is_some(), "11 of 22");
}

#[test]
fn successes_that_leave_the_window_no_longer_excuse_failures() {
    let mut world = World::new(BreakerRules { failures_in_row: 0, ..contract() });
    world.calls(secs(1), 100, OK);
    assert_eq!(world.calls(secs(6), 30, FAIL), None);
    assert_eq!(world.breaker.fold(ms(10_999), || world.totals), None);
    let opened = world.breaker.fold(secs(11), || world.totals).unwrap();
    assert_eq!(opened.to, BreakerState::Open);
}

#[test]
fn four_slow_calls_of_five_open_at_the_tick() {
    let mut world = World::new(contract());
    world.calls(secs(1), 5, OK);
    world.calls(secs(1), 19, Sample::Success { slow: true });
    assert_eq!(world.breaker.fold(secs(1), || world.totals), None, "19 of 24");
    world.call(secs(1), Sample::Success { slow: true });
    let opened = world.breaker.fold(secs(1), || world.totals).unwrap();
    assert_eq!(opened.to, BreakerState::Open, "20 of 25");
}

#[test]
fn the_window_of_calls_holds_the_last_so_many() {
    let window = BreakerWindow::Calls(20);
    let mut world = World::new(BreakerRules { window, failures_in_row: 0, ..contract() });
    world.calls(secs(1), 50, OK);
    assert_eq!(world.calls(secs(3_000), 9, FAIL), None);
    assert!(world.call(secs(3_000), FAIL).is_some());
}

#[test]
fn half_open_never_admits_more_than_its_probes() {
    let mut world = World::new(contract());
    world.open(secs(1));
    let refused = world.refused(ms(5_999));
    assert_eq!(refused.retry_after, Some(Duration::from_millis(1)));
    assert_eq!(world.breaker.check(ms(5_999)), Err(refused));
    assert_eq!(world.breaker.check(secs(6)), Ok(()));

    let first = world.breaker.acquire(secs(6));
    let [Some(entered), None] = first.transitions else { panic!("{first:?}") };
    assert_eq!((entered.from, entered.to), (BreakerState::Open, BreakerState::HalfOpen));
    let first = first.permit.unwrap();
    let (second, third) = (world.permit(secs(6)), world.permit(secs(6)));
    assert!(first.is_probe() && second.is_probe() && third.is_probe());
    let refused = world.refused(secs(6));
    assert_eq!(refused, CircuitOpen { state: BreakerState::HalfOpen, retry_after: None });
    assert_eq!(world.breaker.check(secs(6)), Err(refused));

    // Of five that decide, three are said and two may be out.
    for permit in [first, second, third] {
        assert_eq!(record(permit, OK, secs(7)), (SampleFate::Probed, None));
    }
    let (fourth, fifth) = (world.permit(secs(7)), world.permit(secs(7)));
    assert_eq!(world.refused(secs(7)).state, BreakerState::HalfOpen);
    assert_eq!(record(fourth, FAIL, secs(7)).1, None);
    assert_eq!(record(fifth, OK, secs(7)).1, Some(BreakerState::Closed));
}

#[test]
fn half_open_opens_again_as_soon_as_that_is_certain() {
    let mut world = World::new(contract());
    world.open(secs(1));
    let permits: Vec<_> = (0..3).map(|_| world.permit(secs(6))).collect();
    let seen = permits.into_iter().map(|permit| record(permit, FAIL, secs(6)).1).last().unwrap();
    assert_eq!(seen, Some(BreakerState::Open), "three of five are half already");
}

#[test]
fn half_open_never_sticks_when_probes_vanish() {
    let mut world = World::new(contract());
    world.open(secs(1));
    let lost: Vec<_> = (0..3).map(|_| world.permit(secs(6))).collect();
    assert_eq!(world.breaker.next_change(), Deadline::at(secs(36)));
    assert_eq!(world.refused(ms(35_999)).state, BreakerState::HalfOpen);
    assert_eq!(world.breaker.check(secs(36)), Ok(()), "somebody may look again");

    let at_end = world.breaker.acquire(secs(36));
    let [Some(opened), None] = at_end.transitions else { panic!("{at_end:?}") };
    assert_eq!((opened.to, opened.at), (BreakerState::Open, secs(36)));
    assert_eq!(at_end.permit.unwrap_err().retry_after, Some(Duration::from_secs(10)));

    let probe = world.permit(secs(46));
    assert!(probe.is_probe(), "and so on");
    for permit in lost {
        assert_eq!(record(permit, FAIL, secs(46)), (SampleFate::Stale, None));
    }
    assert_eq!(world.breaker.figures(secs(46), CallTotals::default).probes, 1);
}

#[test]
fn a_half_open_time_that_nobody_looked_at_is_reckoned_from_its_end() {
    let mut world = World::new(contract());
    world.open(secs(1));
    let _lost = world.permit(secs(6));
    // Over at 36, open until 46: at 50 the next probe goes out at once.
    let later = world.breaker.acquire(secs(50));
    let [Some(opened), Some(half)] = later.transitions else { panic!("{later:?}") };
    assert_eq!((opened.to, opened.at), (BreakerState::Open, secs(36)));
    assert_eq!((half.to, half.at), (BreakerState::HalfOpen, secs(50)));
    assert!(later.permit.unwrap().is_probe());
}

#[test]
fn a_trickle_of_good_calls_is_served_while_half_open_runs_out() {
    let mut world = World::new(contract());
    world.open(secs(1));
    for minute in 1..20 {
        let now = secs(minute * 60);
        assert_eq!(world.permit(now).record(OK, now, CallTotals::default).fate, SampleFate::Probed);
    }
}

#[test]
fn the_tick_ends_a_half_open_time_that_is_over() {
    let mut world = World::new(contract());
    world.open(secs(1));
    let lost = world.permit(secs(6));
    assert_eq!(world.breaker.fold(ms(35_999), CallTotals::default), None);
    let opened = world.breaker.fold(secs(40), CallTotals::default).unwrap();
    assert_eq!((opened.to, opened.at), (BreakerState::Open, secs(36)));
    assert_eq!(record(lost, OK, secs(40)), (SampleFate::Stale, None));
}

#[test]
fn a_cancelled_probe_gives_its_place_back() {
    let mut world = World::new(contract());
    world.open(secs(1));
    for _ in 0..20 {
        let permits: Vec<_> = (0..3).map(|_| world.permit(secs(6))).collect();
        assert_eq!(world.breaker.figures(secs(6), CallTotals::default).probes, 3);
        drop(permits);
        let ignored = world.permit(secs(6)).record(Sample::Ignored, secs(6), CallTotals::default);
        assert_eq!((ignored.fate, ignored.transition), (SampleFate::Ignored, None));
    }
    assert_eq!(world.breaker.figures(secs(6), CallTotals::default).probes, 0);
    assert_eq!(world.state(), BreakerState::HalfOpen, "none of them counted");
}

#[test]
fn a_stale_completion_does_not_count_against_a_newer_state() {
    let world = World::new(contract());
    let old: Vec<_> = (0..100).map(|_| world.breaker.acquire(secs(1)).permit.unwrap()).collect();
    let (old, rest) = (old, world.breaker.reset(secs(1)));
    assert_eq!((rest.from, rest.to), (BreakerState::Closed, BreakerState::Closed));
    for permit in old {
        assert_eq!(record(permit, FAIL, secs(1)), (SampleFate::Stale, None));
    }
    let figures = world.breaker.figures(secs(1), CallTotals::default);
    assert_eq!((figures.calls, figures.failures_in_row), (0, 0));

    let slow = world.breaker.acquire(secs(1)).permit.unwrap();
    let calls = |n: u64| (0..n).map(|_| world.breaker.acquire(secs(1)).permit.unwrap());
    calls(10).for_each(|permit| assert_eq!(record(permit, FAIL, secs(1)).0, SampleFate::Counted));
    assert_eq!(world.breaker.state(), BreakerState::Open);
    let probe = world.breaker.acquire(secs(6)).permit.unwrap();
    assert_eq!(record(slow, OK, secs(6)).0, SampleFate::Stale, "a success no more than a failure");
    assert_eq!(record(probe, OK, secs(6)).0, SampleFate::Probed);
    assert_eq!(world.state(), BreakerState::HalfOpen);
}

#[test]
fn open_time_doubles_and_is_reset() {
    let mut world = World::new(contract());
    let mut now = secs(1);
    assert_eq!(world.open(now), Duration::from_secs(5));
    for expected in [10, 20, 40, 60, 60] {
        now = world.breaker.next_change().instant().unwrap();
        let permits: Vec<_> = (0..3).map(|_| world.permit(now)).collect();
        for permit in permits {
            record(permit, FAIL, now);
        }
        let left = world.breaker.next_change().remaining(now);
        assert_eq!(left, Some(Duration::from_secs(expected)));
    }
    now = world.breaker.next_change().instant().unwrap();
    let close = |world: &mut World, now| {
        for _ in 0..5 {
            assert_ne!(world.state(), BreakerState::Closed);
            record(world.permit(now), OK, now);
        }
        assert_eq!(world.state(), BreakerState::Closed);
    };
    close(&mut world, now);
    now = now + Duration::from_millis(59_999);
    assert_eq!(world.open(now), Duration::from_secs(60), "closed for less than a minute");
    now = world.breaker.next_change().instant().unwrap();
    close(&mut world, now);
    now = now + Duration::from_secs(60);
    assert_eq!(world.open(now), Duration::from_secs(5));
}

#[test]
fn retry_after_is_a_lower_bound() {
    let asked = |time| Sample::Failure { slow: false, retry_after: Some(time) };
    let mut world = World::new(contract());
    // One of the failures has asked, and not the one that opens.
    world.call(secs(1), asked(Duration::from_secs(30)));
    assert_eq!(world.open(secs(2)), Duration::from_secs(29));
    assert!(world.breaker.check(ms(30_999)).is_err());

    let probe = world.permit(secs(31));
    record(probe, asked(Duration::from_secs(1)), secs(31));
    record(world.permit(secs(31)), FAIL, secs(31));
    record(world.permit(secs(31)), FAIL, secs(31));
    let left = world.breaker.next_change().remaining(secs(31));
    assert_eq!(left, Some(Duration::from_secs(10)), "less than it stays open anyway");

    let mut world = World::new(contract());
    world.call(secs(1), asked(Duration::MAX));
    world.open(secs(1));
    assert!(world.breaker.check(secs(1_000_000_000)).is_err());
    world.breaker.reset(secs(1));
    assert_eq!(world.open(secs(1)), Duration::from_secs(5), "an operator knows better");
}

#[test]
fn jitter_stays_in_its_share_and_is_the_seeds() {
    let rules = BreakerRules { jitter: 20, ..contract() };
    let times: Vec<_> = (0..1_000).map(|seed| rules.open_for(0, seed, 1).as_millis()).collect();
    assert!(times.iter().all(|time| (4_000..=6_000).contains(time)));
    assert!(times.iter().any(|time| *time < 4_100) && times.iter().any(|time| *time > 5_900));
    assert_eq!(rules.open_for(0, 7, 1), rules.open_for(0, 7, 1));
    assert!(rules.open_for(31, u64::MAX, u32::MAX) <= Duration::from_secs(72));
}

#[test]
fn forced_open_lasts_and_a_reset_ends_it() {
    let mut world = World::new(contract());
    let held = world.breaker.acquire(secs(1)).permit.unwrap();
    let forced = world.breaker.force_open(secs(1));
    assert_eq!((forced.from, forced.to), (BreakerState::Closed, BreakerState::ForcedOpen));
    assert_eq!(record(held, FAIL, secs(1)).0, SampleFate::Stale);
    assert_eq!(world.breaker.check(secs(1_000_000)), Err(world.refused(secs(1_000_000))));
    assert_eq!(world.breaker.next_change(), Deadline::NEVER);
    world.breaker.reset(secs(2));
    assert_eq!(world.call(secs(2), FAIL), None);
}

#[test]
fn a_breaker_without_power_never_opens() {
    let mut world = World::new(contract());
    world.breaker.disable(secs(1));
    assert_eq!(world.calls(secs(1), 100, FAIL), None);
    assert_eq!(world.breaker.figures(secs(1), || world.totals).calls, 0, "not watched");
    world.breaker.metrics_only(secs(1));
    assert_eq!(world.calls(secs(1), 30, OK), None);
    assert_eq!(world.calls(secs(1), 100, FAIL), None);
    assert_eq!(world.breaker.fold(secs(1), || world.totals), None);
    let figures = world.breaker.figures(secs(1), || world.totals);
    assert_eq!((figures.calls, figures.failures, figures.failures_in_row), (130, 100, 100));
}

#[test]
fn rules_that_cannot_be_are_taken_for_those_that_can() {
    let zero = Duration::ZERO;
    let rules = BreakerRules {
        window: BreakerWindow::Calls(0),
        min_calls: 0,
        failure_rate: 0,
        failures_in_row: 0,
        slow_rate: 900,
        open: zero,
        open_max: zero,
        jitter: 900,
        calm: zero,
        probes: 0,
        probes_to_decide: 900,
        half_open: zero,
    };
    let breaker = CircuitBreaker::new(rules, 0);
    assert_eq!(
        record(breaker.acquire(secs(1)).permit.unwrap(), FAIL, secs(1)).0,
        SampleFate::Counted
    );
    let time = BreakerRules { window: BreakerWindow::Time(zero), probes: 900, ..rules };
    let breaker = CircuitBreaker::new(time, 0);
    for n in 0..1_000 {
        let now = ms(n * 7);
        if let Ok(permit) = breaker.acquire(now).permit {
            let _ = permit.record(FAIL, now, CallTotals::default);
        }
    }
    assert!(breaker.acquire(Instant::from_nanos(u64::MAX)).permit.is_ok());
}

#[test]
fn a_permit_may_hold_the_breaker_in_its_own_way() {
    let breaker = crate::sync::Arc::new(CircuitBreaker::new(contract(), 1));
    let permit =
        CircuitBreaker::acquire_by(crate::sync::Arc::clone(&breaker), secs(1)).permit.unwrap();
    let elsewhere = crate::sync::thread::spawn("holder", move || {
        permit.record(FAIL, secs(1), CallTotals::default).fate
    });
    assert_eq!(elsewhere.unwrap().join().unwrap(), SampleFate::Counted);
    assert_eq!(breaker.figures(secs(1), CallTotals::default).failures_in_row, 1);
}

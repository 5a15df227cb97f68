//! `CircuitBreaker`: places for probes, one report of each change, and nothing counted that is stale.
#![cfg(loom)]

use bifrost::state::{
    Acquired, BreakerPermit, BreakerRules, BreakerState, BreakerTransition, BreakerWindow,
    CallTotals, CircuitBreaker, Recorded, Sample, SampleFate,
};
use bifrost::sync::atomic::{AtomicU64, Ordering};
use bifrost::time::{Deadline, Instant};
use loom_tests::{Bound, Model, spawn};
use std::sync::Arc;
use std::time::Duration;

type Shared = Arc<CircuitBreaker>;
type Permit = BreakerPermit<Shared>;

const OK: Sample = Sample::Success { slow: false };
const FAIL: Sample = Sample::Failure { slow: false, retry_after: None };
const START: Instant = Instant::from_nanos(1_000_000);
const OPEN: Duration = Duration::from_millis(5);
const HALF_OPEN: Duration = Duration::from_millis(30);

/// Opens at the first failure, closes after two of three good probes, and two may be out.
fn rules() -> BreakerRules {
    BreakerRules {
        window: BreakerWindow::Calls(1),
        min_calls: 9,
        failure_rate: 60,
        failures_in_row: 1,
        slow_rate: 100,
        open: OPEN,
        open_max: OPEN,
        jitter: 0,
        calm: Duration::ZERO,
        probes: 2,
        probes_to_decide: 3,
        half_open: HALF_OPEN,
    }
}

fn breaker(rules: BreakerRules) -> Shared {
    Arc::new(CircuitBreaker::new(rules, 1))
}

fn acquire(breaker: &Shared, now: Instant) -> Acquired<Shared> {
    CircuitBreaker::acquire_by(Arc::clone(breaker), now)
}

fn permit(breaker: &Shared, now: Instant) -> Permit {
    acquire(breaker, now).permit.expect("there is a place")
}

fn record(permit: Permit, sample: Sample, now: Instant) -> Recorded {
    permit.record(sample, now, CallTotals::default)
}

/// Open, until the instant that is returned.
fn opened(rules: BreakerRules) -> (Shared, Instant) {
    let breaker = breaker(rules);
    let done = record(permit(&breaker, START), FAIL, START);
    assert_eq!(done.transition.map(|it| it.to), Some(BreakerState::Open));
    (breaker, START + OPEN)
}

/// How many changes these are; each has the number that it gave the generation.
fn count(changes: impl IntoIterator<Item = Option<BreakerTransition>>) -> u32 {
    changes.into_iter().flatten().count() as u32
}

fn generation(breaker: &Shared, now: Instant) -> u32 {
    breaker.figures(now, CallTotals::default).generation
}

#[test]
fn breaker_half_open() {
    let model =
        Model::new("breaker_half_open").bound(Bound::Preemptions(2)).deep(Bound::Preemptions(3));
    model.floor(6_000).witness("main refused").witness("other refused").run(|w| {
        let (breaker, now) = opened(rules());
        let others: Vec<_> = (0..2)
            .map(|_| {
                let breaker = Arc::clone(&breaker);
                spawn(move || acquire(&breaker, now))
            })
            .collect();
        let mine = acquire(&breaker, now);
        w.saw(if mine.permit.is_err() { "main refused" } else { "other refused" });
        let mut all: Vec<_> = others.into_iter().map(loom_tests::Task::join).collect();
        all.push(mine);
        assert_eq!(all.iter().filter(|it| it.permit.is_ok()).count(), 2, "two places");
        assert_eq!(count(all.iter().flat_map(|it| it.transitions)), 1, "one change");
        assert_eq!(breaker.figures(now, CallTotals::default).probes, 2);
        drop(all);
        assert_eq!(breaker.figures(now, CallTotals::default).probes, 0, "every place came back");
    });
}

#[test]
fn breaker_dropped_probe() {
    let model = Model::new("breaker_dropped_probe")
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3))
        .floor(850);
    model.witness("stays").witness("decided").run(|w| {
        // One failure of two decides; a success of two does not.
        let (breaker, now) =
            opened(BreakerRules { probes_to_decide: 2, failure_rate: 50, ..rules() });
        let (dropped, said) = (permit(&breaker, now), permit(&breaker, now));
        let other = spawn(move || drop(dropped));
        let third = Arc::clone(&breaker);
        let late = spawn(move || acquire(&third, now));
        let done = record(said, FAIL, now);
        assert_eq!(done.fate, SampleFate::Probed);
        other.join();
        let late = late.join();
        let changes = [done.transition, late.transitions[0], late.transitions[1]];
        assert_eq!(count(changes), 1, "one failure decides");
        assert_eq!(breaker.state(), BreakerState::Open);
        w.saw(if late.permit.is_ok() { "stays" } else { "decided" });
        drop(late);
        let later = now + OPEN;
        let probes = [permit(&breaker, later), permit(&breaker, later)];
        assert!(acquire(&breaker, later).permit.is_err(), "no place was given back twice");
        drop(probes);
    });
}

#[test]
fn breaker_given_back() {
    let model = Model::new("breaker_given_back").floor(1_450);
    model.witness("taken").witness("not yet").run(|w| {
        let (breaker, now) = opened(rules());
        let (dropped, said) = (permit(&breaker, now), permit(&breaker, now));
        let other = spawn(move || drop(dropped));
        let done = record(said, OK, now);
        assert_eq!((done.fate, done.transition), (SampleFate::Probed, None));
        let next = permit(&breaker, now);
        let more = acquire(&breaker, now).permit;
        w.saw(if more.is_ok() { "taken" } else { "not yet" });
        other.join();
        drop(more);
        assert_eq!(record(next, OK, now).transition, None, "two of three");
        let closed = record(permit(&breaker, now), OK, now).transition.expect("three of three");
        assert_eq!(closed.to, BreakerState::Closed);
    });
}

#[test]
fn breaker_stale() {
    let model = Model::new("breaker_stale")
        .bound(Bound::Preemptions(3))
        .deep(Bound::Preemptions(4))
        .floor(2_200);
    model.witness("ended by the probe").witness("ended by the caller").run(|w| {
        let (breaker, now) = opened(rules());
        let old = permit(&breaker, now);
        let later = now + HALF_OPEN + OPEN;
        let other = spawn(move || record(old, OK, later));
        let mine = acquire(&breaker, later);
        let stale = other.join();
        assert_eq!(stale.fate, SampleFate::Stale);
        let ended = count([stale.transition]) + count(mine.transitions);
        assert_eq!(ended, 2, "open, and half-open again, each once");
        w.saw(match stale.transition {
            Some(_) => "ended by the probe",
            None => "ended by the caller",
        });
        assert!(mine.permit.is_ok());
        assert_eq!(breaker.figures(later, CallTotals::default).probes, 1);
    });
}

#[test]
fn breaker_two_see_one_change() {
    let model = Model::new("breaker_two_see_one_change").floor(3_900);
    let model = model.bound(Bound::Preemptions(3)).witness("both counted").witness("one stale");
    model.run(|w| {
        let breaker = breaker(rules());
        let (mine, theirs) = (permit(&breaker, START), permit(&breaker, START));
        let other = spawn(move || record(theirs, FAIL, START));
        let mine = record(mine, FAIL, START);
        let theirs = other.join();
        assert_eq!(count([mine.transition, theirs.transition]), 1);
        assert_eq!(generation(&breaker, START), 1);
        let counted = [mine.fate, theirs.fate] == [SampleFate::Counted; 2];
        w.saw(if counted { "both counted" } else { "one stale" });
    });
}

#[test]
fn breaker_two_probes_decide() {
    let model = Model::new("breaker_two_probes_decide").floor(260);
    model.witness("failure first").witness("success first").run(|w| {
        // The failure decides as soon as it is there; the success is the last but one.
        let (breaker, now) = opened(BreakerRules { failure_rate: 30, ..rules() });
        let (good, bad) = (permit(&breaker, now), permit(&breaker, now));
        let other = spawn(move || record(bad, FAIL, now));
        let good = record(good, OK, now);
        let bad = other.join();
        let changes = [good.transition, bad.transition];
        assert_eq!(count(changes), 1);
        assert_eq!(changes.into_iter().flatten().next().map(|it| it.to), Some(BreakerState::Open));
        assert_eq!(generation(&breaker, now), 3);
        w.saw(match good.fate {
            SampleFate::Stale => "failure first",
            _ => "success first",
        });
    });
}

#[test]
fn breaker_instants() {
    let model = Model::new("breaker_instants").floor(18);
    model.witness("closed").witness("open").run(|w| {
        let breaker = breaker(rules());
        let theirs = Arc::clone(&breaker);
        let other = spawn(move || record(permit(&theirs, START), FAIL, START));
        match breaker.check(START) {
            Ok(()) => w.saw("closed"),
            Err(open) => {
                assert_eq!(open.retry_after, Some(OPEN));
                assert_eq!(breaker.next_change(), Deadline::at(START + OPEN));
                w.saw("open");
            }
        }
        assert!(other.join().transition.is_some());
    });
}

#[test]
fn breaker_control() {
    let model = Model::new("breaker_control").floor(40);
    let model = model.witness("forced before").witness("forced after");
    model.run(|w| {
        let (breaker, now) = opened(rules());
        let theirs = Arc::clone(&breaker);
        let other = spawn(move || theirs.force_open(now));
        let mine = acquire(&breaker, now);
        let forced = other.join();
        let probed = count(mine.transitions);
        assert_eq!(generation(&breaker, now), 2 + probed, "each change once");
        assert_eq!(breaker.state(), BreakerState::ForcedOpen);
        w.saw(if probed == 0 { "forced before" } else { "forced after" });
        assert_eq!(forced.generation, 2 + probed);
        if let Ok(permit) = mine.permit {
            assert_eq!(record(permit, FAIL, now).fate, SampleFate::Stale);
        }
        let reset = breaker.reset(now);
        assert_eq!((reset.to, breaker.next_change()), (BreakerState::Closed, Deadline::NEVER));
        assert!(breaker.fold(now, CallTotals::default).is_none());
    });
}

/// A failure before; then a success beside another failure.
#[test]
fn breaker_row() {
    let model = Model::new("breaker_row").floor(3_000);
    model.witness("opened").witness("one in a row").run(|w| {
        let breaker = breaker(BreakerRules { failures_in_row: 2, ..rules() });
        let calls = [(); 3].map(|()| permit(&breaker, START));
        let [first, good, bad] = calls;
        assert_eq!(record(first, FAIL, START).transition, None);
        let other = spawn(move || record(good, OK, START));
        let opened = record(bad, FAIL, START).transition.is_some();
        let good = other.join();
        assert!(opened || good.fate == SampleFate::Counted);
        let row = breaker.figures(START, CallTotals::default).failures_in_row;
        w.saw(match (opened, row) {
            (true, _) => "opened",
            (false, 1) => "one in a row",
            (false, _) => "lost a call",
        });
    });
}

/// One failure of three calls does not open, and two do: no success is missed, and none is counted twice.
#[test]
fn breaker_fold_failure() {
    let model = Model::new("breaker_fold_failure")
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3))
        .floor(1_450);
    model.witness("by the failure").witness("by the tick").run(|w| {
        let window = BreakerWindow::Time(Duration::from_millis(100));
        let rules = BreakerRules { window, failures_in_row: 0, min_calls: 1, ..rules() };
        let breaker = breaker(rules);
        let totals = CallTotals { ok: 1, slow: 0 };
        assert!(breaker.fold(START, CallTotals::default).is_none(), "the mark before the success");
        let calls = [permit(&breaker, START), permit(&breaker, START)];
        let [first, second] = calls;
        assert_eq!(first.record(FAIL, START, || totals).transition, None, "one of two");
        let other = spawn(move || second.record(FAIL, START, || totals));
        let ticked = breaker.fold(START, || totals);
        let failed = other.join();
        assert_eq!(count([ticked, failed.transition]), 1, "two of three, reported once");
        w.saw(if ticked.is_some() { "by the tick" } else { "by the failure" });
    });
}

/// The first two calls of a bucket come together, a success and a failure that waits a little.
#[test]
fn breaker_marks() {
    let model =
        Model::new("breaker_marks").bound(Bound::Preemptions(2)).deep(Bound::Preemptions(3));
    model.floor(3_300).witness("seen").witness("not yet").run(|w| {
        let window = BreakerWindow::Time(Duration::from_millis(100));
        let breaker = breaker(BreakerRules { window, failures_in_row: 0, ..rules() });
        let good = permit(&breaker, START);
        let cell = Arc::new(AtomicU64::new(7));
        let sum = |cell: &AtomicU64| {
            // ORDERING: Relaxed: a figure.
            CallTotals { ok: cell.load(Ordering::Relaxed), slow: 0 }
        };
        let theirs = Arc::clone(&cell);
        let other = spawn(move || {
            let done = good.record(OK, START, || sum(&theirs));
            assert_eq!(done.fate, SampleFate::Counted);
            // ORDERING: Relaxed: a figure.
            theirs.store(8, Ordering::Relaxed);
        });
        let bad = permit(&breaker, START);
        let done =
            bad.record(Sample::Failure { slow: true, retry_after: Some(OPEN) }, START, || {
                sum(&cell)
            });
        assert_eq!(done.transition, None);
        let figures = breaker.figures(START, || sum(&cell));
        assert_eq!((figures.failures, figures.slow), (1, 1));
        w.saw(match figures.calls {
            2 => "seen",
            1 => "not yet",
            _ => "wrong",
        });
        other.join();
        assert_eq!(breaker.figures(START, || sum(&cell)).calls, 2);
    });
}

#[test]
fn breaker_calls() {
    let model = Model::new("breaker_calls").bound(Bound::Preemptions(3)).floor(1_450);
    model.witness("a failure").witness("the tick").run(|w| {
        let window = BreakerWindow::Calls(2);
        let rules = BreakerRules { window, failures_in_row: 0, min_calls: 2, ..rules() };
        let breaker = breaker(rules);
        let (mine, theirs) = (permit(&breaker, START), permit(&breaker, START));
        let other = spawn(move || record(theirs, FAIL, START).transition);
        let mine = record(mine, FAIL, START).transition;
        let theirs = other.join();
        let ticked = breaker.fold(START, CallTotals::default);
        assert_eq!(count([mine, theirs, ticked]), 1);
        w.saw(if ticked.is_some() { "the tick" } else { "a failure" });
    });
}

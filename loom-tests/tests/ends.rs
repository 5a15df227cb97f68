//! The ways in which a job ends beside its completion: each gives one outcome, whoever comes together.
#![cfg(loom)]

use bifrost::queue::{JobQueue, Waking};
use bifrost::state::{Attempted, Phase, Reader, Report, Retracted, Slab, Started, Ticket, Verdict};
use bifrost::time::Clock;
use loom_tests::jobs::{LATER, NOW, Unseen, Value, World, check, publish, work, work_until};
use loom_tests::{Bound, Model, spawn};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

fn name_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Completed => "completed",
        Verdict::CancelledCaller => "cancelled",
        Verdict::CancelledShutdown => "stopped",
        Verdict::DroppedOverflow => "dropped",
        Verdict::TimedOutQueue => "timed out",
        _ => "another",
    }
}

/// The outcome, which is there.
fn take(mut reader: Reader<(), (), Value>) -> Report<Value> {
    let report = reader.try_take().expect("the job has its outcome");
    check(&report);
    report
}

fn cancel(slab: &Slab<()>, ticket: Ticket) -> bool {
    slab.decide(ticket, Verdict::CancelledCaller, |_| true).map(publish).is_some()
}

/// Asks as a shutdown does: a running job to stop, a waiting one is ended. Whoever is asked has a worker.
#[test]
fn job_stop() {
    let model =
        Model::new("job_stop").floor(5800).bound(Bound::Preemptions(3)).deep(Bound::Preemptions(4));
    let model = model.witness("completed").witness("cancelled").witness("stopped");
    model.witness("asked in vain").run(|w| {
        let world = World::new(1);
        let reader = world.submit();
        let ticket = reader.ticket();
        let worker = spawn({
            let slab = Arc::clone(&world.slab);
            move || work_until(&slab, ticket.index(), |_| {})
        });
        let canceller = spawn({
            let slab = Arc::clone(&world.slab);
            move || cancel(&slab, ticket)
        });
        let asked = world.slab.stop(ticket).is_some();
        let (by_worker, cancelled) = (worker.join(), canceller.join());
        let report = take(reader);
        w.saw(name_of(report.verdict));
        if asked && report.verdict != Verdict::CancelledShutdown {
            w.saw("asked in vain");
        }
        let expected = (!cancelled).then_some(report.verdict);
        assert_eq!(by_worker, expected, "one decides");
        drop(report);
        world.check();
    });
}

/// A job that would never end hears that it is to stop: its worker is woken, or looks again.
#[test]
fn job_stop_wakes() {
    let model = Model::new("job_stop_wakes").floor(300).bound(Bound::Preemptions(3));
    model.deep(Bound::Full).witness("stopped").witness("never ran").run(|w| {
        let world = World::new(1);
        let queue = Arc::new(JobQueue::new(1, 1, Waking::Each));
        let reader = world.submit_endless();
        let ticket = reader.ticket();
        let worker = spawn({
            let (slab, queue) = (Arc::clone(&world.slab), Arc::clone(&queue));
            move || run_until_told(&slab, &queue, ticket)
        });
        let ask = || {
            if let Some(runner) = world.slab.stop(ticket) {
                queue.consumers().wake(runner);
                return Some(true);
            }
            let waits = |phase| phase == Phase::Queued;
            let decided = world.slab.decide(ticket, Verdict::CancelledShutdown, waits)?;
            publish(decided);
            Some(false)
        };
        // Once for the job that waits, once for the one that was started meanwhile.
        let ran = ask().or_else(ask).expect("who asks a job to stop learns which worker has it");
        assert_eq!(worker.join(), ran);
        assert_eq!(take(reader).verdict, Verdict::CancelledShutdown);
        w.saw(if ran { "stopped" } else { "never ran" });
        world.check();
    });
}

/// A worker that waits for a pending job as the production's do; whether it decided the job.
fn run_until_told(slab: &Slab<()>, queue: &JobQueue, ticket: Ticket) -> bool {
    let Started::Running(mut running) = slab.start(ticket.index(), NOW, 0) else { return false };
    let attempted = Clock::monotonic().block_on(poll_fn(|cx| {
        if let Poll::Ready(attempted) = running.poll(&(), cx) {
            return Poll::Ready(attempted);
        }
        queue.consumers().register(0, cx.waker());
        if slab.may_go_on(ticket) { Poll::Pending } else { running.poll(&(), cx) }
    }));
    match attempted {
        Attempted::Ended(decided) => {
            decided.publish(LATER);
            true
        }
        Attempted::Lost { .. } => false,
    }
}

/// A callback is called once, by whoever decides, while nobody else holds the handle.
#[test]
fn job_callback() {
    for (name, takes) in [("job_callback_takes", true), ("job_callback_drops", false)] {
        let model =
            Model::new(name).floor(7800).bound(Bound::Preemptions(3)).deep(Bound::Preemptions(4));
        let model = model.witness("completed").witness("cancelled");
        model.witness("reused").witness("in use").run(move |w| {
            let world = World::new(1);
            let called = Unseen::default();
            let reader = world.submit_for_callback({
                let (called, w) = (called.clone(), w.clone());
                move |mut reader| {
                    called.add();
                    if takes {
                        let report = reader.try_take().expect("a callback finds its outcome");
                        check(&report);
                        w.saw(name_of(report.verdict));
                    }
                }
            });
            let ticket = reader.ticket();
            let worker = spawn({
                let slab = Arc::clone(&world.slab);
                move || work(&slab, ticket.index())
            });
            let canceller = spawn({
                let slab = Arc::clone(&world.slab);
                move || cancel(&slab, ticket)
            });
            drop(reader);
            w.saw(if world.reuse() { "reused" } else { "in use" });
            let completed = worker.join();
            assert!(canceller.join() != completed, "one decides");
            assert_eq!(called.get(), 1, "the callback is called once");
            if !takes {
                w.saw(if completed { "completed" } else { "cancelled" });
            }
            world.check();
        });
    }
}

/// A submission that takes its job back, a tick that ends it, and one who buries what is dead.
#[test]
fn job_retract_expire() {
    let model = Model::new("job_retract_expire")
        .floor(11000)
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    let model = model.witness("taken back").witness("timed out").witness("reused");
    model.witness("in use").run(|w| {
        let world = World::new(1);
        let reader = world.submit();
        let index = reader.ticket().index();
        let tick = spawn({
            let slab = Arc::clone(&world.slab);
            move || slab.expire(index, LATER).map(publish)
        });
        let burier = spawn({
            let world = world.clone();
            move || {
                assert_eq!(world.slab.bury(index), 0);
                world.reuse()
            }
        });
        let decided = match reader.retract() {
            Retracted::Task(task, _) => {
                drop(task);
                w.saw("taken back");
                None
            }
            Retracted::Decided(reader) => Some(reader),
        };
        assert_eq!(tick.join().is_some(), decided.is_some());
        if let Some(reader) = decided {
            w.saw(name_of(take(reader).verdict));
        }
        w.saw(if burier.join() { "reused" } else { "in use" });
        world.check();
    });
}

/// A worker that looks at the limit of a job before it starts it, beside a tick and a canceller.
#[test]
fn job_expire_at_start() {
    let model = Model::new("job_expire_at_start")
        .floor(10000)
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    let model = model.witness("by the worker").witness("by the tick").witness("cancelled");
    model.run(|w| {
        let world = World::new(1);
        let reader = world.submit();
        let ticket = reader.ticket();
        let worker = spawn({
            let slab = Arc::clone(&world.slab);
            move || {
                let expired = slab.expire(ticket.index(), LATER).map(publish).is_some();
                // Nothing starts: whoever was first, the limit has passed.
                let Started::Dead(panics) = slab.start(ticket.index(), LATER, 0) else {
                    panic!("a job started after its limit")
                };
                assert_eq!(panics, 0);
                expired
            }
        });
        let tick = spawn({
            let slab = Arc::clone(&world.slab);
            move || slab.expire(ticket.index(), LATER).map(publish).is_some()
        });
        let cancelled = cancel(&world.slab, ticket);
        w.saw(match (worker.join(), tick.join(), cancelled) {
            (true, false, false) => "by the worker",
            (false, true, false) => "by the tick",
            (false, false, true) => "cancelled",
            _ => "not by one",
        });
        let report = take(reader);
        assert_eq!(report.verdict == Verdict::CancelledCaller, cancelled);
        drop(report);
        world.check();
    });
}

/// The overflow policy that drops the oldest: it is the new job's place, a worker's, or a canceller's.
#[test]
fn job_drop_oldest() {
    let model = Model::new("job_drop_oldest")
        .floor(1300)
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    let model = model.witness("completed").witness("cancelled").witness("dropped");
    model.witness("replaced").witness("there was room").run(|w| {
        let world = World::new(2);
        let queue = Arc::new(JobQueue::new(1, 1, Waking::Each));
        let (oldest, newest) = (world.submit(), world.submit());
        let ticket = oldest.ticket();
        assert_eq!(queue.push(ticket.index()), Ok(false));
        let worker = spawn({
            let (slab, queue) = (Arc::clone(&world.slab), Arc::clone(&queue));
            move || queue.try_pop().is_ok_and(|index| work(&slab, index))
        });
        let canceller = spawn({
            let slab = Arc::clone(&world.slab);
            move || cancel(&slab, ticket)
        });
        let replaced = queue.force_push(newest.ticket().index()).expect("nobody closes");
        let mut dropped = false;
        if let Some(index) = replaced {
            let victim = world.slab.ticket_at(index);
            let decided = world.slab.decide(victim, Verdict::DroppedOverflow, |_| true);
            dropped = decided.map(publish).is_some();
            assert_eq!(world.slab.bury(index), 0);
        }
        w.saw(if replaced.is_some() { "replaced" } else { "there was room" });
        let (worked, cancelled) = (worker.join(), canceller.join());
        while let Ok(index) = queue.try_pop() {
            work(&world.slab, index);
        }
        let report = take(oldest);
        w.saw(name_of(report.verdict));
        assert_eq!(dropped, report.verdict == Verdict::DroppedOverflow);
        assert_eq!(cancelled, report.verdict == Verdict::CancelledCaller);
        assert!(worked || replaced.is_some() || cancelled, "the worker has it, or it was replaced");
        drop(report);
        assert_eq!(take(newest).verdict, Verdict::Completed, "the new job is nobody's victim");
        world.check();
    });
}

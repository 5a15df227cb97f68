//! The job record: one outcome for each job, its result and its task dropped once, its record given back
//! once, whoever decides, reads or leaves first.
#![cfg(loom)]

use bifrost::state::{Ended, JobError, Phase, Retracted, Verdict};
use bifrost::time::Deadline;
use loom_tests::jobs::{LAST, LATER, NOW, World, check, look, publish, wait, work};
use loom_tests::{Bound, Model, spawn};
use std::sync::Arc;

#[test]
fn job_complete_cancel_timeout() {
    job_limits("job_limits_queue", Deadline::NEVER, &["completed"]);
    job_limits("job_limits_start", Deadline::at(LATER), &["completed", "timed out in queue"]);

    let model = Model::new("job_complete_cancel_timeout")
        .floor(39000)
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    let model = model.witness("completed").witness("cancelled").witness("timed out in queue");
    model.witness("timed out running").run(|w| {
        let world = World::new(1);
        let reader = world.submit();
        let ticket = reader.ticket();
        let (worker, canceller, tick) =
            (Arc::clone(&world.slab), Arc::clone(&world.slab), Arc::clone(&world.slab));
        let worker = spawn(move || work(&worker, ticket.index()));
        let canceller = spawn(move || {
            let decided = canceller.decide(ticket, Verdict::CancelledCaller, |_| true);
            decided.map(publish).is_some()
        });
        let ticked = tick.expire(ticket.index(), LATER).map(publish);
        let report = wait(reader);
        check(&report);
        w.saw(match report.verdict {
            Verdict::Completed => "completed",
            Verdict::CancelledCaller => "cancelled",
            Verdict::TimedOutQueue => "timed out in queue",
            Verdict::TimedOutExec => "timed out running",
            _ => "another",
        });
        let decided = [worker.join(), canceller.join(), ticked.is_some()];
        assert_eq!(decided.iter().filter(|decided| **decided).count(), 1, "one decides");
        drop(report);
        world.check();
    });
}

/// A tick that knows the submitter and the worker only through the record: it must see the limit that
/// belongs to the phase that it sees, never that of the record's last job nor that of the queue for a job
/// that runs.
fn job_limits(name: &'static str, queue_deadline: Deadline, outcomes: &[&'static str]) {
    let model = Model::new(name).floor(4300).bound(Bound::Preemptions(3)).deep(Bound::Full);
    let model = outcomes.iter().fold(model, |model, outcome| model.witness(outcome));
    model.witness("live").run(move |w| {
        let world = World::new(1);
        let first = world.submit_with(Deadline::at(NOW), Deadline::at(NOW));
        assert!(work(&world.slab, first.ticket().index()));
        drop(first);

        let slab = Arc::clone(&world.slab);
        let (w2, w) = (w.clone(), w);
        let tick = spawn(move || {
            let mut expired = 0;
            let scan = slab.scan(LAST, 1, |decided| {
                assert_eq!(publish(decided), Verdict::TimedOutQueue, "this job may run for ever");
                expired += 1;
            });
            if scan.live == 1 {
                w2.saw("live");
            }
            expired
        });
        let second = world.submit_with(queue_deadline, Deadline::NEVER);
        let completed = work(&world.slab, second.ticket().index());
        w.saw(if completed { "completed" } else { "timed out in queue" });
        let report = wait(second);
        assert_eq!(report.verdict == Verdict::Completed, completed);
        assert_eq!(tick.join(), u32::from(!completed));
        drop(report);
        world.check();
    });
}

#[test]
fn job_handle_await() {
    let model =
        Model::new("job_handle_await").floor(1100).bound(Bound::Preemptions(3)).deep(Bound::Full);
    model.witness("reused").run(|w| {
        let world = World::new(1);
        let reader = world.submit();
        let (slab, index) = (Arc::clone(&world.slab), reader.ticket().index());
        let worker = spawn(move || work(&slab, index));
        let report = wait(reader);
        check(&report);
        drop(report);
        assert!(world.reuse(), "the worker gave its part up with the outcome");
        w.saw("reused");
        assert!(worker.join());
        assert_eq!(world.slab.held_by_workers(), []);
        world.check();
    });
}

#[test]
fn job_handle_drop() {
    let model =
        Model::new("job_handle_drop").floor(550).bound(Bound::Preemptions(3)).deep(Bound::Full);
    let model = model.witness("reused by the handle's side").witness("the worker has it");
    model.witness("reused by the worker").run(|w| {
        let world = World::new(1);
        let reader = world.submit();
        let (theirs, index) = (world.clone(), reader.ticket().index());
        let worker = spawn(move || {
            assert!(work(&theirs.slab, index), "nobody else decides");
            theirs.reuse()
        });
        drop(reader);
        w.saw(if world.reuse() { "reused by the handle's side" } else { "the worker has it" });
        if worker.join() {
            w.saw("reused by the worker");
        }
        world.check();
    });
}

/// A task that leaves its waker behind and then goes: nobody may touch the waker's cell in the next job.
#[test]
fn job_handle_leaves() {
    let model =
        Model::new("job_handle_leaves").floor(500).bound(Bound::Preemptions(2)).deep(Bound::Full);
    model.witness("in time").witness("left").witness("reused").run(|w| {
        let world = World::new(1);
        let mut reader = world.submit();
        let (theirs, index) = (world.clone(), reader.ticket().index());
        let worker = spawn(move || {
            assert!(work(&theirs.slab, index), "nobody else decides");
            theirs.reuse()
        });
        w.saw(if look(&mut reader).is_ready() { "in time" } else { "left" });
        drop(reader);
        if world.reuse() | worker.join() {
            w.saw("reused");
        }
        world.check();
    });
}

#[test]
fn job_retract() {
    let model = Model::new("job_retract").floor(280);
    model.witness("taken back").witness("decided").run(|w| {
        let world = World::new(1);
        let reader = world.submit();
        let (slab, ticket) = (Arc::clone(&world.slab), reader.ticket());
        let canceller = spawn(move || {
            let decided = slab.decide(ticket, Verdict::CancelledCaller, |_| true);
            decided.map(publish).is_some()
        });
        let cancelled = match reader.retract() {
            Retracted::Task(task, _) => {
                drop(task);
                w.saw("taken back");
                false
            }
            Retracted::Decided(reader) => {
                w.saw("decided");
                let report = wait(reader);
                check(&report);
                assert_eq!(report.verdict, Verdict::CancelledCaller);
                true
            }
        };
        assert_eq!(canceller.join(), cancelled);
        world.check();
    });
}

/// A cancel by an old ticket leaves the record's next job alone.
#[test]
fn job_reuse() {
    let model = Model::new("job_reuse").floor(4900).bound(Bound::Preemptions(3)).deep(Bound::Full);
    model.witness("first").witness("none").run(|w| {
        let world = World::new(1);
        let first = world.submit();
        let (slab, ticket) = (Arc::clone(&world.slab), first.ticket());
        let canceller = spawn(move || {
            let decided = slab.decide(ticket, Verdict::CancelledCaller, |_| true);
            decided.map(publish).is_some()
        });
        let index = ticket.index();
        work(&world.slab, index);
        let report = wait(first);
        check(&report);
        let cancelled_first = report.verdict == Verdict::CancelledCaller;
        drop(report);
        // The canceller may still be about to give the record back.
        let second = match world.slab.claim() {
            None => None,
            Some(claimed) => {
                drop(claimed);
                Some(world.submit())
            }
        };
        if let Some(second) = second {
            assert!(second.ticket() != ticket);
            assert!(work(&world.slab, index), "nobody cancels the second job");
            let report = wait(second);
            check(&report);
            assert_eq!(report.verdict, Verdict::Completed);
        }
        let cancelled = canceller.join();
        assert_eq!(cancelled, cancelled_first);
        w.saw(if cancelled { "first" } else { "none" });
        world.check();
    });
}

/// A job that waits for leave to start, outside the queue: one decides, and who decides while it runs finds the
/// number of its permit.
#[test]
fn job_delay() {
    let model = Model::new("job_delay")
        .floor(9000)
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    let model = model.witness("completed").witness("timed out in queue").witness("delayed");
    model.witness("timed out running").witness("dead before").run(|w| {
        let world = World::new(1);
        let reader = world.submit_with(Deadline::at(LATER), Deadline::at(LATER));
        let ticket = reader.ticket();
        let slab = Arc::clone(&world.slab);
        let w2 = w.clone();
        let worker = spawn(move || {
            let index = ticket.index();
            if slab.delay(index) {
                slab.set_permit(index, 5);
                slab.resume(index);
            } else {
                w2.saw("dead before");
            }
            work(&slab, index)
        });
        let ticked = world.slab.expire(ticket.index(), LATER).map(|decided| {
            let running = decided.phase() == Phase::Running;
            assert_eq!(decided.permit(), running.then_some(5));
            assert_eq!(decided.exec_limit(), None);
            if decided.phase() == Phase::Delayed {
                w.saw("delayed");
            }
            publish(decided)
        });
        let report = wait(reader);
        check(&report);
        w.saw(match report.verdict {
            Verdict::Completed => "completed",
            Verdict::TimedOutQueue => "timed out in queue",
            _ => "timed out running",
        });
        assert_eq!(worker.join(), ticked.is_none(), "one decides");
        drop(report);
        world.check();
    });
}

/// A job that fails without being run.
#[test]
fn job_fail() {
    let model = Model::new("job_fail").floor(1900).bound(Bound::Preemptions(3)).deep(Bound::Full);
    model.witness("failed").witness("cancelled").run(|w| {
        let world = World::new(1);
        let reader = world.submit();
        let ticket = reader.ticket();
        let slab = Arc::clone(&world.slab);
        let worker = spawn(move || {
            let (decided, panics) = slab.fail(ticket.index(), JobError::new("no leave"));
            assert_eq!(panics, 0);
            decided.map(|decided| {
                assert_eq!(decided.error().map(ToString::to_string), Some("no leave".to_owned()));
                assert_eq!((decided.phase(), decided.permit()), (Phase::Queued, None));
                publish(decided)
            })
        });
        let cancelled = world.slab.decide(ticket, Verdict::CancelledCaller, |_| true).map(publish);
        let report = wait(reader);
        check(&report);
        let failed = matches!(&report.ended, Some(Ended::Error(_)));
        assert_eq!(failed, report.verdict == Verdict::Failed);
        w.saw(if failed { "failed" } else { "cancelled" });
        assert_eq!((worker.join().is_some(), cancelled.is_some()), (failed, !failed));
        drop(report);
        world.check();
    });
}

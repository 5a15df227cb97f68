//! A record goes back from whichever owner is last, and whoever takes it next may write all of it: the
//! accesses of every former owner come before. Loom's cells see it if they do not.
#![cfg(loom)]

use bifrost::state::{Phase, Verdict};
use bifrost::sync::thread::yield_now;
use loom_tests::jobs::{LATER, Unseen, World, check, work_until};
use loom_tests::{Bound, Model, spawn};
use std::sync::Arc;

/// The handle or the worker is last. The result is read by the handle, or dropped unread by one of them.
#[test]
fn job_last_owner() {
    let model = Model::new("job_last_owner")
        .floor(530)
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    let model =
        model.witness("after the handle").witness("after the worker").witness("after either");
    model.witness("in use").witness("read").witness("unread").run(|w| {
        let world = World::new(1);
        let (worked, left) = (Unseen::default(), Unseen::default());
        let mut reader = world.submit();
        let worker = spawn({
            let (slab, index) = (Arc::clone(&world.slab), reader.ticket().index());
            let (worked, left) = (worked.clone(), left.clone());
            move || {
                let mut last = false;
                let verdict = work_until(&slab, index, |_| last = left.get() == 1);
                assert_eq!(verdict, Some(Verdict::Completed), "nobody else decides");
                worked.add();
                last
            }
        });
        let next = spawn({
            let world = world.clone();
            move || world.reuse()
        });
        let mut handle_last = worked.get() == 1;
        if let Some(report) = reader.try_take() {
            check(&report);
            w.saw("read");
        } else {
            w.saw("unread");
            handle_last = worked.get() == 1;
            drop(reader);
        }
        left.add();
        w.saw(match (next.join(), worker.join(), handle_last) {
            (false, ..) => "in use",
            (true, true, false) => "after the worker",
            (true, false, true) => "after the handle",
            (true, false, false) => "after either",
            (true, true, true) => "after both",
        });
        world.check();
    });
}

/// The decider is last: the worker drops the task and the handle leaves while the job is only decided.
#[test]
fn job_last_decider() {
    let model = Model::new("job_last_decider")
        .floor(18000)
        .bound(Bound::Preemptions(3))
        .deep(Bound::Preemptions(4));
    let model = model.witness("the decider was last").witness("another was last");
    model.witness("reused").witness("in use").run(|w| {
        let world = World::new(1);
        let (gone, reader) = (Unseen::default(), world.submit());
        let ticket = reader.ticket();
        let worker = spawn({
            let (slab, gone) = (Arc::clone(&world.slab), gone.clone());
            move || {
                let verdict = work_until(&slab, ticket.index(), |_| {});
                gone.add();
                verdict.is_some()
            }
        });
        let canceller = spawn({
            let (slab, gone, w) = (Arc::clone(&world.slab), gone.clone(), w.clone());
            move || {
                let running = |phase| phase == Phase::Running;
                let Some(decided) = slab.decide(ticket, Verdict::CancelledCaller, running) else {
                    return false;
                };
                assert_eq!(decided.bereaved(), Some(0));
                // Gives the others their turn, and no edge to what they do in it.
                yield_now();
                let last = gone.get() == 2;
                decided.publish(LATER);
                w.saw(if last { "the decider was last" } else { "another was last" });
                true
            }
        });
        drop(reader);
        gone.add();
        w.saw(if world.reuse() { "reused" } else { "in use" });
        assert!(worker.join() != canceller.join(), "one decides");
        world.check();
    });
}

//! The job record: one outcome for each job, its result and its task dropped once, its record given back
//! once, whoever decides, reads or leaves first.
#![cfg(loom)]

use bifrost::state::{
    Attempted, Claimed, Decided, Ended, Entry, JobError, Origin, Phase, Reader, Report, Retracted,
    Run, Slab, Started, Task, Verdict,
};
use bifrost::time::{Clock, Deadline, Instant};
use loom_tests::{Bound, Model, Note, spawn};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

/// Counts the values that are alive. The search does not see it: it changes inside steps that it does see.
#[derive(Clone, Default)]
struct Alive(Arc<AtomicU32>);

impl Alive {
    fn value(&self) -> Value {
        // ORDERING: Relaxed, both: the threads of a model take turns.
        self.0.fetch_add(1, Ordering::Relaxed);
        Value(self.clone())
    }

    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A value that is alive until it is dropped; a second drop would make the count wrap.
struct Value(Alive);

impl Drop for Value {
    fn drop(&mut self) {
        // ORDERING: Relaxed: as above.
        let before = self.0.0.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "dropped twice");
    }
}

/// Reads what the submitter wrote and turns its value into the result.
struct Body(Option<Value>, Arc<Note>);

impl Run<(), Value> for Body {
    fn run(mut self: Pin<&mut Self>, _: &(), _: &mut Context<'_>) -> Poll<Result<Value, JobError>> {
        assert_eq!(self.1.read(), 1, "the task sees what its submitter did");
        let value = self.0.take().map_or_else(|| Err("polled twice".into()), Ok);
        Poll::Ready(value)
    }
}

/// A slab of one record.
#[derive(Clone)]
struct World {
    slab: Arc<Slab<()>>,
    alive: Alive,
}

const NOW: Instant = Instant::from_nanos(10);
const LATER: Instant = Instant::from_nanos(20);
const LAST: Instant = Instant::from_nanos(50);

impl World {
    fn new() -> Self {
        Self { slab: Arc::new(Slab::new(1)), alive: Alive::default() }
    }

    fn submit(&self) -> Reader<(), Value> {
        self.submit_with(Deadline::at(LATER), Deadline::at(LATER))
    }

    fn submit_with(&self, queue_deadline: Deadline, deadline: Deadline) -> Reader<(), Value> {
        let claimed = self.slab.claim().expect("a record is free");
        self.fill(claimed, queue_deadline, deadline)
    }

    fn fill(
        &self,
        claimed: Claimed<()>,
        queue_deadline: Deadline,
        deadline: Deadline,
    ) -> Reader<(), Value> {
        let note = Arc::new(Note::default());
        note.write(1);
        let entry =
            Entry { submitted_at: NOW, queue_deadline, exec_timeout: None, deadline, user_data: 7 };
        let body = Body(Some(self.alive.value()), note);
        claimed.fill(Task::new(body), Origin::default(), None, &entry)
    }

    /// Uses the record again if it is free: every former owner must have let go of it.
    fn reuse(&self) -> bool {
        let Some(claimed) = self.slab.claim() else { return false };
        let reader = self.fill(claimed, Deadline::NEVER, Deadline::NEVER);
        assert!(matches!(reader.retract(), Retracted::Task(..)), "nobody knows this job");
        true
    }

    /// Whatever comes, in the end nothing is alive and the record is free.
    fn check(&self) {
        assert_eq!(self.alive.count(), 0, "every value was dropped");
        assert_eq!(self.slab.free(), 1, "the record went back");
    }
}

/// What a worker does with an index from its queue; `true` if it decided the job.
fn work(slab: &Slab<()>, index: u32) -> bool {
    let Started::Running(mut running) = slab.start(index, NOW, 0) else { return false };
    let mut cx = Context::from_waker(std::task::Waker::noop());
    match running.poll(&(), &mut cx) {
        Poll::Ready(Attempted::Ended(decided)) => {
            assert_eq!(decided.verdict(), Verdict::Completed, "the body did not panic");
            decided.publish(LATER);
            true
        }
        Poll::Ready(Attempted::Lost) => false,
        Poll::Pending => panic!("the body is ready at once"),
    }
}

/// Waits for the outcome with the production's own way of blocking.
fn wait(mut reader: Reader<(), Value>) -> Report<Value> {
    Clock::monotonic().block_on(poll_fn(|cx| reader.poll_take(cx)))
}

fn check(report: &Report<Value>) {
    let has_value = matches!(report.ended, Some(Ended::Value(_)));
    assert_eq!(has_value, report.verdict == Verdict::Completed);
    assert_eq!((report.user_data, report.stamps.submitted_at), (7, NOW));
    assert_eq!(report.stamps.ended_at, LATER);
}

/// Publishes; whoever decides a running job knows its worker.
fn publish(decided: Decided<'_, ()>) -> Verdict {
    let (verdict, runner) = (decided.verdict(), decided.runner());
    assert_eq!(runner, (decided.phase() == Phase::Running).then_some(0));
    decided.publish(LATER);
    verdict
}

#[test]
fn job_complete_cancel_timeout() {
    job_limits("job_limits_queue", Deadline::NEVER, &["completed"]);
    job_limits("job_limits_start", Deadline::at(LATER), &["completed", "timed out in queue"]);

    let model = Model::new("job_complete_cancel_timeout")
        .bound(Bound::Preemptions(2))
        .deep(Bound::Preemptions(3));
    let model = model.witness("completed").witness("cancelled").witness("timed out in queue");
    model.witness("timed out running").run(|w| {
        let world = World::new();
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
    let model = Model::new(name).bound(Bound::Preemptions(3)).deep(Bound::Full);
    let model = outcomes.iter().fold(model, |model, outcome| model.witness(outcome));
    model.witness("live").run(move |w| {
        let world = World::new();
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
    let model = Model::new("job_handle_await").bound(Bound::Preemptions(3)).deep(Bound::Full);
    model.witness("reused").witness("the worker has it").run(|w| {
        let world = World::new();
        let reader = world.submit();
        let (slab, index) = (Arc::clone(&world.slab), reader.ticket().index());
        let worker = spawn(move || work(&slab, index));
        let report = wait(reader);
        check(&report);
        drop(report);
        w.saw(if world.reuse() { "reused" } else { "the worker has it" });
        assert!(worker.join());
        world.check();
    });
}

#[test]
fn job_handle_drop() {
    let model = Model::new("job_handle_drop").bound(Bound::Preemptions(3)).deep(Bound::Full);
    let model = model.witness("reused by the handle's side").witness("the worker has it");
    model.witness("reused by the worker").run(|w| {
        let world = World::new();
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

#[test]
fn job_retract() {
    let model = Model::new("job_retract");
    model.witness("taken back").witness("decided").run(|w| {
        let world = World::new();
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
    let model = Model::new("job_reuse").bound(Bound::Preemptions(3)).deep(Bound::Full);
    model.witness("first").witness("none").run(|w| {
        let world = World::new();
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

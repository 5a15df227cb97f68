//! Jobs for the models of a record: what they write, read and leave must each be seen once.

use crate::Note;
use bifrost::state::{
    Attempted, Claimed, Decided, Ended, Entry, JobError, Origin, Phase, Reader, Report, Retracted,
    Run, Running, SharedSlab, Slab, Started, Task, Verdict,
};
use bifrost::time::{Clock, Deadline, Instant};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

/// When jobs are submitted and started.
pub const NOW: Instant = Instant::from_nanos(10);
/// When limits end, and outcomes are published.
pub const LATER: Instant = Instant::from_nanos(20);
/// After every limit.
pub const LAST: Instant = Instant::from_nanos(50);

/// A number that the search does not see: it changes inside steps that the search does see, because the
/// threads of a model take turns. For counts and witnesses, never for what a model decides by.
#[derive(Clone, Debug, Default)]
pub struct Unseen(Arc<AtomicU32>);

impl Unseen {
    /// The number now.
    pub fn get(&self) -> u32 {
        // ORDERING: Relaxed: the threads of a model take turns.
        self.0.load(Ordering::Relaxed)
    }

    /// Makes it one more.
    pub fn add(&self) {
        // ORDERING: Relaxed, as above.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Makes it one less.
    ///
    /// # Panics
    ///
    /// If it was 0.
    pub fn sub(&self) {
        // ORDERING: Relaxed, as above.
        let before = self.0.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "dropped twice");
    }
}

/// A value that is alive until it is dropped.
#[derive(Debug)]
pub struct Value(Unseen);

impl Value {
    fn new(alive: &Unseen) -> Self {
        alive.add();
        Self(alive.clone())
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.0.sub();
    }
}

/// Reads what the submitter wrote and turns its value into the result, unless it is one that never ends.
#[derive(Debug)]
struct Body {
    value: Option<Value>,
    note: Arc<Note>,
    endless: bool,
}

impl Run<(), Value> for Body {
    fn run(mut self: Pin<&mut Self>, _: &(), _: &mut Context<'_>) -> Poll<Result<Value, JobError>> {
        assert_eq!(self.note.read(), 1, "the task sees what its submitter did");
        if self.endless {
            return Poll::Pending;
        }
        Poll::Ready(self.value.take().map_or_else(|| Err("polled twice".into()), Ok))
    }
}

/// Records, and the values of their jobs.
#[derive(Clone, Debug)]
pub struct World {
    /// The records.
    pub slab: Arc<SharedSlab<()>>,
    alive: Unseen,
}

impl World {
    /// A world of so many records.
    pub fn new(records: usize) -> Self {
        Self { slab: Arc::new(SharedSlab::new(records, ())), alive: Unseen::default() }
    }

    /// Takes a record.
    ///
    /// # Panics
    ///
    /// If none is free.
    pub fn claim(&self) -> Claimed<(), ()> {
        self.slab.claim().expect("a record is free")
    }

    /// A job whose limits end at [`LATER`].
    pub fn submit(&self) -> Reader<(), (), Value> {
        self.submit_with(Deadline::at(LATER), Deadline::at(LATER))
    }

    /// A job with these limits.
    pub fn submit_with(
        &self,
        queue_deadline: Deadline,
        deadline: Deadline,
    ) -> Reader<(), (), Value> {
        let entry = Entry { queue_deadline, deadline, ..entry() };
        self.claim().fill(&mut self.task(false), Origin::default(), &entry)
    }

    /// A job that runs until it is stopped.
    pub fn submit_endless(&self) -> Reader<(), (), Value> {
        self.claim().fill(&mut self.task(true), Origin::default(), &entry())
    }

    /// A job whose outcome goes to `callback`; the reader that is returned can do nothing but retract it.
    pub fn submit_for_callback(
        &self,
        callback: impl FnOnce(Reader<(), (), Value>) + Send + 'static,
    ) -> Reader<(), (), Value> {
        self.claim().fill_for_callback(&mut self.task(false), Origin::default(), callback, &entry())
    }

    fn task(&self, endless: bool) -> Task<(), Value> {
        let note = Arc::new(Note::default());
        note.write(1);
        Task::new(Body { value: Some(Value::new(&self.alive)), note, endless })
    }

    /// Writes another job into the record, if it is free, and takes it back: every former owner must have
    /// let go of it.
    ///
    /// # Panics
    ///
    /// If the new job has an outcome, which nobody can have given it.
    pub fn reuse(&self) -> bool {
        let Some(claimed) = self.slab.claim() else { return false };
        let mut reader = claimed.fill(&mut self.task(false), Origin::default(), &entry());
        assert!(look(&mut reader).is_pending(), "nobody has run this job");
        assert!(matches!(reader.retract(), Retracted::Task(..)), "nobody knows this job");
        true
    }

    /// Whatever came, in the end nothing is alive and every record is free.
    ///
    /// # Panics
    ///
    /// If that is not so.
    pub fn check(&self) {
        assert_eq!(self.alive.get(), 0, "every value was dropped");
        assert_eq!(self.slab.free(), self.slab.capacity(), "every record went back");
    }
}

fn entry() -> Entry {
    Entry {
        submitted_at: NOW,
        queue_deadline: Deadline::NEVER,
        exec_timeout: None,
        deadline: Deadline::NEVER,
        user_data: 7,
        attempt: 1,
        tenant: None,
    }
}

/// What a worker does with an index from its queue; `true` if it decided the job.
pub fn work(slab: &Slab<()>, index: u32) -> bool {
    work_until(slab, index, |_| {}) == Some(Verdict::Completed)
}

/// As [`work`], with a look at the moment before the worker gives `EXEC` up; the outcome that it gave.
///
/// # Panics
///
/// If the body panicked.
pub fn work_until(
    slab: &Slab<()>,
    index: u32,
    before: impl FnOnce(&Running<'_, (), ()>),
) -> Option<Verdict> {
    let Started::Running(mut running) = slab.start(index, NOW, 0) else { return None };
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let verdict = match running.poll(&(), &mut cx) {
        Poll::Ready(Attempted::Ended(decided)) => {
            let verdict = decided.verdict();
            decided.publish(LATER);
            Some(verdict)
        }
        Poll::Ready(Attempted::Lost { .. }) => None,
        Poll::Pending => panic!("the body is ready at once"),
    };
    assert!(verdict.is_none_or(|it| it != Verdict::Panicked), "the body did not panic");
    before(&running);
    verdict
}

/// Waits for the outcome with the production's own way of blocking.
pub fn wait(mut reader: Reader<(), (), Value>) -> Report<Value> {
    Clock::monotonic().block_on(poll_fn(|cx| reader.poll_take(cx)))
}

/// Polls for the outcome once, as a task does that may be dropped then.
pub fn look(reader: &mut Reader<(), (), Value>) -> Poll<Report<Value>> {
    reader.poll_take(&mut Context::from_waker(std::task::Waker::noop()))
}

/// Looks at what every outcome has.
///
/// # Panics
///
/// If something is missing.
pub fn check(report: &Report<Value>) {
    let has_value = matches!(report.ended, Some(Ended::Value(_)));
    assert_eq!(has_value, report.verdict == Verdict::Completed);
    assert_eq!((report.user_data, report.stamps.submitted_at), (7, NOW));
    assert_eq!(report.stamps.ended_at, LATER);
}

/// Publishes; whoever decides a running job knows its worker.
///
/// # Panics
///
/// If it does not.
pub fn publish(decided: Decided<'_, (), ()>) -> Verdict {
    let (verdict, runner) = (decided.verdict(), decided.bereaved());
    assert_eq!(runner, (decided.phase() == Phase::Running).then_some(0));
    decided.publish(LATER);
    verdict
}

//! `Lifecycle`: a shutdown between submissions leaves each accepted job with one outcome.
#![cfg(loom)]

use bifrost::queue::{JobQueue, Waking};
use bifrost::state::{
    Entry, JobError, LifeState, Lifecycle, Origin, Retracted, Run, SharedSlab, Task, Verdict,
};
use bifrost::sync::atomic::{AtomicU32, Ordering, fence};
use bifrost::time::{Deadline, Instant};
use loom_tests::{Bound, Model, Note, Witness, spawn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A provider as far as its life, its queue and its records go.
struct Provider {
    life: Lifecycle,
    queue: JobQueue,
    slab: Arc<SharedSlab<()>>,
    note: Note,
}

const NOW: Instant = Instant::from_nanos(10);

/// A body that never runs here.
struct Never;

impl Run<(), ()> for Never {
    fn run(self: Pin<&mut Self>, _: &(), _: &mut Context<'_>) -> Poll<Result<(), JobError>> {
        Poll::Pending
    }
}

impl Provider {
    fn new() -> Arc<Self> {
        let (life, queue) = (Lifecycle::new(), JobQueue::new(2, 1, Waking::Each));
        for state in [LifeState::Spawning, LifeState::Checking, LifeState::Ready] {
            assert!(life.change(state).is_some());
        }
        Arc::new(Self {
            life,
            queue,
            slab: Arc::new(SharedSlab::new(2, ())),
            note: Note::default(),
        })
    }

    /// The admission: 1 if the job was accepted. Its handle is dropped: who decides it counts it.
    fn submit(&self, w: &Witness) -> u32 {
        if !self.life.state().takes_jobs() {
            assert_eq!(self.note.read(), 1, "who sees the end sees what came before it");
            w.saw("turned away");
            return 0;
        }
        let entry = Entry {
            submitted_at: NOW,
            queue_deadline: Deadline::NEVER,
            exec_timeout: None,
            deadline: Deadline::NEVER,
            user_data: 0,
            attempt: 1,
            tenant: None,
        };
        let claimed = self.slab.claim().expect("there is a record for each");
        let reader = claimed.fill(&mut Task::new(Never), Origin::default(), &entry);
        if self.queue.push(reader.ticket().index()).is_ok() {
            w.saw("accepted");
            return 1;
        }
        match reader.retract() {
            Retracted::Task(..) => {
                w.saw("refused");
                0
            }
            Retracted::Decided(_) => {
                w.saw("decided before it was refused");
                1
            }
        }
    }

    /// Gives every job its outcome; how many got it here.
    fn shut_down(&self) -> u32 {
        self.note.write(1);
        assert_eq!(self.life.change(LifeState::Draining), Some(LifeState::Ready));
        self.queue.close();
        let mut ended = 0;
        for ticket in self.slab.tickets(|_| true) {
            if let Some(decided) = self.slab.decide(ticket, Verdict::CancelledShutdown, |_| true) {
                decided.publish(NOW);
                ended += 1;
            }
        }
        while let Ok(index) = self.queue.try_pop() {
            self.slab.bury(index);
        }
        assert_eq!(self.life.change(LifeState::Stopped), Some(LifeState::Draining));
        ended
    }
}

/// One who shuts down and `submitters` who submit, the main thread being one of them.
fn shutdown(model: Model, submitters: usize) {
    let model = model.witness("turned away").witness("accepted").witness("refused");
    model.witness("decided before it was refused").run(move |w| {
        let provider = Provider::new();
        let task = |work: fn(&Provider, &Witness) -> u32| {
            let (provider, w) = (Arc::clone(&provider), w.clone());
            spawn(move || work(&provider, &w))
        };
        let stopper = task(|provider, _| provider.shut_down());
        let others: Vec<_> = (1..submitters).map(|_| task(Provider::submit)).collect();
        let mut accepted = provider.submit(w);
        accepted += others.into_iter().map(|task| task.join()).sum::<u32>();
        assert_eq!(stopper.join(), accepted, "each accepted job has one outcome");
        assert_eq!(provider.slab.free(), 2, "every record went back");
        assert_eq!(provider.life.state(), LifeState::Stopped);
    });
}

#[test]
fn lifecycle_shutdown() {
    shutdown(
        Model::new("lifecycle_shutdown")
            .floor(3800)
            .bound(Bound::Preemptions(3))
            .deep(Bound::Preemptions(4)),
        1,
    );
    let two = Model::new("lifecycle_shutdown_two").floor(21000);
    shutdown(two.bound(Bound::Preemptions(1)).deep(Bound::Preemptions(2)), 2);
}

/// Of two that ask for the same change one gets it.
#[test]
fn lifecycle_one_change() {
    Model::new("lifecycle_one_change").floor(33).witness("own").witness("other").run(|w| {
        let life = Arc::new(Lifecycle::new());
        let theirs = Arc::clone(&life);
        let other = spawn(move || theirs.change(LifeState::Spawning).is_some());
        let own = life.change(LifeState::Spawning).is_some();
        assert!(other.join() != own, "one gets it");
        w.saw(if own { "own" } else { "other" });
    });
}

/// A worker that leaves sees that the end has begun, or whoever ends sees that it has left.
#[test]
fn lifecycle_fences() {
    Model::new("lifecycle_fences").floor(10).witness("told").witness("seen").run(|w| {
        let shared = Arc::new((Lifecycle::new(), AtomicU32::new(1)));
        let theirs = Arc::clone(&shared);
        let worker = spawn(move || {
            theirs.1.fetch_sub(1, Ordering::Relaxed);
            theirs.0.state_behind_change().is_ending()
        });
        assert!(shared.0.change(LifeState::Draining).is_some());
        fence(Ordering::SeqCst);
        let left = shared.1.load(Ordering::Relaxed) == 0;
        let told = worker.join();
        assert!(left || told, "a worker's end that nobody hears of");
        w.saw(if told { "told" } else { "seen" });
    });
}

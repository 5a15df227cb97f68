//! A slab ends once, after everybody who had a share of it or a record.
#![cfg(loom)]

use bifrost::state::{Entry, JobError, Origin, Reader, Run, SharedSlab, Task};
use bifrost::time::{Deadline, Instant};
use loom_tests::jobs::Unseen;
use loom_tests::{Model, Note, spawn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What the slab holds beside its records: its end reads what all others did with it.
struct Host {
    notes: [Note; 2],
    ended: Unseen,
}

impl Drop for Host {
    fn drop(&mut self) {
        assert_eq!(self.notes.each_ref().map(Note::read), [1, 1], "everybody is done");
        self.ended.add();
    }
}

struct Never;

impl Run<(), u32> for Never {
    fn run(self: Pin<&mut Self>, (): &(), _: &mut Context<'_>) -> Poll<Result<u32, JobError>> {
        Poll::Pending
    }
}

type Slab = Arc<SharedSlab<(), Host>>;

fn world(ended: &Unseen) -> (Slab, Reader<(), Host, u32>) {
    let host = Host { notes: Default::default(), ended: ended.clone() };
    let slab = Arc::new(SharedSlab::new(1, host));
    let entry = Entry {
        submitted_at: Instant::ZERO,
        queue_deadline: Deadline::NEVER,
        exec_timeout: None,
        deadline: Deadline::NEVER,
        user_data: 0,
        attempt: 1,
        tenant: None,
    };
    let reader =
        slab.claim().expect("it is free").fill(&mut Task::new(Never), Origin::default(), &entry);
    (slab, reader)
}

/// Brings the record home, as the last that a handle does with the slab.
fn leave(reader: Reader<(), Host, u32>) {
    reader.slab().expect("the outcome was not taken").host().notes[0].write(1);
    drop(reader.retract());
}

/// The last share or the last record: whichever goes later frees the slab.
#[test]
fn slab_last_home() {
    let model = Model::new("slab_last_home").floor(60).spurious(1);
    model.witness("the share was last").witness("the job was last").run(|w| {
        let ended = Unseen::default();
        let (slab, reader) = world(&ended);
        let job = spawn(move || leave(reader));
        slab.host().notes[1].write(1);
        drop(slab);
        w.saw(if ended.get() == 1 { "the share was last" } else { "the job was last" });
        job.join();
        assert_eq!(ended.get(), 1, "it ends once");
    });
}

/// Somebody waits for a record when the last share goes: who brings the record home tells, or finds the slab
/// closed, and touches nothing of it afterwards.
#[test]
fn slab_last_home_told() {
    let model = Model::new("slab_last_home_told").floor(100).spurious(1);
    let model = model.witness("told").witness("nobody was left to tell");
    model.witness("the share was last").witness("the job was last").run(|w| {
        let (ended, told) = (Unseen::default(), Unseen::default());
        let (slab, reader) = world(&ended);
        slab.when_freed({
            let told = told.clone();
            move || told.add()
        });
        assert!(slab.claim_or_wait().is_none(), "the job has the only record");
        let job = spawn(move || leave(reader));
        slab.host().notes[1].write(1);
        drop(slab);
        w.saw(if ended.get() == 1 { "the share was last" } else { "the job was last" });
        job.join();
        w.saw(if told.get() == 1 { "told" } else { "nobody was left to tell" });
        assert_eq!(ended.get(), 1, "it ends once");
    });
}

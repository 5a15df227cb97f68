//! `Completions`: each outcome is taken once, in the order in which they came, with all that its publisher
//! left.
#![cfg(loom)]

use bifrost::state::{
    Attempted, Chain, Completions, Ended, Entry, JobError, Origin, Run, SharedSlab, Slab, Started,
    Task,
};
use bifrost::time::{Deadline, Instant};
use loom_tests::{Bound, Model, spawn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

const NOW: Instant = Instant::from_nanos(10);

struct Body(u64);

impl Run<(), u64> for Body {
    fn run(self: Pin<&mut Self>, _: &(), _: &mut Context<'_>) -> Poll<Result<u64, JobError>> {
        Poll::Ready(Ok(self.0))
    }
}

fn submit(list: &Arc<Completions<(), (), u64>>, number: u64) -> u32 {
    let entry = Entry {
        submitted_at: NOW,
        queue_deadline: Deadline::NEVER,
        exec_timeout: None,
        deadline: Deadline::NEVER,
        user_data: number,
        attempt: 1,
        tenant: None,
    };
    let claimed = list.slab().claim().expect("a record is free");
    let mut task = Task::new(Body(number));
    claimed.fill_for_completions(&mut task, Origin::default(), list, &entry).ticket().index()
}

fn complete(slab: &Slab<()>, index: u32) {
    let Started::Running(mut running) = slab.start(index, NOW, 0) else {
        panic!("nobody else decides")
    };
    let mut cx = Context::from_waker(Waker::noop());
    match running.poll(&(), &mut cx) {
        Poll::Ready(Attempted::Ended(decided)) => {
            decided.publish(NOW);
        }
        _ => panic!("the body is ready at once"),
    }
}

/// What the chain holds, each checked for its result.
fn numbers(mut chain: Chain<(), (), u64>) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Some(report) = chain.read() {
        assert!(matches!(report.ended, Some(Ended::Value(value)) if value == report.user_data));
        numbers.push(report.user_data);
    }
    numbers
}

#[test]
fn completions_push_take() {
    let model =
        Model::new("completions_push_take").floor(700).bound(Bound::Preemptions(2)).spurious(1);
    let model = model.deep(Bound::Preemptions(3)).witness("none").witness("one");
    model.witness("two").witness("01").witness("10").run(|w| {
        let slab = Arc::new(SharedSlab::new(2, ()));
        let list = Completions::new(Arc::clone(&slab), || {});
        let indices = [submit(&list, 0), submit(&list, 1)];
        let workers = indices.map(|index| {
            let slab = Arc::clone(&slab);
            spawn(move || complete(&slab, index))
        });
        let mut taken = numbers(list.take_all());
        w.saw(["none", "one", "two"][taken.len()]);
        workers.into_iter().for_each(|worker| worker.join());
        taken.extend(numbers(list.take_all()));
        assert!(list.is_empty());
        w.saw(match taken[..] {
            [0, 1] => "01",
            [1, 0] => "10",
            _ => "not each once",
        });
        assert_eq!(slab.free(), 2, "every record went back");
    });
}

/// Records whose jobs have published their outcome, in this order.
fn published<const N: usize>(list: &Arc<Completions<(), (), u64>>) {
    for number in 0..N as u64 {
        complete(list.slab(), submit(list, number));
    }
}

/// Who sees an outcome read finds its record free.
#[test]
fn unread_frees() {
    let model = Model::new("unread_frees").floor(90).witness("unread").witness("read");
    model.run(|w| {
        let slab = Arc::new(SharedSlab::new(1, ()));
        // The next list goes on with its counts.
        published::<1>(&Completions::new(Arc::clone(&slab), || {}));
        let list = Completions::new(Arc::clone(&slab), || {});
        published::<1>(&list);
        let theirs = Arc::clone(&list);
        let reader = spawn(move || numbers(theirs.take_all()));
        if slab.unread().is_at_least(1) {
            w.saw("unread");
        } else {
            w.saw("read");
            drop(slab.claim().expect("the record went back before the read was counted"));
        }
        assert_eq!(reader.join(), [0]);
        assert!(!slab.unread().is_at_least(1));
    });
}

/// One of two that are read one after another is never taken for two.
#[test]
fn unread_not_more() {
    let model = Model::new("unread_not_more").floor(12000).witness("none").witness("one");
    model.run(|w| {
        let slab = Arc::new(SharedSlab::new(1, ()));
        let list = Completions::new(Arc::clone(&slab), || {});
        let theirs = Arc::clone(&list);
        let other = spawn(move || {
            published::<1>(&theirs);
            assert_eq!(numbers(theirs.take_all()), [0]);
            published::<1>(&theirs);
        });
        assert!(!slab.unread().is_at_least(2), "there is one at most at any time");
        w.saw(if slab.unread().is_at_least(1) { "one" } else { "none" });
        other.join();
        assert!(slab.unread().is_at_least(1));
    });
}

/// While one of two is always unread, nobody finds none.
#[test]
fn unread_not_fewer() {
    let model = Model::new("unread_not_fewer").floor(3300).witness("one").witness("two");
    model.run(|w| {
        let slab = Arc::new(SharedSlab::new(2, ()));
        let list = Completions::new(Arc::clone(&slab), || {});
        published::<1>(&list);
        let theirs = Arc::clone(&list);
        let other = spawn(move || {
            published::<1>(&theirs);
            let mut chain = theirs.take_all();
            assert_eq!(chain.read().map(|report| report.user_data), Some(0));
            chain
        });
        assert!(slab.unread().is_at_least(1), "there is one at any time");
        w.saw(if slab.unread().is_at_least(2) { "two" } else { "one" });
        drop(other.join());
        assert!(!slab.unread().is_at_least(1));
    });
}

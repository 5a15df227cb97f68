//! A thread that stands still anywhere in the middle of a call blocks and starves nobody (goal: lock-free).
//!
//! Who waits for space stands in a list with a lock, and moving one in takes that lock: a thread that is stopped
//! inside holds up whoever pops. So the claim for `JobQueue` is that of its calls while no producer waits.
#![cfg(bifrost_chaos)]

use bifrost::queue::{JobQueue, LaneId, Waking};
use bifrost::ring::{IndexStack, JobRing, PopError, Ring};
use bifrost::sync::atomic::freeze::Place;
use bifrost::sync::atomic::site;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use stress_tests::bounded::{Answer, Op};
use stress_tests::peers::{Stamped, Tickets};
use stress_tests::queue::{Laned, Queue};
use stress_tests::seed;
use stress_tests::standstill::{Report, Scene, Tally, play};

/// The producer of what is in the queue from the start.
const STOCK: u32 = 900_000;

/// A queue with something in it.
struct Stocked<Q> {
    queue: Q,
    capacity: usize,
    stock: Vec<u32>,
}

impl<Q: Queue> Stocked<Q> {
    /// `level` values, after a pass over some positions, so that hints and laps have moved.
    fn new(queue: Q, capacity: usize, level: usize) -> Self {
        for n in 0..capacity as u32 / 2 + 1 {
            assert_eq!(queue.call(Op::Push(n)), Answer::Pushed);
            assert_eq!(queue.call(Op::Pop), Answer::Popped(n));
        }
        let stock: Vec<u32> = (0..level as u32).map(|n| STOCK + n).collect();
        for &value in &stock {
            assert_eq!(queue.call(Op::Push(value)), Answer::Pushed);
        }
        Self { queue, capacity, stock }
    }

    /// Makes one call and notes what went in and came out.
    fn note(&self, op: Op, tally: &mut Tally) -> Answer {
        let answer = tally.call(|| self.queue.call(op));
        match (op, answer) {
            (Op::Push(value) | Op::ForcePush(value), Answer::Pushed | Answer::Replaced(None)) => {
                tally.pushed.push(value);
            }
            (Op::ForcePush(value), Answer::Replaced(Some(oldest))) => {
                tally.pushed.push(value);
                tally.popped.push(oldest);
            }
            (_, Answer::Popped(value)) => tally.popped.push(value),
            _ => {}
        }
        answer
    }

    fn round(&self, tally: &mut Tally) -> bool {
        self.note(Op::Push(tally.value()), tally);
        self.note(Op::Pop, tally) != Answer::Closed
    }

    /// What went in came out or is still in, in each producer's order; and the queue works as before.
    fn judge(&self, tallies: &[Tally]) -> Result<(), String> {
        let mut last = Tally { thread: 99, ..Tally::default() };
        while matches!(self.note(Op::Pop, &mut last), Answer::Popped(_)) {}
        let all = || tallies.iter().chain([&last]);
        for tally in all() {
            let mut newest = BTreeMap::new();
            for &value in &tally.popped {
                if newest.insert(value / 1000, value).is_some_and(|before| before >= value) {
                    return Err(format!("out of order: {:?}", tally.popped));
                }
            }
        }
        let mut entered: Vec<u32> = all().flat_map(|tally| tally.pushed.clone()).collect();
        entered.extend(&self.stock);
        let mut left: Vec<u32> = all().flat_map(|tally| tally.popped.clone()).collect();
        entered.sort_unstable();
        left.sort_unstable();
        if entered != left {
            return Err(format!("in {entered:?}, out {left:?}"));
        }
        let closed = self.queue.call(Op::Pop) == Answer::Closed;
        let room = (0..=self.capacity as u32).map(|n| self.queue.call(Op::Push(n)));
        let pushed = room.filter(|answer| *answer == Answer::Pushed).count();
        let expected = if closed { 0 } else { self.capacity };
        if pushed != expected {
            return Err(format!("afterwards {pushed} of {expected} pushes succeed"));
        }
        Ok(())
    }
}

/// What the thread does that will stand still, with a name.
type Act<T> = (&'static str, Box<dyn Fn(&T, &mut Tally) + Sync>);
type Acts<Q> = Vec<Act<Stocked<Q>>>;

fn call<Q: Queue>(name: &'static str, op: fn(&Tally) -> Op) -> Act<Stocked<Q>> {
    let act = move |it: &Stocked<Q>, tally: &mut Tally| {
        it.note(op(tally), tally);
    };
    (name, Box::new(act))
}

/// One act for each call of `Op`.
fn calls<Q: Queue>() -> Acts<Q> {
    vec![
        call("push", |tally| Op::Push(tally.value())),
        call("force_push", |tally| Op::ForcePush(tally.value())),
        call("pop", |_| Op::Pop),
        call("pop_if", |_| Op::PopIf),
        call("close", |_| Op::Close),
        call("is_closed", |_| Op::IsClosed),
        call("is_empty", |_| Op::IsEmpty),
    ]
}

/// Plays each act on queues of some capacities, empty, in between and full.
fn play_all<Q: Queue + Send>(
    name: &str,
    capacities: &[usize],
    acts: &Acts<Q>,
    round: fn(&Stocked<Q>, &mut Tally) -> bool,
    make: impl Fn(usize) -> Q + Sync,
) -> Report {
    let levels = |capacity: usize| BTreeSet::from([0, capacity / 2, capacity]);
    let stocks: Vec<(usize, usize)> =
        capacities.iter().flat_map(|&c| levels(c).into_iter().map(move |l| (c, l))).collect();
    let makes: Vec<_> = stocks
        .iter()
        .map(|&(capacity, level)| {
            let make = &make;
            move || Stocked::new(make(capacity), capacity, level)
        })
        .collect();
    let scenes: Vec<Scene<'_, Stocked<Q>>> = acts
        .iter()
        .flat_map(|(call, act)| {
            stocks.iter().zip(&makes).map(move |((capacity, level), make)| Scene {
                name: format!("{name} of {capacity} holding {level}, {call}"),
                make,
                act: &**act,
                round,
                judge: Stocked::judge,
            })
        })
        .collect();
    let report = play(seed::seed(6), &scenes);
    println!("{name}: {report}");
    report
}

#[track_caller]
fn nobody_was_held_up(report: &Report) {
    let Report { blocked, starved, failed, .. } = report;
    let all: Vec<&String> = blocked.iter().chain(starved).chain(failed).collect();
    let some = &all[..all.len().min(4)];
    assert!(all.is_empty(), "{report}\n{} findings, such as {some:#?}", all.len());
}

/// Every operation of `files` that any thread of this process came to was one at which a thread stood still.
#[track_caller]
fn every_site_was_frozen(report: &Report, files: &[&str], at_least: usize) {
    let sites = site::sites();
    let listed: BTreeSet<String> = sites
        .iter()
        .filter(|site| files.iter().any(|file| site.file.ends_with(file)))
        .map(|site| format!("{}:{}:{}", site.file, site.line, site.column))
        .collect();
    let frozen: BTreeSet<String> = report.places.keys().map(Place::to_string).collect();
    let missing: Vec<&String> = listed.difference(&frozen).collect();
    assert!(missing.is_empty(), "reached and never frozen at: {missing:#?}");
    assert!(listed.len() >= at_least, "only {} sites are listed: {listed:#?}", listed.len());
}

fn job_ring(capacities: &[usize]) {
    let len = |it: &Stocked<JobRing>, tally: &mut Tally| {
        assert!(tally.call(|| it.queue.len()) <= it.capacity);
    };
    let mut acts = calls();
    acts.push(("len", Box::new(len)));
    let report = play_all("JobRing", capacities, &acts, Stocked::round, JobRing::new);
    nobody_was_held_up(&report);
    every_site_was_frozen(&report, &["src/ring/job_ring.rs"], 7);
}

#[test]
fn a_job_ring_goes_on_around_a_thread_that_stands_still() {
    job_ring(&[1, 2, 3]);
}

#[test]
#[ignore = "long: make stress"]
fn job_rings_of_more_sizes_go_on() {
    job_ring(&[1, 2, 3, 4, 5, 7, 16]);
}

/// Polls consumer `number`, `times` times at most, hands over and leaves. `false`: nothing will come.
fn poll(it: &Stocked<JobQueue>, number: u32, times: usize, tally: &mut Tally) -> bool {
    let mut consumer = tally.call(|| it.queue.consumer(number));
    for _ in 0..times {
        let mut pop = pin!(consumer.pop());
        match tally.call(|| pop.as_mut().poll(&mut Context::from_waker(Waker::noop()))) {
            Poll::Ready(Ok(value)) => tally.popped.push(value),
            Poll::Ready(Err(PopError::Closed)) => return false,
            _ => {}
        }
    }
    tally.call(|| consumer.hand_over());
    tally.call(|| drop(consumer));
    true
}

/// Waits as consumer 0, pushes what wakes it, and gives up at the same time.
fn be_notified_and_leave(it: &Stocked<JobQueue>, tally: &mut Tally) {
    let mut consumer = tally.call(|| it.queue.consumer(0));
    let mut pop = Box::pin(consumer.pop());
    let polled = tally.call(|| pop.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    if let Poll::Ready(Ok(value)) = polled {
        tally.popped.push(value);
    }
    it.note(Op::Push(tally.value()), tally);
    tally.call(|| drop(pop));
}

/// The others push, and wait as consumers that lose their patience at once.
fn impatient(it: &Stocked<JobQueue>, tally: &mut Tally) -> bool {
    it.note(Op::Push(tally.value()), tally);
    poll(it, tally.thread as u32, 1, tally)
}

const CONSUMERS: usize = 16;

/// A queue whose consumers from 8 on wait and stay: more than the stock wakes.
fn awaited(capacity: usize, waking: Waking) -> JobQueue {
    let queue = JobQueue::new(capacity, CONSUMERS, waking);
    for number in 8..CONSUMERS as u32 {
        let mut waiting = ManuallyDrop::new(queue.consumer(number));
        let mut pop = ManuallyDrop::new(waiting.pop());
        let polled = Pin::new(&mut *pop).poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
    queue
}

fn job_queue(capacities: &[usize]) {
    let mut acts: Acts<JobQueue> = calls();
    for (name, times) in [("poll a consumer", 1), ("poll it twice", 2)] {
        let act = move |it: &_, tally: &mut _| {
            poll(it, 0, times, tally);
        };
        acts.push((name, Box::new(act)));
    }
    acts.push(("be notified and leave", Box::new(be_notified_and_leave)));
    let offer = |it: &Stocked<JobQueue>, tally: &mut Tally| {
        tally.call(|| it.queue.offer_space(LaneId::NORMAL));
        assert!(!tally.call(|| it.queue.is_awaited()));
    };
    acts.push(("offer space", Box::new(offer)));
    let make = |n| JobQueue::new(n, CONSUMERS, Waking::Each);
    let mut all = play_all("JobQueue", capacities, &acts, Stocked::round, make);
    nobody_was_held_up(&all);
    for waking in [Waking::Each, Waking::Relay] {
        let name = format!("JobQueue with consumers, woken {waking:?}");
        let report = play_all(&name, capacities, &acts, impatient, |n| awaited(n, waking));
        nobody_was_held_up(&report);
        for (place, times) in report.places {
            *all.places.entry(place).or_insert(0) += times;
        }
    }
    let files = ["src/queue/side_list.rs", "src/queue/waiters.rs", "src/sync/waker.rs"];
    every_site_was_frozen(&all, &files, 15);
}

#[test]
fn a_job_queue_goes_on_around_a_thread_that_stands_still() {
    job_queue(&[1]);
}

#[test]
#[ignore = "long: make stress"]
fn job_queues_of_more_sizes_go_on() {
    job_queue(&[2, 3, 4]);
}

/// A lane that refuses is closed, though the others may have to wait for their end until the last one is.
fn until_refused(it: &Stocked<Laned>, tally: &mut Tally) -> bool {
    let pushed = it.note(Op::Push(tally.value()), tally);
    it.note(Op::Pop, tally);
    pushed != Answer::Closed
}

/// The bit of a lane that is filled and emptied all the time.
#[test]
fn lanes_go_on_around_a_thread_that_stands_still() {
    let mut acts: Acts<Laned> = calls();
    let pop_all = |it: &Stocked<Laned>, tally: &mut Tally| {
        while matches!(it.note(Op::Pop, tally), Answer::Popped(_)) {}
        it.note(Op::Push(tally.value()), tally);
    };
    acts.push(("pop all and push", Box::new(pop_all)));
    let report = play_all("lanes", &[1], &acts, until_refused, Laned::new);
    nobody_was_held_up(&report);
    every_site_was_frozen(&report, &["src/queue/lanes.rs"], 4);
}

/// Takes an index and returns it.
fn take_and_return(stack: &IndexStack, tally: &mut Tally) -> bool {
    if let Some(index) = tally.call(|| stack.pop()) {
        tally.popped.push(index);
        tally.call(|| stack.push(index));
        tally.pushed.push(index);
    }
    true
}

/// An answer is enough, though it be that there is nothing.
fn be_answered(stack: &IndexStack, tally: &mut Tally) -> bool {
    let before = tally.popped.len();
    take_and_return(stack, tally);
    if tally.popped.len() == before {
        tally.popped.push(u32::MAX);
        tally.pushed.push(u32::MAX);
    }
    true
}

fn take_all_mark_and_return(stack: &IndexStack, tally: &mut Tally) {
    let taken: Vec<u32> = std::iter::from_fn(|| tally.call(|| stack.pop_or_mark())).collect();
    for index in taken {
        tally.call(|| stack.push(index));
    }
}

fn read_figures(stack: &IndexStack, tally: &mut Tally) {
    assert!(tally.call(|| stack.len()) <= stack.capacity());
    tally.call(|| stack.is_empty());
}

/// Every index is inside, or with whom took it last.
fn all_are_there(stack: &IndexStack, tallies: &[Tally]) -> Result<(), String> {
    let mut inside: Vec<u32> = std::iter::from_fn(|| stack.pop()).collect();
    for tally in tallies {
        inside.extend(tally.popped.iter().skip(tally.pushed.len()));
    }
    inside.sort_unstable();
    let all: Vec<u32> = (0..stack.capacity() as u32).collect();
    if inside == all { Ok(()) } else { Err(format!("of {all:?} there are {inside:?}")) }
}

#[test]
fn a_free_list_goes_on_around_a_thread_that_stands_still() {
    let take = |stack: &IndexStack, tally: &mut Tally| {
        let index = tally.call(|| stack.pop());
        tally.popped.extend(index);
    };
    let both = |stack: &IndexStack, tally: &mut Tally| {
        take_and_return(stack, tally);
    };
    let make = || IndexStack::full(5);
    let scene = |name: &str, act, round| {
        let name = format!("IndexStack of 5, {name}");
        Scene { name, make: &make, act, round, judge: all_are_there }
    };
    let scenes = [
        scene("take", &take, take_and_return),
        scene("take and return", &both, take_and_return),
        scene("take all, mark and return", &take_all_mark_and_return, be_answered),
        scene("figures", &read_figures, take_and_return),
    ];
    let report = play(seed::seed(7), &scenes);
    println!("IndexStack: {report}");
    nobody_was_held_up(&report);
    every_site_was_frozen(&report, &["src/ring/stack.rs"], 11);
}

/// It says so itself; and it loses nothing by it.
#[test]
fn a_ring_of_values_is_found_to_block() {
    let report = play_all("Ring", &[2], &calls(), Stocked::round, Ring::new);
    assert!(!report.blocked.is_empty(), "{report}");
    assert!(report.failed.is_empty(), "{:#?}", report.failed);
}

#[test]
fn a_ring_of_tickets_is_found_to_block() {
    let acts: Acts<Tickets> = vec![call("push", |tally| Op::Push(tally.value()))];
    let report = play_all("a ring of tickets", &[8], &acts, Stocked::round, Tickets::new);
    assert!(!report.blocked.is_empty(), "{report}");
    let stood_still = |text: &&String| text.contains("while one stood still at");
    assert!(report.blocked.iter().any(|text| stood_still(&text)), "{:?}", report.blocked);
}

#[test]
fn a_ring_of_stamps_is_found_to_block() {
    let acts: Acts<Stamped> =
        vec![call("push", |tally| Op::Push(tally.value())), call("pop", |_| Op::Pop)];
    let report = play_all("a ring of stamps", &[4], &acts, Stocked::round, Stamped::new);
    assert!(!report.blocked.is_empty(), "{report}");
}

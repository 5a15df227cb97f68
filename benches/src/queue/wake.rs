//! How long a consumer that sleeps takes to have the message that wakes it.

use super::channels;
use super::ends::{Channel, WaitingShape};
use super::ours::CHANNEL;
use super::peers::Row;
use super::rounds::{self, Done, Timed};
use super::sleeps;
use crate::contest::Plan;
use crate::figure::{Figure, Role, Title, Unit};
use crate::sample::Sample;
use bifrost::queue;
use rustix::thread::futex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(crate) const NAME: &str = "wake_parked";
pub(crate) const FLOOR: &str = "raw futex";

/// The sender waits so long that a consumer that means to sleep does so.
const GAP: Duration = Duration::from_micros(120);

const CAPACITY: usize = 64;

/// What no message is: the consumer ends there.
const MARK: u64 = u64::MAX;

/// The median of a round is its figure.
pub(crate) fn parked(plan: Plan) -> Figure {
    let title = Title { name: NAME, group: "wake", unit: Unit::Microseconds("µs") };
    let mut figure = rounds::hold(title, plan, everybody(&Woken), None);
    for name in names() {
        if let Some(seen) = sleeps::count(name) {
            let details = figure.details.entry(name.to_owned()).or_default();
            for (what, value) in seen {
                details.insert(what.to_owned(), Sample(vec![value]));
            }
        }
    }
    figure
}

fn everybody<S: WaitingShape<u64>>(shape: &S) -> Vec<Row<S::Output>> {
    let mut rows = channels::all::<u64, _>(CAPACITY, shape);
    rows.push((Role::Ours, CHANNEL, shape.of(queue::channel(CAPACITY))));
    rows.push((Role::Shown, FLOOR, shape.of(Arc::new(RawFutex::default()))));
    rows
}

/// Everybody once.
fn names() -> Vec<&'static str> {
    let rows = everybody(&Named).into_iter();
    rows.filter(|(role, ..)| *role != Role::Twin).map(|(_, name, ())| name).collect()
}

struct Named;

impl WaitingShape<u64> for Named {
    type Output = ();

    fn of<C: Channel<u64>>(&self, _: C) {}
}

/// Lets `shape` have the channel of this name.
pub(crate) fn by_name<S: WaitingShape<u64>>(name: &str, shape: &S) -> Option<S::Output> {
    let rows = everybody(shape);
    rows.into_iter().find(|row| row.1 == name).map(|(_, _, output)| output)
}

struct Woken;

impl WaitingShape<u64> for Woken {
    type Output = Box<dyn Timed>;

    fn of<C: Channel<u64>>(&self, channel: C) -> Self::Output {
        Box::new(Sleeper(channel))
    }
}

struct Sleeper<C>(C);

impl<C: Channel<u64>> Timed for Sleeper<C> {
    /// Takes the median of the times from before a message was sent until it was there, for each.
    fn run_for(&mut self, time: Duration) -> Done {
        let epoch = Instant::now();
        let (mut sender, mut receiver) = (self.0.clone(), self.0.clone());
        let consumer = std::thread::spawn(move || {
            let mut late = Vec::new();
            loop {
                match receiver.recv() {
                    MARK => return Sample(late),
                    sent => late.push((epoch.elapsed().as_nanos() as u64 - sent) as f64),
                }
            }
        });
        while epoch.elapsed() < time {
            pause(GAP);
            sender.send(epoch.elapsed().as_nanos() as u64);
        }
        sender.send(MARK);
        let late = consumer.join().expect("the consumer does not panic");
        let operations = late.0.len();
        Done { operations, took: Duration::from_nanos(late.median() as u64 * operations as u64) }
    }
}

/// Stays awake, or the sender's own waking up would be part of the figure.
pub(crate) fn pause(gap: Duration) {
    let began = Instant::now();
    while began.elapsed() < gap {
        std::hint::spin_loop();
    }
}

/// The floor: a word that the consumer sleeps on and the sender wakes, with no queue.
#[derive(Default)]
pub(crate) struct RawFutex {
    full: AtomicU32,
    value: AtomicU64,
}

impl Channel<u64> for Arc<RawFutex> {
    fn send(&mut self, value: u64) {
        // It holds one message; the consumer takes it long before the next unless the machine is crowded.
        while self.full.load(Ordering::Acquire) != 0 {
            std::thread::yield_now();
        }
        self.value.store(value, Ordering::Relaxed);
        self.full.store(1, Ordering::Release);
        futex::wake(&self.full, futex::Flags::PRIVATE, 1).expect("the word is there");
    }

    fn recv(&mut self) -> u64 {
        while self.full.load(Ordering::Acquire) == 0 {
            // It returns at once if the word is not 0 any more, and may return for nothing.
            futex::wait(&self.full, futex::Flags::PRIVATE, 0, None).unwrap_or_default();
        }
        let value = self.value.load(Ordering::Relaxed);
        self.full.store(0, Ordering::Release);
        value
    }
}

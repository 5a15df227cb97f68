//! Many million values through one queue: each comes out once, and those of one producer in order.
//!
//! The queue carries record indices, as in the library: a producer takes an index from the free list,
//! writes its value into the record, and pushes the index; whoever pops it empties the record and returns
//! the index. So the free list, and what the queue makes visible, are tested with it. The check needs a few
//! words a thread, however many values there are: for each producer the last value and the count, and one
//! sum over the mixed words of all values.

use crate::bounded::{Answer, Op};
use crate::queue::Queue;
use crate::seed::{Disturbance, Random, mix};
use bifrost::ring::IndexStack;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How many threads push.
pub const PRODUCERS: usize = 4;
/// How many threads pop.
pub const CONSUMERS: usize = 4;

/// After so many calls in vain, each followed by a yield, a thread gives up.
const PATIENCE: u64 = 20_000_000;

/// A record that nobody has filled.
const VACANT: u64 = 0;
const PRODUCER_SHIFT: u32 = 56;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Decides which calls are made, and the pauses of a build that makes some.
    pub seed: u64,
    /// A pause before one atomic operation in so many.
    pub one_in: u32,
    /// The capacity of the queue.
    pub capacity: usize,
    /// How many successful pushes and pops together.
    pub operations: u64,
}

/// What one thread took out, and what it saw on the way.
#[derive(Clone, Debug, Default)]
struct Tally {
    last: [u64; PRODUCERS],
    count: [u64; PRODUCERS],
    sum: u64,
    full: u64,
    empty: u64,
    replaced: u64,
    declined: u64,
}

/// What was conserved, and what was seen on the way.
#[derive(Clone, Copy, Debug)]
pub struct Conserved {
    /// Successful pushes and pops.
    pub operations: u64,
    /// Pushes that were told Full.
    pub full: u64,
    /// Pops that were told Empty.
    pub empty: u64,
    /// Values that a replacing push took out.
    pub replaced: u64,
    /// Pops whose condition did not hold.
    pub declined: u64,
}

impl fmt::Display for Conserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operations, full, empty, replaced, declined } = self;
        write!(
            f,
            "{operations} operations of {} threads conserved; {full} Full, {empty} Empty, {replaced} \
             replaced, {declined} declined",
            PRODUCERS + CONSUMERS
        )
    }
}

/// Runs the load through `queue`, which it closes.
///
/// # Errors
///
/// What was lost, came twice, or came out of order.
pub fn run<Q: Queue>(load: Load, queue: &Q) -> Result<Conserved, String> {
    let records = load.capacity + PRODUCERS + CONSUMERS;
    let store = Store {
        queue,
        free: IndexStack::full(records),
        records: (0..records).map(|_| AtomicU64::new(VACANT)).collect(),
        failed: AtomicBool::new(false),
    };
    let each = load.operations / 2 / PRODUCERS as u64;
    let told = std::thread::scope(|scope| {
        let start = |number: usize| {
            let store = &store;
            scope.spawn(move || {
                let Load { seed, one_in, .. } = load;
                let thread = number as u64;
                let disturbance = Disturbance { seed, thread, one_in, limit: u64::MAX };
                disturbance.run(|| store.perform(load, number, each))
            })
        };
        let producers: Vec<_> = (0..PRODUCERS).map(start).collect();
        let consumers: Vec<_> = (PRODUCERS..PRODUCERS + CONSUMERS).map(start).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Told>| {
            thread
                .join()
                .unwrap_or_else(|_| Err("a thread panicked outside of its program".to_owned()))
        };
        let mut told: Vec<Told> = producers.into_iter().map(join).collect();
        queue.call(Op::Close);
        told.extend(consumers.into_iter().map(join));
        told
    });
    let verdict = told.into_iter().collect::<Result<Vec<_>, _>>().and_then(|tallies| {
        let free = store.free.len();
        match free == records {
            true => balance(&tallies, each),
            false => Err(format!("{free} of {records} records are free at the end")),
        }
    });
    verdict.map_err(|what| format!("{load:?}: {what}"))
}

type Told = Result<Tally, String>;

struct Store<'a, Q> {
    queue: &'a Q,
    free: IndexStack,
    records: Box<[AtomicU64]>,
    /// A thread has an error to tell: the others need not go on.
    failed: AtomicBool,
}

impl<Q: Queue> Store<'_, Q> {
    /// The part of thread `number`.
    fn perform(&self, load: Load, number: usize, each: u64) -> Told {
        let mut tally = Tally::default();
        let random = Random::new(load.seed, number as u64);
        let program = || match number < PRODUCERS {
            true => self.produce(number, random, each, &mut tally),
            false => self.consume(random, &mut tally),
        };
        let told = catch_unwind(AssertUnwindSafe(program))
            .unwrap_or_else(|_| Err("a thread panicked".to_owned()));
        if told.is_err() {
            self.failed.store(true, Ordering::Relaxed);
            // For those who wait.
            self.queue.call(Op::Close);
        }
        told.map(|()| tally)
    }

    /// Lets the others run, for the `times`th time in a row; `false` if one of them has failed.
    fn yields(&self, times: &mut u64) -> Result<bool, String> {
        std::thread::yield_now();
        *times += 1;
        match *times < PATIENCE {
            true => Ok(!self.failed.load(Ordering::Relaxed)),
            false => {
                Err(format!("nothing moves: {PATIENCE} calls in a row were told Full or Empty"))
            }
        }
    }

    /// Pushes `each` values; one push in sixteen replaces the oldest if the queue is full.
    fn produce(
        &self,
        number: usize,
        mut random: Random,
        each: u64,
        tally: &mut Tally,
    ) -> Result<(), String> {
        for value in 1..=each {
            // There is a record for each place of the queue and for each thread, and this one has none.
            let index = self.free.pop().ok_or("a record has got lost: none is free")?;
            let word = (number as u64) << PRODUCER_SHIFT | value;
            // Relaxed: the queue makes it visible, or the test fails.
            let found = self.records[index as usize].swap(word, Ordering::Relaxed);
            if found != VACANT {
                return Err(format!("record {index} was handed out with {found:#x} in it"));
            }
            let mut times = 0;
            loop {
                let replaces = random.below(16) == 0;
                let op = if replaces { Op::ForcePush(index) } else { Op::Push(index) };
                match self.queue.call(op) {
                    Answer::Pushed | Answer::Replaced(None) => break,
                    Answer::Replaced(Some(oldest)) => {
                        tally.replaced += 1;
                        self.take(oldest, tally)?;
                        break;
                    }
                    Answer::Full => {
                        tally.full += 1;
                        if !self.yields(&mut times)? {
                            return Ok(());
                        }
                    }
                    Answer::Closed if self.failed.load(Ordering::Relaxed) => return Ok(()),
                    other => return Err(format!("a push returned {other:?}")),
                }
            }
        }
        Ok(())
    }

    /// Pops until the queue is closed; one pop in eight asks for an even index.
    fn consume(&self, mut random: Random, tally: &mut Tally) -> Result<(), String> {
        let mut times = 0;
        loop {
            let op = if random.below(8) == 0 { Op::PopIf } else { Op::Pop };
            match self.queue.call(op) {
                Answer::Popped(index) => {
                    times = 0;
                    self.take(index, tally)?;
                }
                Answer::Closed => return Ok(()),
                Answer::Declined | Answer::Nothing => tally.declined += 1,
                Answer::Empty => {
                    tally.empty += 1;
                    if !self.yields(&mut times)? {
                        return Ok(());
                    }
                }
                other => return Err(format!("a pop returned {other:?}")),
            }
        }
    }

    fn take(&self, index: u32, tally: &mut Tally) -> Result<(), String> {
        // Relaxed: see `produce`.
        let word = self.records[index as usize].swap(VACANT, Ordering::Relaxed);
        if word == VACANT {
            return Err(format!("index {index} came with an empty record: twice, or too early"));
        }
        let (producer, value) =
            ((word >> PRODUCER_SHIFT) as usize, word & ((1 << PRODUCER_SHIFT) - 1));
        let last = std::mem::replace(&mut tally.last[producer], value);
        if last >= value {
            return Err(format!("value {value} of producer {producer} came after {last}"));
        }
        tally.count[producer] += 1;
        tally.sum = tally.sum.wrapping_add(mix(word));
        self.free.push(index);
        Ok(())
    }
}

/// Compares what came out with what went in.
fn balance(tallies: &[Tally], each: u64) -> Result<Conserved, String> {
    let sum_of = |f: fn(&Tally) -> u64| tallies.iter().map(f).fold(0, u64::wrapping_add);
    for producer in 0..PRODUCERS {
        let out: u64 = tallies.iter().map(|tally| tally.count[producer]).sum();
        if out != each {
            return Err(format!("of {each} values of producer {producer}, {out} came out"));
        }
    }
    let words =
        (0..PRODUCERS as u64).flat_map(|n| (1..=each).map(move |v| n << PRODUCER_SHIFT | v));
    if words.map(mix).fold(0, u64::wrapping_add) != sum_of(|tally| tally.sum) {
        return Err("as many values came out as went in, but not the same".to_owned());
    }
    Ok(Conserved {
        operations: 2 * each * PRODUCERS as u64,
        full: sum_of(|tally| tally.full),
        empty: sum_of(|tally| tally.empty),
        replaced: sum_of(|tally| tally.replaced),
        declined: sum_of(|tally| tally.declined),
    })
}

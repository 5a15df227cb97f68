//! A provider's counters and histograms, in shards that threads share as little as possible.
//!
//! Algorithm: a shard for each seat (`seat.rs`); most threads have a seat of their own, where a record is a
//! load and a store. A shard is a [`Block`] of counters on cache lines of its own and two histograms, each
//! allocated at its first record: a provider that did nothing holds only the empty places. A reader adds the
//! shards up.
//!
//! Invariants: 1. a counter only grows: by its one owner at a time, who knows what the owners before wrote
//! (`seat.leave`), or in a shared shard by read-modify-writes. 2. A shard or histogram that was allocated
//! stays until the `Blocks` is dropped. 3. A job's transitions happen one after another (each is
//! ordered before the next by the queue, the record or the program), and each is counted before what makes
//! the next one possible: the job's push, its start, its publishing.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `blocks.count` | `add` raises a counter | `ledger` reads it | all that was counted for the same jobs before, and the shards it was counted in |
//! | `blocks.shard` | the first record in a shard or histogram | any later look at its place | its zeros (inside `OnceLock`) |
//!
//! # Why a ledger's inequalities hold at any time (S12)
//!
//! [`Count`] is declared in the order in which a job raises the counters, and [`Blocks::ledger`] reads them
//! in the reverse order: outcomes first, `submitted` last. Take counters `E` (earlier in a job's life) and
//! `L` (later), where a job is counted in `L` only after it was counted in `E`. Claim: each job that the
//! value read from `L` contains is contained in the value read from `E`. Let the job's increment of `L` be
//! in shard `y`, that of `E` in shard `x`.
//!
//! 1. Both shards were there when the ledger began. The load of `y.L` reads the job's increment or a later
//!    one of the same word, and synchronises with the job's: in a shared shard the later ones are
//!    read-modify-writes and continue the release sequence that the job's Release increment heads; in an
//!    owned one a later one is a Release store before which the job's happened (invariant 1). The increment of `x.E` happened before that of `y.L` (invariant 3), and so before the load of `x.E`,
//!    which the reader makes afterwards: by coherence it reads that increment or a later one.
//! 2. `x` was allocated while the ledger was being read. The allocation happened before the increment of
//!    `x.E`, and so before the reader's visit to `E`, as in 1. The reader looks at the place of every shard
//!    anew for every counter, so that it finds `x`. (A list of shards made once at the start would not do.)
//! 3. `x` is `y`. As in 1.; that both words are in one block is not used anywhere.
//!
//! A job raises each of these counters once, hence a sum over `E` is at least the sum over any set of later
//! counters that exclude each other:
//!
//! - `submitted ≥ Σ rejected`, and a job that was refused never starts, so `submitted - Σ rejected =
//!   accepted ≥ started + ended_unstarted`;
//! - `started + ended_unstarted ≥ Σ outcomes`, since [`Blocks::end`] counts `ended_unstarted` before the
//!   outcome: a job seen ended was seen started or seen to have skipped it;
//! - `delayed ≥ delayed_returned` and `suspended ≥ resumed`. A job can raise these more than once, but its
//!   n-th `resumed` comes after its n-th `suspended`, and the claim holds for each pair.
//!
//! Nothing of the kind holds between a job's delays and the rest while it moves: `queued` and `running` of a
//! ledger are exact in a quiet provider and clamped at zero otherwise.
//!
//! Progress: after a shard's first use `add` is a load and a store, or one fetch-add; wait-free, and allocates nothing. The first
//! use allocates and publishes the block; a thread that comes at that very moment waits for the pointer to
//! be stored. Reading is wait-free.
//!
//! Models: `blocks_count`, `blocks_own`, `blocks_get`, `seat_leave`. Under loom there are one owned and one shared shard,
//! made at once: loom does not see into `OnceLock`.

use super::counter::Count;
use super::histogram::{Histogram, HistogramSnapshot};
use super::ledger::Ledger;
use super::seat::{self, OWN, SHARED, Seat};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{CachePadded, OnceLock};
use std::fmt;
use std::marker::PhantomData;

/// Shards of a provider, one for each seat.
const SHARDS: usize = OWN + SHARED;
/// Shards whose places are made together.
const CHUNK: usize = if cfg!(loom) { SHARDS } else { 8 };
const CHUNKS: usize = SHARDS / CHUNK;

/// One shard.
struct Block {
    counts: CachePadded<[AtomicU64; Count::LEN]>,
    wait: OnceLock<Box<Histogram>>,
    run: OnceLock<Box<Histogram>>,
}

impl Default for Block {
    fn default() -> Self {
        let counts = CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0)));
        Self { counts, wait: OnceLock::new(), run: OnceLock::new() }
    }
}

type Chunk = [OnceLock<Box<Block>>; CHUNK];

/// Everything that one provider counts and times, summed over its shards.
///
/// Any thread may record and read at any time.
pub struct Blocks {
    chunks: [OnceLock<Box<Chunk>>; CHUNKS],
}

impl Default for Blocks {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocks").field("ledger", &self.ledger()).finish_non_exhaustive()
    }
}

/// A thread's way into its shard of a provider, for the records of one step of a job. It stays with the
/// thread, so it cannot be held over an `await`.
#[derive(Clone, Copy)]
pub struct Recorder<'a> {
    block: &'a Block,
    own: bool,
    thread: PhantomData<*const ()>,
}

impl fmt::Debug for Recorder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("own", &self.own).finish_non_exhaustive()
    }
}

impl Recorder<'_> {
    /// Counts `n` of `count`; see [`Blocks::add`].
    #[inline]
    pub fn add(self, count: Count, n: u64) {
        let counter = &self.block.counts[count as usize];
        if self.own {
            // ORDERING: Relaxed: only this thread writes the counter (invariant 1).
            let now = counter.load(Ordering::Relaxed);
            // ORDERING: Release is edge `blocks.count`.
            counter.store(now.wrapping_add(n), Ordering::Release);
        } else {
            // ORDERING: Release is edge `blocks.count`; later fetch-adds continue its release sequence.
            counter.fetch_add(n, Ordering::Release);
        }
    }

    /// Counts the end of a job; see [`Blocks::end`].
    #[inline]
    pub fn end(self, outcome: Count, started: bool) {
        debug_assert!(outcome.is_outcome(), "{} is no outcome", outcome.name());
        if !started {
            self.add(Count::EndedUnstarted, 1);
        }
        self.add(outcome, 1);
    }

    /// Records how long a job waited; see [`Blocks::record_wait`].
    #[inline]
    pub fn record_wait(self, ns: u64) {
        self.record(&self.block.wait, ns);
    }

    /// Records how long an attempt ran; see [`Blocks::record_run`].
    #[inline]
    pub fn record_run(self, ns: u64) {
        self.record(&self.block.run, ns);
    }

    #[inline]
    fn record(self, histogram: &OnceLock<Box<Histogram>>, ns: u64) {
        let histogram = made(histogram);
        if self.own { histogram.record_alone(ns) } else { histogram.record(ns) }
    }
}

impl Blocks {
    /// All zero, without any shard.
    pub fn new() -> Self {
        let blocks = Self { chunks: std::array::from_fn(|_| OnceLock::new()) };
        if cfg!(loom) {
            for block in blocks.chunks.iter().flat_map(|chunk| made_chunk(chunk).iter()).map(made) {
                made(&block.wait);
                made(&block.run);
            }
        }
        blocks
    }

    /// The calling thread's way into its shard, for several records in a row.
    #[inline]
    pub fn recorder(&self) -> Recorder<'_> {
        self.recorder_at(seat::current())
    }

    /// The way into the shard of `seat`, which is the caller's or shared.
    #[inline]
    #[doc(hidden)]
    pub fn recorder_at(&self, seat: Seat) -> Recorder<'_> {
        let chunk = made_chunk(&self.chunks[seat.number() / CHUNK]);
        Recorder {
            block: made(&chunk[seat.number() % CHUNK]),
            own: seat.is_own(),
            thread: PhantomData,
        }
    }

    /// Counts `n` of `count`.
    ///
    /// Call it before what makes the job's next transition possible (invariant 3 of the module), and for an
    /// outcome call [`end`](Self::end).
    #[inline]
    pub fn add(&self, count: Count, n: u64) {
        self.recorder().add(count, n);
    }

    /// Counts the end of a job by its outcome, before the outcome is published. `started` says whether an
    /// attempt of the job ever began.
    #[inline]
    pub fn end(&self, outcome: Count, started: bool) {
        self.recorder().end(outcome, started);
    }

    /// Records how long a job waited before its attempt began, in nanoseconds.
    ///
    /// Recorded before the start is counted, a ledger read first never knows more starts than the histogram.
    #[inline]
    pub fn record_wait(&self, ns: u64) {
        self.recorder().record_wait(ns);
    }

    /// Records how long an attempt ran, in nanoseconds.
    ///
    /// Recorded before the outcome is counted, a ledger read first never knows more runs than the histogram.
    #[inline]
    pub fn record_run(&self, ns: u64) {
        self.recorder().record_run(ns);
    }

    /// All counters, such that the inequalities of S12 hold whatever happens meanwhile.
    pub fn ledger(&self) -> Ledger {
        let mut counts = [0; Count::LEN];
        for index in (0..Count::LEN).rev() {
            for shard in self.shards() {
                // ORDERING: Acquire takes `blocks.count`; every later load of this loop comes after it.
                counts[index] += shard.counts[index].load(Ordering::Acquire);
            }
        }
        Ledger::new(counts)
    }

    /// One counter's value.
    pub fn get(&self, count: Count) -> u64 {
        // ORDERING: Acquire takes `blocks.count`.
        self.shards().map(|shard| shard.counts[count as usize].load(Ordering::Acquire)).sum()
    }

    /// How long jobs waited before an attempt began.
    pub fn wait(&self) -> HistogramSnapshot {
        self.merged(|block| &block.wait)
    }

    /// How long attempts ran.
    pub fn run(&self) -> HistogramSnapshot {
        self.merged(|block| &block.run)
    }

    fn merged(&self, of: impl Fn(&Block) -> &OnceLock<Box<Histogram>>) -> HistogramSnapshot {
        let mut merged = HistogramSnapshot::default();
        for histogram in self.shards().filter_map(|block| of(block).get()) {
            histogram.add_to(&mut merged);
        }
        merged
    }

    /// The shards that are there, looked for anew at each call.
    fn shards(&self) -> impl Iterator<Item = &Block> {
        let chunks = self.chunks.iter().filter_map(OnceLock::get);
        chunks.flat_map(|chunk| chunk.iter()).filter_map(OnceLock::get).map(|block| &**block)
    }
}

/// What is in `place`, made if this is its first use.
#[inline]
fn made<T: Default>(place: &OnceLock<Box<T>>) -> &T {
    match place.get() {
        Some(value) => value,
        None => make(place, Box::default),
    }
}

#[inline]
fn made_chunk(place: &OnceLock<Box<Chunk>>) -> &Chunk {
    match place.get() {
        Some(chunk) => chunk,
        None => make(place, || Box::new(std::array::from_fn(|_| OnceLock::new()))),
    }
}

/// Allocates before it enters the cell, so that nobody waits there for more than the move of a pointer.
#[cold]
fn make<T>(place: &OnceLock<Box<T>>, new: impl FnOnce() -> Box<T>) -> &T {
    let value = new();
    place.get_or_init(|| value)
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{Blocks, SHARDS};
    use crate::stats::Count;
    use crate::stats::seat;
    use crate::sync::Arc;
    use crate::sync::atomic::{AtomicBool, Ordering};
    use crate::sync::thread;
    use concurrent_queue::ConcurrentQueue;

    fn made_shards(blocks: &Blocks) -> usize {
        blocks.shards().count()
    }

    #[test]
    fn an_idle_provider_has_no_shard_and_costs_a_few_hundred_bytes() {
        let blocks = Blocks::new();
        assert!(size_of::<Blocks>() <= 256);
        assert_eq!(blocks.ledger().get(Count::Submitted), 0);
        assert_eq!(blocks.wait().count(), 0);
        assert_eq!(made_shards(&blocks), 0, "reading must not allocate");
    }

    #[test]
    fn a_thread_that_only_counts_has_no_histograms() {
        let blocks = Blocks::new();
        blocks.add(Count::Submitted, 1);
        assert_eq!(made_shards(&blocks), 1);
        let shard = blocks.recorder_at(seat::current()).block;
        assert!(shard.wait.get().is_none() && shard.run.get().is_none());
        blocks.record_wait(1);
        assert!(shard.wait.get().is_some() && shard.run.get().is_none());
    }

    #[test]
    fn threads_spread_over_the_shards_and_their_records_add_up() {
        let blocks = Arc::new(Blocks::new());
        let threads: Vec<_> = (0..2 * SHARDS as u64)
            .map(|n| {
                let blocks = blocks.clone();
                thread::spawn("recorder", move || {
                    blocks.add(Count::LateResults, n);
                    blocks.record_wait(n);
                    blocks.record_run(2 * n);
                })
            })
            .collect();
        for thread in threads {
            thread.unwrap().join().unwrap();
        }
        assert!(made_shards(&blocks) > 1, "all threads share one shard");
        let sum = (0..2 * SHARDS as u64).sum::<u64>();
        assert_eq!(blocks.get(Count::LateResults), sum);
        assert_eq!(blocks.ledger().get(Count::LateResults), sum);
        assert_eq!((blocks.wait().sum(), blocks.wait().count()), (sum, 2 * SHARDS as u64));
        assert_eq!((blocks.run().sum(), blocks.run().max()), (2 * sum, 4 * SHARDS as u64 - 2));
    }

    #[test]
    fn an_end_without_a_start_is_counted_as_such() {
        let blocks = Blocks::new();
        blocks.add(Count::Submitted, 2);
        blocks.add(Count::Started, 1);
        blocks.end(Count::Completed, true);
        blocks.end(Count::CancelledCaller, false);
        let ledger = blocks.ledger();
        assert_eq!((ledger.ended(), ledger.get(Count::EndedUnstarted)), (2, 1));
        assert_eq!(ledger.check_quiet(0, 0), Ok(()));
    }

    /// Jobs on their way through several threads; what travels is whether the job was started before.
    struct Station {
        blocks: Blocks,
        queued: ConcurrentQueue<bool>,
        delayed: ConcurrentQueue<bool>,
        running: ConcurrentQueue<()>,
        stop: AtomicBool,
    }

    type Tally = [u64; Count::LEN];

    impl Station {
        fn new() -> Self {
            Self {
                blocks: Blocks::new(),
                queued: ConcurrentQueue::unbounded(),
                delayed: ConcurrentQueue::unbounded(),
                running: ConcurrentQueue::unbounded(),
                stop: AtomicBool::new(false),
            }
        }

        fn count(&self, tally: &mut Tally, count: Count) {
            tally[count as usize] += 1;
            self.blocks.add(count, 1);
        }

        fn end(&self, tally: &mut Tally, outcome: Count, started: bool) {
            tally[outcome as usize] += 1;
            tally[Count::EndedUnstarted as usize] += u64::from(!started);
            self.blocks.end(outcome, started);
        }

        fn submit(&self, tally: &mut Tally, dice: u64) {
            self.count(tally, Count::Submitted);
            if dice % 5 == 0 {
                self.count(tally, Count::QueueFull);
            } else {
                self.queued.push(false).unwrap();
            }
        }

        fn take(&self, tally: &mut Tally, dice: u64) {
            let Ok(started) = self.queued.pop() else { return };
            if dice % 8 < 5 {
                self.count(tally, if started { Count::Resumed } else { Count::Started });
                self.running.push(()).unwrap();
            } else if dice % 8 == 5 && !started {
                self.count(tally, Count::Delayed);
                self.delayed.push(false).unwrap();
            } else {
                if started {
                    self.count(tally, Count::Resumed);
                }
                self.end(tally, Count::TimedOutQueue, started);
            }
        }

        fn finish(&self, tally: &mut Tally, dice: u64) {
            if self.running.pop().is_err() {
                return;
            }
            if dice % 4 == 0 {
                self.count(tally, Count::Suspended);
                self.count(tally, Count::Delayed);
                self.delayed.push(true).unwrap();
            } else {
                self.end(tally, Count::Completed, true);
            }
        }

        fn undelay(&self, tally: &mut Tally) {
            let Ok(started) = self.delayed.pop() else { return };
            self.count(tally, Count::DelayedReturned);
            self.queued.push(started).unwrap();
        }

        fn live(&self, mut dice: u64, steps: u32) -> Tally {
            let mut tally = [0; Count::LEN];
            for _ in 0..steps {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
                let roll = dice >> 40;
                match (dice >> 33) % 7 {
                    0 | 1 => self.submit(&mut tally, roll),
                    2 | 3 => self.take(&mut tally, roll),
                    4 | 5 => self.finish(&mut tally, roll),
                    _ => self.undelay(&mut tally),
                }
            }
            tally
        }

        /// Takes ledgers until told to stop; each must be in order and behind none before it.
        fn watch(&self) {
            let mut last = self.blocks.ledger();
            loop {
                // ORDERING: Relaxed: only ends the loop.
                let stop = self.stop.load(Ordering::Relaxed);
                let ledger = self.blocks.ledger();
                assert_eq!(ledger.check_order(), Ok(()));
                for count in Count::ALL {
                    assert!(ledger.get(count) >= last.get(count), "{} went back", count.name());
                }
                last = ledger;
                if stop {
                    return;
                }
            }
        }
    }

    #[test]
    fn every_ledger_is_in_order_while_jobs_move_and_balances_when_they_rest() {
        // A new provider each round: shards must also be allocated while ledgers are taken.
        for round in 0..20 {
            let station = Arc::new(Station::new());
            let watched = station.clone();
            let watcher = thread::spawn("watcher", move || watched.watch()).unwrap();
            let living: Vec<_> = (0..6)
                .map(|thread| {
                    let station = station.clone();
                    thread::spawn("jobs", move || station.live(round * 100 + thread + 1, 4000))
                })
                .collect();
            let mut tally = [0; Count::LEN];
            for thread in living {
                let own = thread.unwrap().join().unwrap();
                tally.iter_mut().zip(own).for_each(|(total, n)| *total += n);
            }
            // ORDERING: Relaxed: only ends the watcher's loop.
            station.stop.store(true, Ordering::Relaxed);
            watcher.join().unwrap();

            let ledger = station.blocks.ledger();
            for count in Count::ALL {
                assert_eq!(ledger.get(count), tally[count as usize], "{}", count.name());
            }
            assert!(ledger.ended() > 1000 && ledger.get(Count::Resumed) > 10, "{ledger:?}");
            let (queued, running) = (station.queued.len() as u64, station.running.len() as u64);
            assert_eq!(ledger.check_quiet(queued, running), Ok(()));
            assert_eq!(ledger.delayed(), station.delayed.len() as u64);
        }
    }

    #[test]
    fn jobs_that_pass_in_a_moment_leave_no_gap_for_a_ledger_to_see() {
        // No job stays anywhere, so that nothing makes up for an increment read in the wrong order; many
        // short rounds, so that shards are often allocated while a ledger is taken.
        for _ in 0..300 {
            let station = Arc::new(Station::new());
            let watched = station.clone();
            let watcher = thread::spawn("watcher", move || watched.watch()).unwrap();
            let passing: Vec<_> = (0..2)
                .map(|_| {
                    let station = station.clone();
                    thread::spawn("jobs", move || {
                        for n in 0..600 {
                            station.blocks.add(Count::Submitted, 1);
                            if n % 3 == 0 {
                                station.blocks.add(Count::NotReady, 1);
                                continue;
                            }
                            if n % 3 == 1 {
                                station.blocks.add(Count::Started, 1);
                            }
                            station.blocks.end(Count::Failed, n % 3 == 1);
                        }
                    })
                })
                .collect();
            for thread in passing {
                thread.unwrap().join().unwrap();
            }
            // ORDERING: Relaxed: only ends the watcher's loop.
            station.stop.store(true, Ordering::Relaxed);
            watcher.join().unwrap();
            assert_eq!(station.blocks.ledger().check_quiet(0, 0), Ok(()));
            assert_eq!(station.blocks.ledger().ended(), 800);
        }
    }
}

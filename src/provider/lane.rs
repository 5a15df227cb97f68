//! A queue and the workers that serve it.

use super::job::Kind;
use crate::config::WorkerRange;
use crate::queue::{JobQueue, LaneSpec, Waking};
use crate::ring::IndexStack;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One kind of workers with their queue.
///
/// Workers are known by number: the async ones from 0, the blocking ones after them; a worker's number is
/// its consumer's number in the queue, offset by `first`.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) kind: Kind,
    pub(super) queue: JobQueue,
    pub(super) range: WorkerRange,
    /// The number of this lane's first worker.
    pub(super) first: u32,
    numbers: IndexStack,
    spawned: AtomicU64,
    /// Of more workers than this, those without a job leave.
    kept: AtomicU64,
    /// Async workers that were started and have not come to their first job.
    expected: AtomicU64,
    /// Of each worker, written by itself alone.
    busy: Box<[AtomicBool]>,
    zombies: AtomicU64,
}

impl Lane {
    pub(super) fn new(kind: Kind, lanes: &[LaneSpec], range: WorkerRange, first: u32) -> Self {
        let places = Self::places(kind, range);
        let waking = match kind {
            Kind::Async => Waking::Relay,
            Kind::Blocking => Waking::Each,
        };
        Self {
            kind,
            queue: match lanes {
                [LaneSpec { capacity: 0, .. }] => {
                    JobQueue::direct(places.max(1), range.max, waking)
                }
                lanes => JobQueue::with_lanes(lanes, places.max(1), waking),
            },
            range,
            first,
            numbers: IndexStack::full(places.max(1)),
            spawned: AtomicU64::new(0),
            kept: AtomicU64::new(u64::MAX),
            expected: AtomicU64::new(0),
            busy: (0..places).map(|_| AtomicBool::new(false)).collect(),
            zombies: AtomicU64::new(0),
        }
    }

    /// Workers that there may be, spares included: as many spares as a quarter of the workers may be
    /// zombies (S14).
    pub(super) fn places(kind: Kind, range: WorkerRange) -> usize {
        match kind {
            Kind::Async => range.max,
            Kind::Blocking => range.max + range.max / 4,
        }
    }

    /// Whether this lane has workers at all.
    pub(super) fn is_served(&self) -> bool {
        self.range.max > 0
    }

    /// A number for one more worker, if there may be one.
    pub(super) fn hire(&self) -> Option<u32> {
        let most = self.most();
        // Before the count, which is never above what it should be: another would leave for that.
        let number = self.numbers.pop()?;
        // ORDERING: Relaxed: who leaves at this moment is one less than there are now.
        self.kept.store(u64::MAX, Ordering::Relaxed);
        let one_more = |spawned| (spawned < most).then_some(spawned + 1);
        // ORDERING: Relaxed, both: a count that is its own bound; room that was made is found by `wait.leave`.
        if self.spawned.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err() {
            self.numbers.push(number);
            return None;
        }
        Some(number)
    }

    /// How many workers there may be now, zombies and their spares included.
    fn most(&self) -> u64 {
        self.range.max as u64 + self.spares(self.zombies())
    }

    /// How many workers can take a job, those that have yet to be started included.
    pub(super) fn able(&self) -> u64 {
        self.most().saturating_sub(self.zombies())
    }

    /// Whether one of them has nothing to do, or is started for the next job.
    pub(super) fn is_one_idle(&self) -> bool {
        self.spawned() < self.most() || self.queue.consumers().is_one_idle()
    }

    /// Takes a worker's number back.
    pub(super) fn dismiss(&self, number: u32) {
        self.numbers.push(number);
        // ORDERING: Relaxed: a count. Whoever takes the place may find the number not there yet, and then
        // starts nobody.
        self.spawned.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts one worker out if there are more than there should be, zombies not counted.
    pub(super) fn retire(&self) -> bool {
        let most = self.range.max as u64 + self.zombies();
        let one_less = |spawned| (spawned > most).then(|| spawned - 1);
        // ORDERING: Relaxed, both: a count that is its own bound.
        self.spawned.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }

    /// Lets workers without a job leave until so many fewer are there than `spawned`, or one more is hired.
    pub(super) fn shrink(&self, spawned: u64, by: u32) {
        // ORDERING: Relaxed: each worker looks after it registered its waker, which carries this (`waker.wake`).
        self.kept.store(spawned.saturating_sub(u64::from(by)), Ordering::Relaxed);
        let consumers = self.queue.consumers();
        (0..consumers.count() as u32).for_each(|number| consumers.wake(number));
    }

    /// Counts the calling worker out, which has no job, if there are more than are kept.
    pub(super) fn leave_idle(&self) -> bool {
        // ORDERING: Relaxed: as in `shrink`.
        let kept = self.kept.load(Ordering::Relaxed);
        kept != u64::MAX && {
            let one_less = |spawned| (spawned > kept).then(|| spawned - 1);
            // ORDERING: Relaxed, both: a count that is its own bound.
            self.spawned.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
        }
    }

    /// Takes the number of a worker back that was counted out.
    pub(super) fn take_back(&self, number: u32) {
        self.numbers.push(number);
    }

    pub(super) fn spawned(&self) -> u64 {
        // ORDERING: Relaxed: a figure.
        self.spawned.load(Ordering::Relaxed)
    }

    /// A worker is being started.
    pub(super) fn expect(&self) {
        // ORDERING: Relaxed: see `is_expecting`.
        self.expected.fetch_add(1, Ordering::Relaxed);
    }

    /// A worker that was expected has looked for its first job.
    pub(super) fn meet(&self) {
        // ORDERING: Relaxed: see `is_expecting`.
        self.expected.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether a worker is on its way that has yet to look for a job. Asked behind a SeqCst fence: whoever is
    /// still expected passes one before its own look, or before it hands over.
    pub(super) fn is_expecting(&self) -> bool {
        // ORDERING: Relaxed: ordered by the fences; an old figure at most starts a worker that was not needed.
        self.expected.load(Ordering::Relaxed) > 0
    }

    /// How many workers have a job.
    pub(super) fn busy(&self) -> u64 {
        // ORDERING: Relaxed: a figure.
        self.busy.iter().filter(|busy| busy.load(Ordering::Relaxed)).count() as u64
    }

    /// Worker `number` has a job, or has it no longer.
    pub(super) fn set_busy(&self, number: u32, busy: bool) {
        // ORDERING: Relaxed: a figure.
        self.busy[number as usize].store(busy, Ordering::Relaxed);
    }

    /// Workers that are held by a job that was decided without them.
    pub(super) fn zombies(&self) -> u64 {
        // ORDERING: Relaxed: a figure. The worker may count its end before the decider its beginning:
        // such a moment reads as none.
        let zombies = self.zombies.load(Ordering::Relaxed);
        if zombies > i64::MAX as u64 { 0 } else { zombies }
    }

    /// A worker became a zombie, or is none any more. In a queue without places a zombie keeps its permit
    /// until it ends (S14); a spare for it is one more, until as many have ended.
    pub(super) fn set_zombie(&self, zombie: bool) {
        let step = if zombie { 1 } else { 1_u64.wrapping_neg() };
        // ORDERING: Relaxed: a figure.
        let before = self.zombies.fetch_add(step, Ordering::Relaxed);
        let spare = self.spares(before) != self.spares(before.wrapping_add(step));
        if zombie == spare {
            self.queue.release();
        }
    }

    /// How many spares so many zombies have; a count below 0 is a moment that reads as none.
    fn spares(&self, zombies: u64) -> u64 {
        let most = (Self::places(self.kind, self.range) - self.range.max) as u64;
        if zombies > i64::MAX as u64 { 0 } else { zombies.min(most) }
    }

    /// Whether more than a quarter of the workers are zombies.
    pub(super) fn is_crippled(&self) -> bool {
        self.is_served() && self.zombies() * 4 > self.range.max as u64
    }
}

//! How many jobs may be with an upstream at once, found out while it works (S31).
//!
//! Algorithm: additive increase, multiplicative decrease, as in TCP (Chiu and Jain, 1989). A success while
//! at least half of the limit is in use adds `1 / limit` to it; an answer that says *too much* (429, 503,
//! 529, an execution timeout) takes a tenth away, once an epoch: what was already on its way when the limit
//! was cut says nothing about the new one. Where the upstream says nothing and only gets slow, the
//! [soft signal](super::SoftSignal) speaks, and nothing is added until a window was good again: at a small
//! limit a window's successes would add what the cut took, and cuts would seem to have no effect.
//!
//! A saw between 0.9 and 1 of what an upstream takes is 0.95 of it at best, and at a small limit every tenth
//! request would be the one too many. So the limit that was too much last, the *ceiling*, is remembered (as
//! in CUBIC): well below it the limit grows four times as fast, and the last step up to it takes 64 successes
//! at least.
//!
//! The word: in flight, limit, successes since the limit grew, 16 bits each; held (whether nothing is added),
//! 1 bit; generation, 15 bits.
//!
//! Invariants: 1. A permit is granted by an exchange that found fewer in flight than the limit of the same
//! word, so never more are in flight than the limit at the time of the grant. 2. A permit is given back
//! once, when it is dropped or told how it went. 3. The generation changes with every cut and every set
//! limit, and a permit that carries an older one cuts nothing and gives no sample. 4. The limit lies within
//! the bounds of the last [`Limiter::set_bounds`] that the word's reader can know of.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `limiter.bounds` | `set_bounds`: the word's exchange | `update`: the word's load | the bounds that the word was made to fit (invariant 4) |
//!
//! Progress: `acquire` and giving back are lock-free; an exchange fails only when another succeeded.
//!
//! Models: `limiter_shrink`, `limiter_bounds`, `limiter_one_cut`, `limiter_two_for_one`.

use std::fmt;
use std::time::Duration;

use super::latency::{SoftSignal, Turn};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, CachePadded};

/// The most that a limit can be.
pub const MAX_LIMIT: u16 = u16::MAX;

/// The concurrency limit of one upstream.
pub struct Limiter {
    word: CachePadded<AtomicU64>,
    /// The least and the most that the limit may be.
    bounds: AtomicU64,
    /// The limit of the last hard cut; the largest there is before the first.
    ceiling: AtomicU64,
    soft: SoftSignal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word {
    in_flight: u16,
    limit: u16,
    successes: u16,
    is_held: bool,
    generation: u16,
}

const GENERATIONS: u16 = u16::MAX >> 1;
/// The successes that the step up to the ceiling takes at least: one in 65 requests is one too many.
const CEILING_STEP: u16 = 64;

impl Word {
    fn pack(self) -> u64 {
        let Self { in_flight, limit, successes, is_held, generation } = self;
        let last = u16::from(is_held) << 15 | generation;
        [in_flight, limit, successes, last].iter().fold(0, |word, &n| word << 16 | u64::from(n))
    }

    fn of(word: u64) -> Self {
        let part = |n: u32| (word >> (16 * n)) as u16;
        Self {
            in_flight: part(3),
            limit: part(2),
            successes: part(1),
            is_held: part(0) > GENERATIONS,
            generation: part(0) & GENERATIONS,
        }
    }

    /// The limit is set, and what is on its way says nothing about it.
    fn with_limit(self, limit: u16) -> Self {
        let generation = self.generation.wrapping_add(1) & GENERATIONS;
        Self { limit, successes: 0, is_held: false, generation, ..self }
    }

    fn cut(self, bounds: Bounds) -> Self {
        let tenth = (self.limit / 10).max(1);
        self.with_limit(self.limit.saturating_sub(tenth).max(bounds.min))
    }

    fn succeeded(self, bounds: Bounds, ceiling: u16) -> Self {
        let is_in_use = self.in_flight >= self.limit.div_ceil(2);
        if self.is_held || !is_in_use || self.limit >= bounds.max {
            return self;
        }
        if self.successes + 1 < self.step(ceiling) {
            return Self { successes: self.successes + 1, ..self };
        }
        Self { limit: self.limit + 1, successes: 0, ..self }
    }

    /// How many successes add one.
    fn step(self, ceiling: u16) -> u16 {
        match ceiling.checked_sub(self.limit) {
            Some(1) => self.limit.max(CEILING_STEP),
            Some(below) if below > (ceiling / 32).max(3) && ceiling < MAX_LIMIT => self.limit / 4,
            _ => self.limit,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    min: u16,
    max: u16,
}

impl Bounds {
    /// At least 1, and in order.
    fn new(min: u16, max: u16) -> Self {
        let min = min.max(1);
        Self { min, max: max.max(min) }
    }

    fn pack(self) -> u64 {
        u64::from(self.min) << 16 | u64::from(self.max)
    }

    fn of(word: u64) -> Self {
        Self { min: (word >> 16) as u16, max: word as u16 }
    }
}

impl Limiter {
    /// A limiter that starts at `initial` and stays from `min` to `max`; all are at least 1.
    pub fn new(min: u16, max: u16, initial: u16) -> Arc<Self> {
        let bounds = Bounds::new(min, max);
        let limit = initial.clamp(bounds.min, bounds.max);
        let word = Word { in_flight: 0, limit, successes: 0, is_held: false, generation: 0 };
        Arc::new(Self {
            word: CachePadded::new(AtomicU64::new(word.pack())),
            bounds: AtomicU64::new(bounds.pack()),
            ceiling: AtomicU64::new(u64::from(MAX_LIMIT)),
            soft: SoftSignal::new(),
        })
    }

    /// The right to one more job, unless as many are in flight as may be.
    #[must_use]
    pub fn acquire(self: &Arc<Self>) -> Option<LimitPermit> {
        // ORDERING: Relaxed, here and below: the word is its own bound, and publishes nothing to who gets a permit.
        let mut packed = self.word.load(Ordering::Relaxed);
        loop {
            let word = Word::of(packed);
            if word.in_flight >= word.limit {
                return None;
            }
            let next = Word { in_flight: word.in_flight + 1, ..word }.pack();
            // ORDERING: as above.
            match self.word.compare_exchange_weak(
                packed,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    let limiter = Arc::clone(self);
                    let generation = word.generation;
                    return Some(LimitPermit { limiter, generation, is_held: true });
                }
                Err(found) => packed = found,
            }
        }
    }

    /// How many jobs may be in flight.
    pub fn limit(&self) -> u16 {
        self.read().limit
    }

    /// How many are. More than the limit after a cut, until enough have ended.
    pub fn in_flight(&self) -> u16 {
        self.read().in_flight
    }

    /// Changes the least and the most that the limit may be, and the limit where it is outside.
    pub fn set_bounds(&self, min: u16, max: u16) {
        let bounds = Bounds::new(min, max);
        // ORDERING: Relaxed: `limiter.bounds` below publishes it.
        self.bounds.store(bounds.pack(), Ordering::Relaxed);
        loop {
            // ORDERING: Relaxed: the exchange decides.
            let packed = self.word.load(Ordering::Relaxed);
            let word = Word::of(packed);
            // Always a new generation, and so a new word: whoever has read the old bounds fails with it.
            let next = word.with_limit(word.limit.clamp(bounds.min, bounds.max)).pack();
            // ORDERING: Release is edge `limiter.bounds`; later exchanges continue its release sequence.
            let swapped =
                self.word.compare_exchange(packed, next, Ordering::Release, Ordering::Relaxed);
            if swapped.is_ok() {
                return;
            }
        }
    }

    fn read(&self) -> Word {
        // ORDERING: Relaxed: figures.
        Word::of(self.word.load(Ordering::Relaxed))
    }

    /// Changes the word; what it was.
    fn update(&self, change: impl Fn(Word, Bounds) -> Word) -> Word {
        loop {
            // ORDERING: Acquire takes `limiter.bounds`.
            let packed = self.word.load(Ordering::Acquire);
            // ORDERING: Relaxed: those that the word fits, or later ones, whose exchange makes ours fail.
            let bounds = Bounds::of(self.bounds.load(Ordering::Relaxed));
            let word = Word::of(packed);
            let next = change(word, bounds).pack();
            // ORDERING: Relaxed, both: nothing is published but the word, and a failure reads it anew.
            let swapped =
                self.word.compare_exchange_weak(packed, next, Ordering::Relaxed, Ordering::Relaxed);
            if swapped.is_ok() {
                return word;
            }
        }
    }

    /// Does what the soft signal says about a limit of this generation.
    fn turn(&self, turn: Turn, generation: u16) {
        self.update(|word, bounds| {
            let to = |limit: u16| word.with_limit(limit.clamp(bounds.min, bounds.max));
            match turn {
                // Another has cut meanwhile.
                _ if word.generation != generation => word,
                Turn::Stay => Word { is_held: false, ..word },
                Turn::Cut => Word { is_held: true, ..word.cut(bounds) },
                Turn::Probe => Word { is_held: true, ..to(word.limit.div_ceil(2)) },
                Turn::Restore(limit) => to(limit.max(word.limit)),
            }
        });
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Word { in_flight, limit, .. } = self.read();
        f.debug_struct("Limiter").field("in_flight", &in_flight).field("limit", &limit).finish()
    }
}

/// The right to have one job with the upstream. Dropped, it says nothing about the upstream's load: the job
/// was cancelled, or failed for a reason of its own.
#[must_use = "dropped, it is given back"]
pub struct LimitPermit {
    limiter: Arc<Limiter>,
    generation: u16,
    is_held: bool,
}

impl LimitPermit {
    /// Gives the permit back: the upstream did the job, and this is how long it took.
    pub fn succeeded(mut self, latency: Duration) {
        self.is_held = false;
        // ORDERING: Relaxed: one that was a moment ago makes the limit grow a little sooner or later.
        let ceiling = self.limiter.ceiling.load(Ordering::Relaxed) as u16;
        let word = self.limiter.update(|word, bounds| {
            let word = word.succeeded(bounds, ceiling);
            Word { in_flight: word.in_flight - 1, ..word }
        });
        if word.generation != self.generation {
            return;
        }
        let Some(turn) = self.limiter.soft.record(latency, word.limit) else { return };
        if turn != Turn::Stay || word.is_held {
            self.limiter.turn(turn, self.generation);
        }
    }

    /// Gives the permit back: the upstream said, or let the job's time run out, that it has too much to do.
    pub fn overloaded(mut self) {
        self.is_held = false;
        let word = self.limiter.update(|word, bounds| {
            let is_current = word.generation == self.generation;
            let word = if is_current { word.cut(bounds) } else { word };
            Word { in_flight: word.in_flight - 1, ..word }
        });
        if word.generation == self.generation {
            // ORDERING: Relaxed: as in `succeeded`.
            self.limiter.ceiling.store(u64::from(word.limit), Ordering::Relaxed);
        }
    }
}

impl Drop for LimitPermit {
    fn drop(&mut self) {
        if self.is_held {
            self.limiter.update(|word, _| Word { in_flight: word.in_flight - 1, ..word });
        }
    }
}

impl fmt::Debug for LimitPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitPermit").field("generation", &self.generation).finish_non_exhaustive()
    }
}

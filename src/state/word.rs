//! The state word of a job record: who owns it, where the job is, how it ended, and which job it is.
//!
//! ```text
//!  63                       20  19 18  17  16 15      8 7   6    5    4  3     0
//! +---------------------------+--+---+----+---+---------+--+----+----+---+-------+
//! |   generation (44 bits)    |  |CLM|WAIT|RAN| verdict |TK|STOP|EXEC|HND| phase |
//! +---------------------------+--+---+----+---+---------+--+----+----+---+-------+
//! ```
//!
//! | phase | the job | next |
//! |---|---|---|
//! | `Free` | none; the record is in the free list | `Entering` |
//! | `Entering` | is being written by its submitter, or was refused and is taken back | `Queued`, `Free` |
//! | `Queued` | stands in a queue, or is about to | `Running`, `Delayed`, `Decided`, `Entering` (refused) |
//! | `Delayed` | waits for a retry, a key or a breaker, outside the queue | `Queued`, `Decided` |
//! | `Running` | a worker has it | `Delayed`, `Decided` |
//! | `Decided` | has its one outcome, which is being counted | `Published` |
//! | `Published` | the outcome can be read | `Free` |
//!
//! Owners (S14): `HANDLE` is whoever will read the outcome (a handle, a completion queue), `EXEC` whoever
//! has the task (the queue, then a worker). The record goes back when it is published and both bits are
//! clear: the decider, who still has to publish, is its third owner. A job is `Delayed` and `Queued` again by
//! `EXEC`'s holder alone, into whose hands the queue gave it. `TAKEN` marks that somebody took the
//! task of a job that died in the queue, so that it is buried once; `RAN` that a worker started it.
//!
//! `WAIT` says that `HANDLE`'s holder has left its waker in the record, `CLAIM` that the decider takes it
//! out: with the decision, or before it publishes if the waker came after the decision.
//!
//! Invariants:
//! 1. One compare-exchange leaves `Queued`, `Delayed` or `Running` for `Decided`; who wins it counts and
//!    publishes, and nobody else does.
//! 2. Only `EXEC`'s holder touches the cell with the task; it drops the task before it gives `EXEC` up.
//! 3. A result in the cell belongs to `HANDLE`'s holder if the bit was set when `Published` was entered,
//!    and to the publisher, who is then `EXEC`'s holder, otherwise.
//! 4. The waker's cell is `HANDLE`'s holder's, unless `WAIT` is set; then it is nobody's, until the holder
//!    clears `WAIT` or the decider sets `CLAIM`, whose it is from then on. The publisher takes the waker
//!    before it publishes, and touches nothing of the record afterwards but what 3. gives it.
//! 5. The generation grows when the record goes back: a word of an old ticket never compares equal.
//!
//! | edge | write | read | what becomes visible |
//! |---|---|---|---|
//! | `job.enqueue` | `enqueue` | `start`, `decide` | the task, options and limits that the submitter wrote |
//! | `job.start` | `start` | `decide` by another | the execution deadline, the worker's number and the permit's |
//! | `job.wait` | `wait` | `decide`, `publish` | the waker in its cell |
//! | `job.publish` | `publish` | `view` of the handle | the result in the cell, the stamps, the counters |
//! | `job.release` | `release_exec`, `release_handle` | the same, by the last owner | everything that the other owner did with the record |
//!
//! Progress: every operation is wait-free but those whose compare-exchange is tried again when another
//! transition of the same job came between (at most a few).
//!
//! Models: `job_complete_cancel_timeout`, `job_handle_await`, `job_handle_drop`, `job_handle_leaves`, `job_last_owner`,
//! `job_last_decider`, `job_retract`, `job_retract_expire`, `job_expire_at_start`, `job_delay`, `job_fail`, `job_stop`,
//! `job_stop_wakes`, `job_reuse`.

use crate::code::Code;
use crate::sync::atomic::{AtomicU64, Ordering};

const PHASE: u64 = 0xf;
const HANDLE: u64 = 1 << 4;
const EXEC: u64 = 1 << 5;
const STOP: u64 = 1 << 6;
const TAKEN: u64 = 1 << 7;
const VERDICT_SHIFT: u32 = 8;
const VERDICT: u64 = 0xff << VERDICT_SHIFT;
const RAN: u64 = 1 << 16;
const WAIT: u64 = 1 << 17;
const CLAIM: u64 = 1 << 18;
const GENERATION_SHIFT: u32 = 20;
/// The first generation is not 0, so that no ticket is.
const FIRST: u64 = 1;

/// Where a job is. The table of the module says what follows what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// No job.
    Free = 0,
    /// Being written, or taken back.
    Entering = 1,
    /// In a queue.
    Queued = 2,
    /// Waiting outside queue and worker.
    Delayed = 3,
    /// With a worker.
    Running = 4,
    /// Has its outcome, not yet readable.
    Decided = 5,
    /// Has its outcome.
    Published = 6,
}

impl Phase {
    #[inline]
    fn of(word: u64) -> Self {
        match word & PHASE {
            0 => Self::Free,
            1 => Self::Entering,
            2 => Self::Queued,
            3 => Self::Delayed,
            4 => Self::Running,
            5 => Self::Decided,
            _ => Self::Published,
        }
    }
}

macro_rules! verdicts {
    ($($(#[$doc:meta])* $name:ident = $number:literal => $code:ident),* $(,)?) => {
        /// How a job ended: the outcomes of S11, small enough for the state word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Verdict { $($(#[$doc])* $name = $number),* }

        impl Verdict {
            /// Every verdict.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The outcome's code.
            pub const fn code(self) -> Code {
                match self { $(Self::$name => Code::$code),* }
            }

            fn from_bits(bits: u64) -> Option<Self> {
                match bits { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

verdicts! {
    /// Ran to its end and returned a result.
    Completed = 1 => Ok,
    /// Ended with an error.
    Failed = 2 => Failed,
    /// Waited too long and never ran.
    TimedOutQueue = 3 => TimedOutQueue,
    /// Ran too long.
    TimedOutExec = 4 => TimedOutExec,
    /// Dropped by the overflow policy.
    DroppedOverflow = 5 => DroppedOverflow,
    /// Dropped by the queue delay controller.
    DroppedCodel = 6 => DroppedCodel,
    /// Cancelled by its submitter.
    CancelledCaller = 7 => CancelledCaller,
    /// Cancelled by a shutdown.
    CancelledShutdown = 8 => CancelledShutdown,
    /// Cancelled through a token above its own.
    CancelledParent = 9 => CancelledParent,
    /// Panicked.
    Panicked = 10 => Panicked,
    /// Still ran when the last grace ended.
    Abandoned = 11 => Abandoned,
}

impl Verdict {
    /// Whether the worker left something in the cell for the submitter: a value, an error or a panic.
    pub const fn has_result(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Panicked)
    }
}

/// What a compare-exchange for the outcome gave.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The caller decided the job, and now counts and publishes it.
    Won {
        /// Where the job was.
        phase: Phase,
        /// A waker is in its cell, which is the caller's: it takes the waker out at once.
        waiter: bool,
    },
    /// The job has an outcome already, or the ticket is stale.
    Lost,
}

/// What the publisher owes.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Publication {
    /// Nobody will read the result: the publisher drops it.
    pub(super) orphaned: bool,
    /// Both owners are gone: the publisher gives the record back.
    pub(super) last: bool,
}

/// Whose the cell of the waker is.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WakerCell {
    /// The caller's, who holds `HANDLE`; nothing is in it.
    Empty,
    /// The caller's, with the waker that it left there before.
    Full,
    /// The decider's, who is about to publish.
    Deciders,
    /// Nobody's any more: the outcome can be read.
    Over,
}

/// What giving up an owner bit gave.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// The record is still the other owner's, or the decider's who has yet to publish.
    Shared,
    /// The caller was the last: it gives the record back.
    Last,
    /// Nothing was given up: a result in the cell belongs to the caller, who drops it first.
    ResultFirst,
}

/// One consistent look at the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View(u64);

impl View {
    #[inline]
    pub(super) fn phase(self) -> Phase {
        Phase::of(self.0)
    }

    #[inline]
    pub(super) fn generation(self) -> u64 {
        self.0 >> GENERATION_SHIFT
    }

    #[inline]
    pub(super) fn verdict(self) -> Option<Verdict> {
        Verdict::from_bits((self.0 & VERDICT) >> VERDICT_SHIFT)
    }

    #[inline]
    pub(super) fn has_run(self) -> bool {
        self.0 & RAN != 0
    }

    #[inline]
    pub(super) fn is_held_by_exec(self) -> bool {
        self.0 & EXEC != 0
    }

    #[inline]
    pub(super) fn is_asked_to_stop(self) -> bool {
        self.0 & STOP != 0
    }

    /// The verdict, once it can be read.
    #[inline]
    pub(super) fn published(self) -> Option<Verdict> {
        if self.phase() == Phase::Published { self.verdict() } else { None }
    }
}

/// The state word and its transitions.
#[derive(Debug)]
pub(super) struct StateWord(AtomicU64);

impl StateWord {
    #[inline]
    /// The word of a record that had no job yet: 0.
    #[cfg(any(loom, bifrost_chaos, test))]
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(Phase::Free as u64))
    }

    #[inline]
    pub(super) fn view(&self) -> View {
        // ORDERING: Acquire takes `job.publish`, `job.start` and `job.enqueue`.
        View(self.0.load(Ordering::Acquire))
    }

    /// `Free` → `Entering`, by whoever took the record from the free list. Returns the generation.
    #[inline]
    pub(super) fn enter(&self) -> u64 {
        // ORDERING: Relaxed: the record came through the free list (`stack.push`) and is the caller's
        // alone; an old ticket compares with its own generation and changes nothing.
        let generation = View(self.0.load(Ordering::Relaxed)).generation().max(FIRST);
        let word = generation << GENERATION_SHIFT | EXEC | HANDLE | Phase::Entering as u64;
        // ORDERING: Relaxed: as above; `enqueue` publishes.
        self.0.store(word, Ordering::Relaxed);
        generation
    }

    /// `Entering` → `Queued`.
    #[inline]
    pub(super) fn enqueue(&self) {
        // ORDERING: Relaxed: `Entering` is the submitter's own.
        let word = self.0.load(Ordering::Relaxed) & !PHASE | Phase::Queued as u64;
        // ORDERING: Release is edge `job.enqueue`.
        self.0.store(word, Ordering::Release);
    }

    /// `Queued` → `Entering` for a job that the queue refused. `false`: it was decided in the meantime.
    #[inline]
    pub(super) fn retract(&self, generation: u64) -> bool {
        self.step(generation, Phase::Queued, Phase::Entering as u64)
    }

    /// `Queued` → `Running`. `false`: the job is dead.
    #[inline]
    pub(super) fn start(&self, generation: u64) -> bool {
        self.step(generation, Phase::Queued, Phase::Running as u64 | RAN)
    }

    /// `Queued` → `Delayed`, by the one who took the job out of the queue. `false`: the job is dead.
    pub(super) fn delay(&self, generation: u64) -> bool {
        self.step(generation, Phase::Queued, Phase::Delayed as u64)
    }

    /// `Delayed` → `Queued`, by the same one. `false`: the job is dead.
    pub(super) fn resume(&self, generation: u64) -> bool {
        self.step(generation, Phase::Delayed, Phase::Queued as u64)
    }

    #[inline]
    fn step(&self, generation: u64, from: Phase, to: u64) -> bool {
        // ORDERING: Relaxed: only compared; the exchange publishes.
        let mut now = self.0.load(Ordering::Relaxed);
        while View(now).generation() == generation && Phase::of(now) == from {
            // ORDERING: Release is edge `job.start`. The job itself came through the ring (`ring.push`), or
            // is the caller's own; a failure is only looked at.
            match self.0.compare_exchange(
                now,
                now & !PHASE | to,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(later) => now = later,
            }
        }
        false
    }

    /// Decides the job of `generation` if it is in one of the phases that `may` allows.
    #[inline]
    pub(super) fn decide(
        &self,
        generation: u64,
        verdict: Verdict,
        may: impl Fn(Phase) -> bool,
    ) -> Decision {
        // ORDERING: Relaxed: only compared; the exchange acquires.
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let phase = Phase::of(now);
            let undecided = matches!(phase, Phase::Queued | Phase::Delayed | Phase::Running);
            if View(now).generation() != generation || !undecided || !may(phase) {
                return Decision::Lost;
            }
            let waiter = now & WAIT != 0;
            let decided = now & !(PHASE | VERDICT)
                | (verdict as u64) << VERDICT_SHIFT
                | if waiter { CLAIM } else { 0 }
                | Phase::Decided as u64;
            // ORDERING: Acquire takes `job.enqueue`, `job.start` and `job.wait`. Nothing is published yet: `publish` is
            // the edge. A failure is only compared again.
            match self.0.compare_exchange(now, decided, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Decision::Won { phase, waiter },
                Err(later) => now = later,
            }
        }
    }

    /// `Decided` → `Published`, by the one who decided; `with_exec`: who is `EXEC`'s holder and gives that up in
    /// the same step. `take` takes the waker out of its cell if one came after the decision.
    #[inline]
    pub(super) fn publish(&self, with_exec: bool, mut take: impl FnMut()) -> Publication {
        let step = Phase::Published as u64 - Phase::Decided as u64;
        let given_up = if with_exec { EXEC } else { 0 };
        // ORDERING: Relaxed: only compared; the exchanges acquire.
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let waits = now & (WAIT | CLAIM) == WAIT;
            let next = if waits { now | CLAIM } else { (now & !given_up) + step };
            // ORDERING: Release is edge `job.publish`; Acquire takes `job.wait`, and `job.release` of a handle that
            // is gone. A failure is only compared again.
            match self.0.compare_exchange(now, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) if waits => {
                    take();
                    now = next;
                }
                Ok(_) => {
                    let orphaned = now & HANDLE == 0;
                    return Publication { orphaned, last: next & (HANDLE | EXEC) == 0 };
                }
                Err(later) => now = later,
            }
        }
    }

    /// Whose the waker's cell is, for `HANDLE`'s holder, who takes it back if it can.
    #[inline]
    pub(super) fn reclaim_waker(&self) -> WakerCell {
        // ORDERING: Relaxed: the cell is the holder's own or not touched; who reads the outcome looks again.
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            if Phase::of(now) == Phase::Published {
                return WakerCell::Over;
            }
            if now & CLAIM != 0 {
                return WakerCell::Deciders;
            }
            if now & WAIT == 0 {
                return WakerCell::Empty;
            }
            // ORDERING: Relaxed, both: as above.
            match self.0.compare_exchange(now, now & !WAIT, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return WakerCell::Full,
                Err(later) => now = later,
            }
        }
    }

    /// Leaves the waker that `HANDLE`'s holder has put into its cell to the decider. `false`: the outcome can
    /// be read, and the waker is still the caller's.
    #[inline]
    pub(super) fn wait(&self) -> bool {
        // ORDERING: Relaxed: only compared; who reads the outcome looks again.
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            if Phase::of(now) == Phase::Published {
                return false;
            }
            // ORDERING: Release is edge `job.wait`. A failure is only compared again.
            match self.0.compare_exchange(now, now | WAIT, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(later) => now = later,
            }
        }
    }

    /// Claims the task of a job that died before it ran; `true` for one caller only.
    #[inline]
    pub(super) fn take(&self, generation: u64) -> bool {
        let mut now = self.view();
        while now.generation() == generation
            && matches!(now.phase(), Phase::Decided | Phase::Published)
            && now.0 & (TAKEN | RAN) == 0
        {
            // ORDERING: Relaxed, both: the task that is going to be dropped came with the index, through the
            // ring (`ring.push`).
            match self.0.compare_exchange(
                now.0,
                now.0 | TAKEN,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(later) => now = View(later),
            }
        }
        false
    }

    /// Gives `EXEC` up.
    #[inline]
    pub(super) fn release_exec(&self) -> Release {
        // ORDERING: Release is edge `job.release`; Acquire takes the other owner's.
        let before = self.0.fetch_and(!EXEC, Ordering::AcqRel);
        if before & HANDLE == 0 && Phase::of(before) == Phase::Published {
            Release::Last
        } else {
            Release::Shared
        }
    }

    /// Gives `HANDLE` up, unless a published result has to be dropped first (`has_result` says whether
    /// one is still in the cell). Whoever reads the outcome is alone as a rule: then the word stays as it is.
    #[inline]
    pub(super) fn release_handle(&self, has_result: impl Fn(Verdict) -> bool) -> Release {
        // ORDERING: Acquire takes `job.publish` and `job.release`.
        let mut now = self.0.load(Ordering::Acquire);
        loop {
            if View(now).published().is_some_and(&has_result) {
                return Release::ResultFirst;
            }
            if now & EXEC == 0 && Phase::of(now) == Phase::Published {
                return Release::Last;
            }
            // ORDERING: Release is edge `job.release`. A success has nothing left to acquire: `now` was acquired,
            // and no other write of this generation gives the same word (but a repeated `stop`, which brings
            // nothing). A failure acquires `job.release` and `job.publish`.
            match self.0.compare_exchange(now, now & !HANDLE, Ordering::Release, Ordering::Acquire)
            {
                Ok(_) => return Release::Shared,
                Err(later) => now = later,
            }
        }
    }

    /// Asks a running job to stop, for a shutdown. `false`: it does not run.
    #[inline]
    pub(super) fn stop(&self, generation: u64) -> bool {
        // ORDERING: Relaxed: only compared; the exchange acquires.
        let mut now = self.0.load(Ordering::Relaxed);
        while View(now).generation() == generation && Phase::of(now) == Phase::Running {
            // ORDERING: Acquire takes `job.start`: the number of the worker that is to be woken. The bit itself
            // reaches it through its waker's own edge; a failure is only compared again.
            match self.0.compare_exchange(now, now | STOP, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(later) => now = later,
            }
        }
        false
    }

    /// The last owner's step: `Free`, in the next generation.
    #[inline]
    pub(super) fn free(&self) {
        // ORDERING: Relaxed: the last owner is alone; the free list publishes (`stack.push`).
        let generation = View(self.0.load(Ordering::Relaxed)).generation().wrapping_add(1);
        // ORDERING: Relaxed: as above.
        self.0.store(generation << GENERATION_SHIFT | Phase::Free as u64, Ordering::Relaxed);
    }
}

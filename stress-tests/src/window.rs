//! Thousands of short concurrent histories of one queue.
//!
//! A window: one thread fills the queue to a drawn level, four threads make five drawn calls each, all at
//! once, and one thread takes what is left. All calls are one history. The queue lives on from window to
//! window, until one of them has closed it, so that positions and laps grow.

use crate::bounded::{Answer, Bounded, Op};
use crate::linear::{self, Call};
use crate::queue::Queue;
use crate::seed::{Disturbance, Random};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, PoisonError};

/// How many threads call at once.
pub const THREADS: usize = 4;
/// How many calls each of them makes in a window.
pub const CALLS: usize = 5;

/// How many atomic operations a thread may make in a window: a call that does not end is a finding.
const LIMIT: u64 = 100_000;

/// One concurrent history.
pub type History = Vec<Call<Op, Answer>>;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Decides the calls, and the pauses of a build that makes some.
    pub seed: u64,
    /// The capacity of the queue.
    pub capacity: usize,
    /// How many windows.
    pub windows: u64,
    /// What the queue can be asked.
    pub offer: Offer,
    /// Whether Full and Empty are true at some moment of the call. Else they are checked only where nobody
    /// moved a value meanwhile.
    pub exact: bool,
}

/// Which calls a queue has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// All but [`Op::Reap`], which `PopIf` stands for.
    PopIf,
    /// All but [`Op::PopIf`].
    Reap,
    /// All but the two.
    Unconditional,
    /// [`Op::Push`] and [`Op::Pop`] alone.
    Plain,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Windows whose history is explained.
    pub windows: u64,
    /// Windows in which at least two calls overlapped.
    pub concurrent: u64,
    /// Pairs of calls that overlapped.
    pub overlaps: u64,
    /// Calls that were answered with each of `Full`, `Empty` and `Closed`.
    pub full: u64,
    /// See `full`.
    pub empty: u64,
    /// See `full`.
    pub closed: u64,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { windows, concurrent, overlaps, full, empty, closed } = self;
        write!(
            f,
            "{windows} windows linearizable, {concurrent} of them with overlapping calls ({overlaps} \
             pairs); {full} Full, {empty} Empty, {closed} Closed"
        )
    }
}

/// Runs the windows; `make` makes a queue of a capacity.
///
/// # Errors
///
/// The text of the first history that no order explains, with what is needed to run it again.
pub fn run<Q: Queue + Send>(plan: Plan, make: impl Fn(usize) -> Q + Sync) -> Result<Seen, String> {
    let stage = Stage {
        plan,
        current: Mutex::new(Arc::new(make(plan.capacity))),
        turn: Barrier::new(THREADS + 1),
        ready: AtomicUsize::new(0),
        stamp: AtomicU64::new(0),
        over: AtomicU64::new(plan.windows),
        panicked: AtomicBool::new(false),
        history: Mutex::new(History::new()),
    };
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let stage = &stage;
            scope.spawn(move || stage.perform(thread));
        }
        let seen = catch_unwind(AssertUnwindSafe(|| stage.direct(&make)));
        // Whatever the verdict, the threads have to learn that there is no next window.
        stage.over.store(0, Ordering::SeqCst);
        stage.turn.wait();
        seen.unwrap_or_else(|_| Err(format!("{plan:?}: a call of the only thread panicked")))
    })
}

/// What the threads share. Its own synchronisation is std's and stronger than needed: it is outside of what
/// is tested.
struct Stage<Q> {
    plan: Plan,
    current: Mutex<Arc<Q>>,
    turn: Barrier,
    /// Counts the threads that stand at their first call.
    ready: AtomicUsize,
    stamp: AtomicU64,
    over: AtomicU64,
    panicked: AtomicBool,
    history: Mutex<History>,
}

impl<Q: Queue> Stage<Q> {
    fn queue(&self) -> Arc<Q> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn call(&self, queue: &Q, thread: usize, op: Op) -> Call<Op, Answer> {
        let invoked = self.stamp.fetch_add(1, Ordering::SeqCst);
        let answer = queue.call(op);
        let returned = self.stamp.fetch_add(1, Ordering::SeqCst);
        Call { thread, op, answer, invoked, returned }
    }

    /// A call that no other overlaps.
    fn alone(&self, queue: &Q, op: Op) -> Call<Op, Answer> {
        let undisturbed = Disturbance { seed: 0, thread: 0, one_in: 0, limit: LIMIT };
        undisturbed.run(|| self.call(queue, THREADS, op))
    }

    fn extend(&self, calls: impl IntoIterator<Item = Call<Op, Answer>>) {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).extend(calls);
    }

    /// The part of one of the four threads.
    fn perform(&self, thread: usize) {
        for window in 0.. {
            self.turn.wait();
            if window >= self.over.load(Ordering::SeqCst) {
                return;
            }
            let queue = self.queue();
            let ops = self.plan.ops(window, thread);
            let mut calls = Vec::with_capacity(CALLS);
            self.ready.fetch_add(1, Ordering::SeqCst);
            while self.ready.load(Ordering::SeqCst) < THREADS {
                std::thread::yield_now();
            }
            let program = || calls.extend(ops.map(|op| self.call(&queue, thread, op)));
            let disturbance = self.plan.disturbance(window, thread);
            let ran = catch_unwind(AssertUnwindSafe(|| disturbance.run(program)));
            if ran.is_err() {
                self.panicked.store(true, Ordering::SeqCst);
            }
            self.extend(calls);
            self.turn.wait();
        }
    }

    /// The part of the thread that sets up, takes down and judges.
    fn direct(&self, make: &impl Fn(usize) -> Q) -> Result<Seen, String> {
        let mut seen = Seen::default();
        for window in 0..self.plan.windows {
            let queue = self.queue();
            self.stamp.store(0, Ordering::SeqCst);
            self.ready.store(0, Ordering::SeqCst);
            let level = Random::new(self.plan.seed, !window).below(self.plan.capacity as u64 + 1);
            let fill = (0..level as u32).map(|n| Op::Push(number(THREADS, n as usize)));
            self.extend(fill.map(|op| self.alone(&queue, op)));
            self.turn.wait();
            self.turn.wait();
            // One more than the queue may hold, so that one too many is seen.
            let rest = (0..=self.plan.capacity + THREADS).map(|_| self.alone(&queue, Op::Pop));
            let mut rest: Vec<_> = rest.collect();
            let last = rest.iter().position(|call| !matches!(call.answer, Answer::Popped(_)));
            rest.truncate(last.map_or(rest.len(), |last| last + 1));
            self.extend(rest);
            let history =
                std::mem::take(&mut *self.history.lock().unwrap_or_else(PoisonError::into_inner));
            if self.panicked.load(Ordering::SeqCst) {
                return Err(format!("{:?}, window {window}: a call panicked", self.plan));
            }
            seen.judge(self.plan, window, &history)?;
            if history.iter().any(|call| call.op == Op::Close) {
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) =
                    Arc::new(make(self.plan.capacity));
            }
        }
        Ok(seen)
    }
}

/// A number of its own for each push of a window; both parities occur.
fn number(thread: usize, n: usize) -> u32 {
    (thread * 32 + n) as u32
}

impl Plan {
    /// The calls of one thread in one window.
    fn ops(&self, window: u64, thread: usize) -> impl Iterator<Item = Op> + use<> {
        let mut random = Random::new(self.seed, window * (THREADS as u64 + 1) + thread as u64);
        // One window in four ends with a closed queue; sometimes two threads want to close it.
        let offer = self.offer;
        let closing = offer != Offer::Plain
            && window % 4 == 3
            && (thread == 0 || thread == 1 && random.below(4) == 0);
        let close_at = closing.then(|| random.below(CALLS as u64) as usize);
        let pop_if = match offer {
            Offer::PopIf => Op::PopIf,
            Offer::Reap => Op::Reap,
            Offer::Unconditional | Offer::Plain => Op::Pop,
        };
        (0..CALLS).map(move |n| match random.below(20) {
            _ if close_at == Some(n) => Op::Close,
            10.. if offer == Offer::Plain => Op::Pop,
            _ if offer == Offer::Plain => Op::Push(number(thread, n)),
            0..=7 => Op::Push(number(thread, n)),
            8..=9 => Op::ForcePush(number(thread, n)),
            10..=15 => Op::Pop,
            16..=17 => pop_if,
            18 => Op::IsEmpty,
            _ => Op::IsClosed,
        })
    }

    /// The threads pause before every second operation, or hardly ever.
    fn disturbance(&self, window: u64, thread: usize) -> Disturbance {
        Disturbance {
            seed: self.seed,
            thread: window * THREADS as u64 + thread as u64,
            // Not in step with the windows that close.
            one_in: [2, 4, 8, 32][window as usize / 4 % 4],
            limit: LIMIT,
        }
    }
}

/// The history without the calls that saw the queue full or empty while somebody was moving a value: they
/// changed nothing.
fn without_glimpses(history: &History) -> History {
    let moves = |op: Op| !matches!(op, Op::Close | Op::IsClosed | Op::IsEmpty);
    let kept = history.iter().filter(|call| {
        let glimpse = matches!(call.answer, Answer::Full | Answer::Empty) || call.op == Op::IsEmpty;
        let meanwhile = |other: &Call<Op, Answer>| {
            let overlap = other.invoked < call.returned && call.invoked < other.returned;
            overlap && other.invoked != call.invoked && moves(other.op)
        };
        !(glimpse && history.iter().any(meanwhile))
    });
    kept.cloned().collect()
}

impl Seen {
    fn judge(&mut self, plan: Plan, window: u64, history: &History) -> Result<(), String> {
        let spec = Bounded { capacity: plan.capacity };
        let checked = match plan.exact {
            true => linear::check(&spec, history),
            false => linear::check(&spec, &without_glimpses(history)),
        };
        checked.map_err(|violation| {
            let Plan { seed, capacity, .. } = plan;
            format!("seed {seed}, capacity {capacity}, window {window}: {violation}")
        })?;
        let overlaps = linear::overlaps(history) as u64;
        self.windows += 1;
        self.concurrent += u64::from(overlaps > 0);
        self.overlaps += overlaps;
        for call in history {
            match call.answer {
                Answer::Full => self.full += 1,
                Answer::Empty => self.empty += 1,
                Answer::Closed => self.closed += 1,
                _ => {}
            }
        }
        Ok(())
    }
}

//! What befalls the atomic operations of one thread.
//!
//! An [`Agent`] runs a program on the calling thread: it counts the program's atomic operations, lists
//! them, and disturbs them as it was told. A thread without an agent runs undisturbed and unlisted.
//!
//! Everything that an agent draws comes from its seed and the number of its thread, so the same seed gives
//! each thread the same pauses in front of the same operations. It does not give the same interleaving: the
//! system still decides who runs.

use super::freeze::{Freeze, Place};
use super::site::{self, Kind};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::Location;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Unwinds out of a program that has made as many atomic operations as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

/// What a program did.
#[derive(Clone, Debug)]
pub struct Ran<R> {
    /// What it returned.
    pub result: R,
    /// The place of each atomic operation, in order.
    pub places: Vec<Place>,
}

/// What is to befall the atomic operations of one thread. By default nothing: they are listed.
#[derive(Debug)]
pub struct Agent {
    stream: u64,
    /// 0: never.
    one_in: u32,
    steps: u64,
    limit: u64,
    /// Only the first one is awaited.
    freezes: VecDeque<Freeze>,
    /// What was listed already, by address: the short way past the list.
    listed: Vec<(usize, Kind)>,
    places: Option<Vec<Place>>,
}

/// What happens in front of an operation.
enum Before {
    Nothing,
    Pause(Pause),
    Freeze(Freeze),
    Exhausted,
}

enum Pause {
    Spin(u64),
    Yield,
    Sleep(Duration),
}

thread_local! {
    static CURRENT: RefCell<Option<Agent>> = const { RefCell::new(None) };
}

impl Agent {
    /// The agent of thread `number` under `seed`.
    pub fn new(seed: u64, number: u64) -> Self {
        Self {
            stream: mix(mix(seed).wrapping_add(number)) | 1,
            one_in: 0,
            steps: 0,
            limit: u64::MAX,
            freezes: VecDeque::new(),
            listed: Vec::new(),
            places: None,
        }
    }

    /// Pauses the thread in front of one operation in `one_in`, on average, and lets one weak
    /// compare-exchange in as many fail for no reason. 0: never.
    #[must_use]
    pub fn disturbed(mut self, one_in: u32) -> Self {
        self.one_in = one_in;
        self
    }

    /// Ends the program, by unwinding with [`Exhausted`], in front of the operation after `steps`.
    #[must_use]
    pub fn limited(mut self, steps: u64) -> Self {
        self.limit = steps;
        self
    }

    /// Stops the thread where `freeze` says. A second one is awaited, and its visits are counted, once the
    /// thread was let go from the first.
    #[must_use]
    pub fn frozen(mut self, freeze: Freeze) -> Self {
        self.freezes.push_back(freeze);
        self
    }

    /// Keeps the place of each operation.
    #[must_use]
    pub fn traced(mut self) -> Self {
        self.places = Some(Vec::new());
        self
    }

    /// Runs `program` on this thread. Agents do not nest: the inner one rules until it ends.
    pub fn run<R>(self, program: impl FnOnce() -> R) -> Ran<R> {
        let outer = Outer(CURRENT.replace(Some(self)));
        let result = program();
        let places = CURRENT.with_borrow_mut(|agent| agent.as_mut()?.places.take());
        drop(outer);
        Ran { result, places: places.unwrap_or_default() }
    }

    fn before(&mut self, at: &'static Location<'static>) -> Before {
        self.steps += 1;
        if self.steps > self.limit {
            return Before::Exhausted;
        }
        if let Some(places) = &mut self.places {
            places.push(Place::of(at));
        }
        if self.freezes.front_mut().is_some_and(|freeze| freeze.is_at(at)) {
            return self.freezes.pop_front().map_or(Before::Nothing, Before::Freeze);
        }
        if self.chance() { Before::Pause(self.pause()) } else { Before::Nothing }
    }

    fn after(&mut self, at: &'static Location<'static>, kind: Kind, order: Ordering) {
        let key = (std::ptr::from_ref(at).addr(), kind);
        if !self.listed.contains(&key) {
            self.listed.push(key);
            site::reach(at, kind, order);
        }
    }

    fn chance(&mut self) -> bool {
        self.one_in != 0 && self.draw() % u64::from(self.one_in) == 0
    }

    /// Mostly a few cycles, so that operations meet in the middle; sometimes the processor.
    fn pause(&mut self) -> Pause {
        let drawn = self.draw();
        let amount = drawn >> 32;
        match drawn % 16 {
            0 => Pause::Sleep(Duration::from_micros(1 + amount % 50)),
            1..=6 => Pause::Yield,
            _ => Pause::Spin(1 + amount % 200),
        }
    }

    fn draw(&mut self) -> u64 {
        self.stream ^= self.stream << 13;
        self.stream ^= self.stream >> 7;
        self.stream ^= self.stream << 17;
        self.stream >> 8
    }
}

/// Gives the thread back to the agent that it had.
struct Outer(Option<Agent>);

impl Drop for Outer {
    fn drop(&mut self) {
        drop(CURRENT.replace(self.0.take()));
    }
}

/// How many atomic operations the program of this thread has made; 0 without an agent.
pub fn steps() -> u64 {
    CURRENT.with_borrow(|agent| agent.as_ref().map_or(0, |agent| agent.steps))
}

/// Call in front of each operation.
pub(super) fn before(at: &'static Location<'static>) {
    match with(|agent| agent.before(at)) {
        None | Some(Before::Nothing) => {}
        Some(Before::Pause(pause)) => pause.take(),
        Some(Before::Freeze(freeze)) => freeze.stand(),
        // Not a failure by itself, so nothing is to be printed.
        Some(Before::Exhausted) if std::thread::panicking() => {}
        Some(Before::Exhausted) => std::panic::resume_unwind(Box::new(Exhausted)),
    }
}

/// Call after each operation.
pub(super) fn after(at: &'static Location<'static>, kind: Kind, order: Ordering) {
    with(|agent| agent.after(at, kind, order));
}

/// Whether a weak compare-exchange is to fail for no reason.
pub(super) fn fails() -> bool {
    with(Agent::chance).unwrap_or(false)
}

/// The agent of this thread; none in the destructors of its thread-locals.
fn with<R>(f: impl FnOnce(&mut Agent) -> R) -> Option<R> {
    CURRENT.try_with(|agent| agent.borrow_mut().as_mut().map(f)).ok().flatten()
}

impl Pause {
    fn take(self) {
        match self {
            Self::Spin(times) => (0..times).for_each(|_| core::hint::spin_loop()),
            Self::Yield => std::thread::yield_now(),
            Self::Sleep(time) => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "it waits for nothing: it is the pause"
                )]
                std::thread::sleep(time);
            }
        }
    }
}

/// Spreads near seeds over all words (the finalizer of splitmix64).
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

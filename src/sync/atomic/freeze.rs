//! One thread that stands still in front of one atomic operation, and the event that lets it go.

use crate::sync::{Arc, Condvar, Mutex};
use std::fmt;
use std::panic::Location;

/// The place of an atomic operation in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The source file, as the compiler names it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl Place {
    pub(super) fn of(at: &'static Location<'static>) -> Self {
        Self { file: at.file(), line: at.line(), column: at.column() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Awaited,
    Frozen,
    Released,
    Passed,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The side that watches: [`wait`](Self::wait) for the thread to stand there, and let it go by dropping
/// this.
#[derive(Debug)]
pub struct Frozen(Arc<Shared>);

/// The side of the thread that is to stop: give it to its agent.
#[derive(Debug)]
pub struct Freeze {
    place: Place,
    visits_left: u64,
    shared: Arc<Shared>,
}

/// Stops a thread in front of its `nth` visit of `place`, counted from 1.
pub fn freeze(place: Place, nth: u64) -> (Freeze, Frozen) {
    let shared = Arc::new(Shared { state: Mutex::new(State::Awaited), changed: Condvar::new() });
    (Freeze { place, visits_left: nth, shared: Arc::clone(&shared) }, Frozen(shared))
}

impl Frozen {
    /// Waits until the thread stands there. `false`: its program has ended without coming there.
    #[must_use]
    pub fn wait(&self) -> bool {
        let mut state = self.0.state.lock();
        while *state == State::Awaited {
            state = self.0.changed.wait(state);
        }
        *state == State::Frozen
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        *self.0.state.lock() = State::Released;
        self.0.changed.notify_all();
    }
}

impl Freeze {
    /// Counts a visit; `true` if the thread is to stand still in front of it.
    pub(super) fn is_at(&mut self, at: &'static Location<'static>) -> bool {
        let here = self.place.line == at.line()
            && self.place.column == at.column()
            && self.place.file == at.file();
        if here {
            self.visits_left = self.visits_left.saturating_sub(1);
        }
        here && self.visits_left == 0
    }

    /// Stands still until released.
    pub(super) fn stand(&self) {
        let mut state = self.shared.state.lock();
        if *state == State::Awaited {
            *state = State::Frozen;
            self.shared.changed.notify_all();
        }
        while *state == State::Frozen {
            state = self.shared.changed.wait(state);
        }
    }
}

impl Drop for Freeze {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        if *state == State::Awaited {
            *state = State::Passed;
            self.shared.changed.notify_all();
        }
    }
}

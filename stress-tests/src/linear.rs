//! Whether a concurrent history could have been a sequential one.
//!
//! Algorithm: Wing and Gong's search (1993) with Lowe's memory of configurations: take any call that began
//! before every open call has returned, ask the specification for the answer, go on if it is the one that
//! was given. A configuration (set of calls taken, state) that failed once is not tried again.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;

/// What an object does when it is used by one thread at a time.
pub trait Spec {
    /// All that the past means for the future.
    type State: Clone + Eq + Hash + fmt::Debug;
    /// A call.
    type Op: fmt::Debug;
    /// What a call returns.
    type Answer: PartialEq + fmt::Debug;

    /// The state before the first call.
    fn start(&self) -> Self::State;

    /// What `op` makes of `state`, and what it returns.
    fn call(&self, state: &Self::State, op: &Self::Op) -> (Self::State, Self::Answer);
}

/// One call of a history. The stamps come from one counter that all threads share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<O, A> {
    /// Who called.
    pub thread: usize,
    /// What was called.
    pub op: O,
    /// What it returned.
    pub answer: A,
    /// The stamp drawn before the call.
    pub invoked: u64,
    /// The stamp drawn after the call.
    pub returned: u64,
}

/// The most calls that a history may have.
pub const MAX_CALLS: usize = 64;

/// A history that no order of its calls explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    history: String,
    reason: String,
}

impl Violation {
    /// How far an order was found, and why none of the remaining calls can come next.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not linearizable:\n{}{}", self.history, self.reason)
    }
}

impl std::error::Error for Violation {}

/// Looks for an order of `history` in which each call returns what `spec` says, and which keeps every two
/// calls apart that did not overlap.
///
/// # Errors
///
/// [`Violation`] if there is none.
///
/// # Panics
///
/// If there are more than [`MAX_CALLS`] calls.
pub fn check<S: Spec>(spec: &S, history: &[Call<S::Op, S::Answer>]) -> Result<(), Violation> {
    assert!(history.len() <= MAX_CALLS, "a history has at most {MAX_CALLS} calls");
    let mut search = Search { spec, history, failed: HashSet::new(), deepest: (0, spec.start()) };
    match search.explains(0, &spec.start()) {
        true => Ok(()),
        false => Err(Violation { history: table(history), reason: search.reason() }),
    }
}

/// How many pairs of calls overlapped: a history without one proves little.
pub fn overlaps<O, A>(history: &[Call<O, A>]) -> usize {
    let pairs =
        history.iter().enumerate().flat_map(|(i, a)| history[..i].iter().map(move |b| (a, b)));
    pairs.filter(|(a, b)| a.invoked < b.returned && b.invoked < a.returned).count()
}

struct Search<'a, S: Spec> {
    spec: &'a S,
    history: &'a [Call<S::Op, S::Answer>],
    failed: HashSet<(u64, S::State)>,
    deepest: (u64, S::State),
}

impl<S: Spec> Search<'_, S> {
    /// Whether the calls that are not in `taken` can follow in some order.
    fn explains(&mut self, taken: u64, state: &S::State) -> bool {
        if taken.count_ones() as usize == self.history.len() {
            return true;
        }
        if !self.failed.insert((taken, state.clone())) {
            return false;
        }
        if taken.count_ones() > self.deepest.0.count_ones() {
            self.deepest = (taken, state.clone());
        }
        for i in self.next(taken) {
            let (after, answer) = self.spec.call(state, &self.history[i].op);
            if answer == self.history[i].answer && self.explains(taken | 1 << i, &after) {
                return true;
            }
        }
        false
    }

    /// The calls that may come next: those that began before any open one returned.
    fn next(&self, taken: u64) -> Vec<usize> {
        let open = || (0..self.history.len()).filter(move |i| taken & (1 << i) == 0);
        let first = open().map(|i| self.history[i].returned).min().unwrap_or(u64::MAX);
        open().filter(|&i| self.history[i].invoked < first).collect()
    }

    fn reason(&self) -> String {
        let (taken, state) = &self.deepest;
        let mut text = format!(
            "an order was found for {} of {} calls; then the state is {state:?}, and next could come\n",
            taken.count_ones(),
            self.history.len()
        );
        for i in self.next(*taken) {
            let call = &self.history[i];
            let (_, answer) = self.spec.call(state, &call.op);
            let why = match answer == call.answer {
                true => "leads nowhere".to_owned(),
                false => format!("would return {answer:?}"),
            };
            text += &format!("  {}: {why}\n", row(call));
        }
        text
    }
}

fn row<O: fmt::Debug, A: fmt::Debug>(call: &Call<O, A>) -> String {
    let Call { thread, op, answer, invoked, returned } = call;
    format!("[{invoked:>4} {returned:>4}] thread {thread}  {op:?} -> {answer:?}")
}

fn table<O: fmt::Debug, A: fmt::Debug>(history: &[Call<O, A>]) -> String {
    let mut calls: Vec<&Call<O, A>> = history.iter().collect();
    calls.sort_by_key(|call| call.invoked);
    calls.iter().map(|call| format!("  {}\n", row(call))).collect()
}

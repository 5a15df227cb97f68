//! Every atomic operation that was reached, by its place in the source.
//!
//! The text of a site is `src/ring/job_ring.rs:16:77:store=Release`.
#![expect(
    clippy::disallowed_types,
    reason = "what is observed must not see the bookkeeping about it"
)]

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

/// What an operation does, as far as orderings are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A load.
    Load,
    /// A store.
    Store,
    /// An exchange that cannot fail.
    Rmw,
    /// A compare-exchange that found what it expected.
    CasSuccess,
    /// A compare-exchange that did not.
    CasFailure,
    /// A fence.
    Fence,
}

pub(super) const KINDS: [(Kind, &str); 6] = [
    (Kind::Load, "load"),
    (Kind::Store, "store"),
    (Kind::Rmw, "rmw"),
    (Kind::CasSuccess, "cas-success"),
    (Kind::CasFailure, "cas-failure"),
    (Kind::Fence, "fence"),
];

/// One atomic operation in the source, with the ordering that is written there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    /// The source file, as the compiler names it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// What the operation does.
    pub kind: Kind,
    /// The ordering that the source gives.
    pub ordering: Ordering,
}

impl Site {
    pub(super) fn new(at: &'static Location<'static>, kind: Kind, ordering: Ordering) -> Self {
        Self { file: at.file(), line: at.line(), column: at.column(), kind, ordering }
    }

    /// The orderings that are weaker than the written one, strongest first. `Relaxed` for a fence takes
    /// the fence away.
    pub fn weakenings(&self) -> &'static [Ordering] {
        match self.ordering {
            Ordering::SeqCst => {
                &[Ordering::AcqRel, Ordering::Acquire, Ordering::Release, Ordering::Relaxed]
            }
            Ordering::AcqRel => &[Ordering::Acquire, Ordering::Release, Ordering::Relaxed],
            Ordering::Acquire | Ordering::Release => &[Ordering::Relaxed],
            _ => &[],
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = KINDS[self.kind as usize].1;
        write!(f, "{}:{}:{}:{kind}={:?}", self.file, self.line, self.column, self.ordering)
    }
}

static REACHED: Mutex<Vec<Site>> = Mutex::new(Vec::new());

thread_local! {
    /// What this thread has reached since it last asked: the short way past the lock, and the answer to
    /// which model or program reaches which site.
    static HERE: RefCell<HashSet<Site>> = RefCell::new(HashSet::new());
}

/// Every site that this process has reached and listed, in the order of the source.
pub fn sites() -> Vec<Site> {
    let mut sites = REACHED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    sites.sort_by_key(|site| (site.file, site.line, site.column, site.kind));
    sites
}

/// The sites that this thread has reached since the last call, in no order.
pub fn drain() -> Vec<Site> {
    HERE.take().into_iter().collect()
}

/// Lists the operation at `at`.
pub(super) fn reach(at: &'static Location<'static>, kind: Kind, written: Ordering) {
    let site = Site::new(at, kind, written);
    if HERE.with_borrow_mut(|here| here.insert(site)) {
        let mut reached = REACHED.lock().unwrap_or_else(PoisonError::into_inner);
        if !reached.contains(&site) {
            reached.push(site);
        }
    }
}

//! Every atomic operation by its place in the source, and the one that this process weakens.
//!
//! The text of a site is `src/ring/job_ring.rs:16:77:store=Release`; a [`Mutant`] has the same shape with
//! the weaker ordering. One build therefore serves every mutant.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::panic::Location;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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

const KINDS: [(Kind, &str); 6] = [
    (Kind::Load, "load"),
    (Kind::Store, "store"),
    (Kind::Rmw, "rmw"),
    (Kind::CasSuccess, "cas-success"),
    (Kind::CasFailure, "cas-failure"),
    (Kind::Fence, "fence"),
];

const ORDERINGS: [(Ordering, &str); 5] = [
    (Ordering::Relaxed, "Relaxed"),
    (Ordering::Acquire, "Acquire"),
    (Ordering::Release, "Release"),
    (Ordering::AcqRel, "AcqRel"),
    (Ordering::SeqCst, "SeqCst"),
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
    fn new(at: &'static Location<'static>, kind: Kind, ordering: Ordering) -> Self {
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

/// A site and the weaker ordering that it is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    file: String,
    line: u32,
    column: u32,
    kind: Kind,
    ordering: Ordering,
}

/// The text is not `FILE:LINE:COLUMN:KIND=ORDERING`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAMutant(String);

impl fmt::Display for NotAMutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a mutant is FILE:LINE:COLUMN:KIND=ORDERING, this is {:?}", self.0)
    }
}

impl std::error::Error for NotAMutant {}

impl FromStr for Mutant {
    type Err = NotAMutant;

    fn from_str(text: &str) -> Result<Self, NotAMutant> {
        parse(text).ok_or_else(|| NotAMutant(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Mutant> {
    let (place, ordering) = text.split_once('=')?;
    let mut parts = place.rsplitn(4, ':');
    let kind = parts.next()?;
    let column = parts.next()?.parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    let file = parts.next()?.to_owned();
    let kind = KINDS.iter().find(|(_, name)| *name == kind)?.0;
    let ordering = ORDERINGS.iter().find(|(_, name)| *name == ordering)?.0;
    Some(Mutant { file, line, column, kind, ordering })
}

static REACHED: Mutex<Vec<Site>> = Mutex::new(Vec::new());
static MUTANT: Mutex<Option<Mutant>> = Mutex::new(None);
static ARMED: AtomicBool = AtomicBool::new(false);
static APPLIED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// What this thread has reached since it last asked: the short way past the lock, and the answer to
    /// which model reaches which site.
    static HERE: RefCell<HashSet<Site>> = RefCell::new(HashSet::new());
}

/// Every site that any model of this process has reached, in the order of the source.
pub fn sites() -> Vec<Site> {
    let mut sites = REACHED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    sites.sort_by_key(|site| (site.file, site.line, site.column, site.kind));
    sites
}

/// The sites that this thread has reached since the last call, in no order.
pub fn drain() -> Vec<Site> {
    HERE.take().into_iter().collect()
}

/// Weakens one site from now on, in the whole process.
pub fn set_mutant(mutant: Option<Mutant>) {
    // ORDERING: Relaxed: set before the models start; the lock orders the rest.
    ARMED.store(mutant.is_some(), Ordering::Relaxed);
    // ORDERING: Relaxed: a count.
    APPLIED.store(0, Ordering::Relaxed);
    *MUTANT.lock().unwrap_or_else(PoisonError::into_inner) = mutant;
}

/// How many operations have run with the ordering of the mutant since it was set.
pub fn mutant_applied() -> u64 {
    // ORDERING: Relaxed: a count.
    APPLIED.load(Ordering::Relaxed)
}

/// The ordering that the operation at `at` is to use: the written one, or the mutant's.
///
/// # Panics
///
/// If the mutant is not weaker than what the source says.
pub(super) fn weakened(at: &'static Location<'static>, kind: Kind, written: Ordering) -> Ordering {
    // ORDERING: Relaxed: set before the models start.
    if !ARMED.load(Ordering::Relaxed) {
        return written;
    }
    let mutant = MUTANT.lock().unwrap_or_else(PoisonError::into_inner);
    match &*mutant {
        Some(mutant)
            if mutant.line == at.line()
                && mutant.column == at.column()
                && mutant.kind == kind
                && mutant.file == at.file() =>
        {
            let site = Site::new(at, kind, written);
            assert!(
                site.weakenings().contains(&mutant.ordering),
                "{:?} is not weaker than {site}",
                mutant.ordering
            );
            // ORDERING: Relaxed: a count.
            APPLIED.fetch_add(1, Ordering::Relaxed);
            mutant.ordering
        }
        _ => written,
    }
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

//! The one ordering that this process weakens.
//!
//! The text of a [`Mutant`] is that of a site with the weaker ordering,
//! `src/ring/job_ring.rs:16:77:store=Relaxed`. One build therefore serves every mutant.
#![expect(clippy::disallowed_types, reason = "the search must not see the bookkeeping about it")]

use super::site::{KINDS, Kind, Site};
use std::fmt;
use std::panic::Location;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

const ORDERINGS: [(Ordering, &str); 5] = [
    (Ordering::Relaxed, "Relaxed"),
    (Ordering::Acquire, "Acquire"),
    (Ordering::Release, "Release"),
    (Ordering::AcqRel, "AcqRel"),
    (Ordering::SeqCst, "SeqCst"),
];

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

static MUTANT: Mutex<Option<Mutant>> = Mutex::new(None);
static ARMED: AtomicBool = AtomicBool::new(false);
static APPLIED: AtomicU64 = AtomicU64::new(0);

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

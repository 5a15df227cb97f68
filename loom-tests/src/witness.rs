//! The outcomes that a model has declared and how often each was seen.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The record of what a model has seen; clone it into the model's threads.
#[derive(Clone, Debug)]
pub struct Witness(Arc<[(&'static str, AtomicU64)]>);

impl Witness {
    pub(crate) fn new(labels: &[&'static str]) -> Self {
        Self(labels.iter().map(|label| (*label, AtomicU64::new(0))).collect())
    }

    /// Notes that this execution has come to the outcome `label`.
    ///
    /// # Panics
    ///
    /// If the model has not declared it: an outcome that nobody expected is a failure.
    #[track_caller]
    pub fn saw(&self, label: &str) {
        match self.0.iter().find(|(declared, _)| *declared == label) {
            // ORDERING: Relaxed: a count, read when the model is over.
            Some((_, count)) => drop(count.fetch_add(1, Ordering::Relaxed)),
            None => panic!("the model saw {label:?}, which it has not declared"),
        }
    }

    pub(crate) fn missing(&self) -> Vec<&'static str> {
        // ORDERING: Relaxed, as above.
        let never = |(_, count): &&(_, AtomicU64)| count.load(Ordering::Relaxed) == 0;
        self.0.iter().filter(never).map(|(label, _)| *label).collect()
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (label, count)) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            // ORDERING: Relaxed, as above.
            write!(f, "{comma}{label} {}", count.load(Ordering::Relaxed))?;
        }
        Ok(())
    }
}

//! One weakened ordering and what the tests say to it.

use crate::models::{Run, Test};
use std::collections::BTreeSet;
use std::fmt;

/// One ordering, weakened.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    /// `FILE:LINE:COLUMN:KIND=ORDERING` as it is written.
    site: String,
    weaker: String,
}

/// What became of a mutant.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// This test failed, in this way.
    Killed(String, &'static str),
    /// Nobody noticed; with a text if one failed for a reason that is not known.
    Survived(Option<String>),
    /// This test did not end.
    Timeout(String),
}

/// Every mutant of what the tests reach in the chosen files.
pub(crate) fn mutants(tests: &[Test], chosen: impl Fn(&str) -> bool) -> Vec<Mutant> {
    let reached: BTreeSet<_> = tests.iter().flat_map(|test| &test.reached).collect();
    let of_file = |site: &str| chosen(site.split(':').next().unwrap_or_default());
    let weaken =
        |(site, weaker): (&String, &String)| Mutant { site: site.clone(), weaker: weaker.clone() };
    let chosen = reached.into_iter().filter(|reached| of_file(&reached.site));
    chosen
        .flat_map(|reached| reached.weaker.iter().map(|weaker| weaken((&reached.site, weaker))))
        .collect()
}

impl Mutant {
    /// The site without its ordering.
    pub(crate) fn at(&self) -> &str {
        self.site.split('=').next().unwrap_or_default()
    }

    /// The ordering that it gets.
    pub(crate) fn ordering(&self) -> &str {
        &self.weaker
    }

    /// Runs the tests that reach the site, the short ones first, until one fails.
    pub(crate) fn judge(&self, tests: &[Test]) -> Verdict {
        let reach = |test: &&Test| test.reached.iter().any(|reached| reached.site == self.site);
        let mut tests: Vec<&Test> = tests.iter().filter(reach).collect();
        tests.sort_by_key(|test| test.took);
        let text = format!("{}={}", self.at(), self.weaker);
        let (mut hung, mut unknown) = (None, None);
        for test in tests {
            match test.mutated(&text) {
                Ok(Run::Passed) => {}
                Ok(Run::TimedOut) => hung = Some(test.name.clone()),
                Ok(Run::Failed(output)) => match recognise(&output) {
                    Some(how) => return Verdict::Killed(test.name.clone(), how),
                    None => unknown = Some(format!("{}: {output}", test.name)),
                },
                Err(error) => unknown = Some(error),
            }
        }
        match (unknown, hung) {
            (Some(text), _) => Verdict::Survived(Some(text)),
            (None, Some(test)) => Verdict::Timeout(test),
            (None, None) => Verdict::Survived(None),
        }
    }
}

/// The failure that an output tells of: loom's, a model's, or an assertion's of the models or the sources.
fn recognise(output: &str) -> Option<&'static str> {
    const TEXTS: [(&str, Option<&str>); 7] = [
        // The harness itself: the mutant was no mutant.
        ("panicked at src/sync/atomic/", None),
        ("Causality violation", Some("race")),
        ("deadlock; threads", Some("deadlock")),
        ("exceeded maximum number of branches", Some("livelock")),
        (" never saw [", Some("missing witness")),
        ("which it has not declared", Some("undeclared")),
        ("invariant", Some("invariant")),
    ];
    if let Some((_, how)) = TEXTS.iter().find(|(text, _)| output.contains(text)) {
        return *how;
    }
    let own = output.contains("panicked at src/") || output.contains("panicked at loom-tests/");
    own.then_some("assertion")
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.site, self.weaker)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed(test, how) => write!(f, "killed by {test}, {how}"),
            Self::Survived(None) => f.write_str("survived"),
            Self::Survived(Some(text)) => write!(f, "survived a failure that is not known, {text}"),
            Self::Timeout(test) => write!(f, "timeout in {test}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::recognise;

    #[test]
    fn only_known_failures_kill() {
        let known = [
            ("panicked at loom-tests/tests/ring.rs:1:2:\nassertion `left == right`", "assertion"),
            ("Causality violation: Concurrent write accesses to `UnsafeCell`.", "race"),
            ("deadlock; threads = [(Id(0), Blocked)]", "deadlock"),
            ("ring never saw [\"empty\"]", "missing witness"),
        ];
        for (text, how) in known {
            assert_eq!(recognise(text), Some(how), "{text}");
        }
        for text in ["", "signal: 11", "panicked at src/sync/atomic/site.rs:1:2: not weaker"] {
            assert_eq!(recognise(text), None, "{text}");
        }
    }
}

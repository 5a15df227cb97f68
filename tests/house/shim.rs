//! std's synchronisation, threads and loom are named in src/sync alone, the clock in src/time alone.

use super::source::Source;
use super::tree::{Finding, Tree};

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let core = tree.sources.iter().filter(|s| in_core(&s.path));
    core.flat_map(|source| {
        let mut findings = Vec::new();
        if !source.path.starts_with("src/sync/") {
            findings.extend(check_sync(source));
        }
        if !source.path.starts_with("src/time/") {
            findings.extend(check_time(source));
        }
        findings
    })
    .collect()
}

/// The library and what is linked with it; commands, benchmarks and models are programs of their own.
fn in_core(path: &str) -> bool {
    path.starts_with("src/") || path.starts_with("capi/src/")
}

/// Tests inside src may use std's threads and channels: they are not what loom explores.
fn check_sync(source: &Source) -> Vec<Finding> {
    let outside = source.paths().into_iter().filter(|path| {
        let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
        matches!(segments[..], ["std" | "core" | "alloc", "sync" | "thread", ..] | ["loom", ..])
            && !source.in_test(path.at)
    });
    outside
        .map(|path| {
            let what = format!(
                "`{}` outside src/sync: take it from `crate::sync`, so that a model sees it",
                path.segments.join("::")
            );
            Finding::at(source, path.at, &what)
        })
        .collect()
}

fn check_time(source: &Source) -> Vec<Finding> {
    let calls_now = |&at: &usize| {
        let rest: String = source.code[at..].iter().take("Instant::now".len()).collect();
        rest == "Instant::now"
    };
    let mut places: Vec<usize> = source.words("Instant").into_iter().filter(calls_now).collect();
    places.extend(source.words("SystemTime"));
    places
        .into_iter()
        .map(|at| {
            let what = "the system's clock outside src/time: take a `Clock` of `crate::time`, so that \
                        tests can drive it";
            Finding::at(source, at, what)
        })
        .collect()
}

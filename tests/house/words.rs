//! The repository explains itself: it names no place on a machine where it was written, nothing beside
//! itself, and no host that packages come from.

use super::tree::{Finding, Tree};

/// Written in two parts, or this file would have to be an exception.
const WORDS: [(&str, &str); 7] = [
    ("../sha", "red"),
    ("crates", ".io"),
    ("static.rust", "-lang.org"),
    ("pypi", ".org"),
    ("npmjs", ".org"),
    ("proxy.golang", ".org"),
    ("pkg.go", ".dev"),
];
const PLACE: (&str, &str) = ("/wo", "rk");

/// Cargo writes where each package came from.
const LOCK: &str = "Cargo.lock";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files.iter().filter(|(path, _)| !path.ends_with(LOCK)) {
        for (i, line) in text.lines().enumerate() {
            let words = WORDS.iter().map(|(a, b)| format!("{a}{b}"));
            let found = words.filter(|word| line.contains(word)).chain(place(line));
            findings.extend(found.map(|word| {
                let what =
                    format!("`{word}` means nothing to a reader of this repository: leave it out");
                Finding::new(path, i + 1, &what)
            }));
        }
    }
    findings
}

/// The place as a path of its own, not inside a longer word or path.
fn place(line: &str) -> Option<String> {
    let place = format!("{}{}", PLACE.0, PLACE.1);
    line.match_indices(&place)
        .any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + place.len()..].chars().next();
            let in_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
            !before.is_some_and(in_path) && !after.is_some_and(|c| in_path(c) && c != '.')
        })
        .then_some(place)
}

//! `unsafe` lives in the places that docs/DESIGN.md lists, and each one says why it is sound.

use super::source::Source;
use super::tree::{DESIGN, Finding, Places, Tree};

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let places = match Places::read(tree, "unsafe") {
        Ok(places) => places,
        Err(finding) => return vec![finding],
    };
    let (mut findings, mut used) = (Vec::new(), Vec::new());
    for source in &tree.sources {
        for at in source.words("unsafe") {
            if !places.allow(&source.path) {
                let what = format!(
                    "`unsafe` outside the places that {DESIGN} lists: use a safe way, or add the file \
                     there with its reason"
                );
                findings.push(Finding::at(source, at, &what));
            }
            used.push(source.path.clone());
            findings.extend(check_one(source, at));
        }
    }
    findings.extend(places.idle(&used));
    findings
}

fn check_one(source: &Source, at: usize) -> Option<Finding> {
    let mut next = source.skip_space(at + "unsafe".len());
    if source.ident(next) == "extern" {
        next = source.skip_space(next + "extern".len());
        if source.code.get(next) == Some(&'"') {
            let close = (next + 1..source.code.len()).find(|&i| source.code[i] == '"')?;
            next = source.skip_space(close + 1);
        }
    }
    let word = source.ident(next);
    let declares = word == "fn" && !source.ident(source.skip_space(next + 2)).is_empty();
    if declares {
        let documented = ["# Safety", "SAFETY:"].iter();
        if documented.clone().any(|mark| source.explanation(at, mark).is_some()) {
            return None;
        }
        let what =
            "an unsafe function without `# Safety` in its docs: say what the caller must uphold";
        return Some(Finding::at(source, at, what));
    }
    let argues = word == "impl" || source.code.get(next) == Some(&'{');
    if argues && source.explanation(at, "SAFETY:").is_none() {
        let what =
            "`unsafe` without a `// SAFETY:` comment above its statement: cite the invariant";
        return Some(Finding::at(source, at, what));
    }
    None
}

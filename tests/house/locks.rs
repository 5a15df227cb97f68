//! Locks of src/sync are named only by the cold paths that docs/DESIGN.md lists.

use super::tree::{DESIGN, Finding, Places, Tree};

const LOCKS: [&str; 4] = ["Mutex", "MutexGuard", "RwLock", "Condvar"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let places = match Places::read(tree, "locks") {
        Ok(places) => places,
        Err(finding) => return vec![finding],
    };
    let (mut findings, mut used) = (Vec::new(), Vec::new());
    for source in tree.below("src/") {
        for lock in LOCKS {
            for at in source.words(lock).into_iter().filter(|&at| !source.in_test(at)) {
                used.push(source.path.clone());
                if !places.allow(&source.path) {
                    let what = format!(
                        "`{lock}` outside the cold paths that {DESIGN} lists: go without a lock, or add \
                         the file there and say why nobody waits on a hot path"
                    );
                    findings.push(Finding::at(source, at, &what));
                }
            }
        }
    }
    findings.extend(places.idle(&used));
    findings
}

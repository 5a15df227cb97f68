//! A file is one concept of at most 600 lines, a function at most 60.

use super::source::Source;
use super::tree::{DESIGN, Finding, Tree, quoted};

const FILE: usize = 600;
const FUNCTION: usize = 60;
const WRITTEN: [&str; 6] = [".rs", ".c", ".h", ".hpp", ".cpp", ".go"];
/// Made by cbindgen from the sources, and as long as these make it.
const GENERATED: &str = "include/bifrost.h";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in &tree.files {
        let lines = text.lines().count();
        let written = WRITTEN.iter().any(|end| path.ends_with(end)) && path != GENERATED;
        if written && lines > FILE {
            let what = format!("{lines} lines, more than {FILE}: split it, one concept a file");
            findings.push(Finding::new(path, FILE + 1, &what));
        }
    }
    let long: Vec<(String, Finding)> = tree.sources.iter().flat_map(long_functions).collect();
    let allowed = match tree.table("long") {
        Ok(rows) => rows,
        Err(finding) => return vec![finding],
    };
    let mut excused = Vec::new();
    for row in &allowed {
        let Some(name) = row.cells.first().and_then(|cell| quoted(cell).first().copied()) else {
            continue;
        };
        if !long.iter().any(|(known, _)| known == name) {
            let what = format!("`{name}` needs no exception any more: remove it");
            findings.push(Finding::new(DESIGN, row.line, &what));
        }
        excused.push(name);
    }
    let rest = long.into_iter().filter(|(name, _)| !excused.contains(&name.as_str()));
    findings.extend(rest.map(|(_, finding)| finding));
    findings
}

/// Functions past the limit as `file:name`.
fn long_functions(source: &Source) -> Vec<(String, Finding)> {
    let mut long = Vec::new();
    for at in source.words("fn") {
        let name = source.ident(source.skip_space(at + 2));
        let Some(body) = source.item_body(at) else { continue };
        if name.is_empty() || source.code[body] == ';' {
            continue;
        }
        let end = source.line(source.closing(body) - 1);
        let lines = end + 1 - source.line(at);
        if lines > FUNCTION {
            let what = format!(
                "`{name}` has {lines} lines, more than {FUNCTION}: split it by what its parts do, or \
                 list it in {DESIGN} with a reason"
            );
            long.push((format!("{}:{name}", source.path), Finding::at(source, at, &what)));
        }
    }
    long
}

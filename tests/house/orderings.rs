//! Every memory ordering is explained, and a stronger one than Relaxed names the edge that it makes.
//!
//! The `// ORDERING:` comment stands on the statement or directly above it. `ORDERING: Relaxed, all ...`
//! (or `both`) speaks for the Relaxed accesses down to the next blank line; `as above` takes over what an
//! earlier comment of the same function names.

use super::edges::{Edges, edge_names};
use super::source::Source;
use super::tree::{Finding, Places, Tree};

const MARK: &str = "ORDERING:";
const STRONG: [&str; 4] = ["Acquire", "Release", "AcqRel", "SeqCst"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let places = match Places::read(tree, "orderings") {
        Ok(places) => places,
        Err(finding) => return vec![finding],
    };
    let edges = Edges::read(tree);
    let sources = tree.below("src/").filter(|source| !places.allow(&source.path));
    sources.flat_map(|source| check_source(source, &edges)).collect()
}

fn check_source(source: &Source, edges: &Edges) -> Vec<Finding> {
    let mut findings = Vec::new();
    for at in source.words("Ordering").into_iter().filter(|&at| !source.in_test(at)) {
        let rest = at + "Ordering".len();
        if !source.code[rest..].starts_with(&[':', ':']) {
            continue;
        }
        let name = source.ident(rest + 2);
        let strong = STRONG.contains(&name.as_str());
        if matches!(source.code.get(rest + 2), Some('{' | '*')) {
            findings.push(Finding::at(
                source,
                at,
                "orderings are written out: `Ordering::Acquire`",
            ));
        } else if strong || name == "Relaxed" {
            findings.extend(check_one(source, at, &name, strong, edges));
        }
    }
    findings
}

fn check_one(
    source: &Source,
    at: usize,
    name: &str,
    strong: bool,
    edges: &Edges,
) -> Option<Finding> {
    let Some(said) = source.explanation(at, MARK) else {
        if !strong && in_explained_group(source, at) {
            return None;
        }
        let what = format!(
            "`Ordering::{name}` without an `// ORDERING:` comment above its statement: name the edge \
             and its other side, or say why Relaxed is enough"
        );
        return Some(Finding::at(source, at, &what));
    };
    let named = edge_names(&said);
    if let Some(unknown) = named.iter().find(|id| !edges.has(id)) {
        let what =
            format!("the edge `{unknown}` stands in no edge table: mend the name or add a row");
        return Some(Finding::at(source, at, &what));
    }
    let taken_over = || said.contains("as above") && edge_above(source, at);
    if strong && named.is_empty() && !taken_over() {
        let what = format!("the comment on `Ordering::{name}` names no edge in backticks: name it");
        return Some(Finding::at(source, at, &what));
    }
    None
}

/// Whether a comment above speaks for all Relaxed accesses of a paragraph that has this one.
fn in_explained_group(source: &Source, at: usize) -> bool {
    let group = ["ORDERING: Relaxed, all", "ORDERING: Relaxed, both"];
    let mut paragraph = source.lines_above(at).take_while(|line| !line.is_blank && !line.begins_fn);
    let nearest = paragraph.find(|line| line.comment.contains(MARK));
    nearest.is_some_and(|line| group.iter().any(|mark| line.comment.contains(mark)))
}

/// Whether an earlier comment of the function names an edge.
fn edge_above(source: &Source, at: usize) -> bool {
    let function = source.lines_above(at).take_while(|line| !line.begins_fn);
    let mut comments: Vec<&str> = function.map(|line| line.comment).collect();
    comments.reverse();
    let said = comments.join(" ");
    said.find(MARK).is_some_and(|from| !edge_names(&said[from..]).is_empty())
}

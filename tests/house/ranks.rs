//! A module of src names lower ranks only; the ranks are a table in docs/DESIGN.md.

use super::source::{PathUse, Source};
use super::tree::{DESIGN, Finding, Tree, quoted};
use std::collections::BTreeMap;

type Ranks = BTreeMap<String, u32>;

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let ranks = match read(tree) {
        Ok(ranks) => ranks,
        Err(finding) => return vec![finding],
    };
    let exported = exports(tree);
    let sources = tree.below("src/").filter(|source| source.path != "src/lib.rs");
    sources.flat_map(|source| check_source(source, &ranks, &exported)).collect()
}

fn read(tree: &Tree) -> Result<Ranks, Finding> {
    let mut ranks = Ranks::new();
    for row in tree.table("ranks")? {
        let (Some(rank), Some(modules)) = (row.cells.first(), row.cells.get(1)) else { continue };
        let rank =
            rank.parse().map_err(|_| Finding::new(DESIGN, row.line, "a rank is a number"))?;
        for module in quoted(modules) {
            ranks.insert(module.trim_end_matches(".rs").trim_end_matches('/').to_owned(), rank);
        }
    }
    Ok(ranks)
}

/// The names that src/lib.rs exports, and the module that each comes from.
fn exports(tree: &Tree) -> BTreeMap<String, String> {
    let root = tree.sources.iter().find(|source| source.path == "src/lib.rs");
    let paths = root.map(Source::paths).unwrap_or_default();
    let local = |segments: Vec<String>| {
        let skip = usize::from(matches!(segments[0].as_str(), "crate" | "self"));
        let name = segments.last()?.clone();
        Some((name, segments.get(skip)?.clone()))
    };
    paths.into_iter().filter_map(|path| local(path.segments)).collect()
}

fn check_source(
    source: &Source,
    ranks: &Ranks,
    exported: &BTreeMap<String, String>,
) -> Vec<Finding> {
    let own = module_of(&source.path);
    let Some(&rank) = ranks.get(own) else {
        let what = format!("the module `{own}` has no rank in {DESIGN}: decide on one and add it");
        return vec![Finding::new(&source.path, 1, &what)];
    };
    let mut findings = Vec::new();
    for path in source.paths() {
        let Some(target) = target(source, &path) else { continue };
        let module = exported.get(target).map_or(target, String::as_str);
        let what = match ranks.get(module) {
            _ if module == own => continue,
            Some(&other) if other < rank => continue,
            Some(other) => format!(
                "`{own}` has rank {rank} and names `{module}` of rank {other}: a module names lower \
                 ranks only; move the code, or hand the thing in from above"
            ),
            None if module == "*" => {
                "the crate's root is not imported as a whole: name it".to_owned()
            }
            None => format!("`crate::{target}` is no ranked module: name the module it lives in"),
        };
        findings.push(Finding::at(source, path.at, &what));
    }
    findings
}

/// The first folder or file below src.
fn module_of(path: &str) -> &str {
    let path = path.trim_start_matches("src/");
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// The top-level module or name that a path reaches through the crate's root, if it does.
fn target<'a>(source: &Source, path: &'a PathUse) -> Option<&'a str> {
    let ups = path.segments.iter().take_while(|segment| *segment == "super").count();
    let inner = source.path.trim_start_matches("src/").trim_end_matches("/mod.rs");
    let depth = inner.split('/').count() + usize::from(source.in_test(path.at));
    let from = match path.segments[0].as_str() {
        "crate" => 1,
        "super" if ups >= depth => ups,
        _ => return None,
    };
    path.segments.get(from).map(String::as_str)
}

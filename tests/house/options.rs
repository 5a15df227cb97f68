//! An option of the configuration stands in a table of the code and in a table of its docs.
//!
//! In the code: a `Spec { name: "...", .. }` below src/config. In the docs: a row of a table whose first
//! column is called `option`. A name that two tables of the code have is in two of the docs.

use super::source::Source;
use super::tree::{Finding, Tree, cells, quoted};

const DOCS: &str = "docs/CONFIG.md";
const CODE: &str = "src/config/";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let of = |s| options_of(s).into_iter().map(|(name, at)| (name, Finding::at(s, at, "")));
    let in_code: Vec<(String, Finding)> = tree.below(CODE).flat_map(of).collect();
    let docs = tree.text(DOCS);
    if in_code.is_empty() && docs.is_none() {
        return Vec::new();
    }
    let mut undocumented = in_code;
    let mut findings = Vec::new();
    for (name, line) in documented(docs.unwrap_or_default()) {
        match undocumented.iter().position(|(known, _)| *known == name) {
            Some(i) => drop(undocumented.remove(i)),
            None => {
                let what =
                    format!("no `Spec` below {CODE} has the option `{name}`: mend one of both");
                findings.push(Finding::new(DOCS, line, &what));
            }
        }
    }
    findings.extend(undocumented.into_iter().map(|(name, place)| {
        let what = format!("the option `{name}` has no row in {DOCS}: document it");
        Finding { what, ..place }
    }));
    findings
}

/// The names of the `Spec` literals, and where they stand.
fn options_of(source: &Source) -> Vec<(String, usize)> {
    let literals = source.words("Spec").into_iter().filter_map(|at| {
        let brace = source.skip_space(at + "Spec".len());
        let name = source.skip_space(brace + 1);
        let quote = name + "name: ".len();
        let is_literal = source.code.get(brace) == Some(&'{')
            && source.ident(name) == "name"
            && source.code.get(quote) == Some(&'"');
        let text = source.text.lines().nth(source.line(name) - 1)?;
        let (_, value) = text.split_once("name: \"").filter(|_| is_literal)?;
        Some((value.split('"').next()?.to_owned(), name))
    });
    literals.collect()
}

/// The first column of the tables whose first column is called `option`.
fn documented(text: &str) -> Vec<(String, usize)> {
    let (mut names, mut inside) = (Vec::new(), None);
    for (i, line) in text.lines().enumerate() {
        if !line.starts_with('|') {
            inside = None;
            continue;
        }
        let first = cells(line).into_iter().next().unwrap_or_default();
        if *inside.get_or_insert(first == "option") {
            let name = quoted(&first).first().map(|name| (*name).to_owned());
            names.extend(name.map(|name| (name, i + 1)));
        }
    }
    names
}

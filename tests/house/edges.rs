//! The edges of synchronisation: one table row each, one place in docs/MEMORY.md, a model that proves it.
//!
//! A file that makes edges lists them in its `//!` header in a table whose first column is `edge`, ids in
//! backticks (`ring.push`), and names its models in a sentence: ``Models: `a`, `b`.`` Each model is a
//! `#[test]` of that name in loom-tests/tests, and each test there is named by a file in src. Tests of
//! the models' own harness stand in `canary*.rs` and `gates*.rs` and prove no edge.

use super::source::Source;
use super::tree::{Finding, Tree, cells, quoted};

const MEMORY: &str = "docs/MEMORY.md";
const MODELS: &str = "loom-tests/tests/";
const HARNESS: [&str; 2] = ["canary", "gates"];

/// Every edge id with the file and the line of its row.
#[derive(Debug)]
pub(crate) struct Edges(Vec<(String, String, usize)>);

impl Edges {
    pub(crate) fn read(tree: &Tree) -> Self {
        let sources = tree.below("src/");
        let rows = sources.flat_map(|s| {
            let ids = ids_of_tables(s.header().map(|(line, text)| (line, text.to_owned())));
            ids.into_iter().map(|(id, line)| (id, s.path.clone(), line))
        });
        Self(rows.collect())
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.0.iter().any(|(known, ..)| known == id)
    }
}

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let edges = Edges::read(tree);
    let mut findings = check_book(tree, &edges);
    for (i, (id, path, line)) in edges.0.iter().enumerate() {
        if let Some((_, first, _)) = edges.0[..i].iter().find(|(known, ..)| known == id) {
            let what = format!("the edge `{id}` is in {first} already: give this one its own id");
            findings.push(Finding::new(path, *line, &what));
        }
    }
    findings.extend(check_models(tree, &edges));
    findings
}

fn check_book(tree: &Tree, edges: &Edges) -> Vec<Finding> {
    let book = tree.text(MEMORY).unwrap_or_default();
    let lines = book.lines().enumerate().map(|(i, line)| (i + 1, line.to_owned()));
    let listed = ids_of_tables(lines);
    let mut findings = Vec::new();
    for (id, path, line) in &edges.0 {
        if !listed.iter().any(|(known, _)| known == id) {
            let what = format!("the edge `{id}` has no row in {MEMORY}: add it");
            findings.push(Finding::new(path, *line, &what));
        }
    }
    for (id, line) in listed.iter().filter(|(id, _)| !edges.has(id)) {
        let what = format!("no header in src has the edge `{id}`: remove the row or mend the id");
        findings.push(Finding::new(MEMORY, *line, &what));
    }
    findings
}

fn check_models(tree: &Tree, edges: &Edges) -> Vec<Finding> {
    let models: Vec<(String, &Source, usize)> = tree.below(MODELS).flat_map(tests_of).collect();
    let mut named = Vec::new();
    let mut findings = Vec::new();
    for source in tree.below("src/") {
        let (line, names) = models_of(source);
        let edge = edges.0.iter().find(|(_, path, _)| *path == source.path);
        if let (Some((id, path, at)), true) = (edge, names.is_empty()) {
            let what =
                format!("the header has the edge `{id}` but no `Models: ...` sentence: add it");
            findings.push(Finding::new(path, *at, &what));
        }
        for name in &names {
            if !models.iter().any(|(known, ..)| known == name) {
                let what =
                    format!("no `#[test] fn {name}` stands in {MODELS}: write it or mend this");
                findings.push(Finding::new(&source.path, line, &what));
            }
        }
        named.extend(names);
    }
    for (name, source, at) in &models {
        let of_harness = HARNESS.iter().any(|name| source.path[MODELS.len()..].starts_with(name));
        if !of_harness && !named.contains(name) {
            let what =
                format!("no header in src names the model `{name}`: add it to `Models:` there");
            findings.push(Finding::at(source, *at, &what));
        }
    }
    findings
}

/// The `#[test]` functions of a file.
fn tests_of(source: &Source) -> Vec<(String, &Source, usize)> {
    let attributes = source.words("test").into_iter().filter(|&at| {
        at >= 2 && source.code[at - 2..at] == ['#', '['] && source.code.get(at + 4) == Some(&']')
    });
    let next_fn = |at: usize| source.words("fn").into_iter().find(|&f| f > at);
    attributes
        .filter_map(|at| {
            let name = next_fn(at)? + "fn ".len();
            Some((source.ident(name), source, name))
        })
        .collect()
}

/// The models that a header names, and the line of the sentence.
fn models_of(source: &Source) -> (usize, Vec<String>) {
    let mut sentence: Option<(usize, String)> = None;
    for (line, text) in source.header() {
        match &mut sentence {
            Some((_, said)) => {
                said.push(' ');
                said.push_str(text);
            }
            None => {
                let from = ["Models: ", "Model: "].iter().find_map(|mark| text.find(mark));
                sentence = from.map(|from| (line, text[from..].to_owned()));
            }
        }
        if sentence.as_ref().is_some_and(|(_, said)| said.contains('.')) {
            break;
        }
    }
    let (line, said) = sentence.unwrap_or_default();
    let said = said.split('.').next().unwrap_or_default();
    (line, quoted(said).into_iter().map(str::to_owned).collect())
}

/// The ids in the first column of every Markdown table whose first column is called `edge`.
fn ids_of_tables(lines: impl Iterator<Item = (usize, String)>) -> Vec<(String, usize)> {
    let (mut ids, mut inside) = (Vec::new(), None);
    for (line, text) in lines {
        if !text.starts_with('|') {
            inside = None;
            continue;
        }
        let first = cells(&text).into_iter().next().unwrap_or_default();
        if *inside.get_or_insert(first == "edge") {
            let id = quoted(&first).first().map(|id| (*id).to_owned());
            ids.extend(id.map(|id| (id, line)));
        }
    }
    ids
}

/// What a comment names in backticks in the form of an edge id: two lower-case words and a dot.
pub(crate) fn edge_names(comment: &str) -> Vec<&str> {
    let part = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let is_edge = |text: &&str| {
        text.split_once('.').is_some_and(|(a, b)| part(a) && part(b) && a != "self" && b != "rs")
    };
    quoted(comment).into_iter().filter(is_edge).collect()
}

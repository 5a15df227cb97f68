//! The atomic operations in the text of the sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// One operation, or one half of a compare-exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file, from the root of the repository.
    pub(crate) file: String,
    /// Where it is, as the models list it: `FILE:LINE:COLUMN:KIND`.
    at: String,
    /// What to call it in `orderings.toml`: `FILE FUNCTION KIND`, and `#2` and so on from the second of its
    /// kind in functions of that name.
    pub(crate) id: String,
    /// Whether its orderings are `Relaxed`, so that nothing can be weakened.
    pub(crate) relaxed: bool,
}

impl Place {
    pub(crate) fn at(&self) -> &str {
        &self.at
    }
}

/// Every operation below `src`, but for the shim that wraps them.
pub(crate) fn places(root: &Path) -> Result<Vec<Place>, String> {
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files).map_err(|error| format!("src: {error}"))?;
    files.sort();
    let mut places = Vec::new();
    for path in files {
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        let of_tests = name.ends_with("tests.rs");
        if !name.starts_with("src/sync/atomic/") && !of_tests {
            let text = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
            places.extend(scan(&name, &text));
        }
    }
    Ok(places)
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// The operations of one file, down to its tests, which stand at the end.
fn scan(file: &str, text: &str) -> Vec<Place> {
    let text = text.split("\n#[cfg(test)]").next().unwrap_or_default();
    let code: String = text.lines().map(blank_comment).collect::<Vec<_>>().join("\n");
    let (mut places, mut counts, mut function) = (Vec::new(), BTreeMap::new(), String::new());
    let (mut line, mut start) = (1, 0);
    for (at, word) in words(&code) {
        line += code[start..at].matches('\n').count();
        start = at;
        if code[..at].ends_with("fn ") {
            word.clone_into(&mut function);
        }
        let Some(arguments) = arguments(&code[at + word.len()..]) else { continue };
        let kinds = kinds(word, code[..at].ends_with('.'));
        if !arguments.contains("Ordering::") {
            continue;
        }
        let column = code[..at].rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let strong = ["Acquire", "Release", "AcqRel", "SeqCst"];
        let relaxed = !strong.iter().any(|order| arguments.contains(order));
        for kind in kinds {
            let name = format!("{file} {function} {kind}");
            let n = counts.entry(name.clone()).and_modify(|n| *n += 1).or_insert(1);
            let id = if *n == 1 { name } else { format!("{name}#{n}") };
            let at = format!("{file}:{line}:{column}:{kind}");
            places.push(Place { file: file.to_owned(), at, id, relaxed });
        }
    }
    places
}

/// The line with its comment taken away, if it has one outside of a text.
fn blank_comment(line: &str) -> &str {
    match line.find("//") {
        Some(at) if line[..at].matches('"').count() % 2 == 0 => &line[..at],
        _ => line,
    }
}

/// Every word and where it begins.
fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let starts = code
        .char_indices()
        .filter(move |(at, c)| part(*c) && !code[..*at].chars().next_back().is_some_and(part));
    starts.map(move |(at, _)| {
        let rest = &code[at..];
        (at, &rest[..rest.find(|c| !part(c)).unwrap_or(rest.len())])
    })
}

/// What stands between the parentheses that follow at once.
fn arguments(rest: &str) -> Option<&str> {
    let inside = rest.strip_prefix('(')?;
    let mut depth = 1;
    for (at, c) in inside.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&inside[..at]);
        }
    }
    None
}

fn kinds(word: &str, method: bool) -> &'static [&'static str] {
    match word {
        "fence" if !method => &["fence"],
        _ if !method => &[],
        "load" => &["load"],
        "store" => &["store"],
        "swap" => &["rmw"],
        "compare_exchange" | "compare_exchange_weak" | "fetch_update" => {
            &["cas-success", "cas-failure"]
        }
        _ if word.starts_with("fetch_") => &["rmw"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::scan;

    #[test]
    fn operations_are_found_where_the_compiler_puts_them() {
        let text = "fn a() {\n    x.load(Ordering::Acquire); // y.load(Ordering::Relaxed)\n}\n\
                    fn b() {\n    fence(Ordering::SeqCst);\n    self.x\n        .compare_exchange(\n            \
                    f(1),\n            2,\n            Ordering::Release,\n            Ordering::Relaxed,\n        \
                    );\n    a.store(1, Ordering::Relaxed);\n    b.store(2, Ordering::Relaxed);\n    v.swap(1, 2);\n}\n\
                    #[cfg(test)]\nmod tests { fn c() { x.load(Ordering::Relaxed); } }\n";
        let found: Vec<_> = scan("s.rs", text)
            .into_iter()
            .map(|place| (place.at, place.id, place.relaxed))
            .collect();
        let place = |at: &str, id: &str, relaxed| (at.to_owned(), id.to_owned(), relaxed);
        assert_eq!(
            found,
            [
                place("s.rs:2:7:load", "s.rs a load", false),
                place("s.rs:5:5:fence", "s.rs b fence", false),
                place("s.rs:7:10:cas-success", "s.rs b cas-success", false),
                place("s.rs:7:10:cas-failure", "s.rs b cas-failure", false),
                place("s.rs:13:7:store", "s.rs b store", true),
                place("s.rs:14:7:store", "s.rs b store#2", true),
            ]
        );
    }
}

//! The files that are judged, and the tables of docs/DESIGN.md that they are judged against.

use super::source::Source;
use std::fmt;
use std::path::Path;
use std::process::Command;

/// The text files of a repository, or of a fixture that stands for one.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) files: Vec<(String, String)>,
    pub(crate) sources: Vec<Source>,
}

/// One thing that is wrong, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// A row of a table in docs/DESIGN.md: its cells, and its line there.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) cells: Vec<String>,
    pub(crate) line: usize,
}

pub(crate) const DESIGN: &str = "docs/DESIGN.md";
const FIXTURES: &str = "tests/house/fixtures/";

impl Tree {
    /// Every file that git tracks or would track; the fixtures, bad on purpose, are not part of it.
    pub(crate) fn repository() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .expect("git lists the files of the repository");
        assert!(listed.status.success(), "the house is judged in a git checkout");
        let listed = String::from_utf8(listed.stdout).expect("paths are UTF-8");
        let mut paths: Vec<&str> =
            listed.split('\0').filter(|p| !p.is_empty() && !p.starts_with(FIXTURES)).collect();
        paths.sort_unstable();
        paths.dedup();
        Self::new(paths.into_iter().filter_map(|p| Some((p.to_owned(), read(&root.join(p))?))))
    }

    /// A directory below tests/house/fixtures.
    pub(crate) fn fixture(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(FIXTURES).join(name);
        let mut files = Vec::new();
        collect(&root, &root, &mut files);
        files.sort();
        assert!(!files.is_empty(), "{} has files", root.display());
        Self::new(files)
    }

    pub(crate) fn new(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let files: Vec<(String, String)> = files.into_iter().collect();
        let rust = files.iter().filter(|(path, _)| path.ends_with(".rs"));
        let mut sources: Vec<Source> = rust.map(|(path, text)| Source::new(path, text)).collect();
        let tests: Vec<String> = sources.iter().flat_map(test_files).collect();
        for source in &mut sources {
            if tests.iter().any(|t| *t == source.path || source.path.starts_with(&format!("{t}/")))
            {
                source.mark_as_test();
            }
        }
        Self { files, sources }
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|(p, _)| p == path).map(|(_, text)| text.as_str())
    }

    /// The Rust files below `dir`.
    pub(crate) fn below(&self, dir: &str) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(move |s| s.path.starts_with(dir))
    }

    /// The table that follows `<!-- house:NAME -->` in docs/DESIGN.md, without its head.
    pub(crate) fn table(&self, name: &str) -> Result<Vec<Row>, Finding> {
        let missing = |what: &str| Finding::new(DESIGN, 1, what);
        let text =
            self.text(DESIGN).ok_or_else(|| missing("the house needs its book: write it"))?;
        let mark = format!("<!-- house:{name} -->");
        let mut lines = text.lines().enumerate().skip_while(|(_, line)| line.trim() != mark);
        if lines.next().is_none() {
            return Err(missing(&format!("no `{mark}` stands above a table: restore it")));
        }
        let table = lines
            .skip_while(|(_, line)| line.trim().is_empty())
            .take_while(|(_, line)| line.starts_with('|'))
            .skip(2);
        Ok(table.map(|(i, line)| Row { cells: cells(line), line: i + 1 }).collect())
    }
}

impl Finding {
    pub(crate) fn new(path: &str, line: usize, what: &str) -> Self {
        Self { path: path.to_owned(), line, what: what.to_owned() }
    }

    pub(crate) fn at(source: &Source, at: usize, what: &str) -> Self {
        Self::new(&source.path, source.line(at), what)
    }
}

/// The cells of a Markdown row.
pub(crate) fn cells(line: &str) -> Vec<String> {
    line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// What stands between backticks.
pub(crate) fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The list of files and directories in the first column of a table of docs/DESIGN.md.
#[derive(Debug)]
pub(crate) struct Places(Vec<(String, usize)>);

impl Places {
    pub(crate) fn read(tree: &Tree, name: &str) -> Result<Self, Finding> {
        let rows = tree.table(name)?;
        let entry = |row: &Row| Some((quoted(row.cells.first()?).first()?.to_string(), row.line));
        Ok(Self(rows.iter().filter_map(entry).collect()))
    }

    /// Whether the list has the file or a directory above it.
    pub(crate) fn allow(&self, path: &str) -> bool {
        self.0.iter().any(|(entry, _)| covers(entry, path))
    }

    /// Entries for a file that nothing in `used` needs any more; a directory's entry is a decision ahead.
    pub(crate) fn idle(&self, used: &[String]) -> Vec<Finding> {
        let idle =
            self.0.iter().filter(|(entry, _)| !entry.ends_with('/') && !used.contains(entry));
        idle.map(|(entry, line)| {
            let what = format!("nothing needs the entry `{entry}` any more: remove it");
            Finding::new(DESIGN, *line, &what)
        })
        .collect()
    }
}

fn covers(entry: &str, path: &str) -> bool {
    entry == path || (entry.ends_with('/') && path.starts_with(entry))
}

/// The files, or the directories without `/`, of the modules that only tests compile.
fn test_files(source: &Source) -> Vec<String> {
    let stem = source.path.trim_end_matches(".rs");
    let (parent, name) = stem.rsplit_once('/').unwrap_or((".", stem));
    let dir = if matches!(name, "mod" | "lib" | "main") { parent } else { stem };
    let files = |module: &String| match module.ends_with(".rs") {
        true => vec![format!("{parent}/{module}")],
        false => vec![format!("{dir}/{module}.rs"), format!("{dir}/{module}")],
    };
    source.test_modules.iter().flat_map(files).collect()
}

fn read(path: &Path) -> Option<String> {
    String::from_utf8(std::fs::read(path).ok()?).ok()
}

fn collect(root: &Path, dir: &Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if let (Ok(name), Some(text)) = (path.strip_prefix(root), read(&path)) {
            files.push((name.to_string_lossy().into_owned(), text));
        }
    }
}

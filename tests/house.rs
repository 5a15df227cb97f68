//! The judge of how our code looks, where no lint can be.
//!
//! Each check reads the repository as text, and prints file, line and mend for all that it finds. Each has
//! a fixture that is as it should be and one that is not: in the latter every line that must be found ends
//! in `//~` (in Markdown: `<!--~-->`), and no other line may be.

#[path = "house/edges.rs"]
mod edges;
#[path = "house/length.rs"]
mod length;
#[path = "house/locks.rs"]
mod locks;
#[path = "house/options.rs"]
mod options;
#[path = "house/orderings.rs"]
mod orderings;
#[path = "house/ranks.rs"]
mod ranks;
#[path = "house/shim.rs"]
mod shim;
#[path = "house/source.rs"]
mod source;
#[path = "house/tree.rs"]
mod tree;
#[path = "house/unsafety.rs"]
mod unsafety;
#[path = "house/words.rs"]
mod words;

use std::collections::BTreeSet;
use tree::{Finding, Tree};

type Check = fn(&Tree) -> Vec<Finding>;

#[track_caller]
fn must_be_clean(check: Check, tree: &Tree) {
    let found: BTreeSet<String> = check(tree).iter().map(Finding::to_string).collect();
    let found: Vec<String> = found.into_iter().collect();
    assert!(found.is_empty(), "{} to mend:\n{}", found.len(), found.join("\n"));
}

#[track_caller]
fn must_find_the_marked(check: Check, tree: &Tree) {
    let lines = tree.files.iter().flat_map(|(path, text)| {
        let marked = text.lines().enumerate().filter(|(_, line)| {
            let line = line.trim_end();
            line.ends_with("//~") || line.ends_with("<!--~-->")
        });
        marked.map(move |(i, _)| format!("{path}:{}", i + 1))
    });
    let marked: BTreeSet<String> = lines.collect();
    let found: BTreeSet<String> =
        check(tree).iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect();
    assert!(!marked.is_empty(), "the bad fixture marks what must be found");
    assert_eq!(found, marked, "found (left) is what is marked (right)");
}

/// Three tests a check: the repository, the good fixture, the bad one.
macro_rules! judge {
    ($($name:ident: $check:path;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn the_repository_keeps_it() {
                must_be_clean($check, &Tree::repository());
            }

            #[test]
            fn the_good_fixture_passes() {
                must_be_clean($check, &Tree::fixture(concat!(stringify!($name), "/good")));
            }

            #[test]
            fn the_bad_fixture_fails_where_it_is_marked() {
                must_find_the_marked($check, &Tree::fixture(concat!(stringify!($name), "/bad")));
            }
        }
    )*};
}

judge! {
    every_ordering_is_explained: orderings::check;
    every_edge_has_a_row_and_a_model: edges::check;
    modules_name_lower_ranks_only: ranks::check;
    unsafe_stays_where_it_is_argued: unsafety::check;
    sync_and_time_are_the_only_doors: shim::check;
    locks_stay_on_cold_paths: locks::check;
    functions_are_short: length::check;
    options_are_in_code_and_docs: options::check;
}

#[test]
fn files_are_short() {
    let design = "<!-- house:long -->\n\n| function | why |\n|---|---|\n";
    let tree = |path: &str, lines: usize| {
        let design = (tree::DESIGN.to_owned(), design.to_owned());
        Tree::new([(path.to_owned(), "//\n".repeat(lines)), design])
    };
    assert_eq!(length::check(&tree("src/a.rs", 600)), []);
    assert_eq!(length::check(&tree("docs/a.md", 601)), []);
    let found = length::check(&tree("src/a.rs", 601));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].path.as_str(), found[0].line), ("src/a.rs", 601));
}

#[test]
fn the_repository_names_nothing_outside_itself() {
    must_be_clean(words::check, &Tree::repository());
}

#[test]
fn words_from_outside_are_found() {
    let of = |line: String| {
        words::check(&Tree::new([("README.md".to_owned(), format!("first\n{line}\n"))]))
    };
    for line in ["/workers", "a/work/b", "src/provider/workers.rs", "the house and its work"] {
        assert_eq!(of(line.to_owned()), [], "{line}");
    }
    let parts =
        [("see /wo", "rk/x"), ("`/wo", "rk`"), ("../sha", "red/a"), ("https://crates", ".io")];
    for (a, b) in parts {
        let found = of(format!("{a}{b}"));
        assert_eq!(found.len(), 1, "{a}{b}");
        assert_eq!(found[0].line, 2, "{a}{b}");
    }
}

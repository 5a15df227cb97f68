//! `loom-tests/orderings.toml`: what is not killed or not reached, and why that is right.

use crate::source::Place;
use std::collections::BTreeSet;
use std::path::Path;

/// One entry of the file.
#[derive(Debug, Default)]
struct Entry {
    survivor: bool,
    /// The name of a place, or of a file all of whose orderings are `Relaxed`.
    site: String,
    /// The weaker orderings that survive.
    orderings: Vec<String>,
    argument: String,
}

/// The whole file.
#[derive(Debug)]
pub(crate) struct Argued(Vec<Entry>);

impl Argued {
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text)
    }

    /// Tables `[[survivor]]` and `[[unreached]]` of texts, one a line: as much of TOML as the file needs.
    fn parse(text: &str) -> Result<Self, String> {
        let mut entries: Vec<Entry> = Vec::new();
        for (n, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line.trim())) {
            let wrong =
                || format!("orderings.toml:{n}: {line:?} is no table and no `key = \"text\"`");
            match line {
                "" => {}
                "[[survivor]]" => entries.push(Entry { survivor: true, ..Entry::default() }),
                "[[unreached]]" => entries.push(Entry::default()),
                _ if line.starts_with('#') => {}
                _ => {
                    let (key, value) = line.split_once('=').ok_or_else(wrong)?;
                    let value = value.trim();
                    let text = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
                    let (entry, text) =
                        (entries.last_mut().ok_or_else(wrong)?, text.ok_or_else(wrong)?);
                    match key.trim() {
                        "site" => text.clone_into(&mut entry.site),
                        "orderings" => {
                            entry.orderings = text.split(' ').map(str::to_owned).collect();
                        }
                        "argument" => text.clone_into(&mut entry.argument),
                        _ => return Err(wrong()),
                    }
                }
            }
        }
        match entries.iter().find(|entry| entry.site.is_empty() || entry.argument.is_empty()) {
            Some(entry) => Err(format!("orderings.toml: no site or no argument in {entry:?}")),
            None => Ok(Self(entries)),
        }
    }

    /// The entry that argues why the place may be weakened to `ordering`.
    pub(crate) fn survivor(&self, id: &str, ordering: &str) -> Option<usize> {
        self.0.iter().position(|entry| {
            entry.survivor && entry.site == id && entry.orderings.iter().any(|it| it == ordering)
        })
    }

    /// The entry that argues why no model reaches the place. One that names a whole file holds only for
    /// what cannot be weakened.
    pub(crate) fn unreached(&self, place: &Place) -> Option<usize> {
        self.0.iter().position(|entry| {
            let file = place.relaxed && entry.site == place.file;
            !entry.survivor && (file || entry.site == place.id)
        })
    }

    /// Prints the entries that nothing needed; how many.
    pub(crate) fn print_unused(&self, used: &BTreeSet<usize>) -> usize {
        let unused = self.0.iter().enumerate().filter(|(n, _)| !used.contains(n));
        unused.inspect(|(_, entry)| println!("NOT NEEDED: the argument for {}", entry.site)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::Argued;

    #[test]
    fn an_argument_is_found_by_its_site_and_ordering() {
        let text = "# why\n[[survivor]]\nsite = \"a.rs f load\"\norderings = \"Release Relaxed\"\n\
                    argument = \"x\"\n\n[[unreached]]\nsite = \"b.rs\"\nargument = \"y\"\n";
        let argued = Argued::parse(text).expect("a good file");
        assert_eq!(argued.survivor("a.rs f load", "Relaxed"), Some(0));
        assert_eq!(argued.survivor("a.rs f load", "Acquire"), None);
        assert_eq!(argued.survivor("b.rs", "Relaxed"), None);
    }

    #[test]
    fn a_file_that_says_something_else_is_refused() {
        for text in ["site = \"a\"", "[[survivor]]\nsite = a", "[[survivor]]\nsite = \"a\"", "[x]"]
        {
            assert!(Argued::parse(text).is_err(), "{text:?}");
        }
    }
}

//! A parsed text in which every value knows its line.

use super::super::ConfigError;
use super::super::spec::quoted;

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// From 1.
    pub(super) line: usize,
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// In the order of the text.
    Table(Vec<Entry>),
    List(Vec<Node>),
    Text(String),
    Integer(i128),
    /// Anything that no option takes, as it is written: floats, booleans, dates, null.
    Other(String),
}

/// A key of a table with its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// The line of the key.
    pub(super) line: usize,
    pub(super) node: Node,
}

impl Node {
    /// How the value may stand in a message.
    pub(super) fn display(&self) -> String {
        match &self.kind {
            Kind::Table(_) => "{…}".to_owned(),
            Kind::List(_) => "[…]".to_owned(),
            Kind::Text(text) => quoted(text),
            Kind::Integer(number) => number.to_string(),
            Kind::Other(text) => text.clone(),
        }
    }

    /// The entries of a table.
    pub(super) fn table(&self, field: &str) -> Result<&[Entry], ConfigError> {
        match &self.kind {
            Kind::Table(entries) => Ok(entries),
            _ => Err(ConfigError::new(field, "not a table").value(self.display()).at(self.line)),
        }
    }

    /// The members of a list.
    pub(super) fn list(&self, field: &str) -> Result<&[Self], ConfigError> {
        match &self.kind {
            Kind::List(nodes) => Ok(nodes),
            _ => Err(ConfigError::new(field, "not a list").value(self.display()).at(self.line)),
        }
    }
}

/// The line of each byte of a text.
#[derive(Debug)]
pub(super) struct Lines {
    /// Where each line begins.
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let after = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(0).chain(after).collect() }
    }

    /// The line, from 1, of the byte at `offset`.
    pub(super) fn at(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }
}

//! TOML into a tree.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::ConfigError;
use super::tree::{Entry, Kind, Lines, Node};

pub(super) fn parse(text: &str) -> Result<Node, ConfigError> {
    let lines = Lines::of(text);
    let table = DeTable::parse(text).map_err(|error| {
        let line = lines.at(error.span().map_or(0, |span| span.start));
        // Only the message: the error's own rendering quotes the line, and with it perhaps a secret.
        ConfigError::new("", format!("not TOML ({})", error.message())).at(line)
    })?;
    let line = lines.at(table.span().start);
    Ok(Node { line, kind: Kind::Table(entries(table.get_ref(), &lines)) })
}

fn entries(table: &DeTable<'_>, lines: &Lines) -> Vec<Entry> {
    let mut sorted: Vec<_> = table.iter().collect();
    sorted.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| Entry {
        key: String::from(AsRef::<str>::as_ref(key.get_ref())),
        line: lines.at(key.span().start),
        node: node(value, lines),
    };
    sorted.into_iter().map(entry).collect()
}

fn node(value: &Spanned<DeValue<'_>>, lines: &Lines) -> Node {
    let kind = match value.get_ref() {
        DeValue::String(text) => Kind::Text(text.clone().into_owned()),
        DeValue::Integer(number) => {
            let written = number.as_str();
            i128::from_str_radix(written, number.radix())
                .map_or_else(|_| Kind::Other(written.to_owned()), Kind::Integer)
        }
        DeValue::Float(number) => Kind::Other(number.as_str().to_owned()),
        DeValue::Boolean(value) => Kind::Other(value.to_string()),
        DeValue::Datetime(value) => Kind::Other(value.to_string()),
        DeValue::Array(list) => Kind::List(list.iter().map(|value| node(value, lines)).collect()),
        DeValue::Table(table) => Kind::Table(entries(table, lines)),
    };
    Node { line: lines.at(value.span().start), kind }
}

//! JSON into a tree.
//!
//! serde_json says whether the text is JSON, but not where its values are; so what it accepts is walked once
//! more, for the lines and for keys that are given twice.

use std::collections::HashSet;

use super::super::ConfigError;
use super::tree::{Entry, Kind, Node};

pub(super) fn parse(text: &str) -> Result<Node, ConfigError> {
    // As a `Value`, not ignored: only so are strings decoded and is the depth limited, which the scanner relies on.
    if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        return Err(ConfigError::new("", format!("not JSON ({message})")).at(error.line().max(1)));
    }
    Scanner { text, at: 0, line: 1 }.value()
}

/// Walks a text that is known to be JSON.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Scanner<'_> {
    /// The next byte that is no white space; 0 at the end.
    fn peek(&mut self) -> u8 {
        loop {
            let byte = self.text.as_bytes().get(self.at).copied().unwrap_or(0);
            match byte {
                b'\n' => self.line += 1,
                b' ' | b'\t' | b'\r' => {}
                _ => return byte,
            }
            self.at += 1;
        }
    }

    /// Steps over the next byte that is no white space.
    fn skip(&mut self) {
        self.peek();
        self.at += 1;
    }

    fn value(&mut self) -> Result<Node, ConfigError> {
        let first = self.peek();
        let line = self.line;
        let kind = match first {
            b'{' => Kind::Table(self.table()?),
            b'[' => Kind::List(self.list()?),
            b'"' => Kind::Text(self.string()),
            _ => {
                let written = self.scalar();
                written.parse().map_or_else(|_| Kind::Other(written), Kind::Integer)
            }
        };
        Ok(Node { line, kind })
    }

    fn table(&mut self) -> Result<Vec<Entry>, ConfigError> {
        let mut entries = Vec::new();
        let mut keys = HashSet::new();
        self.skip();
        while self.peek() == b'"' {
            let line = self.line;
            let key = self.string();
            if !keys.insert(key.clone()) {
                return Err(ConfigError::new(key, "given twice").at(line));
            }
            self.skip();
            entries.push(Entry { key, line, node: self.value()? });
            if self.peek() == b',' {
                self.skip();
            }
        }
        self.skip();
        Ok(entries)
    }

    fn list(&mut self) -> Result<Vec<Node>, ConfigError> {
        let mut nodes = Vec::new();
        self.skip();
        while !matches!(self.peek(), b']' | 0) {
            nodes.push(self.value()?);
            if self.peek() == b',' {
                self.skip();
            }
        }
        self.skip();
        Ok(nodes)
    }

    fn string(&mut self) -> String {
        let start = self.at;
        let mut escaped = false;
        let inside = self.text.bytes().skip(start + 1).take_while(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            !ends
        });
        self.at += inside.count() + 2;
        let quoted = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(quoted).unwrap_or_default()
    }

    fn scalar(&mut self) -> String {
        let rest = &self.text[self.at..];
        let end = rest.find([',', ']', '}', ' ', '\t', '\r', '\n']).unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_owned()
    }
}

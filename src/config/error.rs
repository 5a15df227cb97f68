//! What is wrong with a configuration, and what is only unwise.

use std::fmt;

use crate::code::Code;

/// Where a value came from, for a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: Option<String>,
    pub(super) line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{file}:{line}: "),
            (Some(file), None) => write!(f, "{file}: "),
            _ => Ok(()),
        }
    }
}

/// A field that cannot be used as it stands.
///
/// Prints as one line: `bifrost.toml:12: providers.openai.queue_timeout = "20x": not a duration; 1ms to 1h,
/// as a string with one of ns, us, ms, s, m, h`. File and line are there when the value came from a text.
/// The value of a secret is never part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub(super) Box<Detail>);

/// What a [`ConfigError`] says; boxed, so that the good path of a `Result` stays small.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Detail {
    pub(super) place: Place,
    pub(super) field: String,
    pub(super) value: String,
    pub(super) problem: String,
    pub(super) expected: String,
}

impl ConfigError {
    pub(super) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        let (field, problem) = (field.into(), problem.into());
        Self(Box::new(Detail { field, problem, ..Detail::default() }))
    }

    pub(super) fn value(mut self, value: impl Into<String>) -> Self {
        self.0.value = value.into();
        self
    }

    pub(super) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.0.expected = expected.into();
        self
    }

    #[cfg(feature = "config")]
    pub(super) fn at(mut self, line: usize) -> Self {
        self.0.place.line = Some(line);
        self
    }

    /// The file that the field stands in.
    pub fn file(&self) -> Option<&str> {
        self.0.place.file.as_deref()
    }

    /// The line of the field in its file, from 1.
    pub fn line(&self) -> Option<usize> {
        self.0.place.line
    }

    /// The full path of the field, as `providers.openai.queue_timeout`; empty when the text as a whole is at fault.
    pub fn field(&self) -> &str {
        &self.0.field
    }

    /// Always [`Code::Config`].
    pub fn code(&self) -> Code {
        Code::Config
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Detail { place, field, value, problem, expected } = &*self.0;
        write!(f, "{place}{field}")?;
        if !value.is_empty() {
            write!(f, " = {value}")?;
        }
        if !field.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(problem)?;
        if !expected.is_empty() {
            write!(f, "; {expected}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// A legal value that will hardly do what its author wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub(super) place: Place,
    pub(super) field: String,
    pub(super) text: String,
}

impl Warning {
    pub(super) fn new(field: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place: Place::default(), field: field.into(), text: text.into() }
    }

    /// The full path of the field.
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.place, self.field, self.text)
    }
}

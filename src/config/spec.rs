//! What a row of the option table is made of.

use super::ConfigError;
use super::unit::Unit;
use crate::sync::thread;

/// One option of a `C`.
#[derive(Debug)]
pub(super) struct Spec<C: 'static> {
    /// The path below its table, as `workers.min`.
    pub(super) name: &'static str,
    /// One sentence.
    pub(super) doc: &'static str,
    pub(super) shape: Shape<C>,
}

/// The kind of an option's value, with its way into and out of a `C`.
#[derive(Debug)]
pub(super) enum Shape<C: 'static> {
    Number {
        bounds: Bounds,
        get: fn(&C) -> Option<u64>,
        set: fn(&mut C, u64),
    },
    Text {
        rule: TextRule,
        default: Option<&'static str>,
        get: for<'a> fn(&'a C) -> Option<&'a str>,
        set: fn(&mut C, String),
    },
    Choice {
        /// The first one is the default.
        words: &'static [Word],
        get: fn(&C) -> (&'static str, Option<u64>),
        /// Called with a word of `words`, and a number where the word takes one.
        set: fn(&mut C, &'static str, Option<u64>),
    },
}

impl<C> Clone for Spec<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Spec<C> {}

impl<C> Clone for Shape<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Shape<C> {}

/// How many rows all parts of a table have.
pub(super) const fn rows<C>(parts: &[&[Spec<C>]]) -> usize {
    let (mut rows, mut part) = (0, 0);
    while part < parts.len() {
        rows += parts[part].len();
        part += 1;
    }
    rows
}

/// One table of its parts, each of which stands in a file of its own; `ROWS` is what [`rows`] says.
pub(super) const fn join<C, const ROWS: usize>(parts: &[&[Spec<C>]]) -> [Spec<C>; ROWS] {
    let mut table = [parts[0][0]; ROWS];
    let (mut part, mut row) = (0, 0);
    while part < parts.len() {
        let mut n = 0;
        while n < parts[part].len() {
            table[row] = parts[part][n];
            row += 1;
            n += 1;
        }
        part += 1;
    }
    table
}

/// The default and the range of a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) unit: Unit,
    pub(super) default: Preset,
    pub(super) min: u64,
    pub(super) max: u64,
    /// Outside of this a value is legal, and warned of.
    pub(super) advised: Option<(u64, u64)>,
}

/// The value of a number that nobody set.
#[derive(Clone, Copy, Debug)]
pub(super) enum Preset {
    None,
    Is(u64),
    /// The cores of the machine, inside the range.
    Cores,
}

/// One value of a choice.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) name: &'static str,
    /// The number that has to come with it: `{ name = number }`; its default is the example of messages.
    pub(super) number: Option<Bounds>,
}

/// What a text has to look like.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextRule {
    pub(super) expected: &'static str,
    pub(super) fits: fn(&str) -> bool,
    /// Whether a value may stand in a message: what could be or hold a secret may not.
    pub(super) show: fn(&str) -> bool,
}

impl Bounds {
    /// A number of things.
    pub(super) const fn count(default: u64, min: u64, max: u64) -> Self {
        Self { unit: Unit::Count, default: Preset::Is(default), min, max, advised: None }
    }

    /// A duration, in milliseconds here.
    pub(super) const fn millis(default: u64, min: u64, max: u64) -> Self {
        Self { unit: Unit::Time, ..Self::count(default * MILLI, min * MILLI, max * MILLI) }
    }

    /// A duration, in microseconds here.
    pub(super) const fn micros(default: u64, min: u64, max: u64) -> Self {
        Self { unit: Unit::Time, ..Self::count(default * MICRO, min * MICRO, max * MICRO) }
    }

    pub(super) const fn advised(self, low: u64, high: u64) -> Self {
        let scale = if matches!(self.unit, Unit::Time) { MILLI } else { 1 };
        Self { advised: Some((low * scale, high * scale)), ..self }
    }

    pub(super) const fn preset(self, default: Preset) -> Self {
        Self { default, ..self }
    }

    pub(super) fn default_value(&self) -> Option<u64> {
        match self.default {
            Preset::None => None,
            Preset::Is(value) => Some(value),
            Preset::Cores => Some((thread::cores() as u64).clamp(self.min, self.max)),
        }
    }

    /// The default, or else the least value, as a text writes it.
    #[cfg(feature = "config")]
    pub(super) fn format_default(&self) -> String {
        let text = self.unit.format(self.default_value().unwrap_or(self.min));
        if self.unit == Unit::Count { text } else { format!("\"{text}\"") }
    }

    /// `a duration from 1ms to 1h`.
    pub(super) fn range(&self) -> String {
        let (min, max) = (self.unit.format(self.min), self.unit.format(self.max));
        format!("{} from {min} to {max}", self.unit.noun())
    }

    /// Checks one value.
    pub(super) fn check(&self, field: &str, value: u64) -> Result<(), ConfigError> {
        if (self.min..=self.max).contains(&value) {
            return Ok(());
        }
        Err(ConfigError::new(field, "out of range")
            .value(self.unit.format(value))
            .expected(self.range()))
    }
}

/// Nanoseconds of a microsecond.
const MICRO: u64 = 1_000;
/// Nanoseconds of a millisecond.
const MILLI: u64 = 1_000_000;

impl TextRule {
    /// How `text` may stand in a message.
    pub(super) fn display(&self, text: &str) -> String {
        if (self.show)(text) { quoted(text) } else { "***".to_owned() }
    }

    /// Checks one value.
    pub(super) fn check(&self, field: &str, text: &str) -> Result<(), ConfigError> {
        if (self.fits)(text) {
            return Ok(());
        }
        Err(ConfigError::new(field, "not usable").value(self.display(text)).expected(self.expected))
    }
}

/// `text` in quotes, escaped, and cut to what a message can hold.
pub(super) fn quoted(text: &str) -> String {
    const LIMIT: usize = 80;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &text[..end], text.len()),
        None => format!("{text:?}"),
    }
}

/// The names of the words that can be chosen: `"error", "drop_newest" or { block = a duration from 1ms to 1h }`.
pub(super) fn choices(words: &[Word]) -> String {
    let names: Vec<_> = words
        .iter()
        .map(|word| match &word.number {
            None => format!("{:?}", word.name),
            Some(bounds) => format!("{{ {} = {} }}", word.name, bounds.range()),
        })
        .collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// Gives every option of `config` its default.
pub(super) fn set_defaults<C>(table: &[Spec<C>], config: &mut C) {
    for spec in table {
        match &spec.shape {
            Shape::Number { bounds, set, .. } => {
                if let Some(value) = bounds.default_value() {
                    set(config, value);
                }
            }
            Shape::Text { default, set, .. } => {
                if let Some(text) = default {
                    set(config, (*text).to_owned());
                }
            }
            Shape::Choice { words, set, .. } => {
                let word = &words[0];
                let number = word.number.as_ref().and_then(Bounds::default_value);
                set(config, word.name, number);
            }
        }
    }
}

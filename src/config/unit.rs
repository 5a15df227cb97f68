//! Numbers with a unit: as a person writes them, and back.

use std::time::Duration;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Things; written as an integer.
    Count,
    /// Bytes; written as an integer, or as a string with one of B, KiB, MiB, GiB.
    Bytes,
    /// Nanoseconds; written as a string with one of ns, us, ms, s, m, h.
    Time,
}

/// Suffixes with their factors, the largest last.
type Suffixes = &'static [(&'static str, u64)];

const TIME: Suffixes = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

const BYTES: Suffixes = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

impl Unit {
    /// What a value of this unit is called.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Count => "an integer",
            Self::Bytes => "a size",
            Self::Time => "a duration",
        }
    }

    /// How a value of this unit is written in a text.
    pub(super) fn syntax(self) -> &'static str {
        match self {
            Self::Count => "",
            Self::Bytes => ", as bytes or a string with one of B, KiB, MiB, GiB",
            Self::Time => ", as a string with one of ns, us, ms, s, m, h",
        }
    }

    /// Whether a bare integer is a value of this unit.
    #[cfg(feature = "config")]
    pub(super) fn takes_integers(self) -> bool {
        self != Self::Time
    }

    fn suffixes(self) -> Suffixes {
        match self {
            Self::Count => &[],
            Self::Bytes => BYTES,
            Self::Time => TIME,
        }
    }

    /// The number that `text` means; `None` when it is none of this unit or too large.
    ///
    /// One whole or decimal number and one suffix: `250ms`, `1.5s`, `16MiB`.
    #[cfg(feature = "config")]
    pub(super) fn parse(self, text: &str) -> Option<u64> {
        let split = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, suffix) = text.split_at(split);
        let factor = self.suffixes().iter().find(|row| row.0 == suffix)?.1;
        let (whole, fraction) = match number.split_once('.') {
            None => (number, ""),
            Some((_, "")) => return None,
            Some(parts) => parts,
        };
        let base: u64 = whole.parse::<u64>().ok()?.checked_mul(factor)?;
        if fraction.is_empty() {
            return Some(base);
        }
        if fraction.len() > 9 {
            return None;
        }
        let digits: u64 = fraction.parse().ok()?;
        let scale = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
        let part = u128::from(digits) * u128::from(factor) / u128::from(scale);
        base.checked_add(u64::try_from(part).ok()?)
    }

    /// The shortest exact way to write `value`.
    pub(super) fn format(self, value: u64) -> String {
        let best = self.suffixes().iter().rev().find(|row| value % row.1 == 0 && value != 0);
        match best {
            Some((suffix, factor)) => format!("{}{suffix}", value / factor),
            None if self == Self::Time => "0s".to_owned(),
            None => value.to_string(),
        }
    }
}

/// The whole nanoseconds of `time`; the largest number when there are more.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(all(test, feature = "config"))]
mod tests {
    use super::Unit;

    #[test]
    fn a_duration_is_one_number_and_one_unit() {
        let good = [
            ("0s", 0),
            ("7ns", 7),
            ("1us", 1_000),
            ("250ms", 250_000_000),
            ("1.5s", 1_500_000_000),
            ("2m", 120_000_000_000),
            ("24h", 86_400_000_000_000),
        ];
        for (text, nanos) in good {
            assert_eq!(Unit::Time.parse(text), Some(nanos), "{text}");
        }
        let bad =
            ["", "s", "5", "20x", "-1s", " 1s", "1s ", "1 s", ".5s", "1.s", "1.2.3s", "1m30s"];
        for text in bad.into_iter().chain(["99999999999999999999s", "9999999999h", "1KiB", "١s"]) {
            assert_eq!(Unit::Time.parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_formatted_reads_back_the_same() {
        for value in [1, 999, 1_000, 1_500_000_000, 60_000_000_000, 90_000_000_000, u64::MAX, 0] {
            assert_eq!(Unit::Time.parse(&Unit::Time.format(value)), Some(value));
        }
        assert_eq!(Unit::Time.format(1_500_000_000), "1500ms");
        assert_eq!(Unit::Bytes.format(16 << 20), "16MiB");
        assert_eq!(Unit::Bytes.format(1_000), "1000B");
        assert_eq!(Unit::Count.format(1_000), "1000");
    }
}

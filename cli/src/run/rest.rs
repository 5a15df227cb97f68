//! What an interrupt leaves out.

use std::fmt;

/// The jobs and lines that have no result after an interrupt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rest {
    cancelled: u64,
    /// The last line that was taken, when the input was not at its end; 0 is before the first.
    last_read: Option<u64>,
}

impl Rest {
    /// With one more job that was read and has no line.
    pub(super) fn and_cancelled(self) -> Self {
        Self { cancelled: self.cancelled + 1, ..self }
    }

    /// With an input that was not read beyond this line.
    pub(super) fn unread_after(self, line: u64) -> Self {
        Self { last_read: Some(line), ..self }
    }
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cancelled {
            0 => f.write_str("no job was cancelled")?,
            1 => f.write_str("1 job was cancelled and has no line")?,
            jobs => write!(f, "{jobs} jobs were cancelled and have no line")?,
        }
        match self.last_read {
            None => Ok(()),
            Some(0) => f.write_str("; no line was read"),
            Some(line) => write!(f, "; reading stopped after line {line}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rest;

    #[test]
    fn only_what_was_left_out_is_said() {
        let rest = Rest::default();
        assert_eq!(rest.to_string(), "no job was cancelled");
        assert_eq!(rest.unread_after(0).to_string(), "no job was cancelled; no line was read");
        let one = rest.and_cancelled();
        assert_eq!(one.to_string(), "1 job was cancelled and has no line");
        let two = one.and_cancelled().unread_after(7);
        let expected = "2 jobs were cancelled and have no line; reading stopped after line 7";
        assert_eq!(two.to_string(), expected);
    }
}

//! The lines of a file, one at a time and of bounded size.

use std::io::{self, BufRead};

/// The longest line that is read.
pub(super) const MAX_LINE: usize = 64 << 20;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1; empty lines count.
    pub(super) number: u64,
    /// Without its line break.
    pub(super) bytes: Vec<u8>,
    /// Whether it was longer than the limit; what follows was skipped.
    pub(super) cut: bool,
}

/// Reads the lines of `reader`.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
    limit: usize,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, number: 0, limit: MAX_LINE }
    }

    /// The next line that is not blank.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        while let Some(mut line) = self.read()? {
            // Some editors begin a file with a byte order mark.
            if line.number == 1 && line.bytes.starts_with(BYTE_ORDER_MARK) {
                line.bytes.drain(..BYTE_ORDER_MARK.len());
            }
            if line.cut || !line.bytes.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    fn read(&mut self) -> io::Result<Option<Line>> {
        let mut line = Line { number: self.number + 1, bytes: Vec::new(), cut: false };
        let mut any = false;
        loop {
            let chunk = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                break;
            }
            any = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            let room = self.limit - line.bytes.len();
            line.cut |= part.len() > room;
            line.bytes.extend_from_slice(&part[..part.len().min(room)]);
            let used = end.map_or(chunk.len(), |end| end + 1);
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        self.number += u64::from(any);
        Ok(any.then_some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;
    use std::io::BufReader;

    fn read(text: &str, limit: usize) -> Vec<(u64, String, bool)> {
        // A buffer smaller than the lines, so that these come in pieces.
        let mut lines = Lines { limit, ..Lines::new(BufReader::with_capacity(3, text.as_bytes())) };
        let mut all = Vec::new();
        while let Some(line) = lines.next().expect("memory can be read") {
            let text = String::from_utf8(line.bytes).expect("the text is UTF-8");
            all.push((line.number, text, line.cut));
        }
        all
    }

    #[test]
    fn lines_keep_their_numbers_and_blank_ones_are_left_out() {
        let expected = [(2, "first"), (4, "second\r"), (5, "no end")]
            .map(|(number, text)| (number, text.to_owned(), false));
        assert_eq!(read("\nfirst\n  \t\nsecond\r\nno end", 100), expected);
        assert_eq!(read("", 100), []);
        assert_eq!(read("\n\n", 100), []);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        let line = |number, text: &str| (number, text.to_owned(), false);
        assert_eq!(read("\u{feff}a\n\u{feff}b", 100), [line(1, "a"), line(2, "\u{feff}b")]);
        assert_eq!(read("\u{feff}\n", 100), []);
    }

    #[test]
    fn a_line_longer_than_the_limit_is_cut_and_the_next_one_is_whole() {
        let expected = [(1, "12345".to_owned(), true), (2, "abcde".to_owned(), false)];
        assert_eq!(read("1234567890\nabcde\n", 5), expected);
    }
}

//! Figures in columns.

/// A table for a terminal: the first column stands to the left, the others to the right.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { rows: vec![head.map(str::to_owned).to_vec()] }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }

    /// One line a row, each with its line break, and `gap` spaces between the columns.
    pub(crate) fn render(&self, gap: usize) -> String {
        let gap = " ".repeat(gap);
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let padding = " ".repeat(width - cell.chars().count());
                match column {
                    0 => text.extend([&**cell, &*padding]),
                    _ => text.extend([&*gap, &*padding, &**cell]),
                }
            }
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
        }
        text
    }
}

/// Nanoseconds as a person reads them: `980 us`, `12.3 ms`, `4.56 s`.
pub(crate) fn time(nanos: u64) -> String {
    let seconds = nanos as f64 / 1e9;
    let (value, unit) = match nanos {
        0 => return "0".to_owned(),
        1..1_000_000 => (seconds * 1e6, "us"),
        1_000_000..1_000_000_000 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    let digits = match value {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::{Table, time};

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["name", "n", ""]);
        table.row(["a".into(), "100".into(), "x".into()]);
        table.row(["longer".into(), "é".into(), String::new()]);
        assert_eq!(table.render(2), "name      n\na       100  x\nlonger    é\n");
    }

    #[test]
    fn a_time_has_three_digits_and_a_unit() {
        let cases = [
            (0, "0"),
            (999, "1.00 us"),
            (12_345, "12.3 us"),
            (999_900_000, "1000 ms"),
            (1_234_000_000, "1.23 s"),
            (61_000_000_000, "61.0 s"),
        ];
        for (nanos, text) in cases {
            assert_eq!(time(nanos), text);
        }
    }
}

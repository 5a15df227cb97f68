//! The file of the results.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::result::Report;

/// The file of the results; a line is in it when its job has ended.
#[derive(Debug)]
pub(super) struct Output<W = File> {
    sink: W,
    /// The first thing that went wrong; nothing is written after it.
    failed: Option<io::Error>,
}

impl Output {
    /// Makes the file. One that exists may hold results that were paid for, and is left alone.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let sink = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Self { sink, failed: None })
    }

    /// Takes the file away again while nothing is in it, so that the next run may make it.
    pub(super) fn discard(&self, path: &Path) {
        // One that cannot be removed is named by the next run.
        let _stays = std::fs::remove_file(path);
    }
}

impl<W: Write> Output<W> {
    /// Writes one line, whole and at once. Returns whether all lines so far could be written.
    pub(super) fn write(&mut self, report: &Report) -> bool {
        if self.failed.is_none() {
            let line = report.to_line().map_err(io::Error::from);
            self.failed = line.and_then(|line| self.sink.write_all(&line)).err();
        }
        self.failed.is_none()
    }

    /// The first thing that went wrong.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.failed.take().map_or_else(|| self.sink.flush(), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::{Output, Report};
    use std::io::{self, Write};

    /// Takes one line and then no more.
    struct Full(Vec<u8>);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                self.0.extend_from_slice(bytes);
                return Ok(bytes.len());
            }
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_reported_once_and_stays() {
        let report = Report::malformed(None, 1, "x".to_owned());
        let mut output = Output { sink: Full(Vec::new()), failed: None };
        assert!(output.write(&report));
        assert!(!output.write(&report));
        assert!(!output.write(&report));
        let error = output.finish().expect_err("the disk is full");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}

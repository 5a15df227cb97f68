//! How the command ends.

use std::process::ExitCode;

/// The exit statuses; scripts rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All went well.
    Ok = 0,
    /// Some job or line failed.
    Failed = 1,
    /// The command line or the configuration is wrong; nothing was sent.
    Usage = 2,
    /// The output could not be written.
    Output = 3,
    /// Interrupted; what ran was drained.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

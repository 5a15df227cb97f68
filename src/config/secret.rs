//! A text that must not be seen.

use std::fmt;
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use crate::sync::Arc;

/// An API key: zeroed when its last clone is dropped, and printed as `***`.
///
/// Clones share one buffer, so that a secret lies in memory once.
#[derive(Clone, Default)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes over `text` without a copy.
    pub fn new(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }

    /// The text of the environment variable `name`; `None` when it is not set or not UTF-8.
    pub fn from_env(name: &str) -> Option<Self> {
        std::env::var(name).ok().map(Self::new)
    }

    /// The text of a file without its last line break.
    ///
    /// # Errors
    /// The file cannot be read or is not UTF-8.
    pub fn from_file(path: impl AsRef<Path>) -> io::Result<Self> {
        let mut text = Zeroizing::new(std::fs::read_to_string(path)?);
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(Self(Arc::new(text)))
    }

    /// The text itself. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_is_printed_as_stars() {
        let secret = Secret::new("sk-visible".to_owned());
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
        assert_eq!(secret.clone().expose(), "sk-visible");
    }

    #[test]
    fn a_file_loses_one_line_break_only() {
        let path = std::env::temp_dir().join(format!("bifrost-secret-{}", std::process::id()));
        for (stored, read) in
            [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a ", "a "), ("", "")]
        {
            std::fs::write(&path, stored).expect("the directory is writable");
            assert_eq!(Secret::from_file(&path).expect("the file is there").expose(), read);
        }
        std::fs::remove_file(&path).expect("the file is there");
        assert!(Secret::from_file(&path).is_err());
    }
}

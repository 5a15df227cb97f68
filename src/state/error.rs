//! What a job says when it did not end well.

use crate::code::Code;
use crate::sync::drop_caught;
use std::error::Error;
use std::fmt;

/// A job's own error, or its transport's: a cause with a stable code, and a source or a text.
///
/// Like the error types of applications it converts from every error by `?`, and is therefore no
/// `std::error::Error` itself; [`source`](Self::source) gives the error inside.
pub struct JobError {
    code: Code,
    source: Box<dyn Error + Send + Sync>,
}

impl JobError {
    /// An error of the job itself, from a text or another error.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { code: Code::JobError, source: source.into() }
    }

    /// An error with a cause of its own.
    pub fn with_code(code: Code, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { code, source: source.into() }
    }

    /// The cause, [`Code::JobError`] unless the transport or the library set another.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The error inside.
    pub fn source(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.source
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for JobError {
    fn from(source: E) -> Self {
        Self::new(source)
    }
}

impl fmt::Debug for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobError({}: {})", self.code.name(), self.source)
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.source, f)
    }
}

/// What is known of a panic that was caught.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PanicInfo {
    /// The panic's message, if it had a text.
    pub message: String,
    /// The label of the job that panicked, if it had one.
    pub task: String,
}

impl PanicInfo {
    /// A panic of `task` with this message.
    pub fn new(message: String, task: &str) -> Self {
        Self { message, task: task.to_owned() }
    }

    /// Reads the message out of a caught payload, and drops it. A payload whose own drop panics is leaked.
    pub fn from_payload(payload: Box<dyn std::any::Any + Send>, task: &str) -> Self {
        let message = if let Some(text) = payload.downcast_ref::<&str>() {
            (*text).to_owned()
        } else if let Some(text) = payload.downcast_ref::<String>() {
            text.clone()
        } else {
            String::from("a panic without a text")
        };
        drop_caught(payload);
        Self { message, task: task.to_owned() }
    }
}

impl fmt::Display for PanicInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.task.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.task, self.message)
        }
    }
}

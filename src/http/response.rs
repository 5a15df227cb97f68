//! What a job gets.

use std::fmt;
use std::str;

use super::HttpError;
use crate::code::Code;

/// A response with its whole body, whatever its status.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpResponse {
    /// The status, 100 to 599 from a server that keeps to HTTP.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// A response of these parts; for transports of your own.
    pub fn new(status: u16, headers: Headers, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers, body: body.into() }
    }

    /// [`Code::Ok`] for a status from 200 to 299, else [`Code::HttpStatus`].
    pub fn code(&self) -> Code {
        if (200..300).contains(&self.status) { Code::Ok } else { Code::HttpStatus }
    }

    /// The first header of this name, in any case; `None` also when it is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| str::from_utf8(value).ok())
    }

    /// The body as text.
    ///
    /// # Errors
    ///
    /// [`HttpError::BodyInvalid`] when it is not UTF-8; the text says at which byte.
    pub fn text(&self) -> Result<&str, HttpError> {
        str::from_utf8(&self.body).map_err(|error| HttpError::BodyInvalid {
            detail: format!("not UTF-8 at byte {}", error.valid_up_to()).into(),
        })
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body_len", &self.body.len())
            .finish()
    }
}

/// The headers of a response: names in lower case, values as bytes, in the order of arrival for each name.
/// Values are not printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Box<str>, Box<[u8]>)>);

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header; one of the same name stays beside it.
    pub fn push(&mut self, name: &str, value: &[u8]) {
        self.0.push((name.to_ascii_lowercase().into(), value.into()));
    }

    /// The value of the first header of this name, in any case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// Every name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The number of headers.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Headers, HttpResponse};
    use crate::code::Code;

    #[test]
    fn a_body_that_is_not_utf8_is_an_error_with_its_place() {
        let response = HttpResponse::new(200, Headers::new(), [b'a', 0xff]);
        let error = response.text().unwrap_err();
        assert_eq!(error.code(), Code::BodyInvalid);
        assert!(error.to_string().ends_with("not UTF-8 at byte 1"), "{error}");
    }

    #[test]
    fn headers_are_found_in_any_case_and_not_printed() {
        let mut headers = Headers::new();
        headers.push("Set-Cookie", b"visible");
        headers.push("x-bytes", &[0xff]);
        let response = HttpResponse::new(404, headers, "visible");
        assert_eq!(response.header("set-cookie"), Some("visible"));
        assert_eq!(response.header("SET-COOKIE"), Some("visible"));
        assert_eq!((response.header("x-bytes"), response.header("none")), (None, None));
        assert!(!format!("{response:?}").contains("visible"));
        assert_eq!(response.code(), Code::HttpStatus);
    }
}

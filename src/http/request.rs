//! What a job sends.

use std::fmt;

/// One HTTP request of a job, with its whole body.
///
/// Nothing is checked while it is built, so that a builder chain has no errors to carry;
/// [`HttpService::prepare`](super::HttpService::prepare) checks all of it before anything is sent.
/// Neither the values of headers nor the body are printed.
///
/// ```
/// use bifrost::http::HttpRequest;
///
/// let request = HttpRequest::post("/v1/chat/completions")
///     .header("x-trace", "7")
///     .body(r#"{"model": "small"}"#);
/// assert_eq!(request.method(), "POST");
/// assert!(!format!("{request:?}").contains("small"));
/// ```
#[derive(Clone, Default)]
pub struct HttpRequest {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl HttpRequest {
    /// A request of any method. `target` is a path that begins with `/` (with a query, if any), or an
    /// absolute `http` or `https` URL.
    pub fn new(method: impl Into<String>, target: impl Into<String>) -> Self {
        Self { method: method.into(), target: target.into(), ..Self::default() }
    }

    /// A `GET` request.
    pub fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    /// A `POST` request. Its content type is `application/json` unless a header says otherwise.
    pub fn post(target: impl Into<String>) -> Self {
        Self::new("POST", target)
    }

    /// Adds a header; one of the same name stays beside it.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path or URL as it was given.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The headers in the order in which they were added.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The body in bytes.
    pub fn body_bytes(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn into_body(self) -> Vec<u8> {
        self.body
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split(['?', '#']).next().unwrap_or_default();
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("path", &path)
            .field("headers", &names)
            .field("body_len", &self.body.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::HttpRequest;

    #[test]
    fn debug_shows_no_value_query_or_body() {
        let request = HttpRequest::post("/v1/x?key=visible1")
            .header("authorization", "visible2")
            .body("visible3");
        let text = format!("{request:?}");
        assert!(!text.contains("visible"), "{text}");
        assert!(text.contains("/v1/x") && text.contains("authorization") && text.contains('8'));
    }
}

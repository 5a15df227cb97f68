//! A request that was checked and can be sent.

use std::fmt;

use isahc::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use isahc::http::{HeaderMap, Method, Uri};

use super::{HttpRequest, InvalidRequest};
use crate::sync::Arc;

/// The most headers that a request may have.
const MAX_HEADERS: usize = 128;
/// The most bytes that a request's headers may have together.
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// What decides where a message begins, ends and goes is the library's own business: two opinions on it are
/// how requests are smuggled.
const RESERVED: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request whose every part was checked, with the key's header. Clones share the body.
///
/// Neither the values of headers nor the body are printed.
#[derive(Clone)]
pub struct PreparedRequest {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Arc<Vec<u8>>,
}

impl PreparedRequest {
    /// Checks `request`, which goes to `uri`.
    pub(super) fn new(
        request: HttpRequest,
        uri: Uri,
        max_body: usize,
    ) -> Result<Self, InvalidRequest> {
        let method = check_method(request.method())?;
        let value = request.body_bytes().len();
        if value > max_body {
            return Err(InvalidRequest::BodyTooLarge { limit: max_body, value });
        }
        if method == Method::HEAD && value > 0 {
            return Err(InvalidRequest::BodyNotAllowed);
        }
        let mut headers = check_headers(&request)?;
        headers
            .entry(USER_AGENT)
            .or_insert(HeaderValue::from_static(concat!("libbifrost/", env!("CARGO_PKG_VERSION"))));
        if value > 0 || method == Method::POST {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        }
        Ok(Self { method, uri, headers, body: Arc::new(request.into_body()) })
    }

    /// The method.
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The absolute URL.
    pub fn url(&self) -> String {
        self.uri.to_string()
    }

    /// The headers, the key's among them: whoever calls this answers for where they go.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

impl fmt::Debug for PreparedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("PreparedRequest")
            .field("method", &self.method)
            .field("host", &self.uri.host())
            .field("path", &self.uri.path())
            .field("headers", &names)
            .field("body_len", &self.body.len())
            .finish()
    }
}

/// A header's value, if it can be one: visible ASCII, spaces and tabs. isahc panics on anything else.
pub(super) fn header_value(text: &str) -> Option<HeaderValue> {
    let fits = text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
    if fits { HeaderValue::from_str(text).ok() } else { None }
}

/// A header's name, if it can be one and is not reserved.
pub(super) fn header_name(text: &str) -> Result<HeaderName, InvalidRequest> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| InvalidRequest::HeaderName)?;
    if RESERVED.contains(&name.as_str()) {
        return Err(InvalidRequest::HeaderReserved { name: name.as_str().into() });
    }
    Ok(name)
}

fn check_method(text: &str) -> Result<Method, InvalidRequest> {
    match Method::from_bytes(text.as_bytes()) {
        Ok(method) if method != Method::CONNECT => Ok(method),
        _ => Err(InvalidRequest::Method),
    }
}

fn check_headers(request: &HttpRequest) -> Result<HeaderMap, InvalidRequest> {
    let count = request.headers().count();
    if count > MAX_HEADERS {
        return Err(InvalidRequest::TooManyHeaders { limit: MAX_HEADERS, value: count });
    }
    let bytes: usize = request.headers().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_HEADER_BYTES {
        return Err(InvalidRequest::HeadersTooLarge { limit: MAX_HEADER_BYTES, value: bytes });
    }
    let mut headers = HeaderMap::with_capacity(count + 3);
    for (name, value) in request.headers() {
        let name = header_name(name)?;
        let Some(value) = header_value(value) else {
            return Err(InvalidRequest::HeaderValue { name: name.as_str().into() });
        };
        headers.append(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::{HttpRequest, InvalidRequest, MAX_HEADER_BYTES, MAX_HEADERS, PreparedRequest};
    use isahc::http::Uri;

    fn prepared(request: HttpRequest) -> Result<PreparedRequest, InvalidRequest> {
        PreparedRequest::new(request, Uri::from_static("http://h/"), 8)
    }

    #[test]
    fn line_breaks_and_other_bytes_in_headers_are_refused() {
        for value in ["a\r\nx: y", "a\n", "\r", "a\0b", "ä", "\u{7f}"] {
            let error = prepared(HttpRequest::get("/").header("x-a", value)).unwrap_err();
            assert_eq!(error, InvalidRequest::HeaderValue { name: "x-a".into() }, "{value:?}");
        }
        for name in ["", "a b", "a\r\nx", "a:", "ä", "a\0"] {
            let error = prepared(HttpRequest::get("/").header(name, "v")).unwrap_err();
            assert_eq!(error, InvalidRequest::HeaderName, "{name:?}");
        }
    }

    #[test]
    fn headers_that_frame_a_message_are_refused() {
        for name in ["Host", "content-length", "Transfer-Encoding", "CONNECTION", "expect"] {
            let error = prepared(HttpRequest::get("/").header(name, "1")).unwrap_err();
            assert!(matches!(error, InvalidRequest::HeaderReserved { .. }), "{name}");
        }
    }

    #[test]
    fn sizes_are_limited() {
        let many = (0..=MAX_HEADERS).fold(HttpRequest::get("/"), |r, _| r.header("x", ""));
        let error = prepared(many).unwrap_err();
        assert_eq!(error, InvalidRequest::TooManyHeaders { limit: MAX_HEADERS, value: 129 });
        let large = HttpRequest::get("/").header("x", "v".repeat(MAX_HEADER_BYTES));
        assert!(matches!(prepared(large).unwrap_err(), InvalidRequest::HeadersTooLarge { .. }));
        let body = prepared(HttpRequest::post("/").body("123456789")).unwrap_err();
        assert_eq!(body, InvalidRequest::BodyTooLarge { limit: 8, value: 9 });
        assert_eq!(prepared(HttpRequest::post("/").body("12345678")).unwrap().body(), b"12345678");
    }

    #[test]
    fn methods_that_cannot_be_sent_are_refused() {
        for method in ["", "GE T", "GET\r\n", "CONNECT", "ä"] {
            let error = prepared(HttpRequest::new(method, "/")).unwrap_err();
            assert_eq!(error, InvalidRequest::Method, "{method:?}");
        }
        let head = prepared(HttpRequest::new("HEAD", "/").body("x")).unwrap_err();
        assert_eq!(head, InvalidRequest::BodyNotAllowed);
    }

    #[test]
    fn debug_shows_no_values() {
        let request = HttpRequest::post("/").header("authorization", "visible").body("visible");
        assert!(!format!("{:?}", prepared(request).unwrap()).contains("visible"));
    }
}

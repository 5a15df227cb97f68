//! Why an exchange failed.

use std::fmt;
use std::time::Duration;

use crate::code::Code;
use crate::state::NoKey;

/// Why a request got no response. An error status of the upstream is not one of these: it is a response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpError {
    /// The request was refused before anything was sent.
    Invalid(InvalidRequest),
    /// No API key of the provider is usable.
    NoKey(NoKey),
    /// No connection to the upstream could be made.
    Connect {
        /// What the client library says.
        detail: Box<str>,
    },
    /// No connection was made within the connect limit.
    ConnectTimeout {
        /// The connect limit.
        limit: Duration,
    },
    /// The connection broke, or what came over it is not HTTP.
    Transport {
        /// What the client library says.
        detail: Box<str>,
    },
    /// The connection closed where more had to come: in the headers, or before the declared length. An
    /// HTTP/1 success with an empty body whose emptiness no header declares counts as one.
    CutOff {
        /// The status that had been received.
        status: u16,
    },
    /// The response was not complete within the total limit.
    TransportTimeout {
        /// The total limit: the smaller of the service's timeout and what was left of the deadline.
        limit: Duration,
    },
    /// The certificate or the TLS handshake was refused.
    Tls {
        /// What the client library says.
        detail: Box<str>,
    },
    /// The response's body is larger than its limit; the rest of it was not read.
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The response's body is not what it has to be.
    BodyInvalid {
        /// What is wrong with it.
        detail: Box<str>,
    },
    /// The HTTP client itself could not be started.
    Client {
        /// What the client library says.
        detail: Box<str>,
    },
}

impl HttpError {
    /// The row of the code table.
    pub fn code(&self) -> Code {
        match self {
            Self::Invalid(InvalidRequest::BodyTooLarge { .. }) | Self::BodyTooLarge { .. } => {
                Code::BodyTooLarge
            }
            Self::Invalid(_) => Code::Invalid,
            Self::NoKey(_) => Code::NoKey,
            Self::Connect { .. } | Self::ConnectTimeout { .. } => Code::Connect,
            Self::Transport { .. } | Self::CutOff { .. } => Code::Transport,
            Self::TransportTimeout { .. } => Code::TransportTimeout,
            Self::Tls { .. } => Code::Tls,
            Self::BodyInvalid { .. } => Code::BodyInvalid,
            Self::Client { .. } => Code::System,
        }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => error.fmt(f),
            Self::NoKey(error) => error.fmt(f),
            Self::Connect { detail } => write!(f, "no connection to the upstream: {detail}"),
            Self::ConnectTimeout { limit } => {
                write!(f, "no connection to the upstream within the connect limit of {limit:?}")
            }
            Self::Transport { detail } => write!(f, "the exchange broke off: {detail}"),
            Self::CutOff { status } => write!(f, "the response with status {status} was cut off"),
            Self::TransportTimeout { limit } => {
                write!(f, "no complete response within the limit of {limit:?}")
            }
            Self::Tls { detail } => write!(f, "no trusted TLS connection: {detail}"),
            Self::BodyTooLarge { limit } => {
                write!(f, "the response's body is larger than the limit of {limit} bytes")
            }
            Self::BodyInvalid { detail } => write!(f, "the response's body is invalid: {detail}"),
            Self::Client { detail } => write!(f, "the HTTP client could not be started: {detail}"),
        }
    }
}

impl std::error::Error for HttpError {}

impl From<InvalidRequest> for HttpError {
    fn from(error: InvalidRequest) -> Self {
        Self::Invalid(error)
    }
}

impl From<NoKey> for HttpError {
    fn from(error: NoKey) -> Self {
        Self::NoKey(error)
    }
}

/// What is wrong with a request or with a service's settings. No text of it holds a value of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// The method is not an HTTP token, or not one that can be sent through a provider.
    Method,
    /// The path or URL is malformed.
    Target {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// `https` needs the feature `tls`.
    TlsMissing,
    /// The URL names another host than the provider's, whose keys must not go there.
    ForeignHost,
    /// A header's name is not an HTTP token.
    HeaderName,
    /// A header's value holds something else than visible ASCII, spaces and tabs.
    HeaderValue {
        /// The header's name.
        name: Box<str>,
    },
    /// The header is set by the library itself.
    HeaderReserved {
        /// The header's name.
        name: Box<str>,
    },
    /// There are too many headers.
    TooManyHeaders {
        /// How many may be given.
        limit: usize,
        /// How many were given.
        value: usize,
    },
    /// The headers together are too large.
    HeadersTooLarge {
        /// The limit in bytes.
        limit: usize,
        /// The size in bytes.
        value: usize,
    },
    /// The request's body is larger than its limit.
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
        /// The size in bytes.
        value: usize,
    },
    /// The method takes no body.
    BodyNotAllowed,
    /// A key's secret is empty or cannot stand in a header.
    KeySecret {
        /// The key's name.
        name: Box<str>,
    },
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method => f.write_str("the method is not one that can be sent"),
            Self::Target { reason } => write!(f, "the path or URL is malformed: {reason}"),
            Self::TlsMissing => f.write_str("https needs the feature `tls`"),
            Self::ForeignHost => {
                f.write_str("the URL names another host than the provider's, which has keys")
            }
            Self::HeaderName => f.write_str("a header's name is not an HTTP token"),
            Self::HeaderValue { name } => write!(
                f,
                "the value of header {name} holds something else than visible ASCII, spaces and tabs"
            ),
            Self::HeaderReserved { name } => {
                write!(f, "header {name} is set by the library itself")
            }
            Self::TooManyHeaders { limit, value } => {
                write!(f, "{value} headers exceed the limit of {limit}")
            }
            Self::HeadersTooLarge { limit, value } => {
                write!(f, "headers of {value} bytes exceed the limit of {limit} bytes")
            }
            Self::BodyTooLarge { limit, value } => {
                write!(f, "a request body of {value} bytes exceeds the limit of {limit} bytes")
            }
            Self::BodyNotAllowed => f.write_str("a HEAD request takes no body"),
            Self::KeySecret { name } => {
                write!(f, "the secret of key {name} is empty or cannot stand in a header")
            }
        }
    }
}

impl std::error::Error for InvalidRequest {}

#[cfg(test)]
mod tests {
    use super::{HttpError, InvalidRequest};
    use crate::code::Code;
    use std::time::Duration;

    #[test]
    fn every_error_has_its_code_and_names_its_limit() {
        let limit = Duration::from_millis(30);
        let timeout = HttpError::TransportTimeout { limit };
        assert_eq!(timeout.code(), Code::TransportTimeout);
        assert_eq!(timeout.to_string(), "no complete response within the limit of 30ms");
        assert_eq!(HttpError::ConnectTimeout { limit }.code(), Code::Connect);
        let body = HttpError::from(InvalidRequest::BodyTooLarge { limit: 3, value: 4 });
        assert_eq!(body.code(), Code::BodyTooLarge);
        assert_eq!(body.to_string(), "a request body of 4 bytes exceeds the limit of 3 bytes");
        assert_eq!(HttpError::from(InvalidRequest::Method).code(), Code::Invalid);
    }
}

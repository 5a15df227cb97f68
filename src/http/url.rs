//! Where a request goes.

use isahc::http::Uri;
use isahc::http::uri::{Authority, Scheme};

use super::InvalidRequest;

/// The address of a provider: scheme, host, port and an optional path in front of every request's own.
#[derive(Clone, Debug)]
pub(super) struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    prefix: Box<str>,
}

impl BaseUrl {
    /// Reads `http://host[:port][/path]`.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidRequest> {
        let uri = absolute(text)?;
        if uri.query().is_some() {
            return Err(InvalidRequest::Target { reason: "a base URL has no query" });
        }
        let prefix = uri.path().trim_end_matches('/').into();
        let parts = uri.into_parts();
        match (parts.scheme, parts.authority) {
            (Some(scheme), Some(authority)) => Ok(Self { scheme, authority, prefix }),
            _ => Err(InvalidRequest::Target { reason: "scheme or host is missing" }),
        }
    }

    /// The whole URL of a request's target. With `own_host_only`, scheme, host and port of the result are
    /// always those of the base, to the letter: no second parser can read another host out of the target.
    pub(super) fn join(&self, target: &str, own_host_only: bool) -> Result<Uri, InvalidRequest> {
        if target.starts_with('/') {
            check_text(target)?;
            return self.with_path(&format!("{}{target}", self.prefix));
        }
        let uri = absolute(target)?;
        if !own_host_only {
            return Ok(uri);
        }
        if !self.is_own(&uri) {
            return Err(InvalidRequest::ForeignHost);
        }
        self.with_path(uri.path_and_query().map_or("/", |path| path.as_str()))
    }

    fn with_path(&self, path: &str) -> Result<Uri, InvalidRequest> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .map_err(|_| InvalidRequest::Target { reason: "the path is not valid" })
    }

    fn is_own(&self, uri: &Uri) -> bool {
        let port = |scheme: Option<&Scheme>, port: Option<u16>| {
            port.or(if scheme == Some(&Scheme::HTTPS) { Some(443) } else { Some(80) })
        };
        uri.scheme() == Some(&self.scheme)
            && uri.host().is_some_and(|host| host.eq_ignore_ascii_case(self.authority.host()))
            && port(uri.scheme(), uri.port_u16())
                == port(Some(&self.scheme), self.authority.port_u16())
    }
}

/// Whether no request to this URL leaves the machine.
pub(super) fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn absolute(text: &str) -> Result<Uri, InvalidRequest> {
    check_text(text)?;
    let uri: Uri = text.parse().map_err(|_| InvalidRequest::Target { reason: "not a URL" })?;
    let scheme = uri.scheme();
    if scheme != Some(&Scheme::HTTP) && scheme != Some(&Scheme::HTTPS) {
        return Err(InvalidRequest::Target {
            reason: "neither a path that begins with / nor an http or https URL",
        });
    }
    if cfg!(not(feature = "tls")) && scheme == Some(&Scheme::HTTPS) {
        return Err(InvalidRequest::TlsMissing);
    }
    let authority = uri.authority().map_or("", Authority::as_str);
    if authority.contains('@') {
        return Err(InvalidRequest::Target { reason: "a URL with a user name is not sent" });
    }
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    let bad_port = port.is_some_and(|port| !port.ends_with(']') && port.parse::<u16>().is_err());
    if uri.host().is_none_or(str::is_empty) || bad_port {
        return Err(InvalidRequest::Target { reason: "the host or port is not valid" });
    }
    Ok(uri)
}

fn check_text(text: &str) -> Result<(), InvalidRequest> {
    if text.contains('#') {
        return Err(InvalidRequest::Target { reason: "a fragment is not sent" });
    }
    if text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return Ok(());
    }
    Err(InvalidRequest::Target {
        reason: "a character that is not visible ASCII, or a backslash, has to be percent-encoded",
    })
}

#[cfg(test)]
mod tests {
    use super::{BaseUrl, is_loopback};
    use crate::http::InvalidRequest;

    fn joined(base: &str, target: &str, own: bool) -> Result<String, InvalidRequest> {
        Ok(BaseUrl::parse(base)?.join(target, own)?.to_string())
    }

    #[test]
    fn a_path_is_put_behind_the_base() {
        for (base, target, url) in [
            ("http://h:1", "/a?b=c", "http://h:1/a?b=c"),
            ("http://h:1/", "/a", "http://h:1/a"),
            ("http://h/v1/", "/a", "http://h/v1/a"),
            ("http://h", "//evil/x", "http://h//evil/x"),
            ("http://h", "/@evil/x", "http://h/@evil/x"),
            ("http://[::1]:8", "/a", "http://[::1]:8/a"),
        ] {
            assert_eq!(joined(base, target, true).as_deref(), Ok(url), "{base} {target}");
        }
    }

    #[test]
    fn an_absolute_url_stays_on_the_own_host_when_asked_to() {
        let base = "http://api.example:80/v1";
        assert_eq!(
            joined(base, "http://API.example/v2/x?y", true).as_deref(),
            Ok("http://api.example:80/v2/x?y")
        );
        for foreign in ["http://evil/", "http://api.example:81/", "http://api.example.evil/x"] {
            assert_eq!(joined(base, foreign, true), Err(InvalidRequest::ForeignHost), "{foreign}");
            assert_eq!(joined(base, foreign, false).as_deref(), Ok(foreign));
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn another_scheme_is_another_host() {
        let downgrade = joined("https://h", "http://h:443/", true);
        assert_eq!(downgrade, Err(InvalidRequest::ForeignHost));
        assert_eq!(joined("https://h", "https://h:443/a", true).as_deref(), Ok("https://h/a"));
    }

    #[test]
    fn malformed_targets_are_refused() {
        for target in [
            "",
            "a",
            "*",
            "ftp://h/",
            "http://",
            "http:///x",
            "http://u@h/",
            "http://u:p@h:1/",
            "http://h:99999/",
            "http://h:x/",
            "http://h:/",
            "/a b",
            "/a\r\nx: y",
            "/ä",
            "/a#b",
            "http://h\\@evil/",
            "/\0",
            "javascript:x",
        ] {
            let result = joined("http://h:1", target, false);
            assert!(matches!(result, Err(InvalidRequest::Target { .. })), "{target:?} {result:?}");
        }
        assert!(BaseUrl::parse("http://h/?q").is_err());
    }

    #[test]
    fn loopback_is_known_by_name_and_address() {
        for (url, loopback) in [
            ("http://localhost:1/", true),
            ("http://127.9.0.1/", true),
            ("http://[::1]:2/", true),
            ("http://127.0.0.1.evil/", false),
            ("http://example/", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), loopback, "{url}");
        }
    }
}

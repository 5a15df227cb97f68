//! The HTTP side of one provider.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use isahc::http::header::{HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::prepared::{header_name, header_value};
use super::url::BaseUrl;
use super::{
    HttpError, HttpRequest, HttpResponse, InvalidRequest, PreparedRequest, Sending, Transport,
    TransportLimits,
};
use crate::config::{KeyConfig, KeyPolicy, KeyPoolConfig, ProviderConfig, Secret};
use crate::state::{KeyAsk, KeyLease, KeyOptions, KeyOrder, KeyPool, KeySpec, NoKey};
use crate::sync::Arc;
use crate::time::Clock;

/// The largest answer to a health check that is read; what is larger proves a connection as well.
const MAX_CHECK_BODY: usize = 64 * 1024;

/// The HTTP side of one provider: its address, its keys and its transport.
///
/// **A key goes to no other host.** With keys, an absolute URL has to have the scheme, host and port of the
/// base URL; without keys it may name any host. Redirects are responses like any other. A request with its
/// own value for the key's header is refused when the service has keys.
#[derive(Clone)]
pub struct HttpService {
    inner: Arc<Inner>,
}

struct Inner {
    base: BaseUrl,
    auth_header: HeaderName,
    auth_prefix: String,
    secrets: Vec<Secret>,
    pool: Arc<KeyPool>,
    clock: Clock,
    limits: TransportLimits,
    max_request_body: usize,
    transport: Arc<dyn Transport>,
}

impl HttpService {
    /// Takes over a provider's base URL, keys, timeouts and body limit; opens nothing yet.
    ///
    /// # Errors
    ///
    /// [`HttpError::Invalid`] when the base URL is missing or malformed, the key's header is not one that can be set,
    /// or a secret cannot stand in a header.
    pub fn new(config: &ProviderConfig, transport: Arc<dyn Transport>) -> Result<Self, HttpError> {
        Self::with_clock(config, transport, Clock::monotonic())
    }

    /// As [`new`](Self::new), with the clock by which the keys' limits and rests are counted.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn with_clock(
        config: &ProviderConfig,
        transport: Arc<dyn Transport>,
        clock: Clock,
    ) -> Result<Self, HttpError> {
        let Some(base_url) = &config.base_url else {
            return Err(InvalidRequest::Target { reason: "the provider has no base URL" }.into());
        };
        let inner = Inner {
            base: BaseUrl::parse(base_url)?,
            auth_header: header_name(&config.auth_header)?,
            auth_prefix: config.auth_prefix.clone(),
            pool: KeyPool::new(config.keys.iter().map(key_spec), key_options(&config.key_pool)),
            clock,
            secrets: config.keys.iter().map(|key| key.secret.clone()).collect(),
            limits: TransportLimits {
                total: config.timeout,
                connect: config.connect_timeout,
                max_response_body: config.max_body,
            },
            max_request_body: config.max_body,
            transport,
        };
        for index in 0..inner.secrets.len() {
            inner.auth_value(index)?;
        }
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The service's keys.
    pub fn keys(&self) -> &Arc<KeyPool> {
        &self.inner.pool
    }

    /// Whether a key could be picked now; yes, if the service needs none.
    ///
    /// # Errors
    ///
    /// [`NoKey`] says why not, and from when on one may be.
    pub fn check_keys(&self) -> Result<(), NoKey> {
        let inner = &*self.inner;
        if inner.pool.is_empty() { Ok(()) } else { inner.pool.check(inner.clock.now()) }
    }

    /// The service's transport.
    pub fn transport(&self) -> &Arc<dyn Transport> {
        &self.inner.transport
    }

    /// Checks a request, joins its address and adds a usable key, whose lease has to be held until
    /// the exchange is over. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`HttpError::Invalid`] says what is wrong with the request, and no key's turn was spent;
    /// [`HttpError::NoKey`] when no key is usable.
    pub fn prepare(
        &self,
        request: HttpRequest,
    ) -> Result<(PreparedRequest, Option<KeyLease>), HttpError> {
        self.prepare_with(request, KeyAsk::default())
    }

    fn prepare_with(
        &self,
        request: HttpRequest,
        ask: KeyAsk,
    ) -> Result<(PreparedRequest, Option<KeyLease>), HttpError> {
        let inner = &*self.inner;
        let has_keys = !inner.pool.is_empty();
        let uri = inner.base.join(request.target(), has_keys)?;
        let mut prepared = PreparedRequest::new(request, uri, inner.max_request_body)?;
        if !has_keys {
            return Ok((prepared, None));
        }
        if prepared.headers.contains_key(&inner.auth_header) {
            let name = inner.auth_header.as_str().into();
            return Err(InvalidRequest::HeaderReserved { name }.into());
        }
        let lease = inner.pool.pick(inner.clock.now(), ask)?;
        prepared.headers.insert(inner.auth_header.clone(), inner.auth_value(lease.index())?);
        Ok((prepared, Some(lease)))
    }

    /// Sends a request with a usable key and waits for the whole response, for at most the smaller
    /// of the service's timeout and `time_left`, both counted from this call. How the exchange ends is reported
    /// to the key (S28): a 429 cools it down, a 401 or 403 disables it, a 402 lets it rest; a transport error
    /// and a cancel say nothing about it.
    ///
    /// # Errors
    ///
    /// Those of [`HttpService::prepare`], and whatever kept the exchange from its end. An error status is
    /// not an error.
    ///
    /// # Cancel safety
    ///
    /// See [`Sending`].
    pub fn send(&self, request: HttpRequest, time_left: Duration) -> Sending {
        self.send_for(request, KeyAsk::default(), time_left)
    }

    /// As [`send`](Self::send), with the key that `ask` asks for.
    pub fn send_for(&self, request: HttpRequest, ask: KeyAsk, time_left: Duration) -> Sending {
        let limits = self.limits(time_left);
        let started = self
            .prepare_with(request, ask)
            .map(|(prepared, lease)| (self.inner.transport.send(prepared, limits), lease));
        Sending::new(started, &self.inner.clock)
    }

    /// Asks whether the upstream can be reached: a `GET` of `path` without a key, to which any HTTP answer
    /// is a yes, 401 and 500 included.
    ///
    /// # Errors
    ///
    /// Whatever kept the upstream from answering within `timeout`.
    ///
    /// # Cancel safety
    ///
    /// As for [`Sending`].
    pub fn check(
        &self,
        path: &str,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), HttpError>> + Send + 'static + use<> {
        let max_response_body = MAX_CHECK_BODY.min(self.inner.limits.max_response_body);
        let limits = TransportLimits { max_response_body, ..self.limits(timeout) };
        let started = self.inner.base.join(path, true).and_then(|uri| {
            let request = PreparedRequest::new(HttpRequest::get(path), uri, 0)?;
            Ok(self.inner.transport.send(request, limits))
        });
        async move {
            match started?.await {
                Ok(_)
                | Err(
                    HttpError::BodyTooLarge { .. }
                    | HttpError::BodyInvalid { .. }
                    | HttpError::CutOff { .. },
                ) => Ok(()),
                Err(error) => Err(error),
            }
        }
    }

    fn limits(&self, time_left: Duration) -> TransportLimits {
        let limits = self.inner.limits;
        TransportLimits { total: limits.total.min(time_left), ..limits }
    }
}

/// The key's name and limits.
fn key_spec(key: &KeyConfig) -> KeySpec {
    let limit = |value: Option<u64>| value.unwrap_or(0);
    KeySpec::new(key.name.as_str())
        .weight(u32::try_from(key.weight).unwrap_or(u32::MAX))
        .requests_per_minute(limit(key.requests_per_minute))
        .tokens_per_minute(limit(key.tokens_per_minute))
        .max_in_flight(key.max_in_flight.map_or(0, |most| u32::try_from(most).unwrap_or(u32::MAX)))
}

/// The pool's order and rests.
fn key_options(config: &KeyPoolConfig) -> KeyOptions {
    let order = match config.order {
        KeyPolicy::RoundRobin => KeyOrder::RoundRobin,
        KeyPolicy::LeastInFlight => KeyOrder::LeastInFlight,
        KeyPolicy::Sticky => KeyOrder::Sticky,
    };
    KeyOptions::default()
        .order(order)
        .burst(config.burst)
        .backoff(config.backoff, config.backoff_max)
        .quota(config.quota_rest)
        .probe(config.probe, config.probe_max)
}

impl Inner {
    fn auth_value(&self, index: usize) -> Result<HeaderValue, InvalidRequest> {
        let secret = self.secrets.get(index).map_or("", Secret::expose);
        // Sized at once, so that no growth leaves a copy of the secret behind.
        let mut text = Zeroizing::new(String::with_capacity(self.auth_prefix.len() + secret.len()));
        text.push_str(&self.auth_prefix);
        text.push_str(secret);
        match header_value(&text) {
            Some(mut value) if !secret.is_empty() => {
                value.set_sensitive(true);
                Ok(value)
            }
            _ => {
                let name = self.pool.name(index).map_or("", |name| &**name);
                Err(InvalidRequest::KeySecret { name: name.into() })
            }
        }
    }
}

impl fmt::Debug for HttpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpService")
            .field("base", &self.inner.base)
            .field("keys", &self.inner.pool)
            .field("limits", &self.inner.limits)
            .field("transport", &self.inner.transport)
            .finish()
    }
}

/// A response and the name of the key that it was got with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// The response.
    pub response: HttpResponse,
    /// The key's name; `None` when the service has no keys.
    pub key: Option<Arc<str>>,
}

//! The transport over isahc.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use futures_lite::future::FutureExt as _;
use futures_lite::io::{AsyncRead, AsyncReadExt as _};
use isahc::config::{Configurable as _, RedirectPolicy};
use isahc::error::ErrorKind;
use isahc::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use isahc::http::{HeaderMap, Method, Request, Response};
use isahc::{AsyncBody, HttpClient};

use super::url::is_loopback;
use super::zombies::Zombies;
use super::{
    Headers, HttpError, HttpResponse, InvalidRequest, PreparedRequest, SendFuture, Transport,
    TransportLimits,
};
use crate::sync::{Arc, Mutex, thread};

/// libcurl's number for a TLS handshake that failed; isahc calls it a failed connection.
const CURLE_SSL_CONNECT_ERROR: &str = "[35]";
/// The most that is set aside for a body on the word of its `content-length` alone.
const MAX_TRUSTED_LENGTH: usize = 64 * 1024;
/// Limits beyond this are as good as none, and fit every type on the way into libcurl.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// The settings of a transport.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    max_connections: usize,
}

impl ClientOptions {
    /// Settings for `workers` requests at once: a few connections more than workers, because a connection
    /// whose job was cancelled stays open for a while.
    pub fn for_workers(workers: usize) -> Self {
        Self { max_connections: workers.saturating_add((workers / 4).max(4)) }
    }

    /// Sets how many connections to one host may be open at once, at least 1. A request beyond that waits
    /// inside the client and its limits run.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections.max(1);
        self
    }
}

/// The isahc client of one provider, built at first use: one thread and one pool of connections.
///
/// Bodies are decompressed; redirects are not followed, so that no key follows them; certificates are
/// verified; a proxy from the environment is used, except for loopback addresses.
///
/// Its own thread enforces the limits, so that the futures work under every executor. Dropping it never
/// blocks: the thread is joined elsewhere.
pub struct IsahcTransport {
    shared: Arc<Shared>,
}

impl IsahcTransport {
    /// A transport that has opened nothing yet.
    pub fn new(options: ClientOptions) -> Self {
        let (client, zombies) = (Mutex::new(None), Zombies::default());
        Self { shared: Arc::new(Shared { options, client, zombies }) }
    }
}

impl Transport for IsahcTransport {
    fn send(&self, request: PreparedRequest, limits: TransportLimits) -> SendFuture {
        let shared = Arc::clone(&self.shared);
        let end = now() + limits.total.min(MAX_TIMEOUT);
        Box::pin(async move { shared.exchange(request, limits, end).await })
    }

    fn zombie_transfers(&self) -> usize {
        self.shared.zombies.count()
    }
}

impl fmt::Debug for IsahcTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IsahcTransport").field("options", &self.shared.options).finish()
    }
}

struct Shared {
    options: ClientOptions,
    /// Held for the clone of an `Arc`, and while a client is built. isahc itself takes locks for every
    /// request, so that a lock-free slot here would gain nothing.
    client: Mutex<Option<Arc<Client>>>,
    zombies: Zombies,
}

impl Shared {
    async fn exchange(
        &self,
        request: PreparedRequest,
        limits: TransportLimits,
        end: Instant,
    ) -> Result<HttpResponse, HttpError> {
        let timed_out = HttpError::TransportTimeout { limit: limits.total };
        let left = end.saturating_duration_since(now());
        if left.is_zero() {
            return Err(timed_out);
        }
        // libcurl counts whole milliseconds, and 0 means no limit at all.
        let total = left + Duration::from_micros(999);
        let connect = limits.connect.clamp(Duration::from_millis(1), MAX_TIMEOUT);
        let transfer = self.zombies.watch(now() + total);
        let sent = self.submit(&request, total, connect).await;
        let (client, response) = match sent {
            Ok(sent) => sent,
            Err(error) => {
                transfer.ended();
                return Err(match error {
                    SendError::Ours(error) => error,
                    SendError::Isahc(error) => {
                        let in_time = now() + Duration::from_millis(2) < end;
                        if error.is_timeout() && connect < left && in_time {
                            HttpError::ConnectTimeout { limit: limits.connect }
                        } else {
                            translate(&error, limits.total)
                        }
                    }
                });
            }
        };
        let (parts, body) = response.into_parts();
        let headers = copy_headers(&parts.headers, request.method == Method::HEAD);
        let body = read_body(body, limits.max_response_body, limits.total).await;
        if !matches!(body, Err(HttpError::BodyTooLarge { .. })) {
            transfer.ended();
        }
        // The last user of a client has to be its own `Drop`, which does not block.
        drop(client);
        Ok(HttpResponse::new(parts.status.as_u16(), headers, body?))
    }

    /// Sends the request and waits for the response's headers.
    ///
    /// isahc panics in the sender when its thread is gone. It does so before the request has left this
    /// process, which is the one case in which it is sent again, to a new client.
    async fn submit(
        &self,
        request: &PreparedRequest,
        total: Duration,
        connect: Duration,
    ) -> Result<(Arc<Client>, Response<AsyncBody>), SendError> {
        for _ in 0..2 {
            let client = self.client()?;
            let Some(http) = &client.http else { break };
            let built = build(request, total, connect)?;
            match AssertUnwindSafe(http.send_async(built)).catch_unwind().await {
                Ok(Ok(response)) => return Ok((client, response)),
                Ok(Err(error)) => return Err(SendError::Isahc(error)),
                Err(panic) => {
                    self.retire(&client);
                    if !says_agent_gone(&*panic) {
                        break;
                    }
                }
            }
        }
        Err(SendError::Ours(HttpError::Client { detail: "the client's thread ended".into() }))
    }

    fn client(&self) -> Result<Arc<Client>, HttpError> {
        let mut slot = self.client.lock();
        if let Some(client) = &*slot {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(Client::build(&self.options)?);
        *slot = Some(Arc::clone(&client));
        Ok(client)
    }

    /// Lets new requests have a new client; the old one ends with its last transfer.
    fn retire(&self, client: &Arc<Client>) {
        let mut slot = self.client.lock();
        if slot.as_ref().is_some_and(|current| Arc::ptr_eq(current, client)) {
            *slot = None;
        }
    }
}

/// An isahc client whose drop neither blocks nor panics.
struct Client {
    http: Option<HttpClient>,
}

impl Client {
    fn build(options: &ClientOptions) -> Result<Self, HttpError> {
        HttpClient::builder()
            .max_connections_per_host(options.max_connections)
            .connection_cache_size(options.max_connections)
            .tcp_nodelay()
            .expect_continue(false)
            .redirect_policy(RedirectPolicy::None)
            .build()
            .map(|http| Self { http: Some(http) })
            .map_err(|error| HttpError::Client { detail: error.to_string().into() })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // isahc joins its thread in `drop`, which can wait for a name resolution, and panics there when the
        // thread is gone already.
        if let Some(http) = self.http.take() {
            let end = move || drop(catch_unwind(AssertUnwindSafe(|| drop(http))));
            // Without a thread to give, the closure is dropped by `spawn`, and the client with it.
            drop(catch_unwind(AssertUnwindSafe(|| thread::spawn("bifrost-http-end", end))));
        }
    }
}

enum SendError {
    Ours(HttpError),
    Isahc(isahc::Error),
}

impl From<HttpError> for SendError {
    fn from(error: HttpError) -> Self {
        Self::Ours(error)
    }
}

pub(super) fn now() -> Instant {
    Instant::now()
}

fn says_agent_gone(panic: &(dyn std::any::Any + Send)) -> bool {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.is_some_and(|text| text.starts_with("agent thread"))
}

fn build(
    request: &PreparedRequest,
    total: Duration,
    connect: Duration,
) -> Result<Request<AsyncBody>, HttpError> {
    // A POST without a body still says so with a length of 0; other methods say nothing.
    let body = if request.body.is_empty() && request.method != Method::POST {
        AsyncBody::empty()
    } else {
        AsyncBody::from(request.body.to_vec())
    };
    let mut builder = Request::builder()
        .method(request.method.clone())
        .uri(request.uri.clone())
        .timeout(total)
        .connect_timeout(connect);
    if is_loopback(&request.uri) {
        builder = builder.proxy(None);
    }
    if let Some(headers) = builder.headers_mut() {
        headers.clone_from(&request.headers);
    }
    builder
        .body(body)
        .map_err(|_| InvalidRequest::Target { reason: "the client refused the request" }.into())
}

/// The response's headers. Those that describe the compressed body are left out when it was decompressed.
fn copy_headers(from: &HeaderMap, is_head: bool) -> Headers {
    let decompressed = !is_head && from.contains_key(CONTENT_ENCODING);
    let mut headers = Headers::new();
    for (name, value) in from {
        if !(decompressed && (name == CONTENT_ENCODING || name == CONTENT_LENGTH)) {
            headers.push(name.as_str(), value.as_bytes());
        }
    }
    headers
}

async fn read_body(
    mut body: AsyncBody,
    limit: usize,
    total: Duration,
) -> Result<Vec<u8>, HttpError> {
    let declared = body.len().unwrap_or(0);
    if declared > limit as u64 {
        return Err(HttpError::BodyTooLarge { limit });
    }
    let mut bytes = Vec::with_capacity((declared as usize).min(MAX_TRUSTED_LENGTH));
    let read = read_up_to(&mut body, limit, &mut bytes).await;
    match read {
        Ok(true) => Ok(bytes),
        Ok(false) => Err(HttpError::BodyTooLarge { limit }),
        Err(error) => Err(translate(&isahc::Error::from(error), total)),
    }
}

/// Reads at most `limit` bytes; false when there is more.
async fn read_up_to(
    body: &mut (impl AsyncRead + Unpin),
    limit: usize,
    bytes: &mut Vec<u8>,
) -> std::io::Result<bool> {
    body.take(limit as u64).read_to_end(bytes).await?;
    Ok(bytes.len() < limit || body.read(&mut [0]).await? == 0)
}

fn translate(error: &isahc::Error, total: Duration) -> HttpError {
    let detail = error.to_string().into();
    match error.kind() {
        ErrorKind::Timeout => HttpError::TransportTimeout { limit: total },
        ErrorKind::NameResolution => HttpError::Connect { detail },
        ErrorKind::ConnectionFailed if is_handshake(error) => HttpError::Tls { detail },
        ErrorKind::ConnectionFailed => HttpError::Connect { detail },
        ErrorKind::BadServerCertificate
        | ErrorKind::BadClientCertificate
        | ErrorKind::InvalidTlsConfiguration
        | ErrorKind::TlsEngine => HttpError::Tls { detail },
        ErrorKind::InvalidContentEncoding => HttpError::BodyInvalid { detail },
        ErrorKind::ClientInitialization => HttpError::Client { detail },
        _ => HttpError::Transport { detail },
    }
}

fn is_handshake(error: &isahc::Error) -> bool {
    std::error::Error::source(error)
        .is_some_and(|source| source.to_string().starts_with(CURLE_SSL_CONNECT_ERROR))
}

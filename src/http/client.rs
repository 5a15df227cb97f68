//! The transport over isahc.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures_lite::future::FutureExt as _;
use futures_lite::io::{AsyncRead, AsyncReadExt as _};
use isahc::config::{Configurable as _, RedirectPolicy};
use isahc::error::ErrorKind;
use isahc::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use isahc::http::response::Parts;
use isahc::http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use isahc::{AsyncBody, HttpClient};

use super::url::is_loopback;
use super::zombies::Zombies;
use super::{
    Headers, HttpError, HttpResponse, InvalidRequest, PreparedRequest, SendFuture, Transport,
    TransportLimits,
};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, thread};
use crate::time::{Clock, Instant};

/// libcurl's number for a TLS handshake that failed; isahc calls it a failed connection.
const CURLE_SSL_CONNECT_ERROR: &str = "[35]";
/// The most that is set aside for a body on the word of its `content-length` alone.
const MAX_TRUSTED_LENGTH: usize = 64 * 1024;
/// Limits beyond this are as good as none, and fit every type on the way into libcurl.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// The settings of a transport.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    workers: usize,
    spare: usize,
}

impl ClientOptions {
    /// Settings for at most `workers` requests at once (at least 1), with as many spare connections, but at
    /// least 4, for transfers that were given up.
    pub fn for_workers(workers: usize) -> Self {
        let workers = workers.max(1);
        Self { workers, spare: workers.max(4) }
    }

    /// Sets how many connections, beside those of the workers, may be held by transfers that were given up
    /// before the client is replaced; at least 1.
    #[must_use]
    pub fn spare_connections(mut self, connections: usize) -> Self {
        self.spare = connections.max(1);
        self
    }

    /// How many connections to one host a client opens at most.
    ///
    /// Whoever sends has to keep to the number of workers: a request beyond this limit waits inside the
    /// client until a connection is free, and libcurl does not look at its time limits while it waits.
    pub fn max_connections(&self) -> usize {
        self.workers.saturating_add(self.spare)
    }
}

/// The isahc client of one provider, built at first use: one thread and one pool of connections.
///
/// Should that thread ever die, its requests fail, the next one has a new client, and one that was handed
/// over in the very moment of its death is never answered: its future has to be dropped by whoever sent it.
///
/// Bodies are decompressed; redirects are not followed, so that no key follows them; certificates are
/// verified; a proxy from the environment is used, except for loopback addresses.
///
/// Its own thread enforces the limits, so that the futures work under every executor. Dropping it never
/// blocks: the thread is joined elsewhere.
///
/// A transfer that was given up keeps its connection while the server says nothing. When such transfers hold
/// all spare connections, the client is replaced: new requests have a new one, and the old one closes all
/// that it has left as soon as its last awaited response is there. So transfers that were given up never
/// take a connection from a worker.
pub struct IsahcTransport {
    shared: Arc<Shared>,
}

impl IsahcTransport {
    /// A transport that has opened nothing yet.
    pub fn new(options: ClientOptions) -> Self {
        let shared = Shared {
            options,
            clock: Clock::monotonic(),
            client: Mutex::new(None),
            zombies: Arc::new(Zombies::default()),
            built: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }
}

impl Transport for IsahcTransport {
    fn send(&self, request: PreparedRequest, limits: TransportLimits) -> SendFuture {
        let shared = Arc::clone(&self.shared);
        let end = shared.clock.now() + limits.total.min(MAX_TIMEOUT);
        Box::pin(async move { shared.exchange(request, limits, end).await })
    }

    fn zombie_transfers(&self) -> usize {
        self.shared.zombies.count(self.shared.clock.now())
    }
}

impl fmt::Debug for IsahcTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IsahcTransport").field("options", &self.shared.options).finish()
    }
}

struct Shared {
    options: ClientOptions,
    /// The real one always: libcurl's limits run in real time.
    clock: Clock,
    /// Held for the clone of an `Arc`, and while a client is built. isahc itself takes locks for every
    /// request, so that a lock-free slot here would gain nothing.
    client: Mutex<Option<Arc<Client>>>,
    zombies: Arc<Zombies>,
    built: AtomicU64,
}

impl Shared {
    async fn exchange(
        &self,
        request: PreparedRequest,
        limits: TransportLimits,
        end: Instant,
    ) -> Result<HttpResponse, HttpError> {
        let timed_out = HttpError::TransportTimeout { limit: limits.total };
        let left = end.saturating_duration_since(self.clock.now());
        if left.is_zero() {
            return Err(timed_out);
        }
        // libcurl counts whole milliseconds, and 0 means no limit at all.
        let total = Duration::from_millis(left.as_micros().div_ceil(1000) as u64);
        let connect = limits.connect.clamp(Duration::from_millis(1), MAX_TIMEOUT);
        let (transfer, response) =
            self.submit(&request, total, connect).await.map_err(|error| match error {
                SendError::Ours(error) => error,
                SendError::Isahc(error) => {
                    let in_time = self.clock.now() + Duration::from_millis(2) < end;
                    if error.is_timeout() && connect < left && in_time {
                        HttpError::ConnectTimeout { limit: limits.connect }
                    } else {
                        translate(&error, limits.total)
                    }
                }
            })?;
        let (parts, body) = response.into_parts();
        let may_have_body = request.method != Method::HEAD
            && ![StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&parts.status);
        let body = if may_have_body {
            let declared = body.len();
            let body = read_body(body, limits.max_response_body, limits.total).await;
            if !matches!(body, Err(HttpError::BodyTooLarge { .. })) {
                transfer.ended();
            }
            let body = body?;
            if is_cut_off(&parts, declared, body.len()) {
                return Err(HttpError::CutOff { status: parts.status.as_u16() });
            }
            body
        } else {
            transfer.ended();
            Vec::new()
        };
        let headers = copy_headers(&parts.headers, may_have_body);
        Ok(HttpResponse::new(parts.status.as_u16(), headers, body))
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
    ) -> Result<(Transfer<'_>, Response<AsyncBody>), SendError> {
        for _ in 0..2 {
            let transfer = Transfer {
                shared: self,
                client: self.client()?,
                end: self.clock.now() + total,
                running: true,
            };
            let built = build(request, total, connect)?;
            let Some(http) = &transfer.client.http else { break };
            let sent = AssertUnwindSafe(http.send_async(built)).catch_unwind().await;
            match sent {
                Ok(Ok(response)) => return Ok((transfer, response)),
                Ok(Err(error)) => {
                    transfer.ended();
                    return Err(SendError::Isahc(error));
                }
                Err(panic) => {
                    self.retire(&transfer.client);
                    transfer.ended();
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
        // ORDERING: Relaxed, only distinct numbers matter.
        let id = self.built.fetch_add(1, Ordering::Relaxed);
        let client = Arc::new(Client::build(id, &self.options, Arc::clone(&self.zombies))?);
        *slot = Some(Arc::clone(&client));
        Ok(client)
    }

    /// Lets new requests have a new client; the old one ends with its last user.
    fn retire(&self, client: &Arc<Client>) {
        let mut slot = self.client.lock();
        let retired = if slot.as_ref().is_some_and(|current| Arc::ptr_eq(current, client)) {
            slot.take()
        } else {
            None
        };
        drop(slot);
        drop(retired);
    }
}

/// A running transfer and its hold on the client; dropped before [`Transfer::ended`], it is a zombie.
///
/// It has to be dropped after whatever isahc returned for it, because that holds the client too, and the
/// last hold has to be one whose drop does not block.
struct Transfer<'a> {
    shared: &'a Shared,
    client: Arc<Client>,
    end: Instant,
    running: bool,
}

impl Transfer<'_> {
    /// The client has let go of the transfer.
    fn ended(mut self) {
        self.running = false;
    }
}

impl Drop for Transfer<'_> {
    fn drop(&mut self) {
        if self.running {
            let now = self.shared.clock.now();
            let zombies = self.shared.zombies.add(self.client.id, now, self.end);
            if zombies >= self.shared.options.spare {
                self.shared.retire(&self.client);
            }
        }
    }
}

/// An isahc client whose drop neither blocks nor panics.
struct Client {
    id: u64,
    http: Option<HttpClient>,
    zombies: Arc<Zombies>,
}

impl Client {
    fn build(id: u64, options: &ClientOptions, zombies: Arc<Zombies>) -> Result<Self, HttpError> {
        HttpClient::builder()
            .max_connections_per_host(options.max_connections())
            .connection_cache_size(options.max_connections())
            .tcp_nodelay()
            .expect_continue(false)
            .redirect_policy(RedirectPolicy::None)
            .build()
            .map(|http| Self { id, http: Some(http), zombies })
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
        self.zombies.forget(self.id);
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
fn copy_headers(from: &HeaderMap, has_body: bool) -> Headers {
    let decompressed = has_body && from.contains_key(CONTENT_ENCODING);
    let mut headers = Headers::new();
    for (name, value) in from {
        if !(decompressed && (name == CONTENT_ENCODING || name == CONTENT_LENGTH)) {
            headers.push(name.as_str(), value.as_bytes());
        }
    }
    headers
}

/// Whether the response may have broken off in its headers.
///
/// To libcurl a connection that closes between two headers is a complete response without a body. So an
/// empty success of HTTP/1 is believed only when the server says that it is empty. An error's status is
/// believed as it stands.
fn is_cut_off(parts: &Parts, declared: Option<u64>, received: usize) -> bool {
    let short = declared.is_some_and(|declared| declared != received as u64);
    let says_empty = declared == Some(0) || parts.version > Version::HTTP_11;
    short || (parts.status.is_success() && received == 0 && !says_empty)
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

#[cfg(test)]
mod tests {
    use super::{
        AssertUnwindSafe, AsyncBody, AsyncRead, ClientOptions, Duration, HttpClient,
        IsahcTransport, Request, Shared, Transport, TransportLimits, catch_unwind, thread,
    };
    use crate::http::{HttpRequest, PreparedRequest};
    use futures_lite::future::block_on;
    use std::future::Future;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    const LIMITS: TransportLimits = TransportLimits {
        total: Duration::from_secs(30),
        connect: Duration::from_secs(30),
        max_response_body: 10,
    };

    struct PanickingBody;

    impl AsyncRead for PanickingBody {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut [u8],
        ) -> Poll<std::io::Result<usize>> {
            panic!("the agent's thread ends here, as this test wants it to")
        }
    }

    /// Ends the agent thread of a client and waits until it is gone.
    fn kill(http: &HttpClient, url: &str) {
        let request = Request::post(url).body(AsyncBody::from_reader(PanickingBody)).unwrap();
        assert!(block_on(http.send_async(request)).is_err());
        // The thread's requests fail a little before its channel closes. What is sent in between is never
        // answered; from then on a sender panics.
        let mut context = Context::from_waker(Waker::noop());
        let mut send = || Pin::new(&mut http.get_async(url)).poll(&mut context).is_pending();
        while catch_unwind(AssertUnwindSafe(&mut send)).is_ok() {
            thread::yield_now();
        }
    }

    /// A server whose every connection gets one answer; gives its URL.
    fn server() -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        thread::spawn("server", move || {
            for stream in listener.incoming().flatten() {
                let (mut stream, mut head) = (stream, [0; 4096]);
                if stream.read(&mut head).is_ok_and(|bytes| bytes > 0) {
                    let answer =
                        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
                    stream.write_all(answer).unwrap();
                }
            }
        })
        .unwrap();
        url
    }

    fn current(shared: &Shared) -> HttpClient {
        shared.client().unwrap().http.clone().unwrap()
    }

    #[test]
    fn a_client_whose_thread_is_gone_is_rebuilt_and_the_request_sent() {
        let url = server();
        let transport = IsahcTransport::new(ClientOptions::for_workers(1));
        let shared = &transport.shared;
        let request = || {
            let request = HttpRequest::post(url.as_str()).body("again");
            PreparedRequest::new(request, url.parse().unwrap(), 10).unwrap()
        };
        for built in 1..3 {
            let response = block_on(transport.send(request(), LIMITS)).unwrap();
            assert_eq!(response.text(), Ok("ok"));
            assert_eq!(shared.client().unwrap().id + 1, built);
            kill(&current(shared), &url);
        }
        assert_eq!(transport.zombie_transfers(), 0);
    }
}

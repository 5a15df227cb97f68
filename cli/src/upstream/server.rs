//! The server of a provider.

use bifrost::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use futures_lite::future;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Response, StatusCode};
use smol::net::{TcpListener, TcpStream};
use smol::{LocalExecutor, channel};
use smol_hyper::rt::FuturesIo;

use super::behaviour::random;
use super::{Behaviour, Fault, Request, Seen, answer};

/// The largest request body that is read.
const MAX_BODY: usize = 64 << 20;

/// A provider on loopback. Dropping it closes its connections.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Never sent to: the server ends when it is dropped.
    _alive: channel::Sender<Infallible>,
}

#[derive(Debug)]
struct Shared {
    seed: u64,
    state: Mutex<State>,
    /// Told of each request that arrives.
    arrived: Condvar,
}

#[derive(Debug)]
struct State {
    behaviour: Behaviour,
    seen: Seen,
    /// The requests, when they are recorded.
    record: Option<Vec<Request>>,
}

/// The connection is to be closed without an answer.
#[derive(Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed on purpose")
    }
}

impl std::error::Error for Closed {}

type Answer = Result<Response<Full<Bytes>>, Closed>;

impl Upstream {
    /// Starts a provider on a free port of the loopback interface, with a thread of its own.
    ///
    /// # Errors
    /// The system has no port or thread to give.
    pub fn start(seed: u64, behaviour: Behaviour) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let listener = TcpListener::try_from(listener)?;
        let state = State { behaviour, seen: Seen::default(), record: None };
        let shared = Arc::new(Shared { seed, state: Mutex::new(state), arrived: Condvar::new() });
        let (alive, ended) = channel::bounded::<Infallible>(1);
        let server = Arc::clone(&shared);
        std::thread::Builder::new().name("upstream".to_owned()).spawn(move || {
            let executor = Rc::new(LocalExecutor::new());
            let accepting = accept(listener, Rc::clone(&executor), server);
            let ended = async {
                let _ = ended.recv().await;
            };
            future::block_on(executor.run(future::or(ended, accepting)));
        })?;
        Ok(Self { address, shared, _alive: alive })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and where it listens.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes how requests are treated that arrive from now on.
    pub fn set(&self, behaviour: Behaviour) {
        self.shared.state().behaviour = behaviour;
    }

    /// What it has seen so far.
    pub fn seen(&self) -> Seen {
        self.shared.state().seen
    }

    /// Blocks until this many requests for completions have arrived.
    pub fn wait_for_requests(&self, requests: u64) {
        let mut state = self.shared.state();
        while state.seen.requests < requests {
            state = self.shared.arrived.wait(state);
        }
    }

    /// Keeps the requests from now on, for [`Upstream::requests`].
    pub fn record(&self) {
        self.shared.state().record = Some(Vec::new());
    }

    /// The recorded requests for completions.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().record.clone().unwrap_or_default()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

async fn accept(listener: TcpListener, executor: Rc<LocalExecutor<'static>>, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                executor.spawn(serve(stream, shared)).detach();
            }
            // No descriptor is free: one will be when a connection ends.
            Err(_) => drop(smol::Timer::after(Duration::from_millis(10)).await),
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(|request| answer_one(request, Arc::clone(&shared)));
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(FuturesIo::new(stream), service);
    // A connection that a client or a fault cuts off is what this server is for.
    let _ = connection.await;
}

async fn answer_one(request: hyper::Request<Incoming>, shared: Arc<Shared>) -> Answer {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/v1/models") => {
            shared.state().seen.models += 1;
            reply(200, answer::models())
        }
        (&Method::POST, "/v1/chat/completions") => complete(request, &shared).await,
        _ => reply(404, answer::error(404, "there is no such path")),
    }
}

async fn complete(request: hyper::Request<Incoming>, shared: &Shared) -> Answer {
    let (number, behaviour, _in_flight) = InFlight::begin(shared);
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return reply(413, answer::error(413, "the body is too large or broke off")),
    };
    if let Some(record) = &mut shared.state().record {
        let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        record.push(Request {
            method: head.method.to_string(),
            path: head.uri.to_string(),
            authorization: authorization.map(str::to_owned),
            body: body.to_vec(),
        });
    }
    let (time, fault) = behaviour.draw(random(shared.seed, number));
    if fault == Some(Fault::Hang) {
        shared.state().seen.faults += 1;
        return future::pending().await;
    }
    smol::Timer::after(time).await;
    if let Some(fault) = fault {
        shared.state().seen.faults += 1;
        return broken(fault);
    }
    match answer::chat(&body, number) {
        Ok(answer) => {
            shared.state().seen.answered += 1;
            reply(200, answer)
        }
        Err(problem) => {
            shared.state().seen.refused += 1;
            reply(400, answer::error(400, &problem))
        }
    }
}

fn broken(fault: Fault) -> Answer {
    match fault {
        Fault::Status(status) => reply(status, answer::error(status, "the provider is broken")),
        Fault::Hang | Fault::Reset => Err(Closed),
        Fault::NotUtf8 => reply(200, b"{\"text\": \"\xff\xfe\"}".to_vec()),
        Fault::Flood(bytes) => reply(200, vec![b'x'; bytes]),
    }
}

fn reply(status: u16, body: Vec<u8>) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

/// Counts a request as being worked on until it is dropped, also when its client leaves.
struct InFlight<'a>(&'a Shared);

impl<'a> InFlight<'a> {
    /// The request's number from 0, and how it is to be treated.
    fn begin(shared: &'a Shared) -> (u64, Behaviour, Self) {
        let mut state = shared.state();
        let seen = &mut state.seen;
        let number = seen.requests;
        seen.requests += 1;
        seen.in_flight += 1;
        seen.most_in_flight = seen.most_in_flight.max(seen.in_flight);
        shared.arrived.notify_all();
        (number, state.behaviour, Self(shared))
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.state().seen.in_flight -= 1;
    }
}

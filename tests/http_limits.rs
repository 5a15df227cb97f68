//! The limits of the HTTP transport: time, connections, and requests that were given up.
#![cfg(feature = "http")]

mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bifrost::code::Code;
use bifrost::http::{Exchange, HttpError, HttpRequest};
use futures_lite::future::block_on;
use support::http::{LONG, MAX_BODY, Stopwatch, config, get, raw_server, service, service_of};
use support::{Connection, Server};

fn code_of(result: &Result<Exchange, HttpError>) -> Code {
    match result {
        Ok(exchange) => panic!("expected an error, got {:?}", exchange.response),
        Err(error) => error.code(),
    }
}

#[test]
fn a_silent_server_times_out_at_the_smaller_limit() {
    let silent = raw_server(Connection::wait_closed);
    let half = raw_server(|connection| {
        connection.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
        connection.wait_closed();
    });
    let short = Duration::from_millis(80);
    for server in [&silent, &half] {
        let mut limited = config(&server.url(), &[]);
        limited.timeout = short;
        for (service, left) in [(service(&server.url()), short), (service_of(limited, 8), LONG)] {
            let start = Stopwatch::start();
            let error = block_on(service.send(HttpRequest::get("/"), left)).unwrap_err();
            assert_eq!(error, HttpError::TransportTimeout { limit: short });
            assert!(start.elapsed() >= short && start.elapsed() < LONG / 2);
            assert_eq!(service.transport().zombie_transfers(), 0);
        }
    }
}

#[test]
fn a_deadline_that_has_passed_sends_nothing() {
    let server = Server::answering(|_| (200, Vec::new()));
    let sent = block_on(service(&server.url()).send(HttpRequest::get("/"), Duration::ZERO));
    assert_eq!(sent.unwrap_err(), HttpError::TransportTimeout { limit: Duration::ZERO });
    assert_eq!(server.accepted(), 0);
}

#[test]
fn limits_beyond_all_reason_are_limits_too() {
    let server = Server::answering(|_| (200, Vec::new()));
    let mut endless = config(&server.url(), &[]);
    (endless.timeout, endless.connect_timeout) = (Duration::MAX, Duration::MAX);
    let service = service_of(endless, 8);
    assert!(block_on(service.send(HttpRequest::get("/"), Duration::MAX)).is_ok());
}

/// Polls a future once, so that its request is on the way.
fn poll_once(future: std::pin::Pin<&mut impl Future<Output = Result<Exchange, HttpError>>>) {
    let poll = future.poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(poll, Poll::Pending), "{poll:?}");
}

#[test]
fn a_dropped_request_to_a_silent_server_is_a_zombie_until_its_limit() {
    let (events, event) = mpsc::channel();
    let server = raw_server(move |connection| {
        let events = events.clone();
        events.send("asked").unwrap();
        connection.wait_closed();
        events.send("closed").unwrap();
    });
    let service = service_of(config(&server.url(), &["k"]), 8);
    let limit = Duration::from_millis(300);
    let start = Stopwatch::start();
    {
        let mut future = pin!(service.send(HttpRequest::get("/"), limit));
        poll_once(future.as_mut());
        assert_eq!(event.recv_timeout(LONG), Ok("asked"));
        assert_eq!(service.keys().in_flight(0), 1);
        assert_eq!(service.transport().zombie_transfers(), 0);
    }
    assert_eq!(service.keys().in_flight(0), 0, "the key is released at once");
    if start.elapsed() < limit {
        assert_eq!(service.transport().zombie_transfers(), 1);
    }
    assert_eq!(event.recv_timeout(LONG), Ok("closed"));
    assert!(start.elapsed() >= limit && start.elapsed() < LONG / 2);
    let later = block_on(service.send(HttpRequest::get("/"), Duration::from_millis(20)));
    assert_eq!(code_of(&later), Code::TransportTimeout);
    assert_eq!(service.transport().zombie_transfers(), 0);
}

#[test]
fn a_future_that_was_never_polled_sends_nothing() {
    let server = Server::answering(|_| (200, Vec::new()));
    let service = service(&server.url());
    drop(service.send(HttpRequest::get("/"), LONG));
    assert_eq!(service.transport().zombie_transfers(), 0);
    assert_eq!(server.accepted(), 0);
}

#[test]
fn zombies_take_no_connection_from_the_living() {
    let (events, event) = mpsc::channel();
    let server = Server::start(move |mut connection| {
        let events = events.clone();
        while let Some(request) = connection.request() {
            if request.target == "/silent" {
                events.send("asked").unwrap();
                connection.wait_closed();
                events.send("closed").unwrap();
                return;
            }
            connection.reply(200, b"ok");
        }
    });
    let service = service_of(config(&server.url(), &[]), 1);
    let start = Stopwatch::start();
    for _ in 0..12 {
        let mut zombie = pin!(service.send(HttpRequest::get("/silent"), LONG));
        poll_once(zombie.as_mut());
        while event.recv_timeout(LONG).unwrap() != "asked" {}
    }
    assert_eq!(get(&service, "/").unwrap().response.text(), Ok("ok"));
    assert!(service.transport().zombie_transfers() < 3, "replaced clients close their connections");
    assert!(start.elapsed() < LONG / 2);
}

#[test]
fn dropping_a_service_does_not_wait_for_a_silent_server() {
    let (events, event) = mpsc::channel();
    let server = raw_server(move |connection| {
        let events = events.clone();
        events.send("asked").unwrap();
        connection.wait_closed();
        events.send("closed").unwrap();
    });
    let service = service(&server.url());
    {
        let mut future = pin!(service.send(HttpRequest::get("/"), LONG));
        poll_once(future.as_mut());
        assert_eq!(event.recv_timeout(LONG), Ok("asked"));
    }
    let start = Stopwatch::start();
    drop(service);
    assert_eq!(event.recv_timeout(LONG), Ok("closed"), "the client ends with its service");
    assert!(start.elapsed() < LONG / 2);
}

#[test]
fn a_connection_that_is_not_made_in_time_is_a_connect_timeout() {
    // A server that accepts but never says a word of TLS: the handshake is part of the connection.
    if cfg!(not(feature = "tls")) {
        return;
    }
    let server = Server::start(|mut connection| connection.wait_closed());
    let mut slow = config(&format!("https://{}", server.addr()), &[]);
    slow.connect_timeout = Duration::from_millis(80);
    let error = get(&service_of(slow, 8), "/").unwrap_err();
    assert_eq!(error, HttpError::ConnectTimeout { limit: Duration::from_millis(80) });
}

#[cfg(feature = "tls")]
#[test]
fn tls_to_a_plain_port_is_a_tls_error() {
    let server = Server::start(|mut connection| {
        connection.peek();
        connection.raw(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        connection.wait_closed();
    });
    let result = get(&service(&format!("https://{}", server.addr())), "/");
    assert_eq!(code_of(&result), Code::Tls, "{result:?}");
}

#[test]
fn a_hundred_requests_at_once_keep_to_the_connection_limit() {
    let server = Server::answering(|request| (200, request.target.clone().into_bytes()));
    let service = service_of(config(&server.url(), &[]), 3);
    let mut futures: Vec<_> =
        (0..100).map(|n| Box::pin(service.send(HttpRequest::get(format!("/{n}")), LONG))).collect();
    for future in &mut futures {
        let mut context = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_pending());
    }
    for (n, future) in futures.into_iter().enumerate() {
        assert_eq!(block_on(future).unwrap().response.text(), Ok(&*format!("/{n}")));
    }
    assert!((1..=5).contains(&server.peak()), "{} connections at once", server.peak());
}

#[test]
fn any_http_answer_is_connectivity() {
    let (seen, requests) = mpsc::channel();
    let server = Server::answering(move |request| {
        seen.send(request.header("authorization").len()).unwrap();
        (request.target[1..].parse().unwrap(), vec![b'x'; 2 * MAX_BODY])
    });
    let service = service_of(config(&server.url(), &["k"]), 8);
    for path in ["/200", "/401", "/503"] {
        assert_eq!(block_on(service.check(path, LONG)), Ok(()));
        assert_eq!(requests.recv(), Ok(0), "a health check shows no key");
    }
    let silent = raw_server(Connection::wait_closed);
    let limit = Duration::from_millis(50);
    let error = block_on(crate::service(&silent.url()).check("/", limit)).unwrap_err();
    assert_eq!(error, HttpError::TransportTimeout { limit });
}

#[test]
fn the_futures_work_under_every_executor() {
    let server = Server::answering(|_| (200, b"ok".to_vec()));
    let service = service(&server.url());
    let send = || service.send(HttpRequest::get("/"), LONG);
    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for exchange in [block_on(send()), smol::block_on(send()), tokio.block_on(send())] {
        assert_eq!(exchange.unwrap().response.text(), Ok("ok"));
    }
}

//! HTTP jobs of a provider against an upstream that says nothing, drips, or floods (S27).
#![cfg(feature = "http")]

mod support;

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use bifrost::config::HealthPolicy;
use bifrost::http::{ClientOptions, HttpError, HttpRequest, IsahcTransport, Transport};
use bifrost::provider::{By, Stage};
use bifrost::{Job, Outcome, Runtime};
use futures_lite::future::block_on;
use support::Server;
use support::http::{LONG, Stopwatch, config, raw_server, service};

/// A runtime whose provider `p` has one worker and one key, with its transport, and the events of its server: `asked`
/// and `closed` for each request to `/silent`, which is never answered.
fn world() -> (Runtime, Arc<IsahcTransport>, Server, mpsc::Receiver<&'static str>) {
    let (events, event) = mpsc::channel();
    let server = Server::start(move |mut connection| {
        while let Some(request) = connection.request() {
            if request.target == "/silent" {
                // Nobody may listen any more.
                let _unheard = events.send("asked");
                connection.wait_closed();
                let _unheard = events.send("closed");
                return;
            }
            connection.reply(200, b"ok");
        }
    });
    let transport = Arc::new(IsahcTransport::new(ClientOptions::for_workers(1)));
    let config = config(&server.url(), &["k"]).max_body(1 << 20).workers(1, 1);
    let runtime = Runtime::builder()
        .provider(config.health(HealthPolicy::Skip))
        .transport("p", Arc::clone(&transport) as Arc<dyn Transport>)
        .build()
        .expect("the settings are valid");
    (runtime, transport, server, event)
}

fn job(target: &str) -> Job<bifrost::http::Exchange> {
    Job::http(HttpRequest::get(target))
}

#[test]
fn a_silent_upstream_pins_no_worker_past_the_jobs_limit() {
    let (runtime, _transport, _server, event) = world();
    let provider = runtime.provider("p").expect("it was added");
    let silent = job("/silent").timeout(Duration::from_millis(100));
    let silent = provider.submit(silent).expect("there is space");
    let next = provider.submit(job("/")).expect("there is space");
    assert!(matches!(silent.wait(), Outcome::TimedOut(Stage::Execution)));
    assert!(matches!(next.wait(), Outcome::Completed(_)));
    assert_eq!(event.recv_timeout(LONG), Ok("asked"));
    assert_eq!(event.recv_timeout(LONG), Ok("closed"), "its connection is not kept");
    assert_eq!(provider.snapshot().keys[0].in_flight, 0);
}

#[test]
fn a_cancel_frees_worker_and_key_at_once_and_leaves_a_zombie_transfer() {
    let (runtime, transport, _server, event) = world();
    let provider = runtime.provider("p").expect("it was added");
    let start = Stopwatch::start();
    let silent = provider.submit(job("/silent").timeout(LONG)).expect("there is space");
    let next = provider.submit(job("/")).expect("there is space");
    assert_eq!(event.recv_timeout(LONG), Ok("asked"));
    assert_eq!((provider.snapshot().keys[0].in_flight, transport.zombie_transfers()), (1, 0));
    assert!(provider.cancel(silent.id()));
    assert!(matches!(silent.wait(), Outcome::Cancelled(By::Caller)));
    assert!(matches!(next.wait(), Outcome::Completed(_)));
    let key = provider.snapshot().keys[0].clone();
    assert_eq!((key.in_flight, key.state.as_str(), key.picks), (0, "usable", 2));
    assert_eq!(transport.zombie_transfers(), 1, "the server has not closed its connection");
    drop((runtime, provider, transport));
    assert_eq!(event.recv_timeout(LONG), Ok("closed"), "it ends with the client");
    assert!(start.elapsed() < LONG / 2);
}

#[test]
fn a_body_or_a_header_that_drips_ends_at_the_total_limit() {
    for head in ["HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", "HTTP/1.1 200 OK\r\nx-a: "] {
        let server = raw_server(move |connection| {
            connection.raw(head.as_bytes());
            connection.drip(b'x', Duration::from_millis(5));
        });
        let (limit, start) = (Duration::from_millis(150), Stopwatch::start());
        let service = service(&server.url());
        let error = block_on(service.send(HttpRequest::get("/"), limit)).expect_err("it drips");
        assert_eq!(error, HttpError::TransportTimeout { limit }, "{head}");
        assert!(start.elapsed() >= limit && start.elapsed() < LONG / 2);
        assert_eq!(service.transport().zombie_transfers(), 0);
    }
}

#[test]
fn a_gigabyte_is_refused_at_the_limit_and_hardly_read() {
    const PIECE: usize = 64 << 10;
    let (sent, pieces) = mpsc::channel();
    let server = raw_server(move |connection| {
        connection.raw(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
        let taken = (0..(1 << 30) / PIECE).take_while(|_| connection.raw(&[b'x'; PIECE])).count();
        let _unheard = sent.send(taken * PIECE);
    });
    let config = config(&server.url(), &[]).max_body(1 << 20).health(HealthPolicy::Skip);
    let runtime = Runtime::builder().provider(config).build().expect("the settings are valid");
    let provider = runtime.provider("p").expect("it was added");
    let outcome = provider.submit(job("/")).expect("there is space").wait();
    let Outcome::Failed(failure) = outcome else { panic!("{outcome}") };
    assert_eq!(failure.cause, bifrost::code::Code::BodyTooLarge);
    let taken = pieces.recv_timeout(LONG).expect("the connection is closed");
    assert!(taken < 64 << 20, "{taken} bytes were taken");
}

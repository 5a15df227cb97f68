//! API keys against an upstream that limits, refuses and fails (S28).
#![cfg(feature = "http")]

mod support;

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use bifrost::code::Code;
use bifrost::config::{HealthPolicy, KeyPolicy, ProviderConfig};
use bifrost::http::{ClientOptions, Exchange, HttpError, HttpRequest, HttpService, IsahcTransport};
use bifrost::provider::{StatusError, TransferError};
use bifrost::state::NoKeyReason;
use bifrost::stats::{Count, KeySnapshot};
use bifrost::sync::Mutex;
use bifrost::time::TestClock;
use bifrost::{Job, Outcome, Provider, Runtime};
use support::http::{config, get};
use support::{Connection, Server};

const SECOND: Duration = Duration::from_secs(1);

/// What an upstream answers to a key: a status, and headers.
type Answer = (u16, &'static str);

/// An upstream whose answers depend on the key, and which can be changed.
#[derive(Clone, Default)]
struct Upstream(Arc<Mutex<HashMap<String, Answer>>>);

impl Upstream {
    fn start() -> (Self, Server) {
        let upstream = Self::default();
        let answers = upstream.clone();
        let server = Server::start(move |mut connection| {
            while let Some(request) = connection.request() {
                let key = request.header("authorization").concat();
                let (status, headers) = answers.answer(key.trim_start_matches("Bearer secret-"));
                if !reply(&mut connection, status, headers) {
                    return;
                }
            }
        });
        (upstream, server)
    }

    fn answer(&self, key: &str) -> Answer {
        self.0.lock().get(key).copied().unwrap_or((200, ""))
    }

    /// From now on requests with `key` get this.
    fn says(&self, key: &str, status: u16, headers: &'static str) {
        self.0.lock().insert(key.to_owned(), (status, headers));
    }
}

fn reply(connection: &mut Connection, status: u16, headers: &str) -> bool {
    let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: 0\r\n\r\n");
    connection.raw(head.as_bytes())
}

fn service(config: &ProviderConfig, clock: &TestClock) -> HttpService {
    let transport = Arc::new(IsahcTransport::new(ClientOptions::for_workers(4)));
    HttpService::with_clock(config, transport, clock.clock()).expect("the settings are valid")
}

/// The status and the key of one request.
fn ask(service: &HttpService) -> (u16, String) {
    let Exchange { response, key, .. } = get(service, "/").expect("the upstream answers");
    (response.status, key.expect("there are keys").to_string())
}

fn keys_of(service: &HttpService, requests: usize) -> Vec<String> {
    (0..requests).map(|_| ask(service).1).collect()
}

/// Why there is no key, and how long that lasts.
fn no_key(service: &HttpService) -> (NoKeyReason, Option<Duration>) {
    match get(service, "/") {
        Err(HttpError::NoKey(no_key)) => (no_key.reason, no_key.retry_after),
        other => panic!("there is a key: {other:?}"),
    }
}

#[test]
fn a_429_rests_its_key_as_long_as_it_says_in_seconds_or_by_date_and_the_other_key_is_used() {
    let date = "date: Fri, 31 Dec 1999 23:59:00 GMT\r\n\
                retry-after: Fri, 31 Dec 1999 23:59:50 GMT\r\n";
    for (headers, rest) in [("retry-after: 7\r\n", 7 * SECOND), (date, 50 * SECOND)] {
        let ((upstream, server), clock) = (Upstream::start(), TestClock::new());
        let service = service(&config(&server.url(), &["a", "b"]), &clock);
        upstream.says("a", 429, headers);
        assert_eq!(ask(&service), (429, "a".to_owned()));
        upstream.says("a", 200, "");
        assert_eq!(keys_of(&service, 6), ["b"; 6]);
        clock.advance(rest - Duration::from_nanos(1));
        assert_eq!(keys_of(&service, 6), ["b"; 6], "{headers}: before its time");
        clock.advance(Duration::from_nanos(1));
        let later = keys_of(&service, 20);
        assert!(later.contains(&"a".to_owned()), "{headers}: its time has come: {later:?}");
        let recovering = later.iter().filter(|key| *key == "a").count();
        assert!(recovering < 10, "it comes back by and by: {later:?}");
    }
}

#[test]
fn a_429_without_retry_after_rests_its_key_for_the_back_off() {
    let ((upstream, server), clock) = (Upstream::start(), TestClock::new());
    let mut config = config(&server.url(), &["a"]);
    config.key_pool.backoff = 3 * SECOND;
    let service = service(&config, &clock);
    upstream.says("a", 429, "");
    let mut rests = Vec::new();
    for _ in 0..3 {
        assert_eq!(ask(&service), (429, "a".to_owned()));
        let (reason, rest) = no_key(&service);
        assert_eq!(reason, NoKeyReason::Cooling);
        rests.push(rest.expect("the end is known"));
        clock.advance(rests[rests.len() - 1]);
    }
    for (rest, least) in rests.iter().zip([3, 6, 12].map(|seconds| SECOND * seconds)) {
        assert!((least..=least * 3 / 2).contains(rest), "{rests:?}");
    }
}

#[test]
fn a_refused_key_is_disabled_and_probed_by_one_request() {
    for status in [401, 403] {
        let ((upstream, server), clock) = (Upstream::start(), TestClock::new());
        let mut config = config(&server.url(), &["a"]);
        config.key_pool.probe = 10 * SECOND;
        let service = service(&config, &clock);
        upstream.says("a", status, "");
        assert_eq!(ask(&service).0, status);
        assert_eq!(no_key(&service), (NoKeyReason::Disabled, None));
        clock.advance(10 * SECOND - Duration::from_nanos(1));
        assert_eq!(no_key(&service).0, NoKeyReason::Disabled, "{status}: before its time");
        clock.advance(5 * SECOND + Duration::from_nanos(1));
        assert_eq!(ask(&service).0, status, "the probe");
        clock.advance(20 * SECOND - Duration::from_nanos(1));
        assert_eq!(no_key(&service).0, NoKeyReason::Disabled, "{status}: twice as long");
        clock.advance(10 * SECOND + Duration::from_nanos(1));
        upstream.says("a", 200, "");
        assert_eq!(keys_of(&service, 3), ["a"; 3], "{status}: the probe opened it");
    }
}

#[test]
fn a_402_rests_its_key_for_long() {
    let ((upstream, server), clock) = (Upstream::start(), TestClock::new());
    let mut config = config(&server.url(), &["a"]);
    config.key_pool.quota_rest = 90 * SECOND;
    let service = service(&config, &clock);
    upstream.says("a", 402, "retry-after: 3\r\n");
    assert_eq!(ask(&service).0, 402);
    assert_eq!(no_key(&service), (NoKeyReason::Quota, Some(90 * SECOND)));
    clock.advance(90 * SECOND);
    assert_eq!(ask(&service).0, 402);
}

#[test]
fn what_is_not_the_keys_fault_leaves_it_alone() {
    let ((upstream, server), clock) = (Upstream::start(), TestClock::new());
    let service = service(&config(&server.url(), &["a", "b"]), &clock);
    for status in [500, 503, 529, 404, 422] {
        upstream.says("a", status, "retry-after: 60\r\n");
        assert_eq!(keys_of(&service, 4), ["a", "b", "a", "b"], "{status}");
    }
    assert_eq!((service.keys().in_flight(0), service.keys().in_flight(1)), (0, 0));
}

#[test]
fn sticky_keys_stay_with_their_tenants() {
    let (_upstream, server) = Upstream::start();
    let mut config = config(&server.url(), &["a", "b", "c", "d"]).health(HealthPolicy::Skip);
    config.key_pool.order = KeyPolicy::Sticky;
    let (_runtime, provider) = provider(config);
    let key = |tenant: &str| {
        let job = Job::http(HttpRequest::get("/")).tenant(tenant);
        let outcome = provider.submit(job).expect("there is space").wait();
        let key = outcome.completed().and_then(|exchange| exchange.key);
        key.expect("it was sent with a key")
    };
    let tenants: Vec<String> = (0..16).map(|n| format!("tenant{n}")).collect();
    let first: Vec<_> = tenants.iter().map(|tenant| key(tenant)).collect();
    let again: Vec<_> = tenants.iter().map(|tenant| key(tenant)).collect();
    assert_eq!(first, again);
    assert!(first.iter().any(|key| *key != first[0]), "tenants are spread: {first:?}");
}

fn provider(config: ProviderConfig) -> (Runtime, Provider) {
    let name = config.name.clone();
    let config = config.max_body(1 << 20);
    let runtime = Runtime::builder().provider(config).build().expect("the settings are valid");
    let provider = runtime.provider(&name).expect("it was added");
    (runtime, provider)
}

fn submit(provider: &Provider) -> Outcome<Exchange> {
    provider.submit(Job::http(HttpRequest::get("/"))).expect("there is a key in time").wait()
}

fn key(provider: &Provider, index: usize) -> KeySnapshot {
    provider.snapshot().keys[index].clone()
}

#[test]
fn a_job_learns_that_no_key_is_left_at_the_door_or_at_its_start() {
    let (upstream, server) = Upstream::start();
    let (_runtime, provider) = provider(
        config(&server.url(), &["a"]).health(HealthPolicy::Skip).queue_timeout(2 * SECOND),
    );
    upstream.says("a", 429, "retry-after: 3600\r\n");
    let Outcome::Failed(failure) = submit(&provider) else { panic!("it was limited") };
    assert_eq!(failure.cause, Code::HttpStatus);
    assert!(failure.error.source().is::<StatusError>());

    let rejected = provider.submit(Job::http(HttpRequest::get("/"))).expect_err("no key in time");
    assert_eq!((rejected.reason, rejected.limit), (Code::NoKey, "keys_back_in_ms"));
    assert!((3_500_000..=3_600_000).contains(&rejected.value), "{rejected}");
    assert_eq!(provider.snapshot().ledger.get(Count::NoKey), 1);
    let outcome = provider.submit(Job::new(|_| Ok::<_, std::io::Error>(1))).expect("no key").wait();
    assert!(matches!(outcome, Outcome::Completed(1)), "other jobs need none");

    let patient = Job::http(HttpRequest::get("/")).queue_timeout(7_200 * SECOND);
    let Outcome::Failed(failure) = provider.submit(patient).expect("it may wait").wait() else {
        panic!("there is no key")
    };
    assert_eq!(failure.cause, Code::NoKey);
    let error = failure.error.source().downcast_ref::<HttpError>();
    let Some(HttpError::NoKey(no_key)) = error else { panic!("{error:?}") };
    assert_eq!(no_key.reason, NoKeyReason::Cooling);
    assert!(no_key.retry_after > Some(3_500 * SECOND), "{no_key}");
    assert_eq!(server.accepted(), 1, "nothing was sent without a key");
}

#[test]
fn a_disabled_key_refuses_requests_at_the_door() {
    let (upstream, server) = Upstream::start();
    let (_runtime, provider) = provider(config(&server.url(), &["a"]).health(HealthPolicy::Skip));
    upstream.says("a", 401, "");
    assert!(matches!(submit(&provider), Outcome::Failed(_)));
    let rejected = provider.submit(Job::http(HttpRequest::get("/"))).expect_err("no key");
    assert_eq!((rejected.reason, rejected.limit, rejected.value), (Code::NoKey, "keys", 1));
}

#[test]
fn a_failed_transfer_names_its_key_and_leaves_it_usable() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
    let url = format!("http://{}", listener.local_addr().expect("the socket is bound"));
    drop(listener);
    let (_runtime, provider) = provider(config(&url, &["a"]).health(HealthPolicy::Skip));
    for picks in 1..=3 {
        let Outcome::Failed(failure) = submit(&provider) else { panic!("nobody listens") };
        assert_eq!(failure.cause, Code::Connect);
        let error = failure.error.source().downcast_ref::<TransferError>().expect("it was sent");
        assert_eq!(error.key.as_deref(), Some("a"));
        assert!(error.to_string().ends_with("(key a)"), "{error}");
        let key = key(&provider, 0);
        assert_eq!((key.state.as_str(), key.picks, key.in_flight), ("usable", picks, 0));
    }
}

#[test]
fn the_snapshot_shows_every_key_and_no_secret() {
    let (upstream, server) = Upstream::start();
    let (_runtime, provider) =
        provider(config(&server.url(), &["a", "b", "c"]).health(HealthPolicy::Skip));
    upstream.says("a", 429, "retry-after: 60\r\n");
    upstream.says("b", 402, "");
    for _ in 0..3 {
        let _ended = submit(&provider);
    }
    let states: Vec<_> = provider.snapshot().keys.into_iter().map(|key| key.state).collect();
    assert_eq!(states, ["cooling", "quota", "usable"]);
    let cooling = key(&provider, 0);
    assert_eq!((cooling.share_percent, cooling.rate_limited, cooling.picks), (0, 1, 1));
    assert!((50.0..=60.0).contains(&cooling.retry_after_seconds), "{cooling:?}");
    let json = provider.snapshot().to_json();
    let told: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(
        (&told["keys"][0]["name"], &told["keys"][1]["state"]),
        (&"a".into(), &"quota".into())
    );
    assert_eq!(told["keys"][2]["share_percent"], 100);
    assert!(!json.contains("secret"), "{json}");
}

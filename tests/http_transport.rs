//! The HTTP transport against servers that behave, misbehave and say nothing.
#![cfg(feature = "http")]

mod support;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc;

use bifrost::code::Code;
use bifrost::config::{KeyConfig, Secret};
use bifrost::http::{
    ClientOptions, Exchange, HttpError, HttpRequest, HttpService, InvalidRequest, IsahcTransport,
};
use futures_lite::future::block_on;
use support::Server;
use support::http::{LONG, MAX_BODY, config, get, raw_server, service, service_of};

/// What a `GET` to a server that answers with these bytes and closes ends with.
fn outcome_of(bytes: &'static [u8]) -> Result<Exchange, HttpError> {
    let server = raw_server(move |connection| connection.send(bytes));
    get(&service(&server.url()), "/")
}

fn code_of(result: &Result<Exchange, HttpError>) -> Code {
    match result {
        Ok(exchange) => panic!("expected an error, got {:?}", exchange.response),
        Err(error) => error.code(),
    }
}

#[test]
fn a_post_arrives_as_it_was_given_and_its_answer_comes_back() {
    let (seen, requests) = mpsc::channel();
    let server = Server::start(move |mut connection| {
        while let Some(request) = connection.request() {
            let body = request.body.clone();
            seen.send(request).unwrap();
            connection.raw(b"HTTP/1.1 201 Created\r\nX-Twice: a\r\nX-Twice: b\r\n");
            connection.raw(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
            connection.raw(&body);
        }
    });
    let service = service_of(config(&format!("{}/v1", server.url()), &["k"]), 8);
    let json = r#"{"model":"small","n":1}"#;
    let request = HttpRequest::post("/chat?x=1%20y").header("X-Trace", "7").body(json);
    let exchange = block_on(service.send(request, LONG)).unwrap();
    assert_eq!((exchange.response.status, exchange.response.text()), (201, Ok(json)));
    assert_eq!(exchange.response.header("x-TWICE"), Some("a"));
    assert_eq!(exchange.key.as_deref(), Some("k"));

    let request = requests.recv().unwrap();
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/v1/chat?x=1%20y"));
    assert_eq!(request.body, json.as_bytes());
    assert_eq!(request.header("authorization"), ["Bearer secret-k"]);
    assert_eq!(request.header("x-trace"), ["7"]);
    assert_eq!(request.header("content-type"), ["application/json"]);
    assert_eq!(request.header("host"), [server.addr().to_string()]);
    assert_eq!(request.header("content-length"), [json.len().to_string()]);
    assert!(request.header("user-agent")[0].starts_with("libbifrost/"), "{request:?}");
    assert!(request.header("expect").is_empty());
}

#[test]
fn methods_and_empty_bodies_are_sent_as_such() {
    let server = Server::answering(|request| {
        let length = request.header("content-length").join(",");
        (200, format!("{} {length}", request.method).into_bytes())
    });
    let service = service(&server.url());
    for (method, body, answer) in [
        ("GET", "", "GET "),
        ("POST", "", "POST 0"),
        ("POST", "abc", "POST 3"),
        ("PUT", "abc", "PUT 3"),
        ("PATCH", "abc", "PATCH 3"),
        ("DELETE", "", "DELETE "),
        ("DELETE", "abc", "DELETE 3"),
        ("GET", "abc", "GET 3"),
        ("OPTIONS", "", "OPTIONS "),
    ] {
        let request = HttpRequest::new(method, "/").body(body);
        let exchange = block_on(service.send(request, LONG)).unwrap();
        assert_eq!(exchange.response.text(), Ok(answer));
    }
    assert_eq!(server.accepted(), 1, "the connection is used again");
}

#[test]
fn an_empty_header_is_sent_empty() {
    let server = Server::answering(|request| (200, format!("{:?}", request.header("x-e")).into()));
    let request = HttpRequest::get("/").header("x-e", "").header("x-e", "a\tb");
    let exchange = block_on(service(&server.url()).send(request, LONG)).unwrap();
    assert_eq!(exchange.response.text(), Ok(r#"["", "a\tb"]"#));
}

#[test]
fn an_error_status_is_a_response_and_its_connection_is_used_again() {
    let server = Server::answering(|_| (500, vec![b'e'; MAX_BODY]));
    let service = service(&server.url());
    for _ in 0..3 {
        let response = get(&service, "/").unwrap().response;
        assert_eq!((response.status, response.body.len()), (500, MAX_BODY));
        assert_eq!(response.code(), Code::HttpStatus);
    }
    assert_eq!(server.accepted(), 1);
}

#[test]
fn a_redirect_is_not_followed() {
    let other = Server::answering(|_| (200, Vec::new()));
    let location =
        format!("HTTP/1.1 302 X\r\nlocation: {}/\r\ncontent-length: 0\r\n\r\n", other.url());
    let server = raw_server(move |connection| connection.send(location.as_bytes()));
    let service = service_of(config(&server.url(), &["k"]), 8);
    assert_eq!(get(&service, "/").unwrap().response.status, 302);
    assert_eq!(other.accepted(), 0);
}

#[test]
fn keys_are_used_in_turn_with_exact_shares() {
    let server = Server::answering(|request| (200, request.header("authorization")[0].into()));
    let service = service_of(config(&server.url(), &["a", "b", "c"]), 8);
    for turn in 0..9 {
        let name = ["a", "b", "c"][turn % 3];
        let exchange = get(&service, "/").unwrap();
        assert_eq!(exchange.key.as_deref(), Some(name));
        assert_eq!(exchange.response.text(), Ok(&*format!("Bearer secret-{name}")));
    }
    assert!((0..3).all(|index| service.keys().in_flight(index) == 0));
}

#[test]
fn a_refused_request_spends_no_turn() {
    let server = Server::answering(|_| (200, Vec::new()));
    let service = service_of(config(&server.url(), &["a", "b"]), 8);
    assert_eq!(get(&service, "/").unwrap().key.as_deref(), Some("a"));
    assert_eq!(code_of(&get(&service, "/\r\n")), Code::Invalid);
    assert_eq!(get(&service, "/").unwrap().key.as_deref(), Some("b"));
}

#[test]
fn a_key_is_never_sent_to_another_host() {
    let foreign = Server::answering(|_| (200, Vec::new()));
    let own = Server::answering(|_| (200, b"own".to_vec()));
    let keyed = service_of(config(&own.url(), &["k"]), 8);
    let target = format!("{}/x", foreign.url());
    let refused = get(&keyed, &target).unwrap_err();
    assert_eq!(refused, HttpError::Invalid(InvalidRequest::ForeignHost));
    let checked = block_on(keyed.check(&target, LONG)).unwrap_err();
    assert_eq!(checked, HttpError::Invalid(InvalidRequest::ForeignHost));
    assert_eq!(foreign.accepted(), 0);

    let absolute = get(&keyed, &format!("{}/x", own.url())).unwrap();
    assert_eq!((absolute.response.text(), absolute.key.as_deref()), (Ok("own"), Some("k")));
    assert_eq!(get(&service(&own.url()), &target).unwrap().response.status, 200);
}

#[test]
fn a_header_of_the_keys_own_name_is_refused() {
    let server = Server::answering(|_| (200, Vec::new()));
    let request = || HttpRequest::get("/").header("Authorization", "mine");
    let keyed = service_of(config(&server.url(), &["k"]), 8);
    let error = block_on(keyed.send(request(), LONG)).unwrap_err();
    let name = "authorization".into();
    assert_eq!(error, HttpError::Invalid(InvalidRequest::HeaderReserved { name }));
    assert!(block_on(service(&server.url()).send(request(), LONG)).is_ok());
}

#[test]
fn header_injection_is_refused_before_anything_is_sent() {
    let server = Server::answering(|_| (200, Vec::new()));
    let service = service(&server.url());
    for request in [
        HttpRequest::get("/").header("x", "a\r\nevil: 1"),
        HttpRequest::get("/").header("x\r\nevil", "1"),
        HttpRequest::get("/ HTTP/1.1\r\nevil: 1\r\n"),
        HttpRequest::new("GET / HTTP/1.1\r\nevil: 1\r\n\r\nGET", "/"),
        HttpRequest::get("/").header("x", "käse"),
        HttpRequest::get("/").header("content-length", "5"),
    ] {
        let result = block_on(service.send(request, LONG));
        assert_eq!(code_of(&result), Code::Invalid);
    }
    let mut bad_key = config(&server.url(), &[]);
    bad_key.keys.push(KeyConfig::new("k", Secret::new("a\r\nevil: 1".to_owned())));
    let transport = Arc::new(IsahcTransport::new(ClientOptions::for_workers(1)));
    let error = HttpService::new(&bad_key, transport).unwrap_err();
    assert_eq!(error.to_string(), "the secret of key k is empty or cannot stand in a header");
    assert_eq!(server.accepted(), 0);
}

#[test]
fn no_debug_output_shows_a_secret() {
    let service = service_of(config("http://127.0.0.1:1", &["k"]), 8);
    let (prepared, lease) = service.prepare(HttpRequest::get("/").body("secret-body")).unwrap();
    let text = format!("{service:?} {prepared:?} {lease:?} {:?}", config("http://h", &["k"]));
    assert!(!text.contains("secret-"), "{text}");
}

#[test]
fn a_refused_connection_is_a_connect_error() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(code_of(&get(&service(&url), "/")), Code::Connect);
    assert_eq!(block_on(service(&url).check("/", LONG)).unwrap_err().code(), Code::Connect);
}

#[test]
fn an_unknown_host_is_a_connect_error() {
    assert_eq!(code_of(&get(&service("http://nothing.invalid"), "/")), Code::Connect);
}

#[test]
fn a_connection_that_breaks_off_is_a_transport_error() {
    for bytes in [
        &b""[..],
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: x\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n",
        b"HTTP/1.1 500 X\r\ncontent-length: 10\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhalf",
    ] {
        let result = outcome_of(bytes);
        assert_eq!(code_of(&result), Code::Transport, "{:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_reset_in_the_body_is_a_transport_error() {
    let server = Server::start(|mut connection| {
        if connection.peek() {
            connection.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
        }
    });
    assert_eq!(code_of(&get(&service(&server.url()), "/")), Code::Transport);
}

#[test]
fn what_is_not_http_is_a_transport_error() {
    for bytes in [
        &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
        b"\0\x01\x02\x03\xff\xfe\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 9999999 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nabc",
    ] {
        let result = outcome_of(bytes);
        assert_eq!(code_of(&result), Code::Transport, "{:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn endless_headers_are_cut_off() {
    for line in [format!("x-a: {}\r\n", "v".repeat(1000)), "a: \r\n".to_owned()] {
        let server = raw_server(move |connection| {
            connection.raw(b"HTTP/1.1 200 OK\r\n");
            while connection.raw(line.as_bytes()) {}
        });
        assert_eq!(code_of(&get(&service(&server.url()), "/")), Code::Transport);
    }
    let server = raw_server(|connection| {
        connection.raw(b"HTTP/1.1 200 OK\r\nx-a: ");
        while connection.raw(&[b'v'; 1000]) {}
    });
    assert_eq!(code_of(&get(&service(&server.url()), "/")), Code::Transport);
}

#[test]
fn a_body_up_to_the_limit_is_whole_and_one_beyond_is_refused() {
    let server = Server::start(|mut connection| {
        while let Some(request) = connection.request() {
            let size: usize = request.target[3..].parse().unwrap();
            let body = vec![b'x'; size];
            match request.target.as_bytes()[1] {
                b'l' => drop(connection.reply(200, &body)),
                b'c' => {
                    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                    connection.raw(head);
                    for chunk in body.chunks(100) {
                        connection.raw(format!("{:x}\r\n", chunk.len()).as_bytes());
                        connection.raw(chunk);
                        connection.raw(b"\r\n");
                    }
                    connection.raw(b"0\r\n\r\n");
                }
                _ => {
                    connection.raw(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
                    connection.raw(&body);
                    return;
                }
            }
        }
    });
    let service = service(&server.url());
    for framing in ["l", "c", "e"] {
        for size in [1, 2, MAX_BODY] {
            let response = get(&service, &format!("/{framing}/{size}")).unwrap().response;
            assert_eq!(response.body.len(), size, "{framing}");
        }
        for size in [MAX_BODY + 1, 50 * MAX_BODY] {
            let error = get(&service, &format!("/{framing}/{size}")).unwrap_err();
            assert_eq!(error, HttpError::BodyTooLarge { limit: MAX_BODY }, "{framing} {size}");
        }
    }
}

#[test]
fn an_endless_body_is_refused_at_the_limit() {
    let (ended, end) = mpsc::channel();
    let server = raw_server(move |connection| {
        connection.raw(b"HTTP/1.1 200 OK\r\n\r\n");
        while connection.raw(&[b'x'; 4096]) {}
        ended.send(()).unwrap();
    });
    let service = service(&server.url());
    let error = get(&service, "/").unwrap_err();
    assert_eq!(error, HttpError::BodyTooLarge { limit: MAX_BODY });
    end.recv_timeout(LONG).expect("the client closes the connection");
}

#[test]
fn a_huge_declared_length_is_refused_without_reading() {
    for length in ["1001", "9223372036854775807"] {
        let server = raw_server(move |connection| {
            connection
                .raw(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").as_bytes());
            connection.raw(b"x");
            connection.wait_closed();
        });
        let error = get(&service(&server.url()), "/").unwrap_err();
        assert_eq!(error, HttpError::BodyTooLarge { limit: MAX_BODY });
    }
}

#[test]
fn a_compressed_body_is_limited_by_its_real_size() {
    const FITTING: &[u8] =
        b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xab\xa8\x18\x05\x23\x0d\0\0\x51\xce\xb2\x0a\
        \xf4\x01\0\0";
    const BOMB: &[u8] =
        b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xed\xc1\x01\x0d\0\0\0\xc2\xa0\xda\x8f\x6f\x0f\x07\
        \x14\0\0\0\xf0\x6e\xc1\x77\x10\x3e\0\x10\0\0";
    let server = Server::start(|mut connection| {
        while let Some(request) = connection.request() {
            let body = if request.target == "/500" { FITTING } else { BOMB };
            connection.raw(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n");
            connection.raw(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
            connection.raw(body);
        }
    });
    let service = service(&server.url());
    let response = get(&service, "/500").unwrap().response;
    assert_eq!(response.body, [b'x'; 500]);
    assert_eq!(response.header("content-length"), None, "it would be the compressed length");
    assert_eq!(response.header("content-encoding"), None);
    let error = get(&service, "/4096").unwrap_err();
    assert_eq!(error, HttpError::BodyTooLarge { limit: MAX_BODY });
}

#[test]
fn a_body_in_an_unknown_encoding_is_invalid() {
    let result = outcome_of(
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 8\r\n\r\nnot gzip",
    );
    assert_eq!(code_of(&result), Code::BodyInvalid, "{result:?}");
}

#[test]
fn responses_without_a_body_end_at_their_headers() {
    let server = Server::start(|mut connection| {
        while let Some(request) = connection.request() {
            match request.target.as_str() {
                "/204" => connection.raw(b"HTTP/1.1 204 X\r\n\r\n"),
                "/304" => connection.raw(b"HTTP/1.1 304 X\r\ncontent-length: 5000\r\n\r\n"),
                _ => connection.raw(b"HTTP/1.1 200 X\r\ncontent-length: 5000\r\n\r\n"),
            };
        }
    });
    let service = service(&server.url());
    for (method, target, status) in [("GET", "/204", 204), ("GET", "/304", 304), ("HEAD", "/", 200)]
    {
        let request = HttpRequest::new(method, target);
        let response = block_on(service.send(request, LONG)).unwrap().response;
        assert_eq!((response.status, response.body.len()), (status, 0), "{method} {target}");
    }
    assert_eq!(server.accepted(), 1);
}

//! The loopback provider, asked over plain sockets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bifrost_cli::upstream::{Behaviour, Fault, Upstream};

const FAST: Behaviour = Behaviour::healthy(Duration::ZERO);
const CHAT: &str = r#"{"model": "small", "messages": [{"role": "user", "content": "hi"}]}"#;

/// Sends one request and reads until the server closes; the status line's number and the body.
fn ask(upstream: &Upstream, method: &str, path: &str, body: &str) -> Option<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(upstream.address()).expect("it listens");
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer k\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .expect("it reads");
    let mut answer = Vec::new();
    // A reset is an error here or there, and no answer in both cases.
    let _ = stream.read_to_end(&mut answer);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let status = std::str::from_utf8(&answer[9..12]).expect("a status").parse().expect("a number");
    Some((status, answer[end + 4..].to_vec()))
}

fn chat(upstream: &Upstream, body: &str) -> Option<(u16, Vec<u8>)> {
    ask(upstream, "POST", "/v1/chat/completions", body)
}

#[test]
fn it_speaks_the_shape_that_clients_know() {
    let upstream = Upstream::start(1, FAST).expect("a port is free");
    let (status, body) = chat(&upstream, CHAT).expect("an answer");
    let answer: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(status, 200);
    assert_eq!(answer["model"], "small");
    assert_eq!(answer["choices"][0]["message"]["role"], "assistant");
    let usage = &answer["usage"];
    let [prompt, completion, total] = ["prompt_tokens", "completion_tokens", "total_tokens"]
        .map(|name| usage[name].as_u64().expect("a count"));
    assert!(prompt > 0 && completion > 0 && prompt + completion == total);

    let (status, body) = ask(&upstream, "GET", "/v1/models", "").expect("an answer");
    let models: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((status, &models["data"][0]["id"]), (200, &"small".into()));
    assert_eq!(ask(&upstream, "GET", "/elsewhere", "").expect("an answer").0, 404);
    assert_eq!(chat(&upstream, "{\"model\": 1}").expect("an answer").0, 400);

    let seen = upstream.seen();
    assert_eq!((seen.requests, seen.answered, seen.refused, seen.models), (2, 1, 1, 1));
}

#[test]
fn each_fault_does_what_it_says_and_can_be_switched_on_and_off() {
    let upstream = Upstream::start(1, FAST).expect("a port is free");
    upstream.record();
    upstream.set(FAST.fault(Fault::Status(503), 1000));
    assert_eq!(chat(&upstream, CHAT).expect("an answer").0, 503);
    upstream.set(FAST.fault(Fault::Reset, 1000));
    assert_eq!(chat(&upstream, CHAT), None);
    upstream.set(FAST.fault(Fault::NotUtf8, 1000));
    assert!(String::from_utf8(chat(&upstream, CHAT).expect("an answer").1).is_err());
    upstream.set(FAST.fault(Fault::Flood(100_000), 1000));
    assert_eq!(chat(&upstream, CHAT).expect("an answer").1.len(), 100_000);
    upstream.set(FAST);
    assert_eq!(chat(&upstream, CHAT).expect("an answer").0, 200);

    let seen = upstream.seen();
    assert_eq!((seen.requests, seen.answered, seen.faults), (5, 1, 4));
    let requests = upstream.requests();
    assert_eq!(requests.len(), 5);
    assert!(requests.iter().all(|r| r.authorization.as_deref() == Some("Bearer k")));
    assert!(requests.iter().all(|r| r.body == CHAT.as_bytes()));
}

#[test]
fn a_hanging_request_ends_with_the_provider() {
    let upstream = Upstream::start(1, FAST.fault(Fault::Hang, 1000)).expect("a port is free");
    let mut stream = TcpStream::connect(upstream.address()).expect("it listens");
    let length = CHAT.len();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{CHAT}"
    )
    .expect("it reads");
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a duration above zero");
    let mut byte = [0];
    let error = stream.read(&mut byte).expect_err("no answer comes");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    drop(upstream);
    stream.set_read_timeout(None).expect("always possible");
    assert!(matches!(stream.read(&mut byte), Ok(0) | Err(_)), "the connection is closed");
}

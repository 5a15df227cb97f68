//! `bifrost run` against providers on loopback: every line of the input gets one line, and no job runs twice.

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use bifrost::time::Clock;
use bifrost_cli::upstream::{Behaviour, Fault, Upstream};
use serde_json::{Value, json};
use support::{Directory, End, bifrost};

const FAST: Behaviour = Behaviour::healthy(Duration::ZERO);

fn upstream(behaviour: Behaviour) -> Upstream {
    let upstream = Upstream::start(1, behaviour).expect("a port is free");
    upstream.record();
    upstream
}

/// The text of a configuration: a provider for each upstream, with these options.
fn config(upstreams: &[(&str, &Upstream, &str)]) -> String {
    let mut text = String::new();
    for (name, upstream, options) in upstreams {
        let url = upstream.base_url();
        writeln!(text, "[providers.{name}]\nbase_url = \"{url}\"\nhealth = \"skip\"\n{options}")
            .expect("a string takes it");
    }
    text
}

/// Runs `jobs`, and returns the results by line.
fn run(dir: &Directory, config: &str, jobs: &str) -> (End, BTreeMap<u64, Value>) {
    let (config, jobs) = (dir.write("bifrost.toml", config), dir.write("jobs.jsonl", jobs));
    let end = bifrost(&["run", "-c", &config, &jobs, "-o", &dir.path("results.jsonl")]);
    (end, results(dir))
}

fn results(dir: &Directory) -> BTreeMap<u64, Value> {
    let mut results = BTreeMap::new();
    for line in dir.read("results.jsonl").lines() {
        let value: Value = serde_json::from_str(line).expect("each line is JSON");
        assert_eq!(value["schema"], 1);
        let number = value["line"].as_u64().expect("each result has the number of its line");
        assert_eq!(results.insert(number, value), None, "line {number} has two results");
    }
    results
}

fn chat(more: &str) -> String {
    format!("{{\"model\": \"small\", \"messages\": [{{\"role\": \"user\"}}]{more}}}\n")
}

#[test]
fn jobs_of_both_forms_get_one_line_each_with_the_answer() {
    let dir = Directory::new("forms");
    let (a, b) = (upstream(FAST), upstream(FAST));
    let jobs = [
        chat(", \"provider\": \"a\", \"id\": \"short\""),
        r#"{"custom_id": "batch", "provider": "b", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "messages": []}}"#.to_owned() + "\n",
        "\n".to_owned(),
        r#"{"provider": "b", "method": "GET", "path": "/v1/models"}"#.to_owned(),
    ];
    let (end, results) = run(&dir, &config(&[("a", &a, ""), ("b", &b, "")]), &jobs.concat());
    assert_eq!((end.status, end.err.as_str()), (0, ""));
    assert_eq!(results.keys().copied().collect::<Vec<_>>(), [1, 2, 4]);
    for (line, id, provider) in [(1, "short", "a"), (2, "batch", "b"), (4, "4", "b")] {
        let result = &results[&line];
        assert_eq!((&result["id"], &result["provider"]), (&json!(id), &json!(provider)));
        let end = (&result["outcome"], &result["status"], &result["attempts"]);
        assert_eq!(end, (&json!("ok"), &json!(200), &json!(1)), "{result}");
        assert_eq!((result.get("error"), &result["key"]), (None, &Value::Null));
        assert!(result["run_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{result}");
        assert!(result["queue_ms"].as_f64().is_some_and(|ms| ms >= 0.0), "{result}");
    }
    assert_eq!(results[&1]["body"]["object"], "chat.completion");
    assert_eq!(results[&4]["body"]["object"], "list");
    assert_eq!(a.requests()[0].body, br#"{"model":"small","messages":[{"role": "user"}]}"#);
    assert_eq!(b.requests()[0].body, br#"{"model": "m", "messages": []}"#);
    let table: Vec<_> = end.out.lines().map(|l| l.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(table[1][..3], ["a", "1", "1"]);
    assert_eq!(table[2][..3], ["b", "2", "2"]);
}

#[test]
fn a_malformed_line_is_reported_with_its_number_and_the_others_run() {
    let dir = Directory::new("malformed");
    let a = upstream(FAST);
    let jobs = [
        &chat(""),
        "{\"id\": \"x\"}\n",
        "no json\n",
        &chat(""),
        "{\"provider\": \"z\", \"body\": 1}\n",
    ];
    let (end, results) = run(&dir, &config(&[("a", &a, "")]), &jobs.concat());
    assert_eq!(end.status, 1);
    let problems = [
        (2, json!("x"), "there is neither a body nor the field \"model\""),
        (3, Value::Null, "not a JSON object (expected ident at byte 2)"),
        (5, json!("5"), "there is no provider \"z\"; one of a"),
    ];
    let mut stderr = String::new();
    for (line, id, message) in problems {
        writeln!(stderr, "bifrost: {}:{line}: {message}", dir.path("jobs.jsonl"))
            .expect("a string takes it");
        let result = &results[&line];
        assert_eq!((&result["id"], &result["outcome"]), (&id, &json!("invalid")));
        assert_eq!(result["error"], json!({"code": "invalid", "message": message}));
    }
    assert_eq!(end.err, stderr);
    assert_eq!((&results[&1]["outcome"], &results[&4]["outcome"]), (&json!("ok"), &json!("ok")));
    assert!(end.out.ends_with("malformed lines: 3\n"), "{}", end.out);
    assert_eq!(a.seen().requests, 2);
}

#[test]
fn what_goes_wrong_upstream_is_an_outcome_and_no_crash() {
    let dir = Directory::new("faults");
    let fault = |fault| upstream(FAST.fault(fault, 1000));
    let faulty = [
        ("status", fault(Fault::Status(503)), ("failed", "http_status"), json!(503)),
        ("reset", fault(Fault::Reset), ("failed", "transport"), Value::Null),
        ("hang", fault(Fault::Hang), ("timed_out_exec", "timed_out_exec"), Value::Null),
        ("binary", fault(Fault::NotUtf8), ("failed", "body_invalid"), json!(200)),
        ("large", fault(Fault::Flood(5_000)), ("failed", "body_too_large"), Value::Null),
    ];
    let options = "max_body = 1024\ntimeout = \"300ms\"\n";
    let providers: Vec<_> = faulty.iter().map(|(name, it, ..)| (*name, it, options)).collect();
    let jobs: String =
        faulty.iter().map(|(name, ..)| chat(&format!(", \"provider\": \"{name}\""))).collect();
    let (end, results) = run(&dir, &config(&providers), &jobs);
    assert_eq!(end.status, 1, "{}", end.err);
    for (index, (name, _, (outcome, code), status)) in faulty.iter().enumerate() {
        let result = &results[&(index as u64 + 1)];
        assert_eq!(&result["outcome"], outcome, "{name}: {result}");
        assert_eq!(&result["error"]["code"], code, "{name}: {result}");
        assert_eq!(&result["status"], status, "{name}: {result}");
        assert!(result["error"]["message"].as_str().is_some_and(|text| !text.is_empty()));
        assert_eq!(result.get("body"), None);
    }
    assert_eq!(results[&1]["error"]["body"]["error"]["type"], "server_error");
}

#[test]
fn more_jobs_than_places_all_complete_once_with_no_more_at_once_than_workers() {
    let dir = Directory::new("many");
    let a = upstream(FAST);
    let jobs: String = (0..1_000).map(|n| chat(&format!(", \"seed\": {n}"))).collect();
    let options = "workers = { min = 1, max = 4 }\nqueue_capacity = 1\nresult_buffer = 1\n";
    let (end, results) = run(&dir, &config(&[("a", &a, options)]), &jobs);
    assert_eq!(end.status, 0, "{} {}", end.out, end.err);
    assert_eq!(results.len(), 1_000);
    assert!(a.seen().most_in_flight <= 4, "{:?}", a.seen());
    let mut bodies: Vec<_> = a.requests().into_iter().map(|request| request.body).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!((bodies.len(), a.seen().requests), (1_000, 1_000));
}

#[test]
fn a_hanging_provider_does_not_keep_the_results_of_another() {
    let dir = Directory::new("hanging");
    let (a, b) = (upstream(FAST.fault(Fault::Hang, 1000)), upstream(FAST));
    let jobs: String = (0..200)
        .map(|n| chat(&format!(", \"provider\": \"{}\"", if n % 2 == 0 { "a" } else { "b" })))
        .collect();
    let workers = "workers = { min = 1, max = 100 }\n";
    let impatient = format!("{workers}timeout = \"200ms\"\n");
    let (end, results) = run(&dir, &config(&[("a", &a, &impatient), ("b", &b, workers)]), &jobs);
    assert_eq!(end.status, 1);
    for (line, result) in results {
        let expected = if line % 2 == 1 { "timed_out_exec" } else { "ok" };
        assert_eq!(result["outcome"], expected, "{result}");
    }
}

#[test]
fn keys_are_used_in_turn_and_named_but_never_shown() {
    let dir = Directory::new("keys");
    let a = upstream(FAST);
    let mut options = String::new();
    for name in ["one", "two"] {
        dir.write(name, &format!("sk-secret-{name}\n"));
        writeln!(options, "[[providers.a.keys]]\nname = \"{name}\"\nfile = \"{name}\"")
            .expect("a string takes it");
    }
    let (end, results) = run(&dir, &config(&[("a", &a, &options)]), &chat("").repeat(10));
    assert_eq!(end.status, 0, "{}", end.err);
    for name in ["one", "two"] {
        let header = format!("Bearer sk-secret-{name}");
        let sent = a.requests().into_iter().filter(|r| r.authorization.as_ref() == Some(&header));
        assert_eq!(sent.count(), 5);
        assert_eq!(results.values().filter(|result| result["key"] == name).count(), 5);
    }
    let shown = [end.out, end.err, dir.read("results.jsonl")].concat();
    assert!(!shown.contains("sk-secret"), "{shown}");
}

#[test]
fn results_that_are_there_are_not_written_over() {
    let dir = Directory::new("exists");
    let a = upstream(FAST);
    let config = dir.write("bifrost.toml", &config(&[("a", &a, "")]));
    let (jobs, results) = (dir.write("jobs.jsonl", &chat("")), dir.write("r.jsonl", "paid for"));
    let end = bifrost(&["run", "-c", &config, &jobs, "-o", &results]);
    let message = format!("bifrost: {results}: exists already; results are not written over\n");
    assert_eq!((end.status, end.err), (2, message));
    assert_eq!(dir.read("r.jsonl"), "paid for");
    let nowhere = dir.path("no/such/directory");
    assert_eq!(bifrost(&["run", "-c", &config, &jobs, "-o", &nowhere]).status, 3);
    assert_eq!(a.seen().requests, 0);
}

#[test]
fn a_file_from_an_editor_with_a_mark_and_two_byte_line_breaks_is_read() {
    let dir = Directory::new("editor");
    let a = upstream(FAST);
    let line = chat("").replace('\n', "\r\n");
    let jobs = format!("\u{feff}{line}\r\n{line}");
    let (end, results) = run(&dir, &config(&[("a", &a, "")]), &jobs);
    assert_eq!((end.status, end.err.as_str()), (0, ""));
    assert_eq!(results.keys().copied().collect::<Vec<_>>(), [1, 3]);
    assert_eq!(a.seen().answered, 2);
}

#[test]
fn an_output_that_is_full_ends_the_run_without_waiting_for_jobs() {
    let dir = Directory::new("full");
    let (a, b) = (upstream(FAST), upstream(FAST.fault(Fault::Hang, 1000)));
    let config = dir.write("bifrost.toml", &config(&[("a", &a, ""), ("b", &b, "")]));
    let jobs = [chat(", \"provider\": \"b\""), chat(", \"provider\": \"a\"").repeat(500)].concat();
    let (jobs, results) = (dir.write("jobs.jsonl", &jobs), dir.path("results.jsonl"));
    let clock = Clock::monotonic();
    let begin = clock.now();
    // A file of this process may not grow beyond some kilobytes.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_bifrost")])
        .args(["run", "-c", &config, &jobs, "-o", &results])
        .output()
        .expect("there is a shell");
    let err = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(3), "{err}");
    assert!(err.contains(&format!("{results}: cannot be written (File too large")), "{err}");
    assert!(
        clock.now().saturating_duration_since(begin) < Duration::from_secs(30),
        "the hanging job's limit is a minute"
    );
    assert!(a.seen().requests < 500, "{:?}", a.seen());
}

#[test]
fn an_interrupt_drains_and_cancelled_jobs_have_no_line() {
    let dir = Directory::new("interrupt");
    let (a, b) = (upstream(FAST), upstream(FAST.fault(Fault::Hang, 1000)));
    let config = config(&[("a", &a, ""), ("b", &b, "")]);
    let config = ["[runtime]\nshutdown_timeout = \"100ms\"\n", &config].concat();
    let config = dir.write("bifrost.toml", &config);
    let jobs = [chat(", \"provider\": \"a\""), chat(", \"provider\": \"b\"").repeat(3)].concat();
    let jobs = dir.write("jobs.jsonl", &jobs);
    let child = Command::new(env!("CARGO_BIN_EXE_bifrost"))
        .args(["run", "-c", &config, &jobs, "-o", &dir.path("results.jsonl")])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command was built");
    b.wait_for_requests(3);
    a.wait_for_requests(1);
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill is there").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    let results = results(&dir);
    assert!(results.keys().all(|line| *line == 1), "{results:?}");
    let err = String::from_utf8(output.stderr).expect("UTF-8");
    let cancelled = 4 - results.len();
    let expected =
        format!("bifrost: interrupted; {cancelled} jobs were cancelled and have no line");
    assert!(err.contains(&expected), "{err}");
}

#[test]
fn an_interrupt_says_after_which_line_reading_stopped() {
    let dir = Directory::new("unread");
    let a = upstream(FAST);
    let config = dir.write("bifrost.toml", &config(&[("a", &a, "")]));
    let mut child = Command::new(env!("CARGO_BIN_EXE_bifrost"))
        .args(["run", "-c", &config, "-", "-o", &dir.path("results.jsonl")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command was built");
    // The input stays open: its end is not what stops the reading.
    let mut input = child.stdin.take().expect("it is a pipe");
    input.write_all(["\n", &chat("")].concat().as_bytes()).expect("the pipe takes it");
    a.wait_for_requests(1);
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill is there").success());
    let output = child.wait_with_output().expect("it ends");
    drop(input);
    assert_eq!(output.status.code(), Some(130));
    let err = String::from_utf8(output.stderr).expect("UTF-8");
    let last = err.lines().last().unwrap_or_default();
    let expected = "bifrost: interrupted; no job was cancelled; reading stopped after line 2";
    assert_eq!(last, expected, "{err}");
    assert_eq!(results(&dir).keys().copied().collect::<Vec<_>>(), [2]);
}

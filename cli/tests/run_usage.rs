//! `bifrost run` when the command line or the configuration is wrong: status 2, one message, nothing sent.

mod support;

use support::{Directory, bifrost};

use bifrost_cli::upstream::{Behaviour, Upstream};

const JOB: &str = "{\"model\": \"m\", \"messages\": []}\n";

#[test]
fn a_wrong_configuration_is_named_and_nothing_is_sent() {
    let upstream =
        Upstream::start(1, Behaviour::healthy(std::time::Duration::ZERO)).expect("a port");
    let dir = Directory::new("usage");
    let base = format!("[providers.a]\nbase_url = \"{}\"\n", upstream.base_url());
    let cases = [
        (
            format!("{base}queue_timout = \"5s\"\n"),
            ":3: providers.a.queue_timout = \"5s\": unknown field; did you mean queue_timeout?",
        ),
        (
            format!("{base}queue_timeout = \"5h\"\n"),
            ":3: providers.a.queue_timeout = \"5h\": out of range; a duration from 1ms to 1h, as a string with one of ns, us, ms, s, m, h",
        ),
        (
            format!("{base}[[providers.a.keys]]\nname = \"k\"\nenv = \"BIFROST_TEST_UNSET\"\n"),
            ":5: providers.a.keys[0].env = \"BIFROST_TEST_UNSET\": the environment variable is not set",
        ),
        (
            "[providers.a]\n".to_owned(),
            ": providers.a.base_url: missing; bifrost run sends HTTP requests and needs it of \"a\"",
        ),
        (
            "[providers.a]\nbase_url = \"http://127.0.0.1:99999\"\n".to_owned(),
            ":2: providers.a.base_url = \"http://127.0.0.1:99999\": not usable; a URL that starts with http:// or https://, without user, query and fragment",
        ),
    ];
    let jobs = dir.write("jobs.jsonl", JOB);
    for (text, message) in cases {
        let config = dir.write("bifrost.toml", &text);
        let end = bifrost(&["run", "-c", &config, &jobs, "-o", &dir.path("results.jsonl")]);
        assert_eq!((end.status, end.out.as_str()), (2, ""), "{}", end.err);
        assert_eq!(end.err, format!("bifrost: {config}{message}\n"));
        assert!(!dir.exists("results.jsonl"));
    }
    assert_eq!((upstream.seen().requests, upstream.seen().models), (0, 0));
}

#[test]
fn missing_files_and_unknown_providers_are_named() {
    let dir = Directory::new("files");
    let config = dir.write("b.json", r#"{"providers": {"a": {"base_url": "http://127.0.0.1:9"}}}"#);
    let jobs = dir.write("jobs.jsonl", JOB);
    let results = dir.path("results.jsonl");
    let none = dir.path("none");
    let directory = dir.path("");
    let cases: [(&[&str], String); 4] = [
        (
            &["-c", &none, &jobs],
            format!("{none}: the extension is unknown; a file that ends with .toml or .json"),
        ),
        (
            &["-c", &config, &none],
            format!("{none}: cannot be read (No such file or directory (os error 2))"),
        ),
        (&["-c", &config, &directory], format!("{directory}: cannot be read (is a directory)")),
        (&["-c", &config, &jobs, "-p", "b"], "there is no provider \"b\"; one of a".to_owned()),
    ];
    for (args, message) in cases {
        let end = bifrost(&[&["run"], args, &["-o", &results]].concat());
        assert_eq!((end.status, end.err), (2, format!("bifrost: {message}\n")));
    }
    let outputs = [
        ("-", "-o -: the results need a file; standard output has the summary".to_owned()),
        (
            "/dev/stdout",
            "/dev/stdout: not a regular file; the results need one that does not exist yet"
                .to_owned(),
        ),
        (
            &directory,
            format!(
                "{directory}: not a regular file; the results need one that does not exist yet"
            ),
        ),
    ];
    for (output, message) in outputs {
        let end = bifrost(&["run", "-c", &config, &jobs, "-o", output]);
        assert_eq!((end.status, end.err), (2, format!("bifrost: {message}\n")));
    }
    assert!(!std::path::Path::new("-").exists());
    assert_eq!(bifrost(&["run"]).status, 2);
    assert_eq!(bifrost(&["nonsense"]).status, 2);
}

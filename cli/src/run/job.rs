//! A job as a line of the input describes it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The path of a job that names none.
const CHAT: &str = "/v1/chat/completions";

/// What a job may do.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Those that need no body.
const BODILESS: [&str; 4] = ["GET", "HEAD", "DELETE", "OPTIONS"];

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JobLine {
    /// Unless given, the number of the line.
    pub(super) id: String,
    /// Unless given, the only provider there is.
    pub(super) provider: Option<String>,
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    /// As it is sent.
    pub(super) body: Vec<u8>,
}

/// Why a line is no job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// The id, where the line has one that can be read.
    pub(super) id: Option<String>,
    pub(super) problem: String,
}

/// The fields of an object in their order, each as it is written.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// Reads the line of this number.
pub(super) fn parse(line: &[u8], number: u64) -> Result<JobLine, Malformed> {
    let unnamed = |problem: String| Malformed { id: None, problem };
    let text = std::str::from_utf8(line)
        .map_err(|error| unnamed(format!("not UTF-8 at byte {}", error.valid_up_to())))?;
    let Fields(fields) = serde_json::from_str(text).map_err(|error| unnamed(plain(&error)))?;
    let mut id = None;
    read(&fields, number, &mut id).map_err(|problem| Malformed { id, problem })
}

fn read(
    fields: &[(String, &RawValue)],
    number: u64,
    id: &mut Option<String>,
) -> Result<JobLine, String> {
    let mut job = JobLine {
        id: number.to_string(),
        provider: None,
        method: "POST",
        path: CHAT.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let (mut path, mut body) = (None, None);
    let mut rest = Vec::new();
    let mut seen = Vec::new();
    for (name, value) in fields {
        if seen.contains(&name) {
            return Err(format!("the field {name:?} is given twice"));
        }
        seen.push(name);
        match name.as_str() {
            "id" | "custom_id" => {
                if id.is_some() {
                    return Err("both id and custom_id are given".to_owned());
                }
                job.id = read_id(name, value)?;
                *id = Some(job.id.clone());
            }
            "provider" => job.provider = Some(text(name, value)?),
            "providers" => job.provider = Some(only_provider(name, value)?),
            "method" => job.method = method(&text(name, value)?)?,
            "path" | "url" => {
                if path.replace(text(name, value)?).is_some() {
                    return Err("both path and url are given".to_owned());
                }
            }
            "headers" => job.headers = headers(name, value)?,
            "body" => body = Some(*value),
            _ => rest.push((name.as_str(), *value)),
        }
    }
    if seen.iter().any(|name| *name == "provider") && seen.iter().any(|name| *name == "providers") {
        return Err("both provider and providers are given".to_owned());
    }
    job.path = path.unwrap_or(job.path);
    if !job.path.starts_with('/') {
        return Err(format!("the path {:?} does not start with /", job.path));
    }
    let bodiless = BODILESS.contains(&job.method);
    job.body = match body {
        Some(body) => whole_body(body, &rest)?,
        None if bodiless && rest.is_empty() => Vec::new(),
        None => chat_body(&rest)?,
    };
    Ok(job)
}

fn read_id(name: &str, value: &RawValue) -> Result<String, String> {
    let written = value.get();
    if written.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(written.to_owned());
    }
    match serde_json::from_str::<String>(written) {
        Ok(id) if !id.is_empty() => Ok(id),
        _ => Err(format!("the field {name:?} is neither a text nor a number without sign")),
    }
}

fn text(name: &str, value: &RawValue) -> Result<String, String> {
    serde_json::from_str(value.get()).map_err(|_| format!("the field {name:?} is not a text"))
}

/// The method of this name, in whatever case.
fn method(name: &str) -> Result<&'static str, String> {
    let known = METHODS.into_iter().find(|method| method.eq_ignore_ascii_case(name));
    known.ok_or_else(|| format!("the method {name:?} is not one of {}", METHODS.join(", ")))
}

fn only_provider(name: &str, value: &RawValue) -> Result<String, String> {
    let list: Vec<String> = serde_json::from_str(value.get())
        .map_err(|_| format!("the field {name:?} is not a list of texts"))?;
    match <[String; 1]>::try_from(list) {
        Ok([only]) => Ok(only),
        Err(list) => {
            let count = list.len();
            Err(format!("the field {name:?} names {count} providers; exactly 1 is supported"))
        }
    }
}

fn headers(name: &str, value: &RawValue) -> Result<Vec<(String, String)>, String> {
    let wrong = || format!("the field {name:?} is not an object of texts");
    let Fields(fields) = serde_json::from_str(value.get()).map_err(|_| wrong())?;
    fields
        .into_iter()
        .map(|(name, value)| match serde_json::from_str(value.get()) {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(wrong()),
        })
        .collect()
}

/// A text is sent as the text; everything else as it is written.
fn whole_body(body: &RawValue, rest: &[(&str, &RawValue)]) -> Result<Vec<u8>, String> {
    if let Some((name, _)) = rest.first() {
        return Err(format!("the field {name:?} is unknown beside a body"));
    }
    let sent = serde_json::from_str::<String>(body.get());
    Ok(sent.unwrap_or_else(|_| body.get().to_owned()).into_bytes())
}

/// The body that `model`, `messages` and what stands beside them make, as it is written.
fn chat_body(fields: &[(&str, &RawValue)]) -> Result<Vec<u8>, String> {
    for wanted in ["model", "messages"] {
        if !fields.iter().any(|(name, _)| *name == wanted) {
            return Err(format!("there is neither a body nor the field {wanted:?}"));
        }
    }
    let members: Vec<_> =
        fields.iter().map(|(name, value)| format!("{}:{value}", serde_json::json!(name))).collect();
    Ok(format!("{{{}}}", members.join(",")).into_bytes())
}

/// The message of a JSON error; the line is always the first.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or_default();
    format!("not a JSON object ({message} at byte {})", error.column())
}

#[cfg(test)]
mod tests {
    use super::{JobLine, parse};

    fn good(line: &str) -> JobLine {
        parse(line.as_bytes(), 7).expect(line)
    }

    #[test]
    fn the_short_form_becomes_a_chat_request_with_every_other_field_in_order() {
        let job = good(
            r#"{"provider": "a", "model": "m", "temperature": 1.0, "messages": [ {"role":"user"} ]}"#,
        );
        assert_eq!((job.id.as_str(), job.provider.as_deref()), ("7", Some("a")));
        assert_eq!((job.method, job.path.as_str()), ("POST", "/v1/chat/completions"));
        let body = String::from_utf8(job.body).expect("UTF-8");
        assert_eq!(body, r#"{"model":"m","temperature":1.0,"messages":[ {"role":"user"} ]}"#);
    }

    #[test]
    fn the_batch_form_is_taken_as_it_is() {
        let job = good(
            r#"{"custom_id": "x-1", "method": "POST", "url": "/v1/embeddings", "body": {"b": 10000000000000000000001, "a": 1}}"#,
        );
        assert_eq!((job.id.as_str(), job.path.as_str()), ("x-1", "/v1/embeddings"));
        assert_eq!(job.body, br#"{"b": 10000000000000000000001, "a": 1}"#);
        assert_eq!(job.provider, None);
    }

    #[test]
    fn ids_methods_headers_and_bodies_are_read() {
        let job = good(
            r#"{"id": 12, "providers": ["b"], "path": "/p?q=1", "headers": {"X-A": "1", "x-b": "é"}, "body": "plain \"text\""}"#,
        );
        assert_eq!((job.id.as_str(), job.provider.as_deref()), ("12", Some("b")));
        assert_eq!(job.headers, [("X-A".into(), "1".into()), ("x-b".into(), "é".into())]);
        assert_eq!(job.body, br#"plain "text""#);
        assert_eq!(good(r#"{"body": null}"#).body, b"null");
    }

    #[test]
    fn a_method_is_known_in_any_case_and_some_need_no_body() {
        for (written, method) in [("GET", "GET"), ("get", "GET"), ("Delete", "DELETE")] {
            let job = good(&format!(r#"{{"method": "{written}", "path": "/v1/models"}}"#));
            assert_eq!((job.method, job.body.as_slice()), (method, b"".as_slice()));
        }
        assert_eq!(good(r#"{"method": "put", "path": "/x", "body": 1}"#).method, "PUT");
        let error = parse(br#"{"method": "put", "path": "/x"}"#, 7).expect_err("a body is missing");
        assert_eq!(error.problem, "there is neither a body nor the field \"model\"");
    }

    #[test]
    fn the_examples_of_the_document_are_jobs() {
        let document = include_str!("../../../docs/JOBS.md");
        let examples = document.split("```").find_map(|part| part.strip_prefix("jsonl\n"));
        let jobs: Vec<_> = examples.expect("there are some").lines().map(good).collect();
        let ids: Vec<_> = jobs.iter().map(|job| job.id.as_str()).collect();
        assert_eq!(ids, ["short", "whole", "batch", "7"]);
        assert_eq!((jobs[3].method, jobs[3].body.as_slice()), ("GET", b"".as_slice()));
    }

    /// Lines with the id and the problem that are told of them.
    const BAD: &[(&[u8], Option<&str>, &str)] = &[
        (b"{", None, "not a JSON object (EOF while parsing an object at byte 1)"),
        (b"[1]", None, "not a JSON object (invalid type: sequence, expected an object at byte 0)"),
        (b"{} x", None, "not a JSON object (trailing characters at byte 4)"),
        (b"\"\xff\"", None, "not UTF-8 at byte 1"),
        (b"{}", None, "there is neither a body nor the field \"model\""),
        (
            br#"{"id": "a", "model": "m"}"#,
            Some("a"),
            "there is neither a body nor the field \"messages\"",
        ),
        (br#"{"id": ""}"#, None, "the field \"id\" is neither a text nor a number without sign"),
        (br#"{"id": -1}"#, None, "the field \"id\" is neither a text nor a number without sign"),
        (br#"{"id": "a", "custom_id": "b"}"#, Some("a"), "both id and custom_id are given"),
        (br#"{"id": "a", "body": 1, "body": 2}"#, Some("a"), "the field \"body\" is given twice"),
        (
            br#"{"id": "a", "body": 1, "modle": 2}"#,
            Some("a"),
            "the field \"modle\" is unknown beside a body",
        ),
        (
            br#"{"id": "a", "body": 1, "path": "x"}"#,
            Some("a"),
            "the path \"x\" does not start with /",
        ),
        (br#"{"id": "a", "body": 1, "url": 5}"#, Some("a"), "the field \"url\" is not a text"),
        (
            br#"{"id": "a", "body": 1, "method": "GTE"}"#,
            Some("a"),
            "the method \"GTE\" is not one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        ),
        (
            br#"{"id": "a", "body": 1, "headers": {"a": 5}}"#,
            Some("a"),
            "the field \"headers\" is not an object of texts",
        ),
        (
            br#"{"id": "a", "body": 1, "providers": ["a", "b"]}"#,
            Some("a"),
            "the field \"providers\" names 2 providers; exactly 1 is supported",
        ),
        (
            br#"{"id": "a", "body": 1, "provider": "a", "providers": ["b"]}"#,
            Some("a"),
            "both provider and providers are given",
        ),
    ];

    #[test]
    fn what_is_wrong_with_a_line_is_said_with_its_id() {
        for (line, id, problem) in BAD {
            let error = parse(line, 7).expect_err(problem);
            assert_eq!((error.id.as_deref(), error.problem.as_str()), (*id, *problem));
        }
    }

    #[test]
    fn a_deeply_nested_line_is_no_danger() {
        let line = format!("{{\"body\": {}1{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(parse(line.as_bytes(), 1).is_ok());
    }
}

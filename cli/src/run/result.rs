//! A line of the output.

use std::time::Duration;

use bifrost::code::Code;
use serde::Serialize;
use serde_json::value::RawValue;

/// The shape of the lines; another number when a field changes its meaning.
const SCHEMA: u32 = 1;

/// What became of one line of the input.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) id: Option<String>,
    pub(super) line: u64,
    pub(super) provider: Option<String>,
    /// The name of the API key.
    pub(super) key: Option<String>,
    pub(super) attempts: u32,
    /// The upstream's status, when there was an answer.
    pub(super) status: Option<u16>,
    pub(super) outcome: Code,
    pub(super) queue: Option<Duration>,
    pub(super) run: Option<Duration>,
    pub(super) end: Result<Vec<u8>, Problem>,
}

/// Why a line has no body.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) code: Code,
    pub(super) message: String,
    /// What the upstream said.
    pub(super) body: Option<Vec<u8>>,
}

#[derive(Serialize)]
struct Written<'a> {
    schema: u32,
    id: Option<&'a str>,
    line: u64,
    provider: Option<&'a str>,
    key: Option<&'a str>,
    attempts: u32,
    status: Option<u16>,
    outcome: &'a str,
    queue_ms: Option<f64>,
    run_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Body<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<WrittenError<'a>>,
}

#[derive(Serialize)]
struct WrittenError<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Body<'a>>,
}

/// JSON as it came, or any other text.
#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Json(Box<RawValue>),
    Text(&'a str),
}

impl<'a> Body<'a> {
    /// `None` when the bytes are not UTF-8.
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        // Outside of strings a line break is only white space in JSON, and inside it cannot stand.
        let one_line = text.replace(['\n', '\r'], " ");
        match serde_json::from_str(&one_line) {
            // The unbroken text has to be JSON too: a break inside a string makes it none.
            Ok(json) if serde_json::from_str::<&RawValue>(text).is_ok() => Some(Self::Json(json)),
            _ => Some(Self::Text(text)),
        }
    }
}

impl Report {
    /// The report of a line that is no job, or names a provider that is not there.
    pub(super) fn malformed(id: Option<String>, line: u64, message: String) -> Self {
        let problem = Problem { code: Code::Invalid, message, body: None };
        Self {
            id,
            line,
            provider: None,
            key: None,
            attempts: 0,
            status: None,
            outcome: Code::Invalid,
            queue: None,
            run: None,
            end: Err(problem),
        }
    }

    /// A body that is not UTF-8 cannot stand in the output: such a job has failed.
    pub(super) fn refuse_binary(mut self) -> Self {
        let Ok(body) = &self.end else { return self };
        if let Err(error) = std::str::from_utf8(body) {
            let message =
                format!("the response's body is not UTF-8 at byte {}", error.valid_up_to());
            self.end = Err(Problem { code: Code::BodyInvalid, message, body: None });
            self.outcome = Code::Failed;
        }
        self
    }

    /// The line, with its line break.
    pub(super) fn to_line(&self) -> serde_json::Result<Vec<u8>> {
        let millis = |time: Option<Duration>| time.map(|t| (t.as_secs_f64() * 1e6).round() / 1e3);
        let written = Written {
            schema: SCHEMA,
            id: self.id.as_deref(),
            line: self.line,
            provider: self.provider.as_deref(),
            key: self.key.as_deref(),
            attempts: self.attempts,
            status: self.status,
            outcome: self.outcome.name(),
            queue_ms: millis(self.queue),
            run_ms: millis(self.run),
            body: self.end.as_ref().ok().and_then(|body| Body::of(body)),
            error: self.end.as_ref().err().map(|problem| WrittenError {
                code: problem.code.name(),
                message: &problem.message,
                body: problem.body.as_deref().and_then(Body::of),
            }),
        };
        let mut line = serde_json::to_vec(&written)?;
        line.push(b'\n');
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::{Problem, Report};
    use bifrost::code::Code;
    use serde_json::{Value, json};
    use std::time::Duration;

    fn completed(body: &[u8]) -> Report {
        Report {
            id: Some("a".to_owned()),
            line: 3,
            provider: Some("p".to_owned()),
            key: Some("k".to_owned()),
            attempts: 1,
            status: Some(200),
            outcome: Code::Ok,
            queue: Some(Duration::from_micros(1_500)),
            run: Some(Duration::from_millis(20)),
            end: Ok(body.to_vec()),
        }
    }

    fn line(report: &Report) -> (String, Value) {
        let text = String::from_utf8(report.to_line().expect("it is written")).expect("UTF-8");
        let value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        (text, value)
    }

    #[test]
    fn a_completed_job_is_one_line_with_its_body_as_it_came() {
        let (text, value) = line(&completed(b"{\r\n  \"z\": 1.50,\n \"a\": \"x\\ny\"\n}\n"));
        assert!(text.contains(r#""body":{    "z": 1.50,  "a": "x\ny" }"#), "{text}");
        let mut expected = json!({
            "schema": 1, "id": "a", "line": 3, "provider": "p", "key": "k", "attempts": 1,
            "status": 200, "outcome": "ok", "queue_ms": 1.5, "run_ms": 20.0,
        });
        expected["body"] = json!({"z": 1.5, "a": "x\ny"});
        assert_eq!(value, expected);
    }

    #[test]
    fn a_body_that_is_no_json_is_a_text() {
        for body in ["plain", "", "{\"a\": \"br\nken\"}", "1 2", "é\n"] {
            assert_eq!(line(&completed(body.as_bytes())).1["body"], body, "{body:?}");
        }
    }

    #[test]
    fn a_body_that_is_not_utf8_is_a_failure_and_no_crash() {
        let report = completed(b"ab\xff").refuse_binary();
        let (_, value) = line(&report);
        assert_eq!(value["outcome"], "failed");
        assert_eq!(value.get("body"), None);
        let message = "the response's body is not UTF-8 at byte 2";
        assert_eq!(value["error"], json!({"code": "body_invalid", "message": message}));
    }

    #[test]
    fn an_error_has_its_code_and_what_the_upstream_said() {
        let body = Some(b"{\"error\": {}}".to_vec());
        let problem = Problem { code: Code::HttpStatus, message: "status 500".to_owned(), body };
        let report = Report { outcome: Code::Failed, end: Err(problem), ..completed(b"") };
        let expected =
            json!({"code": "http_status", "message": "status 500", "body": {"error": {}}});
        assert_eq!(line(&report).1["error"], expected);
        let (_, value) = line(&Report::malformed(None, 9, "no".to_owned()));
        assert_eq!(
            (&value["id"], &value["line"], &value["outcome"]),
            (&Value::Null, &json!(9), &json!("invalid"))
        );
    }
}

//! What the parser accepts, and what its messages say.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::super::options::{KEY, PROVIDER, RUNTIME, TENANT};
use super::super::spec::{Shape, Spec};
use super::super::unit::Unit;
use super::super::{
    BreakerMode, Config, ConfigError, DriverMode, KeySource, OverflowPolicy, TenantConfig,
};
use super::read::Reader;
use super::{from_json, from_toml, json, toml};

const TOML: &str = r#"# a comment
[runtime]
drivers = 2
shutdown_timeout = "7s"

[defaults]
timeout = "2m"
workers = { min = 20, max = 40 }

[providers.openai]
base_url = "https://api.openai.com"
queue_capacity = 0x100
overflow = { block = "250ms" }
drivers = { dedicated = 1 }
max_body = "1MiB"
workers.max = 50

[[providers.openai.keys]]
name = "main"
env = "KEY_A"
weight = 3

[[providers.openai.keys]]
name = "spare"
env = "KEY_B"

[providers.anthropic]
overflow = "drop_newest"
max_body = 2048
timeout = "1.5m"
"#;

const JSON: &str = r#"{
  "runtime": { "drivers": 2, "shutdown_timeout": "7s" },
  "defaults": { "timeout": "2m", "workers": { "min": 20, "max": 40 } },
  "providers": {
    "openai": {
      "base_url": "https:\/\/api.openai.com", "queue_capacity": 256,
      "overflow": { "block": "250ms" }, "drivers": { "dedicated": 1 },
      "max_body": "1MiB", "workers": { "max": 50 },
      "keys": [
        { "name": "main", "env": "KEY_A", "weight": 3 },
        { "name": "spare", "env": "KEY_B" }
      ]
    },
    "anthropic": { "overflow": "drop_newest", "max_body": 2048, "timeout": "1.5m" }
  }
}"#;

fn variable(name: &str) -> Option<OsString> {
    match name {
        "KEY_A" => Some("sk-secret-a".into()),
        "KEY_B" => Some("sk-secret-b".into()),
        "EMPTY" => Some("".into()),
        "BROKEN" => Some("sk-secret\nx: y".into()),
        _ => None,
    }
}

fn read(text: &str) -> Result<Config, ConfigError> {
    let root = if text.starts_with('{') { json::parse(text)? } else { toml::parse(text)? };
    Reader::new(Path::new("b.conf"), &variable).config(&root)
}

#[test]
fn toml_and_json_give_the_same_configuration() {
    for text in [TOML, JSON] {
        let config = read(text).expect("the text is valid");
        assert_eq!(config.runtime.drivers, 2);
        assert_eq!(config.runtime.shutdown_timeout, Duration::from_secs(7));
        let [openai, anthropic] = &config.providers[..] else { panic!("two providers") };
        assert_eq!((openai.name.as_str(), anthropic.name.as_str()), ("openai", "anthropic"));
        assert_eq!(openai.base_url.as_deref(), Some("https://api.openai.com"));
        assert_eq!(openai.queue_capacity, 256);
        assert_eq!(openai.overflow, OverflowPolicy::Block(Duration::from_millis(250)));
        assert_eq!(openai.drivers, DriverMode::Dedicated(1));
        assert_eq!((openai.max_body, anthropic.max_body), (1 << 20, 2048));
        assert_eq!((openai.workers.min, openai.workers.max), (20, 50));
        assert_eq!((anthropic.workers.min, anthropic.workers.max), (20, 40));
        assert_eq!(openai.timeout, Duration::from_secs(120));
        assert_eq!(anthropic.timeout, Duration::from_secs(90));
        assert_eq!(anthropic.overflow, OverflowPolicy::DropNewest);
        let keys: Vec<_> = openai
            .keys
            .iter()
            .map(|key| (key.name.as_str(), key.secret.expose(), key.weight, &key.source))
            .collect();
        let [a, b] = ["KEY_A", "KEY_B"].map(|name| KeySource::Env(name.to_owned()));
        assert_eq!(keys, [("main", "sk-secret-a", 3, &a), ("spare", "sk-secret-b", 1, &b)]);
        assert!(!format!("{config:?}").contains("sk-secret"));
    }
}

#[test]
fn a_least_number_of_workers_that_is_not_written_is_at_most_the_most() {
    let cases = [
        ("[providers.a]\nworkers = { max = 5 }", (5, 5)),
        ("[providers.a]\n[defaults]\nworkers.max = 5", (5, 5)),
        ("[providers.a]\nworkers.max = 50\n[defaults]\nworkers.max = 5", (10, 50)),
        ("[providers.a]\nworkers.min = 2\n[defaults]\nworkers.max = 5", (2, 5)),
        ("{\"providers\": {\"a\": {\"workers\": {\"max\": 1}}}}", (1, 1)),
    ];
    for (text, expected) in cases {
        let config = read(text).expect(text);
        let workers = config.providers[0].workers;
        assert_eq!((workers.min, workers.max), expected, "{text}");
    }
    let text = "[providers.a]\nblocking_workers.max = 0";
    let workers = read(text).expect(text).providers[0].blocking_workers;
    assert_eq!((workers.min, workers.max), (0, 0));
}

#[test]
fn a_breaker_is_read_over_that_of_the_defaults() {
    let toml = "[defaults.breaker]\nopen = \"2s\"\nprobes = 1\n\n[providers.a.breaker]\nprobes = 2\nmode = \"off\"\n[providers.b]";
    let json = r#"{"defaults": {"breaker": {"open": "2s", "probes": 1}},
        "providers": {"a": {"breaker": {"probes": 2, "mode": "off"}}, "b": {}}}"#;
    for text in [toml, json] {
        let config = read(text).expect(text);
        let [a, b] = &config.providers[..] else { panic!("two providers") };
        assert_eq!((a.breaker.probes, b.breaker.probes), (2, 1));
        assert_eq!(
            (a.breaker.open, b.breaker.open),
            (Duration::from_secs(2), Duration::from_secs(2))
        );
        assert_eq!((a.breaker.mode, b.breaker.mode), (BreakerMode::Off, BreakerMode::On));
    }
    for (text, message) in [
        (
            "[providers.a.breaker]\nprobs = 2",
            "2: providers.a.breaker.probs = 2: unknown field; did you mean probes?",
        ),
        (
            "[defaults.breaker]\nprobs = 2",
            "2: defaults.breaker.probs = 2: unknown field; did you mean probes?",
        ),
        (
            "[defaults.breaker]\nprobes = 6\n[providers.a]",
            "2: providers.a.breaker.probes = 6: larger than probes_to_decide; at most 5",
        ),
        (
            "[providers.a]\nbraker = 2",
            "2: providers.a.braker = 2: unknown field; did you mean breaker?",
        ),
    ] {
        let error = read(text).expect_err(text);
        let line = error.line().expect("a field has a line");
        assert_eq!(format!("{line}: {error}"), message);
    }
}

/// Values that an option must refuse, as a text writes them, with what the message has to say of the range.
fn refused<C>(spec: &Spec<C>) -> (Vec<String>, Vec<String>) {
    match &spec.shape {
        Shape::Number { bounds, .. } => {
            let write = |value| match bounds.unit {
                Unit::Time => format!("\"{}\"", Unit::Time.format(value)),
                _ => value.to_string(),
            };
            let mut bad = vec![write(bounds.max + 1), "true".to_owned(), "\"20x\"".to_owned()];
            bad.extend(bounds.min.checked_sub(1).map(write));
            if bounds.unit == Unit::Count {
                bad.push("-1".to_owned());
            }
            if bounds.unit != Unit::Count {
                bad.push("\"-1s\"".to_owned());
            }
            (bad, vec![bounds.unit.format(bounds.min), bounds.unit.format(bounds.max)])
        }
        Shape::Text { rule, .. } => {
            (vec!["7".to_owned(), "\"bad\\nvalue\"".to_owned()], vec![rule.expected.to_owned()])
        }
        Shape::Choice { words, .. } => {
            let known = words.iter().map(|word| word.name.to_owned());
            (vec!["7".to_owned(), "\"other\"".to_owned()], known.collect())
        }
    }
}

/// Sets `name` to `value` on line 7 of a text of each kind, and looks at the message.
fn must_name_everything(table: &str, name: &str, value: &str, range: &[String]) {
    let key = table.ends_with("keys[0]");
    let tenant = table == "providers.a.tenants.t";
    let (last, outer) = match name.rsplit_once('.') {
        Some((outer, last)) => (last, Some(outer)),
        None => (name, None),
    };
    let mut toml = match (table, key) {
        (_, true) => "[providers.a]\n[[providers.a.keys]]\nenv = \"KEY_A\"\n".to_owned(),
        ("runtime", _) => "[providers.a]\n[runtime]\n".to_owned(),
        _ => format!("[{table}]\n"),
    };
    let lines = toml.matches('\n').count();
    toml.push_str(&"\n".repeat(6 - lines));
    writeln!(toml, "{name} = {value}").expect("a string takes it");

    let (open, close) = match (table, key) {
        _ if tenant => ("{\"providers\": {\"a\": {\"tenants\": {\"t\": {", "}}}}}"),
        (_, true) => ("{\"providers\": {\"a\": {\"keys\": [{\"env\": \"KEY_A\",", "}]}}}"),
        ("runtime", _) => ("{\"providers\": {\"a\": {}}, \"runtime\": {", "}}"),
        ("defaults", _) => ("{\"providers\": {\"a\": {}}, \"defaults\": {", "}}"),
        _ => ("{\"providers\": {\"a\": {", "}}}"),
    };
    let (group, end) = match outer {
        Some(outer) => (format!("\"{outer}\": {{"), "}"),
        None => (String::new(), ""),
    };
    let json = format!("{open}\n\n\n\n\n\n{group}\"{last}\": {value}\n{end}{close}");

    for text in [toml, json] {
        let mut error = read(&text).expect_err(&text);
        error.0.place.file = Some("b.conf".to_owned());
        let message = error.to_string();
        let written = value.trim_matches('"');
        assert!(message.starts_with(&format!("b.conf:7: {table}.{name} = ")), "{message}\n{text}");
        assert!(message.contains(written), "{message}\n{text}");
        for part in range {
            assert!(message.contains(part), "{message} lacks {part}\n{text}");
        }
    }
}

fn all_of<C>(table: &str, specs: &[Spec<C>]) -> usize {
    let mut seen = 0;
    for spec in specs {
        let (values, range) = refused(spec);
        for value in values {
            must_name_everything(table, spec.name, &value, &range);
            seen += 1;
        }
    }
    seen
}

#[test]
fn a_bad_value_of_any_option_is_named_with_file_line_field_value_and_range() {
    let seen = all_of("runtime", RUNTIME)
        + all_of("providers.a", PROVIDER)
        + all_of("defaults", PROVIDER)
        + all_of("providers.a.keys[0]", KEY)
        + all_of("providers.a.tenants.t", TENANT);
    assert!(seen > 100, "only {seen} values were tried");
}

#[test]
fn a_key_has_limits_of_its_own_in_both_forms() {
    let toml = "[[providers.a.keys]]\nname = \"k\"\nenv = \"KEY_A\"\nrequests_per_minute = 500\n\
        tokens_per_minute = 30_000\nmax_in_flight = 8\n\
        [[providers.a.keys]]\nname = \"l\"\nenv = \"KEY_B\"\n";
    let json = r#"{"providers": {"a": {"keys": [
        {"name": "k", "env": "KEY_A", "requests_per_minute": 500, "tokens_per_minute": 30000, "max_in_flight": 8},
        {"name": "l", "env": "KEY_B"}]}}}"#;
    for text in [toml, json] {
        let config = read(text).expect(text);
        let limits: Vec<_> = config.providers[0]
            .keys
            .iter()
            .map(|key| (key.requests_per_minute, key.tokens_per_minute, key.max_in_flight))
            .collect();
        assert_eq!(limits, [(Some(500), Some(30_000), Some(8)), (None, None, None)], "{text}");
    }
}

#[test]
fn tenants_are_tables_by_their_name() {
    let toml = "[providers.a]\nqueue_capacity = 50\nqueue_capacity_low = 9\n\
        [providers.a.tenants.b]\nweight = 3\nqueue_capacity = 7\n\
        [providers.a.tenants]\nc = { max_in_flight = 5 }\nd.weight = 1\n";
    let json = r#"{"providers": {"a": {"queue_capacity": 50, "queue_capacity_low": 9, "tenants": {
        "b": {"weight": 3, "queue_capacity": 7}, "c": {"max_in_flight": 5}, "d": {"weight": 1}}}}}"#;
    for text in [toml, json] {
        let config = read(text).expect(text);
        let provider = &config.providers[0];
        let expected = [
            TenantConfig::new("b").weight(3).queue_capacity(7),
            TenantConfig::new("c").max_in_flight(5),
            TenantConfig::new("d").weight(1),
        ];
        assert_eq!(provider.tenants, expected, "{text}");
        assert_eq!(provider.lane_capacities(), [50, 50, 9, 7, 50]);
        assert!(config.warnings.iter().all(|warning| warning.field().contains("queue_capacity")));
    }
    let idle = read("[providers.a]\n\n[providers.a.tenants.b]").expect("it is legal");
    let [warning] = &idle.warnings[..] else { panic!("{:?}", idle.warnings) };
    let expected = "providers.a.tenants.b: has no effect; give it a weight or a max_in_flight";
    assert_eq!((warning.to_string().as_str(), warning.place.line), (expected, Some(3)));
}

#[test]
fn more_tenants_with_a_weight_than_lanes_are_refused() {
    let tenants = |count: usize| {
        let table = |number| format!("\n[providers.a.tenants.t{number}]\nweight = 1");
        (0..count).map(table).fold("[providers.a]".to_owned(), |text, table| text + &table)
    };
    assert_eq!(read(&tenants(61)).expect("there are as many lanes").providers[0].tenants.len(), 61);
    let error = read(&tenants(62)).expect_err("there are not");
    let message = "providers.a.tenants = 62: too many tenants with a weight; at most 61";
    assert_eq!((error.to_string().as_str(), error.line()), (message, Some(2)));
}

#[test]
fn each_mistake_has_its_own_message() {
    let cases = [
        ("[provider.a]", "1: provider = {…}: unknown field; did you mean providers?"),
        ("", "providers: missing; at least one provider"),
        ("[providers]", "1: providers: missing; at least one provider"),
        ("providers = 5", "1: providers = 5: not a table"),
        (
            "[providers.\"a b\"]",
            "1: providers = \"a b\": not usable; 1 to 64 letters, digits, -, _ and .",
        ),
        (
            "[providers.a]\n\nworkers = { min = 5, max = 4 }",
            "3: providers.a.workers.min = 5: larger than workers.max; at most 4",
        ),
        (
            "[providers.a]\n[defaults]\nworkers.min = 101",
            "3: providers.a.workers.min = 101: larger than workers.max; at most 100",
        ),
        (
            "[providers.a]\nworkers = 5",
            "2: providers.a.workers = 5: not a table; a table, as { min = 1, max = 5 }",
        ),
        (
            "[providers.a]\nworkers.most = 5",
            "2: providers.a.workers.most = 5: unknown field; one of min, max",
        ),
        (
            "[providers.a]\noverflow = \"drop_eldest\"",
            "2: providers.a.overflow = \"drop_eldest\": not one of the choices; \"error\", \"drop_newest\", \"drop_oldest\" or { block = a duration from 1ms to 1h }",
        ),
        (
            "[providers.a]\noverflow = \"block\"",
            "2: providers.a.overflow = \"block\": a duration is missing; a duration from 1ms to 1h as in { block = \"2s\" }",
        ),
        (
            "[providers.a]\ndrivers = \"dedicated\"",
            "2: providers.a.drivers = \"dedicated\": an integer is missing; an integer from 1 to 256 as in { dedicated = 1 }",
        ),
        (
            "[providers.a]\nworkers.max = 5\n[defaults]\nworkers.min = 6",
            "4: providers.a.workers.min = 6: larger than workers.max; at most 5",
        ),
        (
            "[providers.a]\noverflow.block = \"2h\"",
            "2: providers.a.overflow.block = \"2h\": out of range; a duration from 1ms to 1h, as a string with one of ns, us, ms, s, m, h",
        ),
        (
            "[providers.a]\nhealth = { skip = 1 }",
            "2: providers.a.health = {…}: takes no value; \"best_effort\", \"require\" or \"skip\"",
        ),
        (
            "[providers.a]\nbase_url = \"https://user:pw@host\"",
            "2: providers.a.base_url = ***: not usable; a URL that starts with http:// or https://, without user, query and fragment",
        ),
        (
            "[[providers.a.keys]]\nname = \"x\"\nenv = \"UNSET\"",
            "3: providers.a.keys[0].env = \"UNSET\": the environment variable is not set",
        ),
        (
            "[[providers.a.keys]]\nname = \"x\"\nenv = \"EMPTY\"",
            "1: providers.a.keys[0] = (environment variable EMPTY): the secret is empty; visible ASCII characters and spaces",
        ),
        (
            "[[providers.a.keys]]\nname = \"x\"\nenv = \"BROKEN\"",
            "1: providers.a.keys[0] = (environment variable BROKEN): the secret has a character that no header can carry; visible ASCII characters and spaces",
        ),
        (
            "[[providers.a.keys]]\nname = \"x\"\nenv = \"sk-secret\"",
            "3: providers.a.keys[0].env = ***: not the name of an environment variable; letters, digits and _",
        ),
        (
            "[[providers.a.keys]]\nname = \"x\"\nfile = \"no/such\"",
            "3: providers.a.keys[0].file = \"no/such\": cannot be read (No such file or directory (os error 2))",
        ),
        (
            "[[providers.a.keys]]\nname = \"x\"",
            "1: providers.a.keys[0]: no source; either env, an environment variable, or file, a path",
        ),
        (
            "[[providers.a.keys]]\nname = \"x\"\nenv = \"KEY_A\"\nfile = \"f\"",
            "1: providers.a.keys[0]: two sources; either env, an environment variable, or file, a path",
        ),
        (
            "[[providers.a.keys]]\nenv = \"KEY_A\"",
            "1: providers.a.keys[0].name: missing; 1 to 64 letters, digits, -, _ and .",
        ),
        (
            "[[providers.a.keys]]\nname = \"x\"\nenv = \"KEY_A\"\n[[providers.a.keys]]\nname = \"x\"\nenv = \"KEY_A\"",
            "5: providers.a.keys[1].name = \"x\": another key has this name",
        ),
        (
            "[providers.a]\napi_key = \"sk-secret\"",
            "2: providers.a.api_key = ***: unknown field; one of base_url, workers, blocking_workers, queue_capacity, queue_capacity_high, queue_capacity_low, result_buffer, overflow, queue_timeout, timeout, expected_service_time, drivers, health, health_path, connect_timeout, max_body, auth_header, auth_prefix, overload, retry, limiter, scaling, health_interval, health_timeout, health_failures, health_successes, key_pool, breaker, keys, tenants",
        ),
        ("[providers.a]\ntenants = [1]", "2: providers.a.tenants = […]: not a table"),
        (
            "[providers.a]\n[providers.a.tenants]\nb = 5",
            "3: providers.a.tenants.b = 5: not a table",
        ),
        (
            "[providers.a.tenants.b]\nwieght = 5",
            "2: providers.a.tenants.b.wieght = 5: unknown field; did you mean weight?",
        ),
        (
            "[providers.a.tenants.\"b c\"]",
            "1: providers.a.tenants = \"b c\": not usable; 1 to 64 letters, digits, -, _ and .",
        ),
        (
            "[providers.a.tenants.b]\nqueue_capacity = 5",
            "2: providers.a.tenants.b.queue_capacity = 5: a tenant without a weight has no lane of its own; a weight, or no queue_capacity",
        ),
        (
            "[providers.a]\nqueue_capacity = 65536\n[providers.a.tenants]\nb.weight = 1\nc.weight = 1\nd.weight = 1\ne.weight = 1\nf.weight = 1",
            "1: providers.a = 1048814: more places in all lanes, workers and unread outcomes than a provider can have; at most 1048575",
        ),
        (
            "[providers.a]\nkey = \"sk-secret\"",
            "2: providers.a.key = ***: unknown field; did you mean keys?",
        ),
        ("{\"providers\": {\"a\": {},\n\"a\": {}}}", "2: a: given twice"),
        ("{\"providers\": \n{\"a\": nul}}", "2: not JSON (expected ident)"),
    ];
    for (text, expected) in cases {
        let message = read(text).expect_err(text).to_string();
        let error = read(text).expect_err(text);
        let line = error.line().map_or_else(String::new, |line| format!("{line}: "));
        assert_eq!(format!("{line}{message}"), expected, "{text}");
        assert!(!message.contains("sk-secret"), "{message}");
    }
}

#[test]
fn a_text_that_does_not_parse_is_named_with_its_line_and_not_quoted() {
    let error = from_toml("[providers.a]\n\nenv = \"sk-secret", "b.toml").expect_err("no end");
    assert!(error.to_string().starts_with("b.toml:3: not TOML ("), "{error}");
    assert!(!error.to_string().contains("sk-secret"), "{error}");
    let error = from_json("{\n\"env\": \"sk-secret", "b.json").expect_err("no end");
    assert!(error.to_string().starts_with("b.json:2: not JSON ("), "{error}");
    assert!(!error.to_string().contains("sk-secret"), "{error}");
}

#[test]
fn a_deep_text_is_an_error_and_no_overflow() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let json = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        assert!(from_json(&json, "b.json").is_err());
    }
    let toml = format!("a = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(from_toml(&toml, "b.toml").is_err());
}

#[test]
fn an_unwise_value_is_a_warning_with_its_line() {
    let text = "[providers.a]\nqueue_timeout = \"5s\"\nworkers = { min = 1, max = 10 }\nqueue_capacity = 100\nexpected_service_time = \"2s\"\n[runtime]\nshutdown_timeout = \"1s\"";
    let config = read(text).expect("legal");
    let warnings: Vec<_> = config.warnings.iter().map(|w| (w.place.line, w.to_string())).collect();
    assert_eq!(
        warnings,
        [
            (
                Some(7),
                "runtime.shutdown_timeout = 1s: outside the advised range; 5s to 30s".to_owned()
            ),
            (
                Some(4),
                "providers.a.queue_capacity = 100: at 2s a job and 10 workers the last of a full queue waits 20s, longer than queue_timeout = 5s".to_owned()
            )
        ]
    );
}

#[test]
fn no_mutation_of_a_valid_text_panics_or_shows_a_secret() {
    const PIECES: [&str; 16] =
        ["[", "]", "{", "}", "\"", "=", ":", ",", "\n", ".", "-", "9", "é", "\\", "null", "\u{0}"];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let (mut good, mut bad) = (0, 0);
    for round in 0..10_000 {
        let mut text: Vec<char> = [TOML, JSON][round % 2].chars().collect();
        for _ in 0..=random(2) {
            let at = random(text.len());
            let end = (at + 1 + random(8)).min(text.len());
            match random(4) {
                0 => drop(text.drain(at..end)),
                1 => drop(text.splice(at..at, PIECES[random(16)].chars())),
                2 => drop(text.splice(at..end, PIECES[random(16)].chars())),
                _ => text.extend_from_within(at..end),
            }
        }
        let text: String = text.into_iter().collect();
        let result = if round % 2 == 0 { toml::parse(&text) } else { json::parse(&text) }
            .and_then(|root| Reader::new(Path::new("b"), &variable).config(&root));
        match result {
            Ok(config) => {
                good += 1;
                assert!(config.validate().is_ok(), "{text}");
            }
            Err(error) => {
                bad += 1;
                assert!(error.line().is_some() || error.field() == "providers", "{error}\n{text}");
                assert!(!error.to_string().contains("sk-secret"), "{error}");
            }
        }
    }
    assert!(good > 250 && bad > 5_000, "{good} good, {bad} bad");
}

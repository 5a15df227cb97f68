//! A panic is logged with provider, job and task (S13).

use bifrost::config::{HealthPolicy, ProviderConfig, RuntimeConfig};
use bifrost::time::TestClock;
use bifrost::{Job, Outcome, Runtime};
use std::fmt::{Debug, Write};
use std::sync::{Arc, mpsc};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Sends each event on as one line of its fields.
struct Lines(mpsc::Sender<String>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").expect("a string has room");
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("bifrost")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} ", event.metadata().level()));
        event.record(&mut line);
        self.0.send(line.0).expect("the test listens");
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn a_panic_is_logged_with_provider_job_and_task() {
    let (sender, lines) = mpsc::channel();
    let subscriber = Arc::new(Lines(sender));
    tracing::subscriber::with_default(subscriber, || {
        let clock = TestClock::new();
        let provider = ProviderConfig::new("shaky").health(HealthPolicy::Skip);
        let config = RuntimeConfig::default().drivers(0);
        let builder = Runtime::builder().clock(&clock).config(config).provider(provider);
        let runtime = builder.build().expect("the settings are valid");
        let provider = runtime.provider("shaky").expect("it was built");
        let job = Job::new(|_| -> Result<(), std::fmt::Error> { panic!("boo") }).label("scare");
        let handle = provider.submit(job).expect("there is room");
        let id = handle.id().as_word();
        let outcome = runtime.run(handle);
        assert!(matches!(outcome, Outcome::Panicked(panic) if panic.message == "boo"));
        let is_error = |line: &String| line.starts_with("ERROR ");
        let line = lines.try_iter().find(is_error).expect("the panic is logged");
        let fields = format!("provider=\"shaky\" job={id} task=\"scare\"");
        assert!(line.contains(&fields), "{line}");
    });
}

//! Jobs through the library, as the commands need them: the one file of the command that knows the runtime.

use std::time::Duration;

use bifrost::code::Code;
use bifrost::config::{ProviderConfig, RuntimeConfig};
use bifrost::http::HttpRequest;
use bifrost::observe::Snapshot;
use futures_lite::future;

/// How a job ended, or why it was refused.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: Code,
    /// Why it failed; the outcome itself where that says all.
    pub(crate) cause: Code,
    pub(crate) message: String,
    /// The upstream's status, when there was an answer.
    pub(crate) status: Option<u16>,
    /// The body of the answer.
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) key: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) queue: Option<Duration>,
    pub(crate) run: Option<Duration>,
}

/// A runtime with its providers, in the order of the configuration.
#[derive(Debug)]
pub(crate) struct Engine {
    providers: usize,
}

impl Engine {
    /// Starts the runtime.
    ///
    /// # Errors
    /// What keeps it from starting.
    pub(crate) fn start(_: RuntimeConfig, _: Vec<ProviderConfig>) -> Result<Self, String> {
        Err("this build has no runtime yet".to_owned())
    }

    /// How many providers there are.
    pub(crate) fn providers(&self) -> usize {
        self.providers
    }

    /// Runs one request as a job of the provider at this index, to its end.
    pub(crate) async fn exchange(&self, _: usize, _: HttpRequest) -> Ended {
        future::pending().await
    }

    /// The figures of all providers.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::default()
    }

    /// Cancels what waits and what runs; returns at once.
    pub(crate) fn cancel(&self) {}

    /// Ends the runtime when its last job has ended.
    pub(crate) fn stop(&self) {}
}

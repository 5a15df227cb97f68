//! Jobs through the library, as the commands need them: the one file of the command that knows the runtime.

use std::future::Future;
use std::time::Duration;

use bifrost::code::Code;
use bifrost::config::{ProviderConfig, RuntimeConfig};
use bifrost::http::{Exchange, HttpRequest};
use bifrost::provider::{Failure, LifeState, Stage, StatusError, TransferError};
use bifrost::stats::Snapshot;
use bifrost::{Completion, Error, Job, Outcome, Provider, Rejected, Runtime, ShutdownMode};

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
    runtime: Runtime,
    providers: Vec<Provider>,
}

impl Engine {
    /// Starts the runtime. Nothing is sent unless all settings are usable.
    ///
    /// # Errors
    /// What keeps it from starting.
    pub(crate) fn start(
        runtime: RuntimeConfig,
        providers: Vec<ProviderConfig>,
    ) -> Result<Self, Error> {
        let runtime = Runtime::builder().config(runtime).providers(providers).build()?;
        Ok(Self { providers: runtime.providers(), runtime })
    }

    /// How many providers there are.
    pub(crate) fn providers(&self) -> usize {
        self.providers.len()
    }

    /// The providers that did not become ready, each with its state.
    pub(crate) fn unready(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let unready = self.providers.iter().filter(|it| it.state() != LifeState::Ready);
        unready.map(|provider| (provider.name(), provider.state().name()))
    }

    /// Runs `future` on this thread, and the runtime too if that has no threads of its own.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.run(future)
    }

    /// Runs one request as a job of the provider at this index, to its end.
    pub(crate) async fn exchange(&self, provider: usize, request: HttpRequest) -> Ended {
        let provider = &self.providers[provider];
        match provider.submit_async(Job::http(request)).await {
            Ok(job) => Ended::of(job.completion().await, provider.config()),
            Err(refused) => Ended::refused(&refused),
        }
    }

    /// The figures of all providers.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.runtime.snapshot()
    }

    /// The end of each provider: what waits is cancelled as soon as it is polled, and what runs has `grace` to finish.
    pub(crate) fn ends(
        &self,
        grace: Duration,
    ) -> impl Iterator<Item = impl Future<Output = ()> + 'static> {
        self.providers.clone().into_iter().map(move |provider| async move {
            // It fails inside of a job only, and this is none.
            let _ended = provider.shutdown(ShutdownMode::Cancel, grace).await;
        })
    }

    /// Ends the runtime when its last job has ended.
    pub(crate) fn stop(&self) {
        // It fails inside of a job only, and this is none.
        let _ended = self.runtime.shutdown_blocking(ShutdownMode::Finish);
    }
}

impl Ended {
    fn refused<T>(refused: &Rejected<T>) -> Self {
        Self {
            outcome: refused.reason,
            cause: refused.reason,
            message: refused.to_string(),
            status: None,
            body: None,
            key: None,
            attempts: 0,
            queue: None,
            run: None,
        }
    }

    fn of(completion: Completion<Exchange>, config: &ProviderConfig) -> Self {
        let Completion { outcome, queued_for, ran_for, .. } = completion;
        let code = outcome.code();
        let started = match &outcome {
            Outcome::TimedOut(Stage::Queue) | Outcome::Dropped(_) => false,
            Outcome::Cancelled(_) => !ran_for.is_zero(),
            _ => true,
        };
        let ended = Self {
            outcome: code,
            cause: code,
            message: code.message().to_owned(),
            status: None,
            body: None,
            key: None,
            attempts: u32::from(started),
            queue: Some(queued_for),
            run: started.then_some(ran_for),
        };
        match outcome {
            Outcome::Completed(exchange) => ended.answered(exchange),
            Outcome::Failed(failure) => ended.failed(&failure),
            Outcome::TimedOut(Stage::Queue) => {
                Self { message: format!("not started within {:?}", config.queue_timeout), ..ended }
            }
            Outcome::TimedOut(_) => {
                Self { message: format!("not over within {:?}", config.timeout), ..ended }
            }
            Outcome::Panicked(panic) => Self { message: panic.to_string(), ..ended },
            _ => ended,
        }
    }

    fn answered(self, exchange: Exchange) -> Self {
        Self {
            status: Some(exchange.response.status),
            body: Some(exchange.response.body),
            key: exchange.key.as_deref().map(str::to_owned),
            ..self
        }
    }

    fn failed(self, failure: &Failure) -> Self {
        let ended = Self {
            cause: failure.cause,
            message: failure.error.to_string(),
            attempts: failure.attempts,
            ..self
        };
        let source = failure.error.source();
        if let Some(error) = source.downcast_ref::<StatusError>() {
            return ended.answered(error.exchange.clone());
        }
        let key = source.downcast_ref::<TransferError>().and_then(|error| error.key.as_deref());
        Self { key: key.map(str::to_owned), ..ended }
    }
}

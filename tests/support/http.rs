//! HTTP services against loopback servers.

use std::sync::Arc;
use std::time::Duration;

use bifrost::config::{KeyConfig, ProviderConfig, Secret};
use bifrost::http::{ClientOptions, Exchange, HttpError, HttpRequest, HttpService, IsahcTransport};
use bifrost::time::{Clock, Instant};
use futures_lite::future::block_on;

use super::{Connection, Server};

/// Longer than any test takes: no test waits for it unless something hangs.
pub(crate) const LONG: Duration = Duration::from_secs(30);
pub(crate) const MAX_BODY: usize = 1000;

pub(crate) fn config(url: &str, keys: &[&str]) -> ProviderConfig {
    let config = ProviderConfig::new("p").base_url(url).max_body(MAX_BODY);
    keys.iter().fold(config, |config, name| {
        config.key(KeyConfig::new(*name, Secret::new(format!("secret-{name}"))))
    })
}

pub(crate) fn service_of(config: ProviderConfig, workers: usize) -> HttpService {
    let options = ClientOptions::for_workers(workers).spare_connections(2);
    HttpService::new(&config, Arc::new(IsahcTransport::new(options)))
        .expect("the settings are valid")
}

pub(crate) fn service(url: &str) -> HttpService {
    service_of(config(url, &[]), 8)
}

pub(crate) fn get(service: &HttpService, target: &str) -> Result<Exchange, HttpError> {
    block_on(service.send(HttpRequest::get(target), LONG))
}

/// A server that runs `handler` once a request has come in.
pub(crate) fn raw_server(handler: impl Fn(&mut Connection) + Send + Sync + 'static) -> Server {
    Server::start(move |mut connection| {
        if connection.request().is_some() {
            handler(&mut connection);
        }
    })
}

/// Real time, for the limits that only real time can show.
pub(crate) struct Stopwatch {
    clock: Clock,
    start: Instant,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        let clock = Clock::monotonic();
        Self { start: clock.now(), clock }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.start)
    }
}

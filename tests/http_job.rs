//! HTTP requests as jobs of a provider.
#![cfg(feature = "http")]

use std::net::TcpListener;
use std::time::Duration;

use bifrost::config::{BreakerMode, HealthPolicy, ProviderConfig};
use bifrost::http::HttpRequest;
use bifrost::provider::Stage;
use bifrost::{Job, Outcome, Runtime};

/// The transport has the same limit as its job, and may meet it before the tick does.
#[test]
fn a_job_whose_time_is_over_has_timed_out_whoever_notices_first() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
    let url = format!("http://{}", silent.local_addr().expect("the socket is bound"));
    let mut config = ProviderConfig::new("a").base_url(url).health(HealthPolicy::Skip);
    // Its jobs time out on purpose.
    config.breaker.mode = BreakerMode::Off;
    let runtime = Runtime::builder().provider(config).build().expect("the settings are valid");
    let provider = runtime.provider("a").expect("it was added");
    for limit in [Duration::from_nanos(1), Duration::from_millis(1), Duration::from_millis(20)] {
        let job = || Job::http(HttpRequest::get("/")).timeout(limit);
        let jobs: Vec<_> =
            (0..50).map(|_| provider.submit(job()).expect("there is space")).collect();
        for job in jobs {
            let outcome = job.wait();
            assert!(matches!(outcome, Outcome::TimedOut(Stage::Execution)), "{limit:?} {outcome}");
        }
    }
}

//! Providers come while the runtime runs.

use bifrost::config::{ProviderConfig, RuntimeConfig};
use bifrost::{Error, Job, Runtime, ShutdownMode};
use std::io;

fn runtime() -> Runtime {
    Runtime::builder()
        .config(RuntimeConfig::default().drivers(1))
        .build()
        .expect("the runtime starts")
}

fn small(name: &str) -> ProviderConfig {
    ProviderConfig::new(name).workers(1, 1).blocking_workers(0, 1)
}

#[test]
fn a_provider_that_is_added_later_runs_jobs_and_is_known_by_name() {
    let runtime = runtime();
    let added = runtime.add_blocking(small("late")).unwrap();
    let job = Job::new(|context| Ok::<_, io::Error>(context.provider().to_owned()));
    assert_eq!(added.submit(job).unwrap().wait().completed().as_deref(), Some("late"));
    assert_eq!(runtime.provider("late").unwrap().snapshot().ledger.accepted(), 1);
    runtime.shutdown_blocking(ShutdownMode::Cancel).unwrap();
}

#[test]
fn a_name_that_is_taken_and_settings_out_of_range_add_nothing() {
    let runtime = runtime();
    runtime.add_blocking(small("one")).unwrap();
    assert!(
        matches!(runtime.add_blocking(small("one")), Err(Error::Duplicate(name)) if name == "one")
    );
    assert!(runtime.add_blocking(small("two").queue_capacity(65_537)).is_err());
    assert_eq!(runtime.providers().len(), 1);
    runtime.shutdown_blocking(ShutdownMode::Cancel).unwrap();
}

#[test]
fn a_runtime_that_has_shut_down_takes_no_provider() {
    let runtime = runtime();
    runtime.shutdown_blocking(ShutdownMode::Cancel).unwrap();
    assert!(matches!(runtime.add_blocking(small("late")), Err(Error::ShuttingDown)));
    assert!(runtime.providers().is_empty());
}

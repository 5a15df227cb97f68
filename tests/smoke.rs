//! A job goes in and its outcome comes out.

use bifrost::config::{ProviderConfig, RuntimeConfig};
use bifrost::time::TestClock;
use bifrost::{Job, Outcome, Runtime, ShutdownMode};
use std::time::Duration;

#[test]
fn a_job_completes_on_threads() {
    let runtime = Runtime::builder().provider(ProviderConfig::new("a")).build().unwrap();
    let provider = runtime.provider("a").unwrap();
    let handle = provider.submit(Job::new(|_| Ok::<_, std::io::Error>(7))).unwrap();
    assert!(matches!(handle.wait(), Outcome::Completed(7)));
    let handle = provider.submit(Job::blocking(|_| Ok::<_, std::io::Error>(8))).unwrap();
    assert!(matches!(handle.wait(), Outcome::Completed(8)));
    let report = runtime.shutdown_blocking(ShutdownMode::Finish).unwrap();
    println!("{report:?} {}", runtime.snapshot().to_json());
}

#[test]
fn a_job_sleeps_on_the_test_clock() {
    let clock = TestClock::automatic();
    let _here = clock.register_thread().enter();
    let runtime = Runtime::builder()
        .clock(&clock)
        .config(RuntimeConfig::default().drivers(0))
        .provider(ProviderConfig::new("a").timeout(Duration::from_secs(3000)))
        .build()
        .unwrap();
    let provider = runtime.provider("a").unwrap();
    let outcome = runtime.run(async {
        let job = Job::with_context(|context| async move {
            context.sleep(Duration::from_secs(1000)).await;
            Ok::<_, std::io::Error>(context.clock().now())
        });
        provider.submit(job).unwrap().await
    });
    println!("{outcome:?}");
    assert_eq!(outcome.completed().map(|now| now.as_nanos()), Some(1_000_000_000_000));
    let report = runtime.shutdown_blocking(ShutdownMode::Finish).unwrap();
    println!("{report:?}");
}

//! A worker that is late to notice the end of its job is not one that never does.

use std::io;
use std::pin::pin;
use std::sync::mpsc;
use std::time::Duration;

use bifrost::config::{ProviderConfig, RuntimeConfig};
use bifrost::{Job, Outcome, Runtime, ShutdownMode};
use futures_lite::future::{block_on, poll_once};

#[test]
fn a_shutdown_gives_a_worker_time_to_let_go_of_a_job_that_timed_out() {
    let runtime = Runtime::builder()
        .config(RuntimeConfig::default().drivers(1))
        .provider(ProviderConfig::new("a").workers(1, 1).blocking_workers(0, 0))
        .build()
        .expect("the settings are valid");
    let (release, held) = mpsc::channel::<()>();
    let job = Job::new(move |_| {
        let _released = held.recv();
        Ok::<_, io::Error>(())
    });
    let provider = runtime.provider("a").expect("it was added");
    let job = provider.submit(job.timeout(Duration::from_millis(1))).expect("there is space");
    assert!(matches!(job.wait(), Outcome::TimedOut(_)));

    let mut end = pin!(runtime.shutdown(ShutdownMode::Cancel));
    assert!(block_on(poll_once(&mut end)).is_none(), "the worker has not let go yet");
    release.send(()).expect("the job waits for it");
    let report = block_on(end).expect("this is no job");
    assert_eq!(report.zombies, []);
    let workers = &runtime.snapshot().providers[0].workers;
    assert_eq!((workers.spawned, workers.busy, workers.zombie), (0, 0, 0));
}

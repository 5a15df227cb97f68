//! Jobs that block their driver threads hold up nobody else: spares take over, within some milliseconds (S7).
//! Real time and real threads, for a thread that blocks is one that a clock knows nothing of.

use bifrost::config::{HealthPolicy, ProviderConfig, RuntimeConfig};
use bifrost::provider::{JobError, JobHandle};
use bifrost::{Job, Provider, Runtime};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Longer than anything takes here unless it hangs.
const LONG: Duration = Duration::from_secs(60);

fn runtime(drivers: usize, names: &[&str]) -> (Runtime, Vec<Provider>) {
    let of = |name: &&str| ProviderConfig::new(*name).health(HealthPolicy::Skip);
    let runtime = Runtime::builder()
        .config(RuntimeConfig::default().drivers(drivers))
        .providers(names.iter().map(of))
        .build()
        .expect("the settings are good");
    let providers = runtime.providers();
    (runtime, providers)
}

/// A job that blocks its thread until the sender is dropped, and has begun when this returns.
fn block(provider: &Provider) -> (Sender<()>, JobHandle<()>) {
    let ((end, ended), (begin, begun)): ((_, Receiver<()>), _) = (channel(), channel());
    let job = Job::new(move |_| {
        begin.send(()).expect("the test waits");
        let _dropped = ended.recv();
        Ok::<_, JobError>(())
    });
    let handle = provider.submit(job).expect("there is room");
    begun.recv_timeout(LONG).expect("the job begins");
    (end, handle)
}

fn run(provider: &Provider) {
    let job = Job::new(|_| Ok::<_, JobError>(7));
    let mut handle = provider.submit(job).expect("there is room");
    let outcome = handle.wait_timeout(LONG).expect("it is not held up");
    assert_eq!(outcome.completed(), Some(7));
}

#[test]
fn every_driver_is_blocked_and_others_run() {
    for drivers in [1, 2] {
        let (_runtime, providers) = runtime(drivers, &["a", "b", "c"]);
        let held: Vec<_> = providers[..drivers].iter().map(block).collect();
        run(&providers[2]);
        for (end, handle) in held {
            drop(end);
            assert!(handle.wait().completed().is_some(), "the blocked job ends as well");
        }
        providers.iter().for_each(run);
    }
}

#[test]
fn the_providers_own_other_jobs_go_on() {
    let (_runtime, providers) = runtime(1, &["a"]);
    let (end, handle) = block(&providers[0]);
    for _ in 0..20 {
        run(&providers[0]);
    }
    drop(end);
    assert!(handle.wait().completed().is_some());
}

/// The second one keeps the unit, so that a third cannot block anybody; those who wait for it run afterwards.
#[test]
fn a_provider_holds_two_threads_at_most() {
    let (_runtime, providers) = runtime(1, &["bad", "good"]);
    let (bad, good) = (&providers[0], &providers[1]);
    let held = [block(bad), block(bad)];
    let behind = bad.submit(Job::new(|_| Ok::<_, JobError>(1))).expect("there is room");
    for _ in 0..20 {
        run(good);
    }
    for (end, handle) in held {
        drop(end);
        assert!(handle.wait().completed().is_some());
    }
    assert_eq!(behind.wait().completed(), Some(1));
}

#[test]
fn it_happens_again_and_again() {
    let (runtime, providers) = runtime(2, &["a", "b", "c"]);
    for _ in 0..10 {
        let held: Vec<_> = providers[..2].iter().map(block).collect();
        run(&providers[2]);
        held.into_iter().for_each(|(end, handle)| {
            drop(end);
            assert!(handle.wait().completed().is_some());
        });
    }
    let report = runtime.shutdown_blocking(bifrost::provider::ShutdownMode::Finish);
    assert!(report.is_ok(), "{report:?}");
}

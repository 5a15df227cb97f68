//! A job that blocks its driver waits for one that it has submitted itself: another driver comes for it (S7).
//! Real time and real threads, for a thread that blocks is one that a clock knows nothing of.

use bifrost::config::{ProviderConfig, RuntimeConfig};
use bifrost::provider::JobError;
use bifrost::{Job, Provider, Runtime};
use smol::channel::bounded;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

fn runtime(drivers: usize) -> Arc<Runtime> {
    let runtime = Runtime::builder()
        .config(RuntimeConfig::default().drivers(drivers))
        .providers(["holds", "helps"].map(ProviderConfig::new))
        .build();
    Arc::new(runtime.expect("the settings are good"))
}

/// A job that blocks its thread until a job of `other`, which it submits first, has run.
fn holding(other: Provider) -> Job<thread::ThreadId> {
    Job::new(move |_| {
        let (ran, runs) = mpsc::channel();
        let help = Job::new(move |_| {
            ran.send(thread::current().id()).expect("the other waits");
            Ok::<_, JobError>(())
        });
        drop(other.submit(help).expect("there is room"));
        let helper = runs.recv().expect("the job runs");
        assert_ne!(helper, thread::current().id());
        Ok::<_, JobError>(helper)
    })
}

fn hold_once(runtime: &Runtime) {
    let named = |name| runtime.provider(name).expect("it is there");
    let handle = named("holds").submit(holding(named("helps"))).expect("there is room");
    assert!(handle.wait().completed().is_some(), "the job that was waited for has run");
}

#[test]
fn another_driver_comes_for_what_a_held_one_made_ready() {
    let runtime = runtime(2);
    for _ in 0..50 {
        hold_once(&runtime);
    }
}

#[test]
fn another_thread_of_the_embedder_comes_for_what_a_held_one_made_ready() {
    let runtime = runtime(0);
    let (end, ended) = bounded::<()>(1);
    let drive = || {
        let (runtime, ended) = (Arc::clone(&runtime), ended.clone());
        thread::spawn(move || runtime.run(async { ended.recv().await.is_err() }))
    };
    let threads = [drive(), drive(), drive()];
    for _ in 0..50 {
        hold_once(&runtime);
    }
    drop(end);
    assert!(threads.into_iter().all(|thread| thread.join().expect("it did not panic")));
}

/// The embedder's own future is what holds its thread, and another embedder's thread sleeps.
#[test]
fn what_an_embedders_future_made_ready_does_not_wait_for_its_thread() {
    let runtime = runtime(0);
    let (end, ended) = bounded::<()>(1);
    let other = {
        let runtime = Arc::clone(&runtime);
        thread::spawn(move || runtime.run(async { ended.recv().await.is_err() }))
    };
    for _ in 0..50 {
        runtime.run(async {
            let (ran, runs) = mpsc::channel();
            let help = Job::new(move |_| {
                ran.send(()).expect("the other waits");
                Ok::<_, JobError>(())
            });
            let helps = runtime.provider("helps").expect("it is there");
            drop(helps.submit(help).expect("there is room"));
            runs.recv().expect("the job runs");
        });
    }
    drop(end);
    assert!(other.join().expect("it did not panic"));
}

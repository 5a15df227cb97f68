//! Jobs of equal length at half load are spread evenly: the worker that has been idle longest takes the next (S6).
//! Of async workers, on one driver: which of several threads is the faster one is the system's affair.

use bifrost::config::{HealthPolicy, ProviderConfig, RuntimeConfig};
use bifrost::provider::{JobError, JobHandle};
use bifrost::{Job, Provider, Runtime};
use smol::channel::{Receiver, Sender, bounded};
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::task::Poll;

const WORKERS: usize = 4;
/// Jobs that run at once: half of what could.
const LOAD: usize = WORKERS / 2;
/// Of each worker, 1,000 or more.
const JOBS: usize = WORKERS * 1_100;

fn provider(runtime: &Runtime) -> Provider {
    runtime.provider("even").expect("it was configured")
}

fn runtime() -> Runtime {
    let even = ProviderConfig::new("even").workers(WORKERS, WORKERS).health(HealthPolicy::Skip);
    let config = RuntimeConfig::default().drivers(1);
    Runtime::builder().config(config).provider(even).build().expect("the settings are good")
}

/// A job that says which worker has it and ends when it is told to, all of them in the order of their submission:
/// so they all run for as long as the same number of others.
struct Under {
    end: Sender<()>,
    handle: JobHandle<String>,
}

/// How many jobs each worker had.
fn spread(submit: impl Fn(&Provider, Sender<()>, Receiver<()>) -> JobHandle<String>) -> Vec<usize> {
    let runtime = runtime();
    let provider = provider(&runtime);
    let (mut under, mut had) = (VecDeque::new(), HashMap::<String, usize>::new());
    for _ in 0..JOBS {
        let ((end, ended), (began, begun)) = (bounded(1), bounded(1));
        let handle = submit(&provider, began, ended);
        begun.recv_blocking().expect("the job begins");
        under.push_back(Under { end, handle });
        if under.len() == LOAD {
            let Under { end, handle } = under.pop_front().expect("there is one");
            end.send_blocking(()).expect("the job waits for it");
            *had.entry(handle.wait().completed().expect("it ends well")).or_default() += 1;
        }
    }
    drop(under);
    had.into_values().collect()
}

fn assert_even(had: &[usize]) {
    let (most, least) = (had.iter().max().copied(), had.iter().min().copied());
    let (most, least) = (most.unwrap_or(0), least.unwrap_or(0));
    assert_eq!(had.len(), WORKERS, "every worker had some");
    assert!(least >= 1_000 && most * 10 <= least * 12, "{had:?}");
}

#[test]
fn async_workers_get_equal_shares() {
    assert_even(&spread(|provider, began, ended| {
        let body = async move {
            // Each worker is a task of its own, with a waker of its own.
            let worker = poll_fn(|cx| Poll::Ready(cx.waker().data().addr())).await;
            let _told = began.send(()).await;
            let _ended = ended.recv().await;
            Ok::<_, JobError>(worker.to_string())
        };
        provider.submit(Job::future(body)).expect("there is room")
    }));
}

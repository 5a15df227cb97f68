//! What providers cost that have nothing to do: memory and sleeps, each point in a process of its own.

use super::figures::Figures;
use super::go::Go;
use super::system::THREADS;
use crate::contest::{Effort, Results};
use crate::usage;
use bifrost::config::{HealthPolicy, OverflowPolicy, ProviderConfig, RuntimeConfig};
use bifrost::{Job, Provider, Runtime};
use std::future::poll_fn;
use std::io;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

/// The first argument of such a process.
pub(crate) const POINT: &str = "idle-point";

/// Every worker holds a job until all of them do.
struct Gathering {
    workers: usize,
    waiting: Mutex<Vec<Waker>>,
}

impl Gathering {
    /// Waits until it was called by all workers.
    async fn join(self: Arc<Self>) {
        let mut joined = false;
        poll_fn(|context| {
            if joined {
                return Poll::Ready(());
            }
            joined = true;
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push(context.waker().clone());
            if waiting.len() == self.workers {
                waiting.drain(..).for_each(Waker::wake);
            }
            Poll::Pending
        })
        .await;
    }
}

fn give_each_worker_a_job(provider: &Provider, workers: usize) {
    let waiting = Mutex::new(Vec::with_capacity(workers));
    let gathering = Arc::new(Gathering { workers, waiting });
    let mut handles = Vec::with_capacity(workers);
    for _ in 0..workers {
        let gathering = Arc::clone(&gathering);
        let job = Job::future(async move {
            gathering.join().await;
            Ok::<_, io::Error>(())
        });
        handles.push(provider.submit_blocking(job).expect("the queue has room again"));
    }
    for handle in handles {
        handle.wait().completed().expect("the job does not fail");
    }
}

/// The process of one point: prints its resident bytes and its sleeps in the time that it idles.
pub(crate) fn point(mut given: impl Iterator<Item = String>) -> Option<()> {
    let kind = given.next()?;
    let mut number = || given.next()?.parse::<usize>().ok();
    let (providers, workers, millis) = (number()?, number()?, number()?);
    let least = if kind == "eager" { workers } else { workers.min(10) };
    let count = if kind == "empty" { 0 } else { providers };
    let of = |number| {
        ProviderConfig::new(format!("p{number}"))
            .workers(least, workers)
            .health(HealthPolicy::Skip)
            .overflow(OverflowPolicy::Block(Duration::from_secs(60)))
    };
    let runtime = Runtime::builder()
        .config(RuntimeConfig::default().drivers(THREADS))
        .providers((0..count).map(of))
        .build()
        .expect("the settings are in range");
    if kind == "used" {
        runtime.providers().iter().for_each(|one| give_each_worker_a_job(one, workers));
    }
    // The last tick has its time.
    std::thread::sleep(Duration::from_millis(300));
    let before = usage::switches();
    std::thread::sleep(Duration::from_millis(millis as u64));
    println!("{} {}", usage::resident(), usage::switches() - before);
    Some(())
}

/// The process of one point, which has been started.
struct Running(Child);

impl Running {
    fn start(kind: &str, (providers, workers): (usize, usize), idle: Duration) -> Self {
        let own = std::env::current_exe().expect("the program knows its path");
        let numbers = [providers, workers, idle.as_millis() as usize].map(|n| n.to_string());
        let mut command = Command::new(own);
        command.arg(POINT).arg(kind).args(numbers).stdout(Stdio::piped());
        Self(command.spawn().expect("the program starts once more"))
    }

    /// Resident bytes, and sleeps.
    fn end(self) -> [f64; 2] {
        let output = self.0.wait_with_output().expect("it is ours");
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<f64> =
            text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        numbers.try_into().unwrap_or_else(|_| panic!("a point ended with {output:?}"))
    }
}

/// MiB, bytes a worker, and sleeps.
fn told(bytes: f64, workers: usize, sleeps: f64) -> [f64; 3] {
    [bytes / f64::from(1 << 20), bytes / workers as f64, sleeps]
}

fn in_go(size: (usize, usize), idle: Duration) -> [f64; 3] {
    let (providers, workers) = size;
    // A program of its own, so that nothing else lies in its memory.
    let go = Go::start().expect("it started before");
    let resident = |go: &Go| go.numbers::<f64>("idle");
    let empty = resident(&go);
    let id = go.ask(&format!("pool pooled {providers} {workers} 1 256"));
    go.ask(&format!("busy {id}"));
    let before = resident(&go);
    std::thread::sleep(idle);
    let after = resident(&go);
    told(before[0] - empty[0], providers * workers, after[1] - before[1])
}

const USED: &str = "bifrost, every worker had a job";
/// What a row is called, and what its process is told.
const POINTS: [(&str, &str); 3] = [
    (USED, "used"),
    ("bifrost, configured", "configured"),
    ("bifrost, all workers there from the start", "eager"),
];
const GO: &[&str] = &["Go channels, every goroutine had a job"];

/// All points side by side, for they only sleep.
fn round(size: (usize, usize), idle: Duration, beside: bool) -> Vec<(&'static str, [f64; 3])> {
    let workers = size.0 * size.1;
    let empty = Running::start("empty", (0, 1), Duration::ZERO);
    let points = POINTS.map(|(name, kind)| (name, Running::start(kind, size, idle)));
    let go = beside.then(|| (GO[0], in_go(size, idle)));
    let [empty, _] = empty.end();
    let points = points.map(|(name, running)| {
        let [resident, sleeps] = running.end();
        (name, told(resident - empty, workers, sleeps))
    });
    points.into_iter().chain(go).collect()
}

/// The three scenarios of a size.
pub(super) struct Size {
    pub(super) size: (usize, usize),
    pub(super) names: [&'static str; 3],
}

pub(super) const SMALL: Size = Size {
    size: (20, 1000),
    names: ["jobs_idle_20x1000_rss", "jobs_idle_20x1000_worker", "jobs_idle_20x1000_sleeps"],
};
pub(super) const LARGE: Size = Size {
    size: (1000, 1000),
    names: ["jobs_idle_1000x1000_rss", "jobs_idle_1000x1000_worker", "jobs_idle_1000x1000_sleeps"],
};

pub(super) fn all(effort: Effort, go: Option<&Go>, of: &Size) -> Vec<Figures> {
    let (rounds, idle) = match effort {
        Effort::Quick => (1, Duration::from_secs(2)),
        Effort::Full => (3, Duration::from_secs(10)),
    };
    let size = of.size;
    // A million goroutines take gigabytes and say nothing new.
    let beside = go.is_some() && size.0 * size.1 <= 100_000;
    let mut results = [const { Results::new() }; 3];
    for _ in 0..rounds {
        for (name, told) in round(size, idle, beside) {
            for (results, value) in results.iter_mut().zip(told) {
                results.entry(name).or_default().0.push(value);
            }
        }
    }
    let units = ["MiB over the empty runtime", "bytes/worker", "sleeps while idle"];
    let figures = of.names.iter().zip(units).zip(results).map(|((name, unit), results)| {
        let figures = Figures::new(name, unit, USED, results)
            .variants(&[POINTS[1].0, POINTS[2].0])
            .peers_if(beside, GO)
            .group("idle");
        // Bytes are compared once, and the sleeps should be none.
        if *name == of.names[0] { figures } else { figures.shown() }
    });
    figures.collect()
}

//! What a runtime costs and leaves behind, counted in the system's own books (S4, S9, S22). One test
//! thread: the figures are those of the whole process.
#![cfg(target_os = "linux")]

use bifrost::config::{DriverMode, ProviderConfig, RuntimeConfig};
use bifrost::provider::JobError;
use bifrost::{Job, Runtime, ShutdownMode};
use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes on to the system's allocator, unchanged.
#[expect(unsafe_code, reason = "an allocator that counts")]
unsafe impl GlobalAlloc for Counting {
    /// # Safety
    ///
    /// As the system's allocator.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    /// # Safety
    ///
    /// As the system's allocator.
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above, which is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The threads of this process whose name starts like ours, with their context switches.
fn switches() -> Vec<(String, u64)> {
    let mut all = Vec::new();
    for task in fs::read_dir("/proc/self/task").expect("Linux lists tasks") {
        let path = task.expect("a task has a place").path();
        // A thread that ends meanwhile has no file any more.
        let Ok(status) = fs::read_to_string(path.join("status")) else { continue };
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        let name = field("Name:");
        if name.starts_with("bf:") {
            let count = |name| field(name).parse::<u64>().expect("it is a number");
            let sum = count("voluntary_ctxt_switches:") + count("nonvoluntary_ctxt_switches:");
            all.push((name, sum));
        }
    }
    all.sort();
    all
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux lists files").count()
}

fn runtime() -> Runtime {
    let a = ProviderConfig::new("a").workers(10, 20).blocking_workers(2, 4);
    let b = ProviderConfig::new("b").drivers(DriverMode::Dedicated(1));
    let mut c = ProviderConfig::new("c").workers(1, 20).blocking_workers(0, 4);
    (c.scaling.idle_timeout, c.scaling.hysteresis) = (Duration::from_millis(50), Duration::ZERO);
    Runtime::builder()
        .config(RuntimeConfig::default().drivers(2))
        .provider(a)
        .provider(b)
        .provider(c)
        .build()
        .expect("the settings are good")
}

/// Runs some jobs of each kind through every provider.
fn work(runtime: &Runtime) {
    for provider in runtime.providers() {
        for _ in 0..50 {
            let jobs = [
                Job::new(|_| Ok::<_, JobError>(())),
                Job::blocking(|_| Ok::<_, JobError>(())),
                Job::with_context(|context| async move {
                    context.sleep(Duration::from_micros(100)).await;
                    Ok::<_, JobError>(())
                }),
            ];
            for handle in provider.submit_batch(jobs).handles {
                assert!(handle.wait().completed().is_some());
            }
        }
    }
}

/// Real time without a sleep of the test: a second of work for this thread alone.
fn spin(time: Duration) {
    let clock = bifrost::time::Clock::monotonic();
    let end = clock.now() + time;
    while clock.now() < end {
        std::hint::spin_loop();
    }
}

fn an_idle_runtime_makes_no_system_call() {
    let runtime = runtime();
    work(&runtime);
    // What the last job set in motion comes to its end: the tick looks once more within its period.
    spin(Duration::from_millis(300));
    let shrunk = runtime.provider("c").expect("it is there").snapshot();
    assert_eq!((shrunk.workers.spawned, shrunk.blocking_workers.spawned), (1, 0));
    let before = switches();
    assert!(before.iter().all(|(name, _)| !name.starts_with("bf:c:")), "{before:?}");
    assert!(before.len() >= 6, "drivers, tick and blocking workers are there: {before:?}");
    spin(Duration::from_secs(1));
    // A thread that makes a system call of ours has been run, and has parked again: a switch.
    assert_eq!(switches(), before);
    runtime.shutdown_blocking(ShutdownMode::Finish).expect("this is no job");
}

fn a_shutdown_leaves_no_thread_and_no_file() {
    let before = (switches().len(), open_files());
    for _ in 0..20 {
        let runtime = runtime();
        work(&runtime);
        assert!(switches().len() >= 6);
        runtime.shutdown_blocking(ShutdownMode::Cancel).expect("this is no job");
        assert_eq!((switches().len(), open_files()), before);
    }
}

fn a_dropped_runtime_leaves_nothing_in_the_end() {
    let before = (switches().len(), open_files());
    for _ in 0..20 {
        let runtime = runtime();
        let provider = runtime.provider("a").expect("it is there");
        let held: Vec<_> = (0..200)
            .map(|_| {
                let job = Job::future(std::future::pending::<Result<(), JobError>>());
                provider.submit(job).expect("there is room")
            })
            .collect();
        drop(runtime);
        for handle in held {
            assert_eq!(handle.wait().code(), bifrost::code::Code::CancelledShutdown);
        }
        while (switches().len(), open_files()) != before {
            std::thread::yield_now();
        }
    }
}

fn a_job_without_a_token_allocates_no_more_than_its_bookkeeping() {
    let runtime = Runtime::builder()
        .config(RuntimeConfig::default().drivers(0))
        .provider(ProviderConfig::new("a").workers(1, 1))
        .build()
        .expect("the settings are good");
    let provider = runtime.provider("a").expect("it is there");
    let once = |token: Option<&bifrost::cancel::CancelToken>| {
        let mut job = Job::new(|_| Ok::<_, JobError>(1_u64));
        if let Some(token) = token {
            job = job.cancel_token(token);
        }
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let mut handle = provider.submit(job).expect("there is room");
        while runtime.poll() {}
        let outcome = handle.try_take().expect("it has run");
        assert_eq!(outcome.completed(), Some(1));
        ALLOCATIONS.load(Ordering::Relaxed) - before
    };
    // The first ones make what stays: the shard, the histograms, the executor's lists.
    for _ in 0..1_000 {
        once(None);
    }
    let token = bifrost::cancel::CancelToken::new();
    once(Some(&token));
    let without: u64 = (0..1_000).map(|_| once(None)).sum();
    let with: u64 = (0..1_000).map(|_| once(Some(&token))).sum();
    println!("allocations of 1000 jobs: {without} without a token, {with} with one");
    assert!(with >= without + 1_000, "the count sees tokens");
    assert!(without < 200, "{without} allocations");
    runtime.shutdown_blocking(ShutdownMode::Finish).expect("this is no job");
}

/// One after another: they count what the whole process has.
#[test]
fn the_books_of_the_system() {
    a_shutdown_leaves_no_thread_and_no_file();
    a_dropped_runtime_leaves_nothing_in_the_end();
    an_idle_runtime_makes_no_system_call();
    a_job_without_a_token_allocates_no_more_than_its_bookkeeping();
}

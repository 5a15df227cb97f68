//! The way of a job allocates nothing in the steady state.

use bifrost::config::{HealthPolicy, ProviderConfig, RuntimeConfig};
use bifrost::time::TestClock;
use bifrost::{CompletionQueue, Job, Outcome, Runtime};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::VecDeque;
use std::future::{Future, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: it hands everything on to the system's allocator and counts beside it.
#[expect(unsafe_code, reason = "counting allocations takes an allocator")]
unsafe impl GlobalAlloc for Counting {
    /// # Safety
    ///
    /// As of `GlobalAlloc::alloc`.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends has no counter any more; nobody reads it then.
        let _gone = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    /// # Safety
    ///
    /// As of `GlobalAlloc::dealloc`.
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const JOBS: u64 = 10_000;

fn allocations_of(mut work: impl FnMut()) -> u64 {
    work();
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

/// A runtime that the test's own thread drives, so that every allocation is counted, at a time that stands
/// still.
fn runtime() -> Runtime {
    let clock = TestClock::new();
    let provider = ProviderConfig::new("a").health(HealthPolicy::Skip).workers(4, 4);
    let config = RuntimeConfig::default().drivers(0);
    Runtime::builder()
        .clock(&clock)
        .config(config)
        .provider(provider)
        .build()
        .expect("the settings are valid")
}

#[test]
fn a_counted_allocation_is_seen() {
    assert_eq!(allocations_of(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn a_job_with_a_handle_allocates_nothing() {
    let runtime = runtime();
    let provider = runtime.provider("a").expect("it was built");
    let allocations = allocations_of(|| {
        for number in 0..JOBS {
            let payload = [number; 8];
            let job = Job::new(move |_| Ok::<_, std::fmt::Error>(payload));
            let handle = provider.submit(job).expect("there is room");
            let outcome = runtime.run(handle);
            assert!(matches!(outcome, Outcome::Completed(back) if back == payload));
        }
    });
    assert_eq!(allocations, 0, "for {JOBS} jobs");
}

#[test]
fn a_batch_of_futures_into_a_completion_queue_allocates_nothing() {
    let runtime = runtime();
    let provider = runtime.provider("a").expect("it was built");
    let queue = CompletionQueue::new(runtime.clock());
    let mut sum = 0;
    let allocations = allocations_of(|| {
        for _ in 0..JOBS / 100 {
            for number in 0..100 {
                let job = Job::future(ready(Ok::<_, std::fmt::Error>(1))).user_data(number);
                provider.submit_to(&queue, job).expect("there is room");
            }
            let add = |completion: bifrost::Completion<u64>| {
                sum += completion.outcome.completed().expect("it completed");
            };
            assert_eq!(runtime.run(queue.wait(100, 100, add)), 100);
        }
    });
    assert_eq!(sum, 2 * JOBS);
    // The wait for a batch may begin twice: each time with a listener and a waker.
    assert!(allocations <= 4 * (JOBS / 100), "{allocations} allocations for {JOBS} jobs");
}

#[test]
fn a_channel_allocates_nothing_once_it_has_been_waited_for() {
    let (sender, receiver) = bifrost::queue::channel(8);
    let mut batch: VecDeque<u64> = VecDeque::with_capacity(8);
    let mut received = Vec::with_capacity(8);
    let mut context = Context::from_waker(Waker::noop());
    let mut sum = 0;
    let allocations = allocations_of(|| {
        for number in 0..JOBS {
            let mut waiting = pin!(receiver.recv());
            assert!(waiting.as_mut().poll(&mut context).is_pending());
            sender.send_blocking(number).expect("it is open");
            assert_eq!(waiting.as_mut().poll(&mut context), Poll::Ready(Ok(number)));
            batch.extend([number; 8]);
            assert_eq!(sender.try_send_many(&mut batch), Ok(8));
            let mut waiting = pin!(sender.send(number));
            assert!(waiting.as_mut().poll(&mut context).is_pending());
            assert_eq!(receiver.try_recv_many(&mut received, 8), Ok(8));
            assert_eq!(waiting.as_mut().poll(&mut context), Poll::Ready(Ok(())));
            assert_eq!(receiver.recv_blocking(), Ok(number));
            sum += received.drain(..).sum::<u64>();
        }
    });
    assert_eq!(sum, 2 * 8 * (0..JOBS).sum::<u64>());
    assert_eq!(allocations, 0);
}

//! What a provider does about more jobs than it can serve (S19), on a clock that jumps from timer to timer.

use bifrost::code::Code;
use bifrost::config::{OverloadConfig, ProviderConfig, RuntimeConfig};
use bifrost::provider::{JobError, Reason};
use bifrost::stats::{Count, Ledger};
use bifrost::time::{Instant, TestClock};
use bifrost::{Job, JobHandle, Outcome, Provider, Runtime, ShutdownMode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// What a job may wait.
const LIMIT: Duration = Duration::from_secs(10);
const SERVICE: Duration = Duration::from_secs(2);

fn overload(estimate: bool, codel: bool) -> OverloadConfig {
    let mut overload = OverloadConfig::default();
    (overload.estimate, overload.codel) = (estimate, codel);
    overload
}

fn config(workers: usize) -> ProviderConfig {
    ProviderConfig::new("a").workers(workers, workers).queue_capacity(100).queue_timeout(LIMIT)
}

/// Shows a behaviour of one provider on this thread alone.
fn show(config: ProviderConfig, behaviour: impl AsyncFnOnce(&TestClock, &Provider)) {
    let clock = TestClock::automatic();
    let _here = clock.register_thread().enter();
    let runtime = Runtime::builder()
        .clock(&clock)
        .config(RuntimeConfig::default().drivers(0))
        .provider(config)
        .build()
        .expect("the settings are good");
    let provider = runtime.provider("a").expect("it was configured");
    runtime.run(behaviour(&clock, &provider));
    runtime.shutdown_blocking(ShutdownMode::Cancel).expect("this is no job");
    let snapshot = provider.snapshot();
    snapshot.ledger.check_quiet(0, 0).expect("every job has its outcome");
    assert_eq!(snapshot.records.free, snapshot.records.capacity);
}

fn job(length: Duration) -> Job<()> {
    Job::with_context(move |context| async move {
        context.sleep(length).await;
        Ok::<_, JobError>(())
    })
}

fn submit(provider: &Provider, job: Job<()>) -> JobHandle<()> {
    provider.submit(job).expect("it is let in")
}

/// Lets jobs of [`SERVICE`] run until the estimate knows how long that is.
async fn teach(provider: &Provider) {
    for _ in 0..4 {
        assert!(submit(provider, job(SERVICE)).await.completed().is_some());
    }
}

/// Gives each of so many workers a job that does not end, and waits until it has it.
async fn occupy(clock: &TestClock, provider: &Provider, workers: usize) -> Vec<JobHandle<()>> {
    let long = |_| submit(provider, job(1000 * SECOND).timeout(1000 * SECOND));
    let busy = (0..workers).map(long).collect();
    clock.sleep(Duration::from_millis(1)).await;
    busy
}

#[test]
fn a_job_that_cannot_start_in_time_is_refused_at_the_door() {
    show(config(1), async |clock, provider| {
        teach(provider).await;
        let _busy = occupy(clock, provider, 1).await;
        // The fifth waits for four others and itself: ten seconds.
        let mut waiting: Vec<_> = (0..5).map(|_| submit(provider, job(SERVICE))).collect();
        waiting.push(submit(provider, job(SERVICE).label("the interval's probe")));
        let refused = |job| provider.submit(job).map(drop).expect_err("seven do not fit");
        let rejected = refused(job(SERVICE).label("mine"));
        assert_eq!(rejected.reason, Code::DeadlineUnmeetable);
        assert_eq!((rejected.limit, rejected.value), ("queue_timeout_ms", 10_000));
        assert_eq!(
            rejected.retry_after,
            Some(4 * SECOND),
            "fourteen seconds, of which ten are left"
        );
        let rejected = refused(job(SERVICE).deadline(3 * SECOND));
        assert_eq!((rejected.limit, rejected.value), ("deadline_ms", 3_000));
        submit(provider, rejected.job.queue_timeout(20 * SECOND).deadline(20 * SECOND)).cancel();
        let batch = provider.submit_batch((0..3).map(|_| job(SERVICE)));
        let rejection = batch.rejection.expect("it goes through the same door");
        assert_eq!((batch.handles.len(), rejection.job.len()), (0, 3));
        assert_eq!(rejection.reason, Code::DeadlineUnmeetable);
        assert_eq!(provider.snapshot().ledger.get(Count::DeadlineUnmeetable), 5);
    });
}

#[test]
fn the_estimate_refuses_nothing_while_a_worker_is_idle_or_nothing_waits() {
    show(config(2), async |clock, provider| {
        teach(provider).await;
        let hopeless = || job(SERVICE).deadline(SECOND);
        let _first = occupy(clock, provider, 1).await;
        drop(submit(provider, hopeless()));
        clock.sleep(2 * SECOND).await;
        let _second = occupy(clock, provider, 1).await;
        drop(submit(provider, hopeless()));
        drop(submit(provider, hopeless().label("the interval's probe")));
        let rejected = provider.submit(hopeless()).map(drop).expect_err("others wait already");
        assert_eq!(rejected.reason, Code::DeadlineUnmeetable);
    });
}

#[test]
fn the_estimate_refuses_nothing_before_anything_has_run_or_where_it_is_off() {
    let fill = async |clock: &TestClock, provider: &Provider| {
        let _busy = occupy(clock, provider, 1).await;
        let hopeless = || provider.submit(job(SERVICE).deadline(SECOND)).map(drop);
        assert!((0..100).all(|_| hopeless().is_ok()));
        let rejected = hopeless().expect_err("there is no more space");
        assert_eq!(rejected.reason, Code::QueueFull);
    };
    show(config(1), async |clock, provider| fill(clock, provider).await);
    show(config(1).overload(overload(false, true)), async |clock, provider| {
        teach(provider).await;
        fill(clock, provider).await;
    });
}

#[test]
fn the_estimate_never_refuses_for_ever() {
    show(config(1), async |clock, provider| {
        teach(provider).await;
        let _busy = occupy(clock, provider, 1).await;
        let _waiting = submit(provider, job(SERVICE).queue_timeout(1000 * SECOND));
        let mut let_in = Vec::new();
        for half in 0..140 {
            if provider.submit(job(SERVICE).deadline(SECOND)).is_ok() {
                let_in.push(half);
            }
            clock.sleep(SECOND / 2).await;
        }
        let probes: Vec<_> = let_in.iter().filter(|half| **half < 30).collect();
        assert_eq!(probes, [&0, &20], "one an interval of ten seconds");
        assert!(let_in.ends_with(&[137, 138, 139]), "what was learned long ago fades");
    });
}

#[test]
fn jobs_that_were_cancelled_while_they_waited_do_not_count_as_waiting() {
    show(config(1), async |clock, provider| {
        teach(provider).await;
        let _busy = occupy(clock, provider, 1).await;
        let patient = |_| submit(provider, job(SERVICE).queue_timeout(1000 * SECOND));
        let _head = patient(0);
        let behind: Vec<_> = (0..20).map(patient).collect();
        drop(submit(provider, job(SERVICE).label("the interval's probe")));
        assert!(provider.submit(job(SERVICE)).is_err());
        behind.iter().for_each(|handle| assert!(handle.cancel()));
        clock.sleep(SECOND).await;
        assert_eq!(provider.snapshot().queue.dead_slots, 20, "they stand behind a live head");
        drop(submit(provider, job(SERVICE)));
    });
}

#[test]
fn a_submission_that_may_wait_for_space_passes_the_same_door() {
    use bifrost::config::OverflowPolicy;
    let small = config(1).queue_capacity(8).overflow(OverflowPolicy::Block(100 * SECOND));
    show(small, async |clock, provider| {
        teach(provider).await;
        let _running = submit(provider, job(5 * SECOND));
        clock.sleep(Duration::from_millis(1)).await;
        let patient = |_| submit(provider, job(SERVICE).queue_timeout(1000 * SECOND));
        let _waiting: Vec<_> = (0..8).map(patient).collect();
        drop(provider.submit(job(SERVICE)).map(drop).expect_err("the probe finds no space"));
        let refused = provider.submit_async(job(SERVICE)).await.map(drop);
        let refused = refused.expect_err("it does not even begin to wait");
        assert_eq!(refused.reason, Code::DeadlineUnmeetable);
        let patient = job(SERVICE).queue_timeout(19 * SECOND);
        let moved_in = provider.submit_async(patient).await;
        assert!(moved_in.is_ok(), "eighteen seconds are not too long for it, and it stood in line");
    });
}

/// Submits jobs of `length` at this rate a second for some time, and gives their handles.
async fn flow(
    clock: &TestClock,
    provider: &Provider,
    (rate, length): (u32, Duration),
    time: Duration,
) -> Vec<JobHandle<()>> {
    let end = clock.now() + time;
    let mut handles = Vec::new();
    while clock.now() < end {
        handles.extend(provider.submit(job(length)));
        clock.sleep(SECOND / rate).await;
    }
    handles
}

#[test]
fn codel_drops_only_while_waits_stay_long() {
    let half = SECOND / 2;
    show(config(1).overload(overload(false, true)), async |clock, provider| {
        let dropped = || provider.snapshot().ledger.get(Count::DroppedCodel);
        let burst: Vec<_> = (0..15).map(|_| submit(provider, job(half))).collect();
        for handle in burst {
            assert!(handle.await.completed().is_some(), "a burst drains within the interval");
        }
        let early = flow(clock, provider, (4, half), LIMIT).await;
        assert_eq!(dropped(), 0, "waits are not yet long for a whole interval");
        let handles = flow(clock, provider, (4, half), 3 * LIMIT).await;
        let before = dropped();
        assert!(before > 50, "half of the jobs are too many: {before}");
        for handle in early.into_iter().chain(handles) {
            let completion = handle.completion().await;
            match completion.outcome {
                Outcome::Dropped(Reason::Codel) => {
                    assert!(completion.queued_for > LIMIT / 5, "{:?}", completion.queued_for);
                    assert_eq!(completion.ran_for, Duration::ZERO);
                }
                outcome => assert!(outcome.completed().is_some(), "it was served in time"),
            }
        }
        let before = dropped();
        drop(flow(clock, provider, (1, half), 3 * LIMIT).await);
        assert_eq!(dropped(), before, "waits are short again");
    });
    show(config(1).overload(overload(false, false)), async |clock, provider| {
        drop(flow(clock, provider, (4, half), 5 * LIMIT).await);
        assert_eq!(provider.snapshot().ledger.get(Count::DroppedCodel), 0, "it is off");
    });
}

#[test]
fn a_lane_whose_jobs_are_dropped_loses_none_of_its_turns() {
    show(config(10).overload(overload(false, true)), async |clock, provider| {
        let ended = [(); 2].map(|()| Arc::new(AtomicU64::new(0)));
        for _ in 0..5 * 300 {
            for (ended, priority) in ended.iter().zip([0, -1]) {
                let ended = Arc::clone(ended);
                let job = Job::with_context(move |context| async move {
                    context.sleep(SERVICE).await;
                    ended.fetch_add(1, Ordering::Relaxed);
                    Ok::<_, JobError>(())
                });
                drop(provider.submit(job.priority(priority)));
            }
            clock.sleep(SECOND / 5).await;
        }
        let [normal, low] = ended.map(|ended| ended.load(Ordering::Relaxed) as f64);
        let dropped = provider.snapshot().ledger.get(Count::DroppedCodel);
        assert!(dropped > 1000, "{dropped}");
        assert!((normal / low - 4.0).abs() < 0.2, "{normal} and {low}, by weight 4 to 1");
    });
}

/// Poisson arrivals (splitmix64) at `load` times what ten workers can serve, for ten minutes. The ledger, and
/// how many jobs saw that they were executed after their time.
fn overloaded(load: f64) -> (Ledger, u64) {
    let (late, mut ledger) = (Arc::new(AtomicU64::new(0)), Ledger::default());
    let mut state = 7_u64;
    let mut gap = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let unit = (((z ^ (z >> 31)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        Duration::from_secs_f64(-unit.ln() * 0.2 / load)
    };
    show(config(10), async |clock, provider| {
        let end = clock.now() + 600 * SECOND;
        while clock.now() < end {
            let (submitted, late): (Instant, _) = (clock.now(), Arc::clone(&late));
            let job = Job::with_context(move |context| async move {
                let is_late = context.clock().now() >= submitted + LIMIT;
                late.fetch_add(u64::from(is_late), Ordering::Relaxed);
                context.sleep(SERVICE).await;
                Ok::<_, JobError>(())
            });
            drop(provider.submit(job.deadline(LIMIT)));
            clock.sleep(gap()).await;
        }
        ledger = provider.snapshot().ledger;
    });
    (ledger, late.load(Ordering::Relaxed))
}

#[test]
fn overload_keeps_nine_tenths_of_the_goodput_and_executes_nothing_after_its_time() {
    for load in [1.2, 2.0, 5.0] {
        let (ledger, late) = overloaded(load);
        let goodput = ledger.get(Count::Completed) as f64 / 3000.0;
        assert!(goodput >= 0.9, "{goodput} at {load} times the load");
        assert_eq!(late, 0, "executed after their time at {load} times the load");
        assert!(ledger.get(Count::DroppedCodel) > 0);
    }
    let (ledger, late) = overloaded(0.8);
    let lost = ledger.accepted() - ledger.get(Count::Completed);
    assert!(lost <= 20 && late == 0, "what still runs at the end: {lost}");
    assert_eq!(ledger.rejected(), 0, "nobody is refused below the capacity");
}

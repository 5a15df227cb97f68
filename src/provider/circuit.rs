//! The provider's circuit breaker at work (S23–S25): what the door asks it, the permit of each attempt, and what
//! an attempt's end tells it.
//!
//! A permit is taken before the job's first poll and lies in the job's record while it runs. Whoever decides the
//! job takes it from there, before it publishes: so a timeout counts when the tick finds it, however long the
//! worker is still held, and every way to an outcome gives the permit back. A job that was dead when its turn came
//! never had one: its worker gives it back.
//!
//! A job whose turn comes while the breaker is open fails, or waits with its worker: no other job of the provider
//! could use the worker either. It is `Delayed` meanwhile: it can expire, be cancelled or be ended by a shutdown
//! like one in the queue, and is woken for that as for every change of the breaker.

use super::core::{Core, Host, Jobs};
use super::settle::nanos;
use crate::code::Code;
use crate::config::{BreakerConfig, BreakerMode, BreakerPolicy};
use crate::state::{
    BreakerPermit, BreakerRules, BreakerState, BreakerTransition, BreakerWindow, CallResult,
    CallTotals, CircuitBreaker, CircuitOpen, Decided, JobError, Phase, SampleFate, classify,
};
use crate::stats::{Blocks, BreakerSnapshot, Count, Recorder};
use crate::sync::Quiet;
use crate::time::Instant;
use event_listener::Event;
use futures_lite::future::{or, pending};
use std::time::Duration;

/// The number of no permit.
const NO_PERMIT: u64 = 0;

/// The breaker and those who wait for it.
#[derive(Debug)]
pub(super) struct Circuit {
    breaker: CircuitBreaker,
    queued: BreakerPolicy,
    slow_after: u64,
    /// Notified when a job may get a permit that did not before, or has its outcome while it waits for one.
    changed: Event,
}

impl Circuit {
    pub(super) fn new(config: &BreakerConfig, name: &str, now: Instant) -> Self {
        // The same settings draw the same times, and those of another provider others.
        let seed = name.bytes().fold(config.open.as_nanos() as u64, |seed, byte| {
            seed.rotate_left(8).wrapping_mul(31) ^ u64::from(byte)
        });
        let breaker = CircuitBreaker::new(rules(config), seed);
        let _begun = match config.mode {
            BreakerMode::On => None,
            BreakerMode::MetricsOnly => Some(breaker.metrics_only(now)),
            BreakerMode::Off => Some(breaker.disable(now)),
        };
        let (queued, slow_after) = (config.queued, config.slow_after as u64);
        Self { breaker, queued, slow_after, changed: Event::new() }
    }

    /// Whether a job may come in that arrives at `now`.
    pub(super) fn check(&self, now: impl FnOnce() -> Instant) -> Result<(), CircuitOpen> {
        match self.breaker.state() {
            BreakerState::Closed | BreakerState::Disabled | BreakerState::MetricsOnly => Ok(()),
            _ => self.breaker.check(now()),
        }
    }

    /// Whether a call is slow that ran for `run` of the `limit` that it had.
    fn is_slow(&self, run: Duration, limit: Option<Duration>) -> bool {
        limit.is_some_and(|limit| nanos(run) > nanos(limit) / 100 * self.slow_after)
    }
}

fn rules(config: &BreakerConfig) -> BreakerRules {
    let window =
        config.window_calls.map_or(BreakerWindow::Time(config.window), BreakerWindow::Calls);
    // Every count is far below 2^32 by the bounds of the options.
    BreakerRules {
        window,
        min_calls: config.min_calls as u32,
        failure_rate: config.failure_rate as u32,
        failures_in_row: config.failures_in_row as u32,
        slow_rate: config.slow_rate as u32,
        open: config.open,
        open_max: config.open_max,
        jitter: config.jitter as u32,
        calm: config.calm,
        probes: config.probes as u32,
        probes_to_decide: config.probes_to_decide as u32,
        half_open: config.half_open,
    }
}

/// The successes that the threads have counted.
fn totals(stats: &Blocks) -> CallTotals {
    CallTotals { ok: stats.get(Count::BreakerOk), slow: stats.get(Count::BreakerSlow) }
}

impl Host {
    /// Takes a permit for the attempt of the job at `index`, whose index came out of a queue, and leaves it in the
    /// job's record; the permit's number.
    pub(super) fn enter_circuit(
        &self,
        jobs: &Jobs,
        index: u32,
        now: Instant,
    ) -> Result<u64, CircuitOpen> {
        let acquired = self.circuit.breaker.acquire(now);
        acquired.transitions.into_iter().flatten().for_each(|change| self.announce(change));
        acquired.permit.map(|permit| {
            let permit = permit.into_word();
            jobs.set_permit(index, permit);
            permit
        })
    }

    /// Gives the permit back of a job that did not start.
    pub(super) fn leave_circuit(&self, permit: u64) {
        drop(self.own_permit(Some(permit)));
    }

    fn own_permit(&self, word: Option<u64>) -> Option<Leaving<'_>> {
        let permit = BreakerPermit::from_word(&self.circuit.breaker, word?)?;
        let probe = permit.is_probe().then_some(&self.circuit.changed);
        Some(Leaving { permit: Some(permit), probe })
    }

    /// Tells the breaker how the attempt of a job went that ran for `run` of its `limit`.
    pub(super) fn record_call(
        &self,
        decided: &Decided<'_, super::JobContext, Self>,
        recorder: Recorder<'_>,
        (run, limit): (Duration, Option<Duration>),
        now: Instant,
    ) {
        let Some(mut leaving) = self.own_permit(decided.permit()) else { return };
        let error = decided.error();
        let (status, retry_after) = error.map_or((None, None), answer);
        let result = classify(decided.verdict(), error.map(JobError::code), status);
        let sample = result.sample(self.circuit.is_slow(run, limit), retry_after);
        let Some(permit) = leaving.permit.take() else { return };
        let recorded = permit.record(sample, now, || totals(&self.stats));
        match recorded.fate {
            SampleFate::Counted if result == CallResult::Ok => {
                recorder.add(Count::BreakerOk, 1);
                if self.circuit.is_slow(run, limit) {
                    recorder.add(Count::BreakerSlow, 1);
                }
            }
            SampleFate::Stale => recorder.add(Count::BreakerStale, 1),
            _ => {}
        }
        if let Some(change) = recorded.transition {
            self.announce(change);
        }
    }

    /// What the tick does for the breaker.
    pub(super) fn fold_circuit(&self, now: Instant) {
        if let Some(change) = self.circuit.breaker.fold(now, || totals(&self.stats)) {
            self.announce(change);
        }
    }

    /// Wakes the workers that wait with a job for the breaker.
    pub(super) fn notify_circuit(&self) {
        self.circuit.changed.notify(usize::MAX);
    }

    fn announce(&self, change: BreakerTransition) {
        self.stats.add(Count::BreakerTransitions, 1);
        let (provider, generation) = (&*self.name, change.generation);
        let (from, to) = (change.from.name(), change.to.name());
        tracing::warn!(provider, from, to, generation, "the circuit breaker changed its state");
        self.notify_circuit();
    }

    /// The breaker's figures.
    pub(super) fn circuit_snapshot(&self) -> BreakerSnapshot {
        let now = self.clock.now();
        let figures = self.circuit.breaker.figures(now, || totals(&self.stats));
        BreakerSnapshot {
            state: figures.state.name().to_owned(),
            generation: u64::from(figures.generation),
            calls: figures.calls,
            failures: figures.failures,
            slow: figures.slow,
            failures_in_row: u64::from(figures.failures_in_row),
            probes: u64::from(figures.probes),
        }
    }
}

/// A permit on its way back, and whom to tell when it was a probe's: its place is free again.
struct Leaving<'a> {
    permit: Option<BreakerPermit<&'a CircuitBreaker>>,
    probe: Option<&'a Event>,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        drop(self.permit.take());
        if let Some(changed) = self.probe {
            changed.notify(usize::MAX);
        }
    }
}

/// The upstream's status in a job's error, and how long it asked to be left alone.
fn answer(error: &JobError) -> (Option<u16>, Option<Duration>) {
    #[cfg(feature = "http")]
    if let Some(error) = error.source().downcast_ref::<super::StatusError>() {
        let response = &error.exchange.response;
        return (Some(response.status), response.retry_after(None));
    }
    let _no_answer = error;
    (None, None)
}

impl Core {
    /// What becomes of the job at `index`, whose index came out of a queue, when the breaker gives it no permit.
    /// `release` says that its worker is free.
    #[cold]
    pub(super) fn fail_at_circuit(&self, index: u32, open: CircuitOpen, release: impl FnOnce()) {
        let (decided, panics) = self.fail(index, JobError::with_code(Code::CircuitOpen, open));
        // Whoever sees the outcome finds the worker free.
        release();
        if let Some(decided) = decided {
            self.settle(decided);
        }
        self.count_panics(panics);
        self.host().notify_drained();
    }

    /// Whether a job that meets an open breaker waits for it.
    pub(super) fn waits_for_circuit(&self) -> bool {
        self.host().circuit.queued == BreakerPolicy::Wait
    }

    /// Waits with the job at `index` until it gets a permit or has its outcome; the instant of that, and the
    /// permit's number.
    pub(super) async fn wait_for_circuit(&self, index: u32) -> (Instant, u64) {
        let host = self.host();
        // Counted before the job is `Delayed`, from where on whoever decides it counts its return.
        host.stats.add(Count::Delayed, 1);
        if !self.delay(index) {
            host.stats.add(Count::DelayedReturned, 1);
            return (host.clock.now(), NO_PERMIT);
        }
        let ticket = self.ticket_at(index);
        loop {
            let changed = Quiet(host.circuit.changed.listen());
            let now = host.clock.now();
            if let Some(decided) = self.expire(index, now) {
                self.settle(decided);
            }
            if self.phase(ticket).is_none_or(|(phase, _)| phase != Phase::Delayed) {
                return (now, NO_PERMIT);
            }
            if let Ok(permit) = host.enter_circuit(self, index, now) {
                if self.resume(index) {
                    host.stats.add(Count::DelayedReturned, 1);
                }
                return (now, permit);
            }
            let end = async {
                match host.circuit.breaker.next_change().instant() {
                    Some(end) => host.clock.sleep_until(end).await,
                    None => pending().await,
                }
            };
            or(changed, end).await;
        }
    }
}

//! The breaker as one thread would write it, to compare with.

use std::collections::VecDeque;
use std::time::Duration;

use super::rules::{BreakerRules, BreakerState, BreakerWindow, CircuitOpen, Sample, SampleFate};
use crate::time::{Deadline, Instant};

/// From, to, at, generation.
pub(super) type Change = (BreakerState, BreakerState, Instant, u32);

/// A call that was counted: when, whether it failed, whether it was slow.
#[derive(Debug)]
struct Call {
    slot: u64,
    failed: bool,
    slow: bool,
}

/// What a permit of the reference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    pub(super) generation: u32,
    pub(super) probe: bool,
    watched: bool,
}

#[derive(Debug)]
pub(super) struct Reference {
    rules: BreakerRules,
    seed: u64,
    pub(super) state: BreakerState,
    pub(super) generation: u32,
    level: u32,
    until: Instant,
    calm: Instant,
    not_before: Instant,
    calls: VecDeque<Call>,
    pub(super) row: u32,
    pub(super) out: u32,
    ok: u32,
    fail: u32,
    slow: u32,
}

fn whole_ms(instant: Instant) -> Instant {
    Instant::from_nanos(instant.as_nanos().div_ceil(1_000_000) * 1_000_000)
}

impl Reference {
    pub(super) fn new(rules: BreakerRules, seed: u64) -> Self {
        Self {
            rules: rules.normal(),
            seed,
            state: BreakerState::Closed,
            generation: 0,
            level: 0,
            until: Instant::ZERO,
            calm: Instant::ZERO,
            not_before: Instant::ZERO,
            calls: VecDeque::new(),
            row: 0,
            out: 0,
            ok: 0,
            fail: 0,
            slow: 0,
        }
    }

    fn enter(&mut self, to: BreakerState, level: u32, at: Instant) -> Change {
        let from = std::mem::replace(&mut self.state, to);
        self.generation += 1;
        self.level = level.min(31);
        self.calls.clear();
        (self.row, self.out, self.ok, self.fail, self.slow) = (0, 0, 0, 0, 0);
        (from, to, at, self.generation)
    }

    fn open(&mut self, level: u32, at: Instant) -> Change {
        let change = self.enter(BreakerState::Open, level, at);
        let time = self.rules.open_for(self.level, self.seed, self.generation);
        self.until = whole_ms((at + time).max(self.not_before));
        change
    }

    fn trip(&mut self, now: Instant) -> Change {
        let level = if now >= self.calm { 0 } else { self.level + 1 };
        self.open(level, now)
    }

    /// Ends a half-open time that is over.
    fn expire(&mut self, now: Instant) -> Option<Change> {
        if self.state != BreakerState::HalfOpen || now < self.until {
            return None;
        }
        let level = match (self.out + self.fail, self.ok) {
            (0, 0) => self.level,
            (0, _) => 0,
            _ => self.level + 1,
        };
        Some(self.open(level, self.until))
    }

    fn refused(&self, retry_after: Option<Duration>) -> CircuitOpen {
        CircuitOpen { state: self.state, retry_after }
    }

    fn has_place(&self) -> bool {
        self.out < self.rules.probes && self.out + self.ok + self.fail < self.rules.probes_to_decide
    }

    pub(super) fn check(&self, now: Instant) -> Result<(), CircuitOpen> {
        match self.state {
            BreakerState::Open if now < self.until => {
                Err(self.refused(Some(self.until.saturating_duration_since(now))))
            }
            BreakerState::HalfOpen if now < self.until && !self.has_place() => {
                Err(self.refused(None))
            }
            BreakerState::ForcedOpen => Err(self.refused(None)),
            _ => Ok(()),
        }
    }

    pub(super) fn acquire(&mut self, now: Instant) -> (Result<Pass, CircuitOpen>, Vec<Change>) {
        let mut changes: Vec<_> = self.expire(now).into_iter().collect();
        if let Err(refused) = self.check(now) {
            return (Err(refused), changes);
        }
        if self.state == BreakerState::Open {
            changes.push(self.enter(BreakerState::HalfOpen, self.level, now));
            self.until = whole_ms(now + self.rules.half_open);
        }
        let probe = self.state == BreakerState::HalfOpen;
        self.out += u32::from(probe);
        let watched = self.state != BreakerState::Disabled;
        (Ok(Pass { generation: self.generation, probe, watched }), changes)
    }

    pub(super) fn record(
        &mut self,
        pass: Pass,
        sample: Sample,
        now: Instant,
    ) -> (SampleFate, Option<Change>) {
        let (failed, slow, retry_after) = match sample {
            Sample::Ignored => {
                self.release(pass);
                return (SampleFate::Ignored, None);
            }
            Sample::Success { slow } => (false, slow, None),
            Sample::Failure { slow, retry_after } => (true, slow, retry_after),
        };
        if !pass.watched {
            return (SampleFate::Ignored, None);
        }
        if pass.generation != self.generation {
            return (SampleFate::Stale, None);
        }
        if let Some(expired) = self.expire(now) {
            return (SampleFate::Stale, Some(expired));
        }
        if let Some(time) = retry_after {
            self.not_before = self.not_before.max(now + time);
        }
        if pass.probe {
            return (SampleFate::Probed, self.probed(failed, slow, now));
        }
        let slot = self.slot(now);
        self.calls.push_back(Call { slot, failed, slow });
        self.row = if failed { self.row + 1 } else { 0 };
        let limit = self.rules.failures_in_row;
        let bad = failed && (limit > 0 && self.row >= limit || self.is_bad(now));
        let opens = bad && self.state == BreakerState::Closed;
        (SampleFate::Counted, opens.then(|| self.trip(now)))
    }

    fn probed(&mut self, failed: bool, slow: bool, now: Instant) -> Option<Change> {
        self.out -= 1;
        self.fail += u32::from(failed);
        self.ok += u32::from(!failed);
        self.slow += u32::from(slow);
        let of_all = |count: u32| f64::from(count * 100) / f64::from(self.rules.probes_to_decide);
        if of_all(self.fail) >= f64::from(self.rules.failure_rate)
            || of_all(self.slow) >= f64::from(self.rules.slow_rate)
        {
            return Some(self.open(self.level + 1, now));
        }
        if self.ok + self.fail < self.rules.probes_to_decide {
            return None;
        }
        self.calm = whole_ms(now + self.rules.calm);
        Some(self.enter(BreakerState::Closed, self.level, now))
    }

    pub(super) fn release(&mut self, pass: Pass) {
        if pass.probe && pass.generation == self.generation {
            self.out -= 1;
        }
    }

    pub(super) fn fold(&mut self, now: Instant) -> Option<Change> {
        let expired = self.expire(now);
        let trips = self.state == BreakerState::Closed && self.is_bad(now);
        expired.or_else(|| trips.then(|| self.trip(now)))
    }

    pub(super) fn next_change(&self) -> Deadline {
        match self.state {
            BreakerState::Open | BreakerState::HalfOpen => Deadline::at(self.until),
            _ => Deadline::NEVER,
        }
    }

    pub(super) fn command(&mut self, to: BreakerState, now: Instant) -> Change {
        self.calm = Instant::ZERO;
        if to == BreakerState::Closed {
            self.not_before = Instant::ZERO;
        }
        self.enter(to, 0, now)
    }

    fn slot(&self, now: Instant) -> u64 {
        match self.rules.window {
            BreakerWindow::Time(time) => {
                now.as_nanos() / 1_000_000 / (time.as_millis() as u64 / 10).max(1)
            }
            BreakerWindow::Calls(_) => 0,
        }
    }

    /// Calls, failures and slow calls in the window.
    pub(super) fn sums(&self, now: Instant) -> (u64, u64, u64) {
        let (oldest, most) = match self.rules.window {
            BreakerWindow::Time(_) => ((self.slot(now) + 1).saturating_sub(10), usize::MAX),
            BreakerWindow::Calls(calls) => (0, calls),
        };
        let calls = self.calls.iter().rev().take(most).filter(|call| call.slot >= oldest);
        calls.fold((0, 0, 0), |(calls, failed, slow), call| {
            (calls + 1, failed + u64::from(call.failed), slow + u64::from(call.slow))
        })
    }

    fn is_bad(&self, now: Instant) -> bool {
        let (calls, failed, slow) = self.sums(now);
        let share = |count: u64| count as f64 * 100.0 / calls as f64;
        calls >= u64::from(self.rules.min_calls)
            && (share(failed) >= f64::from(self.rules.failure_rate)
                || share(slow) >= f64::from(self.rules.slow_rate))
    }
}

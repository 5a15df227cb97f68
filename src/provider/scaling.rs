//! The number of a provider's workers follows its use (S30).
//!
//! Jobs that wait beside busy workers get new ones at the door (`batch`) and from a worker whose job goes on
//! (`worker`); the tick does the rest: it looks at the load while jobs are in flight, and starts or lets go.
//!
//! While nothing is in flight there is no tick. So whoever makes a worker that need not stay asks for one
//! `idle_timeout` later, and a tick that finds the load low asks for another when that has lasted; when only
//! workers are left that stay, nobody asks any more, and the provider rests.
//!
//! Workers leave by themselves: the tick says how many are kept and wakes them, and one that has no job in that
//! moment counts itself out (`Lane::leave_idle`). The count is the bound, so that never fewer are left.

use super::core::Host;
use super::job::Kind;
use super::lane::Lane;
use super::worker;
use crate::config::ScalingConfig;
use crate::scale::{Load, Scale, Scaler, Sizing};
use crate::stats::Count;
use crate::sync::Mutex;
use crate::time::{Deadline, Instant};
use std::time::Duration;

/// How long a window of recent figures lasts at least.
const WINDOW: Duration = Duration::from_secs(10);
/// Responses that a window needs to say something.
const ENOUGH: u64 = 20;

/// Figures since the provider began.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Instant,
    runs: u64,
    run_nanos: u64,
    submitted: u64,
    failed: u64,
}

impl Mark {
    fn first(at: Instant) -> Self {
        Self { at, runs: 0, run_nanos: 0, submitted: 0, failed: 0 }
    }

    fn of(host: &Host, at: Instant) -> Self {
        let (run, ledger) = (host.stats.run(), host.stats.ledger());
        let failures = [Count::Failed, Count::TimedOutExec, Count::Panicked];
        Self {
            at,
            runs: run.count(),
            run_nanos: run.sum(),
            submitted: ledger.submitted(),
            failed: failures.map(|count| ledger.get(count)).iter().sum(),
        }
    }

    /// The mean of the time that responses took since `earlier`, in nanoseconds; `None`: there were too few.
    fn mean_since(&self, earlier: &Self) -> Option<f64> {
        let runs = self.runs.saturating_sub(earlier.runs);
        let nanos = self.run_nanos.saturating_sub(earlier.run_nanos);
        (runs >= ENOUGH).then(|| nanos as f64 / runs as f64)
    }

    /// The sizes for the load since `earlier`; `None`: there was too little to say.
    fn sizing_since(&self, earlier: &Self) -> Option<Sizing> {
        let seconds = self.at.saturating_duration_since(earlier.at).as_secs_f64();
        let latency = self.mean_since(earlier).filter(|_| seconds > 0.0)? / 1e9;
        let came = self.submitted.saturating_sub(earlier.submitted) as f64;
        let runs = self.runs.saturating_sub(earlier.runs) as f64;
        let failed = self.failed.saturating_sub(earlier.failed) as f64;
        Sizing::optimal(came / seconds, latency, failed / runs).ok()
    }
}

/// What a provider keeps to decide about its workers.
#[derive(Debug)]
pub(super) struct Scaling(Mutex<State>);

#[derive(Debug)]
struct State {
    lanes: [Scaler; 2],
    /// Where the current window and the one before it began.
    window: Mark,
    before: Mark,
    /// Whether responses took twice as long in the last window as they did on average before.
    is_slow: bool,
}

impl Scaling {
    pub(super) fn new(config: ScalingConfig, now: Instant) -> Self {
        let (lanes, mark) = ([Scaler::new(config); 2], Mark::first(now));
        Self(Mutex::new(State { lanes, window: mark, before: mark, is_slow: false }))
    }
}

impl State {
    /// Ends the window if its time is over.
    fn turn_window(&mut self, host: &Host, now: Instant) {
        if now.saturating_duration_since(self.window.at) < WINDOW {
            return;
        }
        let mark = Mark::of(host, now);
        let usual = self.window.mean_since(&Mark::first(host.born_at));
        let recent = mark.mean_since(&self.window);
        self.is_slow = recent.zip(usual).is_some_and(|(recent, usual)| recent >= 2.0 * usual);
        (self.before, self.window) = (self.window, mark);
    }
}

impl Host {
    /// A worker was added to `lane`: if it need not stay, somebody looks whether it is needed in the end.
    pub(super) fn look_after(&self, lane: &Lane) {
        if lane.spawned() > lane.range.min as u64 {
            let due = Deadline::after(self.clock.now(), self.config.scaling.idle_timeout);
            if self.next_tick.lower_unfenced(due) {
                self.ticker.request(due);
            }
        }
    }

    /// Starts workers, or lets idle ones go, as the load says. When to look again if nothing is in flight.
    pub(super) fn scale(&self, now: Instant) -> Deadline {
        if !self.life.state().takes_jobs() {
            return Deadline::NEVER;
        }
        let mut state = self.scaling.0.lock();
        state.turn_window(self, now);
        let is_slow = state.is_slow;
        let looked = self.lanes.iter().zip(&mut state.lanes).filter(|(lane, _)| lane.is_served());
        let due = looked.map(|(lane, scaler)| self.scale_lane(lane, scaler, is_slow, now));
        let due = due.fold(Deadline::NEVER, Deadline::min);
        drop(state);
        due.min(self.free_threads(now))
    }

    /// The sizes for the load of the last 10 to 20 seconds in which jobs were in flight, and since.
    pub(super) fn recommended_size(&self) -> Option<Sizing> {
        let before = self.scaling.0.lock().before;
        Mark::of(self, self.clock.now()).sizing_since(&before)
    }

    fn scale_lane(
        &self,
        lane: &Lane,
        scaler: &mut Scaler,
        is_slow: bool,
        now: Instant,
    ) -> Deadline {
        if lane.range.min >= lane.range.max {
            return Deadline::NEVER;
        }
        let count = |figure: u64| u32::try_from(figure).unwrap_or(u32::MAX);
        let (spawned, zombies) = (lane.spawned(), lane.zombies());
        let load = Load {
            busy: count(lane.busy().saturating_sub(zombies)),
            spawned: count(spawned.saturating_sub(zombies)),
            min: count(lane.range.min as u64),
            max: count(lane.range.max as u64),
            waiting: count(lane.queue.len() as u64),
            is_slow,
        };
        match scaler.decide(&load, now) {
            Scale::Grow(workers) => {
                if let Some(core) = self.own.upgrade() {
                    for _ in 0..workers {
                        // What cannot be started now is asked for again by the next look.
                        let _no_thread = worker::hire(&core, lane);
                    }
                }
            }
            Scale::Shrink(workers) => {
                lane.shrink(spawned, workers);
                // Threads are let go of when they have ended.
                return Deadline::after(now, self.period);
            }
            Scale::Hold => {}
        }
        scaler.due(&load).map_or(Deadline::NEVER, Deadline::at)
    }

    /// Lets go of the threads of blocking workers that have left. When to look for those that are about to end.
    fn free_threads(&self, now: Instant) -> Deadline {
        let lane = self.lane(Kind::Blocking);
        if !lane.is_served() {
            return Deadline::NEVER;
        }
        let mut threads = self.threads.lock();
        threads.retain(|thread| !thread.is_finished());
        if threads.len() as u64 > lane.spawned() {
            Deadline::after(now, self.period)
        } else {
            Deadline::NEVER
        }
    }
}

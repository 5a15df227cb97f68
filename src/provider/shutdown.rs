//! The end of a provider (S4).

use super::core::Core;
use super::job::JobId;
use crate::exec::inside;
use crate::state::{LifeState, Phase, Verdict};
use crate::sync::{Arc, Quiet};
use futures_lite::future::or;
use std::fmt;
use std::time::Duration;

/// How long jobs have to end after they were asked to.
const GRACE: Duration = Duration::from_secs(1);

/// What a shutdown does with jobs that wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShutdownMode {
    /// They end as cancelled by the shutdown.
    #[default]
    Cancel,
    /// They run.
    Finish,
}

/// What a shutdown did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Jobs that ended by themselves after the shutdown began.
    pub finished: u64,
    /// Jobs that the shutdown cancelled.
    pub cancelled: u64,
    /// Jobs that were given up when the last grace was over.
    pub abandoned: u64,
    /// Jobs that have an outcome while a thread is still busy with them, by provider.
    pub zombies: Vec<(String, JobId)>,
}

impl ShutdownReport {
    /// Adds another provider's report.
    pub fn merge(&mut self, other: Self) {
        self.finished += other.finished;
        self.cancelled += other.cancelled;
        self.abandoned += other.abandoned;
        self.zombies.extend(other.zombies);
    }
}

/// Why a shutdown was not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShutdownError {
    /// It was asked for from inside a job, which it would wait for.
    InsideJob,
}

impl fmt::Display for ShutdownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a shutdown cannot be waited for from inside a job of the same runtime")
    }
}

impl std::error::Error for ShutdownError {}

impl Core {
    /// Ends the provider. Called again, it waits for the same end and reports what is left of it.
    pub(super) async fn shut_down(
        self: &Arc<Self>,
        mode: ShutdownMode,
        timeout: Duration,
    ) -> Result<ShutdownReport, ShutdownError> {
        let host = self.host();
        if inside(host.runtime) {
            return Err(ShutdownError::InsideJob);
        }
        let before = host.stats.ledger();
        if host.life.state() != LifeState::Stopped {
            self.begin_shutdown(mode);
            self.wind_down(timeout).await;
        }
        let after = host.stats.ledger();
        let since = |verdict: Verdict| {
            let count = crate::stats::Count::outcome(verdict.code());
            count.map_or(0, |count| after.get(count) - before.get(count))
        };
        let cancelled = since(Verdict::CancelledShutdown);
        let abandoned = since(Verdict::Abandoned);
        let name = &host.name;
        Ok(ShutdownReport {
            finished: after.ended() - before.ended() - cancelled - abandoned,
            cancelled,
            abandoned,
            zombies: self.held_by_workers().into_iter().map(|id| (name.to_string(), id)).collect(),
        })
    }

    /// Waits for the jobs, asks them to stop, gives them up, and lets the workers leave; each for its time
    /// at most. What is stuck in a job is left behind.
    async fn wind_down(&self, timeout: Duration) {
        let host = self.host();
        let clock = &host.clock;
        or(self.until(|core| core.live() == 0), clock.sleep(timeout)).await;
        self.ask_to_stop();
        // An async worker leaves at its next poll, unless its driver is stuck in a job; a blocking one that
        // is, is a zombie, which nobody waits for.
        let is_over = |core: &Self| core.live() == 0 && core.host().is_left();
        or(self.until(is_over), clock.sleep(GRACE)).await;
        for ticket in self.tickets(|_| true) {
            self.end(ticket, Verdict::Abandoned, |_| true);
        }
        let are_free_gone = |core: &Self| {
            let blocking = &core.host().lanes[1];
            blocking.spawned() <= blocking.zombies()
        };
        or(self.until(are_free_gone), clock.sleep(GRACE)).await;
        host.life.change(LifeState::Stopped);
        host.drained.notify(usize::MAX);
    }

    /// Closes the door and, if asked to, ends the jobs that wait. Does not wait for anything.
    pub(super) fn begin_shutdown(&self, mode: ShutdownMode) {
        let host = self.host();
        host.life.change(LifeState::Draining);
        for lane in &host.lanes {
            lane.queue.close();
        }
        if mode == ShutdownMode::Cancel {
            for ticket in self.tickets(|phase| matches!(phase, Phase::Queued | Phase::Delayed)) {
                self.end(ticket, Verdict::CancelledShutdown, |phase| phase != Phase::Running);
            }
        }
        self.bury_unserved();
    }

    /// Asks every running job to stop, and ends those that wait.
    pub(super) fn ask_to_stop(&self) {
        for ticket in self.tickets(|_| true) {
            let waits = |phase| phase != Phase::Running;
            // A job that starts between the two is asked by the third.
            let _over = self.ask(ticket)
                || self.end(ticket, Verdict::CancelledShutdown, waits)
                || self.ask(ticket);
        }
        self.bury_unserved();
    }

    /// Asks a job to stop and wakes its worker; `false` if it does not run.
    fn ask(&self, ticket: JobId) -> bool {
        let Some(runner) = self.stop(ticket) else { return false };
        let (lane, number) = self.host().lane_of(runner);
        lane.queue.consumers().wake(number);
        true
    }

    /// Takes the dead out of queues that no worker may come to serve any more.
    fn bury_unserved(&self) {
        self.reap();
        self.host().open_gate();
        self.host().notify_drained();
    }

    /// Jobs without an outcome.
    fn live(&self) -> usize {
        self.tickets(|_| true).len()
    }

    /// Whether every worker has left, so that no thread of the provider is held by a job.
    pub(super) fn is_deserted(&self) -> bool {
        let host = self.host();
        host.is_left() && host.lanes.iter().all(|lane| lane.spawned() == 0)
    }

    /// Waits until `done`, which the end of something in the provider brings about, or until another shutdown
    /// has stopped it.
    pub(super) async fn until(&self, done: impl Fn(&Self) -> bool) {
        loop {
            let ended = Quiet(self.host().drained.listen());
            if done(self) || self.host().life.state() == LifeState::Stopped {
                return;
            }
            ended.await;
        }
    }

    /// Waits for the threads of blocking workers that are about to end.
    pub(super) fn join(&self) {
        let host = self.host();
        if host.lanes[1].spawned() == 0 {
            for thread in std::mem::take(&mut *host.threads.lock()) {
                // A worker catches what its jobs throw; if it died all the same, there is nobody to tell.
                let _died = thread.join();
            }
        }
        if let Some(pool) = host.own_pool.as_ref().filter(|_| host.lanes[0].spawned() == 0) {
            pool.join();
        }
    }
}

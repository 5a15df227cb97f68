//! What a running job sees of its provider.

use super::core::Core;
use super::job::JobId;
use crate::state::{Meta, Phase, Ticket};
use crate::sync::Arc;
use crate::time::{Clock, Sleep};
use std::fmt;
use std::time::Duration;

/// A running job's view of itself and its provider. Clones are cheap and may outlive the job.
#[derive(Clone)]
pub struct JobContext {
    pub(super) core: Arc<Core>,
    pub(super) ticket: Ticket,
    pub(super) attempt: u32,
    pub(super) meta: Option<Arc<Meta>>,
    /// The worker, among all of the provider.
    pub(super) runner: u32,
}

impl JobContext {
    pub(super) fn new(core: Arc<Core>, runner: u32) -> Self {
        Self { core, ticket: Ticket::from_word(0), attempt: 0, meta: None, runner }
    }

    /// The job.
    pub fn id(&self) -> JobId {
        self.ticket
    }

    /// The provider's name.
    pub fn provider(&self) -> &str {
        &self.core.host().name
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Whether somebody wants the job to end: it was cancelled, its time is over, or a shutdown asks it
    /// to stop. A job that blocks or computes for long should look now and then; a future need not, it is
    /// dropped.
    pub fn is_cancelled(&self) -> bool {
        !self.core.may_go_on(self.ticket)
    }

    /// Says that the upstream had too much to do, as an HTTP status of 429, 503 or 529 does: an adaptive limit on
    /// the provider's running jobs (`limiter.mode`) takes a tenth away when the job ends. HTTP jobs say it by
    /// themselves. Does nothing once the job has its outcome.
    pub fn report_overload(&self) {
        let running = matches!(self.core.phase(self.ticket), Some((Phase::Running, _)));
        if let Some(gate) = self.core.host().gate.as_ref().filter(|_| running) {
            gate.overload(self.runner);
        }
    }

    /// How long the job may still run; `None` if nothing limits it.
    pub fn time_left(&self) -> Option<Duration> {
        let host = self.core.host();
        self.core.deadline(self.ticket).remaining(host.clock.now())
    }

    /// The label that the job was submitted with.
    pub fn label(&self) -> Option<&str> {
        self.meta.as_ref()?.label.as_deref()
    }

    /// The tenant that the job was submitted for.
    pub fn tenant(&self) -> Option<&str> {
        self.meta.as_ref()?.tenant.as_deref()
    }

    /// The priority that the job was submitted with.
    pub fn priority(&self) -> i8 {
        self.meta.as_ref().map_or(0, |meta| meta.priority)
    }

    /// The runtime's clock.
    pub fn clock(&self) -> &Clock {
        &self.core.host().clock
    }

    /// Waits on the runtime's clock. Cancel-safe.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.core.host().clock.sleep(duration)
    }
}

impl fmt::Debug for JobContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobContext")
            .field("provider", &self.provider())
            .field("id", &self.ticket)
            .field("meta", &self.meta)
            .finish_non_exhaustive()
    }
}

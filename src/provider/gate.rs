//! The adaptive limit on a provider's running jobs, where it is asked for (S31).
//!
//! A worker takes its permit before it takes its job, so that no job is held by a worker that may not start it.
//! One that finds no permit waits for one; whoever gives a permit back tells one of those, and one who got a
//! permit and a job tells the next while there are more, since the limit may have grown by several. A worker
//! without a job holds no permit, or half of the limit would always look in use.

use super::core::Host;
use super::lane::Lane;
use crate::config::ProviderConfig;
use crate::state::{LimitPermit, Limiter, MAX_LIMIT};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Quiet};
use event_listener::{Event, EventListener};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Where workers get the right to start a job.
#[derive(Debug)]
pub(super) struct Gate {
    limiter: Arc<Limiter>,
    /// Notified for each permit that is free again.
    freed: Event,
    /// Of each worker's job, whether it has said that the upstream has too much to do.
    overloads: Box<[AtomicBool]>,
}

/// A worker's wait for a permit.
pub(super) type Waiting = Option<Quiet<EventListener>>;

/// How a job with a permit went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Went {
    Well,
    /// Its time to run was over.
    Overtime,
    /// It was cancelled, or failed for a reason of its own.
    Otherwise,
}

impl Gate {
    /// The gate of a provider with so many workers, if it is to have one.
    pub(super) fn new(config: &ProviderConfig, workers: usize) -> Option<Self> {
        let limiter = config.limiter;
        let narrow = |limit: usize| u16::try_from(limit).unwrap_or(MAX_LIMIT);
        let max = narrow(limiter.max.unwrap_or(config.workers.max));
        limiter.is_adaptive.then(|| Self {
            limiter: Limiter::new(narrow(limiter.min), max, narrow(limiter.initial)),
            freed: Event::new(),
            overloads: (0..workers).map(|_| AtomicBool::new(false)).collect(),
        })
    }

    /// How many jobs may run, and how many do.
    pub(super) fn figures(&self) -> (u16, u16) {
        (self.limiter.limit(), self.limiter.in_flight())
    }

    /// Waits for a permit to take a job of `lane`; without one when no job will come.
    pub(super) fn poll_enter(
        &self,
        lane: &Lane,
        waiting: &mut Waiting,
        cx: &mut Context<'_>,
    ) -> Poll<Option<LimitPermit>> {
        loop {
            if let Some(permit) = self.limiter.acquire() {
                *waiting = None;
                return Poll::Ready(Some(permit));
            }
            if lane.queue.is_closed() && lane.queue.is_empty() {
                return Poll::Ready(None);
            }
            match waiting {
                // What was freed before it stood in line is found by another look.
                None => *waiting = Some(Quiet(self.freed.listen())),
                Some(freed) => match Pin::new(freed).poll(cx) {
                    Poll::Ready(()) => *waiting = None,
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    /// Gives a permit back that was not needed.
    pub(super) fn leave(&self, permit: LimitPermit) {
        drop(permit);
        self.freed.notify_additional(1);
    }

    /// A worker has got a job: lets another in if there is room.
    pub(super) fn let_next_in(&self) {
        let (limit, in_flight) = self.figures();
        if in_flight < limit {
            self.freed.notify_additional(1);
        }
    }

    /// The job of worker `runner` has gone, after `latency`.
    pub(super) fn ended(&self, permit: LimitPermit, runner: u32, went: Went, latency: Duration) {
        // ORDERING: Relaxed, here and below: a word about a job between two polls of its worker, or a moment late.
        let was_too_much = self.overloads[runner as usize].swap(false, Ordering::Relaxed);
        match went {
            _ if was_too_much => permit.overloaded(),
            Went::Overtime => permit.overloaded(),
            Went::Well => permit.succeeded(latency),
            Went::Otherwise => drop(permit),
        }
        self.freed.notify_additional(1);
    }

    /// The job of worker `runner` says that the upstream has too much to do.
    pub(super) fn overload(&self, runner: u32) {
        // ORDERING: Relaxed: as in `ended`.
        self.overloads[runner as usize].store(true, Ordering::Relaxed);
    }
}

impl Host {
    /// Lets workers that wait for a permit see that the queue was closed.
    pub(super) fn open_gate(&self) {
        if let Some(gate) = &self.gate {
            gate.freed.notify(usize::MAX);
        }
    }
}

//! A submission that waits for space (S17, `Block`).
//!
//! While it stands in the side list of its lane the job belongs to a [`Blocked`], which the submitter and the list
//! share. Whoever has the job is written in its slot, under a lock that is held for a look and never while the
//! job goes through the door:
//!
//! | slot | who has the job | next |
//! |---|---|---|
//! | `Waiting` | nobody: it waits | `Moving` by the mover; `Void` by a submitter whose time is over, who cancels, or who is gone |
//! | `Moving` | the mover, at the door | `Entered`, `Refused`; without space `Waiting`, or `Void` if the submitter is gone |
//! | `Entered` | the provider: it is accepted, and the slot has its reader | `Void` by the submitter |
//! | `Refused` | the slot, for the submitter, who counts the refusal | `Void` by the submitter |
//! | `Void` | the submitter, or nobody | – |
//!
//! So there is one outcome: whoever takes the job out of the slot accepts, refuses or drops it, and counts that.
//! A submission is blocked in the ledger until then: from the slot's `Waiting` on it is neither accepted nor
//! refused. A submitter that wants the job back while it is `Moving` says so in the slot, and gets it if there is no
//! space; one that is gone leaves the mover to count the refusal, or to cancel the job that got in.
//!
//! A submission that waits has none of its tenant's places (`max_in_flight`, S21): it takes one when there is
//! space, and is refused if the tenant has as many jobs as it may by then. It does not wait for its tenant's sake:
//! those behind it would.

use super::admission::{JobReader, To};
use super::batch::Arrivals;
use super::core::{Core, Host, Jobs};
use super::handle::JobHandle;
use super::job::{Job, Kind};
use super::rejected::{Refusal, Rejected};
use crate::cancel::CancelToken;
use crate::queue::{Entrant, LaneId, Place, Try};
use crate::state::Verdict;
use crate::stats::Count;
use crate::sync::{Arc, AtomicWaker, Mutex, Weak};
use crate::time::Instant;
use futures_lite::future::or;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What the submitter of a job wants that is at the door.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// To wait on.
    Wait,
    /// To have the job back if there is no space.
    Back,
    /// Nothing: it is gone.
    Gone,
}

enum Slot<T: 'static> {
    Waiting(Job<T>),
    Moving(Wish),
    Entered(JobReader<T>),
    Refused(Refusal, Job<T>),
    Void,
}

/// How a wait ended, for the submitter.
enum End<T: 'static> {
    Entered(JobReader<T>),
    Refused(Refusal, Job<T>),
    /// It is not decided: the job has its submitter again.
    Back(Job<T>),
}

/// What the submitter and the list share.
struct Blocked<T: 'static> {
    core: Weak<Core>,
    slot: Mutex<Slot<T>>,
    submitter: AtomicWaker,
}

impl<T: Send + 'static> Blocked<T> {
    /// Takes the job to the door.
    fn take(&self) -> Option<Job<T>> {
        let mut slot = self.slot.lock();
        match std::mem::replace(&mut *slot, Slot::Void) {
            Slot::Waiting(job) => {
                *slot = Slot::Moving(Wish::Wait);
                Some(job)
            }
            other => {
                *slot = other;
                None
            }
        }
    }

    /// Leaves what came of the job at the door, and says what its submitter wants. To one that is gone nothing
    /// is left: it comes back.
    fn leave(&self, end: Slot<T>) -> (Wish, Option<Slot<T>>) {
        let mut slot = self.slot.lock();
        let Slot::Moving(wish) = *slot else { unreachable!("only the mover ends a move") };
        let (left, back) = match wish {
            Wish::Gone => (Slot::Void, Some(end)),
            _ => (end, None),
        };
        *slot = left;
        drop(slot);
        (wish, back)
    }

    /// How the wait ended, if it did; or else the job, which is the submitter's from now on.
    fn poll_end(&self, cx: &Context<'_>) -> Poll<End<T>> {
        self.submitter.register(cx.waker());
        let mut slot = self.slot.lock();
        match std::mem::replace(&mut *slot, Slot::Void) {
            Slot::Waiting(job) => Poll::Ready(End::Back(job)),
            Slot::Entered(reader) => Poll::Ready(End::Entered(reader)),
            Slot::Refused(refusal, job) => Poll::Ready(End::Refused(refusal, job)),
            Slot::Moving(_) => {
                *slot = Slot::Moving(Wish::Back);
                Poll::Pending
            }
            Slot::Void => unreachable!("a wait ends once"),
        }
    }

    /// Ready when the wait has ended by itself.
    fn poll_ended(&self, cx: &Context<'_>) -> Poll<()> {
        self.submitter.register(cx.waker());
        match &*self.slot.lock() {
            Slot::Waiting(_) | Slot::Moving(_) => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }
}

impl<T: Send + 'static> Entrant for Blocked<T> {
    fn enter(&self) -> Try {
        let Some(core) = self.core.upgrade() else { return Try::Done };
        let Some(mut job) = self.take() else { return Try::Done };
        let tried = core.try_enter(&mut job, To::Handle, &mut Arrivals::patient(&core));
        let (end, is_full) = match tried {
            Ok(reader) => {
                core.host().stats.add(Count::Unblocked, 1);
                (Slot::Entered(reader), false)
            }
            Err(refusal) if refusal.is_for_space() => (Slot::Waiting(job), true),
            Err(refusal) => (Slot::Refused(refusal, job), false),
        };
        let (wish, left) = self.leave(end);
        if let Some(left) = left {
            core.give_up(left);
        }
        if is_full && wish == Wish::Wait {
            return Try::Full;
        }
        self.submitter.wake();
        Try::Done
    }
}

/// The submitter's side. Dropped while it waits, the submission counts as refused.
struct Standing<'a, T: Send + 'static> {
    core: &'a Arc<Core>,
    kind: Kind,
    lane: LaneId,
    blocked: Arc<Blocked<T>>,
    place: Place,
}

impl<'a, T: Send + 'static> Standing<'a, T> {
    /// Stands behind all others who wait for the same lane.
    fn begin(core: &'a Arc<Core>, job: Job<T>) -> Self {
        let host = core.host();
        host.stats.add(Count::Blocked, 1);
        let (kind, lane) = (job.kind, host.tenants.lane_of(&job.options));
        let blocked = Arc::new(Blocked {
            core: Arc::downgrade(core),
            slot: Mutex::new(Slot::Waiting(job)),
            submitter: AtomicWaker::new(),
        });
        let entrant: Arc<dyn Entrant> = Arc::<Blocked<T>>::clone(&blocked);
        let place = host.lane(kind).queue.wait_for_space(lane, entrant);
        Self { core, kind, lane, blocked, place }
    }

    /// Waits for space, for `until`, or for a cancel.
    async fn wait(&self, until: Instant, token: Option<&CancelToken>) -> End<T> {
        let ended = poll_fn(|cx| self.blocked.poll_ended(cx));
        let limit = or(ended, self.core.host().clock.sleep_until(until));
        match token {
            Some(token) => or(limit, token.cancelled()).await,
            None => limit.await,
        }
        let end = poll_fn(|cx| self.blocked.poll_end(cx)).await;
        if matches!(end, End::Back(_)) {
            self.leave_line();
        }
        end
    }

    /// Leaves the list without having been moved.
    fn leave_line(&self) {
        self.core.host().lane(self.kind).queue.stop_waiting(self.lane, self.place);
    }
}

impl<T: Send + 'static> Drop for Standing<'_, T> {
    fn drop(&mut self) {
        let mut slot = self.blocked.slot.lock();
        let left = match std::mem::replace(&mut *slot, Slot::Void) {
            Slot::Moving(_) => {
                *slot = Slot::Moving(Wish::Gone);
                Slot::Void
            }
            left => left,
        };
        drop(slot);
        if matches!(left, Slot::Waiting(_)) {
            self.leave_line();
        }
        self.core.give_up(left);
    }
}

/// A submission that may wait. Nothing happens before its first poll, which lets the job in from where it is.
pub(super) struct Entering<'a, T: Send + 'static> {
    core: &'a Arc<Core>,
    at: At<'a, T>,
}

enum At<'a, T> {
    First(Job<T>),
    /// Who waits pays for a box, so that who does not moves no more than the job.
    Waiting(Pin<Box<dyn Future<Output = Entered<T>> + Send + 'a>>),
    Over,
}

type Entered<T> = Result<JobReader<T>, Rejected<Job<T>>>;

impl<T: Send + 'static> Future for Entering<'_, T> {
    type Output = Result<JobHandle<T>, Rejected<Job<T>>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let core = self.core;
        if let At::First(job) = &mut self.at {
            core.host().stats.add(Count::Submitted, 1);
            let entered = core.try_enter(job, To::Handle, &mut Arrivals::new(core));
            let first = std::mem::replace(&mut self.at, At::Over);
            match (entered, first) {
                (Err(refusal), At::First(job)) => {
                    self.at = At::Waiting(Box::pin(core.wait_at_door(refusal, job)));
                }
                (Ok(reader), _) => return Poll::Ready(Ok(JobHandle::new(reader))),
                (Err(_), _) => unreachable!("it was the first poll"),
            }
        }
        let At::Waiting(waiting) = &mut self.at else { panic!("polled after it was ready") };
        waiting.as_mut().poll(cx).map_ok(JobHandle::new)
    }
}

impl Core {
    /// Lets a job in, and waits for space as long as its policy says.
    pub(super) fn admit_waiting<T: Send + 'static>(
        self: &Arc<Self>,
        job: Job<T>,
    ) -> Entering<'_, T> {
        Entering { core: self, at: At::First(job) }
    }

    /// What follows on the first refusal of a submission that may wait.
    async fn wait_at_door<T: Send + 'static>(
        self: &Arc<Self>,
        refusal: Refusal,
        job: Job<T>,
    ) -> Result<JobReader<T>, Rejected<Job<T>>> {
        let host = self.host();
        let limit = self.patience(&job).filter(|_| refusal.is_for_space());
        let Some(limit) = limit else { return Err(self.refuse(refusal, job)) };
        let until = host.clock.now().saturating_add(limit);
        let token = job.options.token.clone();
        let end = Standing::begin(self, job).wait(until, token.as_ref()).await;
        match end {
            End::Entered(reader) => Ok(reader),
            End::Refused(refusal, job) => {
                host.stats.add(Count::Unblocked, 1);
                Err(self.refuse(refusal, job))
            }
            End::Back(mut job) => {
                host.stats.add(Count::Unblocked, 1);
                if !token.is_some_and(|token| token.is_cancelled()) {
                    return Err(self.refuse(refusal, job));
                }
                // A cancelled job needs no space.
                self.try_enter(&mut job, To::Handle, &mut Arrivals::new(self))
                    .map_err(|refusal| self.refuse(refusal, job))
            }
        }
    }

    /// A record went back while a submission waits for one.
    pub(super) fn offer_record(&self) {
        for lane in &self.host().lanes {
            lane.queue.lanes().for_each(|id| lane.queue.offer_space(id));
        }
    }

    /// Ends a submission whose submitter is gone: a job that got in is cancelled, any other refused.
    fn give_up<T: Send + 'static>(&self, slot: Slot<T>) {
        match slot {
            Slot::Waiting(job) => {
                let lane = self.host().tenants.lane_of(&job.options);
                self.host().give_up_refused(self.full(job.kind, lane), job);
            }
            Slot::Refused(refusal, job) => self.host().give_up_refused(refusal, job),
            Slot::Entered(mut reader) => {
                let _late = self.end(reader.ticket(), Verdict::CancelledCaller, |_| true);
                reader.leave(Jobs::count_panics);
            }
            Slot::Moving(_) | Slot::Void => {}
        }
    }
}

impl Jobs {
    /// A job that was decided in its queue may stand in the way of a submission that waits.
    pub(super) fn offer_dead_slots(&self) {
        if self.host().lanes.iter().any(|lane| lane.queue.is_awaited()) {
            self.reap();
        }
    }
}

impl Host {
    fn give_up_refused<T>(&self, refusal: Refusal, job: Job<T>) {
        self.stats.add(Count::Unblocked, 1);
        self.count_rejected(refusal, 1);
        drop(job);
    }
}

//! The `HANDLE` side of a record: waiting for the outcome and taking it.

use super::record::{JobRecord, Origin, Stamps};
use super::runner::drop_ended;
use super::shared::Held;
use super::slab::{Slab, Ticket};
use super::task::{Cell, Ended, Task, take_ended};
use super::word::{Release, Verdict, WakerCell};
use crate::sync::{drop_caught, spin_loop};
use std::fmt;
use std::marker::PhantomData;
use std::task::{Context, Poll, Waker};

/// How a job ended, with what it left.
#[derive(Debug)]
pub struct Report<T> {
    /// The job.
    pub ticket: Ticket,
    /// Its outcome.
    pub verdict: Verdict,
    /// What the worker left, for the verdicts that have a result.
    pub ended: Option<Ended<T>>,
    /// When it passed its stations.
    pub stamps: Stamps,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// The submitter's number.
    pub user_data: u64,
}

/// What [`Reader::retract`] found.
#[must_use]
#[derive(Debug)]
pub enum Retracted<C: 'static, X, T> {
    /// The job is the caller's again; the record went back.
    Task(Task<C, T>, Origin),
    /// The job was decided in the meantime: it counts as accepted, and this is its reader.
    Decided(Reader<C, X, T>),
}

/// The right to read one job's outcome. Dropped, it leaves the outcome unread; the job goes on.
pub struct Reader<C: 'static, X, T> {
    /// `None` once the outcome was taken.
    slab: Option<Held<C, X>>,
    ticket: Ticket,
    /// The `HANDLE` bit is held for a list or a callback: this value can only retract the job.
    delivered: bool,
    result: PhantomData<fn() -> T>,
}

impl<C, X, T> Reader<C, X, T> {
    /// The caller holds `HANDLE` of a job whose task is a `Task<C, T>`, and gives it to this value.
    pub(super) fn new(slab: Held<C, X>, ticket: Ticket) -> Self {
        Self { slab: Some(slab), ticket, delivered: false, result: PhantomData }
    }

    /// As `new`, but `HANDLE` stays with whom the outcome is delivered to.
    pub(super) fn delivered(slab: Held<C, X>, ticket: Ticket) -> Self {
        Self { slab: Some(slab), ticket, delivered: true, result: PhantomData }
    }

    /// The job.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// The records, unless the outcome was taken.
    pub fn slab(&self) -> Option<&Slab<C, X>> {
        self.slab.as_deref()
    }

    /// Takes the job back after a queue refused its index: nobody else has the index then.
    pub fn retract(mut self) -> Retracted<C, X, T> {
        let Some(slab) = self.slab.take() else {
            unreachable!("a reader is retracted before it reads")
        };
        let record = slab.record(self.ticket.index());
        if !record.state.retract(self.ticket.generation()) {
            slab.bury(self.ticket.index());
            self.slab = Some(slab);
            return Retracted::Decided(self);
        }
        // SAFETY: the record is in `Entering` again, where it is the submitter's alone.
        #[expect(unsafe_code, reason = "exclusive in `Entering`")]
        let cell = record.cell.with_mut(|cell| unsafe { std::ptr::replace(cell, Cell::new()) });
        // SAFETY: as above.
        #[expect(unsafe_code, reason = "exclusive in `Entering`")]
        let table = record.table.with_mut(|table| unsafe { (*table).take() });
        let origin = record.take_origin();
        drop_caught(record.take_delivery());
        slab.give_back(self.ticket.index());
        let Some(table) = table else { unreachable!("a filled record has a table") };
        // SAFETY: the parts are those that `fill` took from a `Task<C, T>`; no worker has polled the body,
        // since the job was still queued.
        #[expect(unsafe_code, reason = "the task is put together again")]
        let task = unsafe { Task::from_parts(cell, table) };
        Retracted::Task(task, origin)
    }

    /// The outcome, if it is there.
    pub fn try_take(&mut self) -> Option<Report<T>> {
        if self.delivered {
            return None;
        }
        let record = self.slab.as_ref()?.record(self.ticket.index());
        let verdict = record.state.view().published()?;
        let stamps = record.stamps();
        let (attempt, user_data) = (record.attempt(), record.user_data());
        let slab = self.slab.take()?;
        let record = slab.record(self.ticket.index());
        let ended = verdict.has_result().then(|| {
            record.cell.with_mut(|cell| {
                // SAFETY: a result of a published job belongs to `HANDLE`'s holder (invariant 3 of
                // `word.rs`), and it is of type `T` since the task was.
                #[expect(unsafe_code, reason = "HANDLE's holder owns the result")]
                unsafe {
                    take_ended::<T>(cell)
                }
            })
        });
        release(slab, self.ticket, false, |_, _| {});
        Some(Report { ticket: self.ticket, verdict, ended, stamps, attempt, user_data })
    }

    /// The outcome, or a registration of the task's waker for it.
    ///
    /// # Panics
    ///
    /// If the outcome was taken before, or is delivered elsewhere.
    pub fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<Report<T>> {
        if let Some(report) = self.try_take() {
            return Poll::Ready(report);
        }
        let Some(slab) = self.slab.as_ref().filter(|_| !self.delivered) else {
            panic!("a job handle was polled after its outcome")
        };
        if leave_waker(slab.record(self.ticket.index()), cx.waker()) {
            return Poll::Pending;
        }
        self.try_take().map_or(Poll::Pending, Poll::Ready)
    }
}

/// Leaves `waker` in the record for the decider, on behalf of `HANDLE`'s holder. `false`: the outcome can be
/// read.
#[expect(unsafe_code, reason = "the cell is shared under the state word")]
fn leave_waker<C>(record: &JobRecord<C>, waker: &Waker) -> bool {
    // A waker whose clone or drop panics does so while the cell is empty.
    let left = match record.state.reclaim_waker() {
        WakerCell::Over => return false,
        WakerCell::Deciders => {
            // The one before this is about to be woken: this task must look again, which is in vain until the
            // other thread gets on.
            waker.wake_by_ref();
            spin_loop();
            return true;
        }
        WakerCell::Empty => waker.clone(),
        WakerCell::Full => {
            // SAFETY: the cell is the caller's, and its waker is in it.
            let old = unsafe { record.take_waker() };
            if old.will_wake(waker) {
                old
            } else {
                drop_caught(old);
                waker.clone()
            }
        }
    };
    // SAFETY: the cell is the caller's (invariant 4 of `word.rs`), and empty.
    record.waker.with_mut(|place| unsafe { (*place).write(left) });
    let is_left = record.state.wait();
    if !is_left {
        // SAFETY: the cell is still the caller's, and its waker is in it.
        drop_caught(unsafe { record.take_waker() });
    }
    is_left
}

/// Gives `HANDLE` up; `unread` says whether a published result would still be in the cell. If its drop panics,
/// `panicked` is told how often.
#[inline]
fn release<C, X>(
    slab: Held<C, X>,
    ticket: Ticket,
    mut unread: bool,
    panicked: impl Fn(&Slab<C, X>, u32),
) {
    let record = slab.record(ticket.index());
    let state = &record.state;
    if state.reclaim_waker() == WakerCell::Full {
        // SAFETY: the cell is the caller's, and its waker is in it.
        #[expect(unsafe_code, reason = "the cell is shared under the state word")]
        drop_caught(unsafe { record.take_waker() });
    }
    loop {
        match state.release_handle(|verdict: Verdict| unread && verdict.has_result()) {
            Release::Shared => return,
            Release::Last => return slab.give_back(ticket.index()),
            Release::ResultFirst => {
                if drop_ended(record) {
                    panicked(&slab, 1);
                }
                unread = false;
            }
        }
    }
}

impl<C, X, T> Reader<C, X, T> {
    /// Leaves the outcome unread, as a drop does; `panicked` is told how many drops of it panicked, if any did.
    pub fn leave(&mut self, panicked: impl Fn(&Slab<C, X>, u32)) {
        if let Some(slab) = self.slab.take().filter(|_| !self.delivered) {
            release(slab, self.ticket, true, panicked);
        }
    }
}

impl<C, X, T> Drop for Reader<C, X, T> {
    fn drop(&mut self) {
        self.leave(|_, _| {});
    }
}

impl<C, X, T> fmt::Debug for Reader<C, X, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reader").field(&self.ticket).finish()
    }
}

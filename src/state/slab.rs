//! A provider's job records, their free list, and the way of a record through its owners.
//!
//! Rights are values: [`Claimed`] may write the job, [`Reader`](super::Reader) is the `HANDLE` bit,
//! [`Running`](super::Running) the `EXEC` bit of a started job, [`Decided`] the duty to publish. None can
//! be made twice for one job, so no caller can break the record's rules (`word.rs`).

use super::delivery::{Completions, Delivery};
use super::error::JobError;
use super::reader::Reader;
use super::record::{Entry, JobRecord, Origin, Stamps};
use super::records::Records;
use super::runner::{drop_ended, error_in};
use super::shared::Held;
use super::task::Task;
use super::unread::Unread;
use super::word::{Decision, Phase, Verdict};
use crate::ring::{IndexStack, NotPut};
use crate::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use crate::sync::{Arc, OnceLock, contain, drop_caught};
use crate::time::{Deadline, Instant};
use std::fmt;
use std::task::Waker;
use std::time::Duration;

const INDEX_BITS: u32 = 20;

/// The name of one job of one provider: its record's index and generation. The number of a job that is
/// gone never names another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(u64);

impl Ticket {
    pub(super) fn new(index: u32, generation: u64) -> Self {
        Self(generation << INDEX_BITS | u64::from(index))
    }

    /// A ticket from its number.
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// The ticket's number.
    pub const fn as_word(self) -> u64 {
        self.0
    }

    /// Which record.
    pub const fn index(self) -> u32 {
        self.0 as u32 & ((1 << INDEX_BITS) - 1)
    }

    /// Which job of the record.
    pub(super) const fn generation(self) -> u64 {
        self.0 >> INDEX_BITS
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({}#{})", self.index(), self.generation())
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// All records of a provider, beside whatever else the provider shares. They never move and are never freed
/// before the slab is.
pub struct Slab<C: 'static, X = ()> {
    records: Records<C>,
    host: X,
    free: IndexStack,
    /// One more than the highest index that was ever claimed: how far a scan has to go.
    used: AtomicU32,
    unread: Unread,
    /// Called when a record goes back while somebody waits for one.
    freed: OnceLock<Arc<dyn Fn() + Send + Sync>>,
    /// Records that came home since the close; see `shared.rs`.
    pub(super) home: AtomicUsize,
}

/// What a scan of the records saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Records whose job has no outcome yet.
    pub live: usize,
    /// Dead jobs whose task nobody has dropped yet, in a queue or with a worker.
    pub unburied: usize,
    /// The earliest limit among the live ones.
    pub next: Deadline,
}

impl<C, X> Slab<C, X> {
    /// Makes `records` free records beside `host`; for [`SharedSlab::new`](super::SharedSlab::new), which says
    /// more.
    pub(super) fn new(records: usize, host: X) -> Self {
        Self {
            host,
            records: Records::new(records),
            free: IndexStack::full(records),
            used: AtomicU32::new(0),
            unread: Unread::default(),
            freed: OnceLock::new(),
            home: AtomicUsize::new(0),
        }
    }

    /// What the provider shares beside its records.
    #[inline]
    pub fn host(&self) -> &X {
        &self.host
    }

    /// How many records there are.
    pub fn capacity(&self) -> usize {
        self.records.len()
    }

    /// How many records no job has; exact while nothing happens.
    pub fn free(&self) -> usize {
        self.free.len()
    }

    /// The outcomes that stand unread in completion lists.
    pub fn unread(&self) -> &Unread {
        &self.unread
    }

    /// The record at `index`, which is below the capacity.
    #[inline]
    pub(super) fn record(&self, index: u32) -> &JobRecord<C> {
        &self.records[index as usize]
    }

    fn get(&self, ticket: Ticket) -> Option<&JobRecord<C>> {
        self.records.get(ticket.index() as usize).map(|padded| &**padded)
    }

    /// Takes a free record.
    pub fn claim(&self) -> Option<Claimed<C, X>> {
        self.free.pop().map(|index| self.claimed(index))
    }

    /// As [`claim`](Self::claim); if none is free, what [`when_freed`](Self::when_freed) was given is called
    /// when the next one goes back.
    pub fn claim_or_wait(&self) -> Option<Claimed<C, X>> {
        self.free.pop_or_mark().map(|index| self.claimed(index))
    }

    /// Says what to do when a record goes back while somebody [waits for one](Self::claim_or_wait): on the
    /// thread that gives it back, which must not wait. The first call counts.
    pub fn when_freed(&self, freed: impl Fn() + Send + Sync + 'static) {
        let _first = self.freed.set(Arc::new(freed));
    }

    fn claimed(&self, index: u32) -> Claimed<C, X> {
        // ORDERING: Relaxed, both: a bound for scans; who misses the newest record sees it in the next scan, and
        // the one who starts to scan is told of the job through another edge first.
        if index >= self.used.load(Ordering::Relaxed) {
            self.used.fetch_max(index + 1, Ordering::Relaxed);
        }
        let ticket = Ticket::new(index, self.record(index).state.enter());
        Claimed { slab: Some(Held::new(self)), ticket }
    }

    /// The last owner's step, which [`Held::give_back`] completes. `true`: the slab is closed, and the record is to
    /// be counted home.
    #[inline]
    pub(super) fn put_back(&self, index: u32) -> bool {
        self.record(index).state.free();
        match self.free.give(index) {
            Ok(()) => false,
            Err(NotPut::Marked) => self.put_back_and_tell(index),
            Err(NotPut::Closed) => true,
        }
    }

    #[cold]
    fn put_back_and_tell(&self, index: u32) -> bool {
        // The slab may be gone once the record is home.
        let freed = self.freed.get().cloned();
        let told = self.free.push_unless_closed(index);
        if let (Ok(true), Some(freed)) = (told, freed) {
            freed();
        }
        told.is_err()
    }

    /// Lets nobody claim a record any more; how many were free.
    pub(super) fn close(&self) -> usize {
        self.free.close()
    }

    /// Decides the job of `ticket` if it is in a phase that `may` allows.
    pub fn decide(
        &self,
        ticket: Ticket,
        verdict: Verdict,
        may: impl Fn(Phase) -> bool,
    ) -> Option<Decided<'_, C, X>> {
        let record = self.get(ticket)?;
        match record.state.decide(ticket.generation(), verdict, may) {
            Decision::Won { phase, waiter } => {
                let waker = claimed_waker(record, waiter);
                let (slab, by_worker, published) = (self, false, false);
                Some(Decided { slab, record, ticket, verdict, phase, waker, by_worker, published })
            }
            Decision::Lost => None,
        }
    }

    /// How long the job at `index` has been in the provider, for the owner of an index that came out of a queue.
    #[inline]
    pub fn waited(&self, index: u32, now: Instant) -> Duration {
        now.saturating_duration_since(self.record(index).submitted_at())
    }

    /// Ends the job at `index` if the limit of its phase has passed.
    pub fn expire(&self, index: u32, now: Instant) -> Option<Decided<'_, C, X>> {
        let record = self.record(index);
        let view = record.state.view();
        let verdict = match view.phase() {
            Phase::Queued | Phase::Delayed => Verdict::TimedOutQueue,
            Phase::Running => Verdict::TimedOutExec,
            _ => return None,
        };
        if !record.current_deadline().is_past(now) {
            return None;
        }
        let ticket = Ticket::new(index, view.generation());
        self.decide(ticket, verdict, |phase| phase == view.phase())
    }

    /// Looks at every record that was ever used, ends the jobs whose limit has passed through `expired`
    /// (at most `most` of them), and says what is left.
    pub fn scan<'a>(
        &'a self,
        now: Instant,
        most: usize,
        mut expired: impl FnMut(Decided<'a, C, X>),
    ) -> Scan {
        let mut scan = Scan { live: 0, unburied: 0, next: Deadline::NEVER };
        let mut ended = 0;
        // ORDERING: Relaxed: see `claim`.
        for index in 0..self.used.load(Ordering::Relaxed) {
            let record = self.record(index);
            match record.state.view().phase() {
                Phase::Queued | Phase::Delayed | Phase::Running => {}
                Phase::Decided => {
                    scan.unburied += 1;
                    continue;
                }
                Phase::Published => {
                    scan.unburied += usize::from(record.state.view().is_held_by_exec());
                    continue;
                }
                Phase::Free | Phase::Entering => continue,
            }
            if ended < most
                && let Some(decided) = self.expire(index, now)
            {
                ended += 1;
                expired(decided);
                continue;
            }
            scan.live += 1;
            scan.next = scan.next.min(record.current_deadline());
        }
        scan
    }

    /// Every undecided job in one of the phases that `of` names, at this moment.
    pub fn tickets(&self, of: impl Fn(Phase) -> bool) -> Vec<Ticket> {
        // ORDERING: Relaxed: see `claim`.
        (0..self.used.load(Ordering::Relaxed))
            .filter_map(|index| {
                let view = self.record(index).state.view();
                let undecided =
                    matches!(view.phase(), Phase::Queued | Phase::Delayed | Phase::Running);
                (undecided && of(view.phase())).then(|| Ticket::new(index, view.generation()))
            })
            .collect()
    }

    /// Jobs that have an outcome while a worker still holds their task.
    pub fn held_by_workers(&self) -> Vec<Ticket> {
        // ORDERING: Relaxed: see `claim`.
        (0..self.used.load(Ordering::Relaxed))
            .filter_map(|index| {
                let view = self.record(index).state.view();
                let dead = matches!(view.phase(), Phase::Decided | Phase::Published);
                (dead && view.has_run() && view.is_held_by_exec())
                    .then(|| Ticket::new(index, view.generation()))
            })
            .collect()
    }

    /// Whether the job at `index` has its outcome: it may be buried.
    pub fn is_dead(&self, index: u32) -> bool {
        matches!(self.record(index).state.view().phase(), Phase::Decided | Phase::Published)
    }

    /// Where the job of `ticket` is, and its outcome once that can be read. `None`: the ticket is stale.
    pub fn phase(&self, ticket: Ticket) -> Option<(Phase, Option<Verdict>)> {
        let view = self.get(ticket)?.state.view();
        let live = view.generation() == ticket.generation() && view.phase() != Phase::Free;
        live.then(|| (view.phase(), view.published()))
    }

    /// Whether the job of `ticket` still runs and nobody has asked it to stop.
    pub fn may_go_on(&self, ticket: Ticket) -> bool {
        self.get(ticket).is_some_and(|record| {
            let view = record.state.view();
            view.generation() == ticket.generation()
                && view.phase() == Phase::Running
                && !view.is_asked_to_stop()
        })
    }

    /// The instant at which the job of `ticket` has to end, while it runs.
    pub fn deadline(&self, ticket: Ticket) -> Deadline {
        self.get(ticket).map_or(Deadline::NEVER, JobRecord::current_deadline)
    }

    /// Asks the running job of `ticket` to stop; gives the worker that has it.
    pub fn stop(&self, ticket: Ticket) -> Option<u32> {
        let record = self.get(ticket)?;
        if record.state.stop(ticket.generation()) { record.runner() } else { None }
    }
}

impl<C, X> fmt::Debug for Slab<C, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slab").field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}

/// A record that is the caller's alone. Dropped unfilled, it goes back.
#[must_use]
#[derive(Debug)]
pub struct Claimed<C: 'static, X> {
    /// `None` once the job was written.
    slab: Option<Held<C, X>>,
    ticket: Ticket,
}

impl<C, X> Claimed<C, X> {
    /// The ticket that the job will have.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Writes the job, whose body it takes out of `task`, and makes it `Queued`; the reader waits for it. Its index has to be pushed into a
    /// queue next; if that refuses it, [`Reader::retract`] takes it back.
    pub fn fill<T: Send + 'static>(
        self,
        task: &mut Task<C, T>,
        origin: Origin,
        entry: &Entry,
    ) -> Reader<C, X, T> {
        let (slab, ticket) = self.write(task, origin, Delivery::Waker, entry);
        Reader::new(slab, ticket)
    }

    /// As [`fill`](Self::fill), but the outcome goes to `completions`, and what is returned can only be
    /// retracted.
    ///
    /// # Panics
    ///
    /// If `completions` was made for other records.
    pub fn fill_for_completions<T: Send + 'static>(
        self,
        task: &mut Task<C, T>,
        origin: Origin,
        completions: &Arc<Completions<C, X, T>>,
        entry: &Entry,
    ) -> Reader<C, X, T>
    where
        X: Send + Sync + 'static,
    {
        assert!(self.slab().is_of(completions.slab()), "the list goes through other records");
        let delivery = Delivery::to_list(Arc::clone(completions));
        let (slab, ticket) = self.write(task, origin, delivery, entry);
        Reader::delivered(slab, ticket)
    }

    /// As [`fill`](Self::fill), but `callback` gets the reader when the outcome is there, on the thread
    /// that publishes it, and what is returned can only be retracted.
    pub fn fill_for_callback<T: Send + 'static>(
        self,
        task: &mut Task<C, T>,
        origin: Origin,
        callback: impl FnOnce(Reader<C, X, T>) + Send + 'static,
        entry: &Entry,
    ) -> Reader<C, X, T>
    where
        X: Send + Sync + 'static,
    {
        let delivery = Delivery::to_callback(self.slab(), callback);
        let (slab, ticket) = self.write(task, origin, delivery, entry);
        Reader::delivered(slab, ticket)
    }

    fn write<T>(
        mut self,
        task: &mut Task<C, T>,
        origin: Origin,
        delivery: Delivery,
        entry: &Entry,
    ) -> (Held<C, X>, Ticket) {
        let Some(slab) = self.slab.take() else { unreachable!("a record is written once") };
        let record = slab.record(self.ticket.index());
        // SAFETY: in `Entering` the whole record is the submitter's, whose right is this value.
        #[expect(unsafe_code, reason = "exclusive in `Entering`")]
        let table = record.cell.with_mut(|place| unsafe { task.move_into(place) });
        // SAFETY: as above.
        #[expect(unsafe_code, reason = "exclusive in `Entering`")]
        record.table.with_mut(|place| unsafe { *place = Some(table) });
        record.set_entry(entry, origin, delivery);
        record.state.enqueue();
        (slab, self.ticket)
    }

    fn slab(&self) -> Held<C, X> {
        let Some(slab) = self.slab else { unreachable!("it is there until the job is written") };
        slab
    }
}

impl<C, X> Drop for Claimed<C, X> {
    fn drop(&mut self) {
        if let Some(slab) = self.slab {
            slab.give_back(self.ticket.index());
        }
    }
}

/// The duty of the one who decided a job: count it, then publish it. Dropped, it publishes.
#[must_use]
#[derive(Debug)]
pub struct Decided<'a, C: 'static, X> {
    slab: &'a Slab<C, X>,
    record: &'a JobRecord<C>,
    ticket: Ticket,
    verdict: Verdict,
    phase: Phase,
    /// Of whoever waited for the outcome when it was decided.
    waker: Option<Waker>,
    /// The decider holds `EXEC`, and has dropped the task.
    by_worker: bool,
    published: bool,
}

impl<'a, C, X> Decided<'a, C, X> {
    /// Of the worker that held `EXEC` and the task, and has given both up to this value.
    pub(super) fn of_worker(
        slab: &'a Slab<C, X>,
        (record, ticket): (&'a JobRecord<C>, Ticket),
        phase: Phase,
        verdict: Verdict,
        waiter: bool,
    ) -> Self {
        let waker = claimed_waker(record, waiter);
        Self { slab, record, ticket, verdict, phase, waker, by_worker: true, published: false }
    }

    /// The job.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Its outcome.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Where the job was when it was decided.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The worker that holds the task of a job that was decided from outside while it ran: it is to be
    /// woken, and drops the task.
    pub fn bereaved(&self) -> Option<u32> {
        if self.phase == Phase::Running && !self.by_worker { self.record.runner() } else { None }
    }

    /// The tenant whose limit the job counts against.
    pub fn tenant(&self) -> Option<u32> {
        self.record.tenant()
    }

    /// What [`Slab::set_permit`] said of a job that was decided while it ran.
    pub fn permit(&self) -> Option<u64> {
        (self.phase == Phase::Running).then(|| self.record.permit())
    }

    /// How long the job may run, if that is limited; asked before [`stamps`](Self::stamps).
    pub fn exec_limit(&self) -> Option<Duration> {
        self.record.exec_limit()
    }

    /// The error that the job's worker left for the submitter.
    pub fn error(&self) -> Option<&JobError> {
        // Until it is published the result is the decider's, who is the worker.
        let left = self.by_worker && self.verdict == Verdict::Failed;
        if left { error_in(self.record) } else { None }
    }

    /// The job's stamps, its end being `now`.
    pub fn stamps(&self, now: Instant) -> Stamps {
        self.record.set_end(now);
        self.record.stamps()
    }

    /// Makes the outcome readable and wakes whoever waits for it. Everything that was counted before is
    /// visible to whoever sees the outcome. Gives how many drops of a result without a reader panicked.
    pub fn publish(mut self, now: Instant) -> u32 {
        self.record.set_end(now);
        self.publish_once()
    }

    fn publish_once(&mut self) -> u32 {
        self.published = true;
        let record = self.record;
        if self.by_worker {
            drop_caught(record.take_origin());
        }
        let delivery = record.take_delivery();
        let waker = &mut self.waker;
        let publication =
            record.state.publish(self.by_worker, || *waker = claimed_waker(record, true));
        let orphan = publication.orphaned && self.verdict.has_result();
        let panics = u32::from(orphan && drop_ended(record));
        // From here on the record may be in its next life, unless it is this one's to give back.
        if !delivery.deliver(self.ticket)
            && let Some(waker) = self.waker.take()
        {
            contain(|| waker.wake());
        }
        if publication.last {
            Held::new(self.slab).give_back(self.ticket.index());
        }
        panics
    }
}

/// The waker of whoever waits for the job that the caller decided, if somebody does.
#[inline]
fn claimed_waker<C>(record: &JobRecord<C>, waits: bool) -> Option<Waker> {
    // SAFETY: a decider who finds `WAIT` claims the cell, and the waker that `WAIT` says is in it.
    #[expect(unsafe_code, reason = "the cell is shared under the state word")]
    waits.then(|| unsafe { record.take_waker() })
}

impl<C, X> Drop for Decided<'_, C, X> {
    fn drop(&mut self) {
        if !self.published {
            self.publish_once();
        }
    }
}

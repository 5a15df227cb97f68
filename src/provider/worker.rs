//! Those who run jobs.

use super::context::JobContext;
use super::core::{Core, Host};
use super::gate::Went;
use super::job::Kind;
use super::lane::Lane;
use super::settle::nanos;
use crate::exec::{DriverPool, Inside};
use crate::queue::Consumer;
use crate::state::{
    Attempted, CircuitOpen, LifeState, LimitPermit, Phase, Running, Sojourn, Started, Verdict,
};
use crate::stats::{self, Count};
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, thread};
use crate::time::Instant;
use futures_lite::future::yield_now;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Jobs that an async worker runs in one poll of its executor at most.
const JOBS_A_POLL: u32 = 16;
/// How long it may take for them before it lets others run.
const TIME_A_POLL: Duration = Duration::from_micros(250);

/// Starts one more worker of `lane`, if there may be one.
pub(super) fn hire(core: &Arc<Core>, lane: &Lane) -> io::Result<()> {
    let Some(number) = lane.hire() else { return Ok(()) };
    let host = core.host();
    if host.life.state_behind_change() >= LifeState::Draining && lane.queue.is_empty() {
        // The job that the worker was for is taken, and the shutdown may be over already.
        lane.dismiss(number);
        told(host);
        return Ok(());
    }
    host.stats.add(Count::WorkersStarted, 1);
    host.look_after(lane);
    match lane.kind {
        Kind::Async => {
            lane.expect();
            host.unit.spawn(serve_async(Arc::clone(core), number));
            Ok(())
        }
        Kind::Blocking => spawn_thread(core, number).inspect_err(|_| leave(host, lane, number)),
    }
}

/// A job blocks the thread that drives the async workers; others go on with the rest, if that was handed over.
pub(super) fn stalled(core: &Arc<Core>, handed_over: bool) {
    let host = core.host();
    let provider = &*host.name;
    tracing::warn!(provider, handed_over, "a job that is not declared blocking blocks its driver");
    let lane = host.lane(Kind::Async);
    if handed_over && lane.queue.take_over() && !lane.is_expecting() {
        // What cannot be started now is started by a later push, or waits for the others.
        let _no_thread = hire(core, lane);
    }
}

fn spawn_thread(core: &Arc<Core>, number: u32) -> io::Result<()> {
    let name = format!("bf:{}:b{number}", core.host().name);
    let registration = core.host().clock.register_thread();
    let own = Arc::clone(core);
    let thread = thread::spawn(&name, move || {
        let _entered = registration.enter();
        stats::sit();
        serve_blocking(&own, number);
    })?;
    let mut threads = core.host().threads.lock();
    threads.retain(|thread| !thread.is_finished());
    threads.push(thread);
    Ok(())
}

/// A worker has ended.
fn leave(host: &Host, lane: &Lane, number: u32) {
    host.stats.add(Count::WorkersEnded, 1);
    lane.dismiss(number);
    told(host);
}

/// Tells whoever waits for the end, if it has begun, that a worker was counted in or out, or that the health checks
/// are over: of those who do so at once, the last to pass the fence sees all of them gone.
pub(super) fn told(host: &Host) {
    if host.life.state_behind_change().is_ending() {
        if host.is_left() {
            // Nobody needs a driver here any more, and nobody may wait for the end to say so.
            host.own_pool.iter().for_each(DriverPool::close);
            // ORDERING: Relaxed: only one of those who see the last worker gone may go on.
            if !host.left.swap(true, Ordering::Relaxed) {
                host.exit.leave();
            }
        }
        host.notify_drained();
    }
}

async fn serve_async(core: Arc<Core>, number: u32) {
    let mut worker = Worker::new(&core, Kind::Async, number);
    let mut jobs = 0;
    let mut since = None;
    let mut next = worker.next().await;
    worker.lane.meet();
    while let Some(index) = next {
        let now = core.host().clock.now();
        worker.serve(index, now).await;
        jobs += 1;
        if jobs % JOBS_A_POLL == 0 || now > *since.get_or_insert(now) + TIME_A_POLL {
            since = None;
            yield_now().await;
        }
        next = worker.next().await;
    }
    worker.end();
}

fn serve_blocking(core: &Arc<Core>, number: u32) {
    let mut worker = Worker::new(core, Kind::Blocking, number);
    let (host, lane) = (core.host(), worker.lane);
    while let Some(index) = host.clock.block_on(worker.next()) {
        let now = host.clock.now();
        host.clock.block_on(worker.serve(index, now));
        worker.is_counted_out = lane.retire();
        if worker.is_counted_out {
            break;
        }
    }
    worker.end();
}

/// One who runs jobs, a job at a time.
struct Worker<'a> {
    core: &'a Arc<Core>,
    lane: &'a Lane,
    number: u32,
    consumer: Consumer<'a>,
    context: JobContext,
    /// For the job that it has, where running jobs are limited.
    permit: Option<LimitPermit>,
    /// It was one too many, and is no longer among the spawned.
    is_counted_out: bool,
}

impl<'a> Worker<'a> {
    fn new(core: &'a Arc<Core>, kind: Kind, number: u32) -> Self {
        let lane = core.host().lane(kind);
        let context = JobContext::new(Arc::clone(core), lane.first + number);
        let consumer = lane.queue.consumer(number);
        Self { core, lane, number, consumer, context, permit: None, is_counted_out: false }
    }

    /// Waits for the index of the next job; `None`: the worker is to leave.
    async fn next(&mut self) -> Option<u32> {
        let Self { core, lane, is_counted_out, permit, .. } = self;
        let (gate, mut waiting) = (core.host().gate.as_ref(), None);
        let mut pop = self.consumer.pop();
        let popped = poll_fn(|cx| {
            if let Some(gate) = gate {
                *permit = ready!(gate.poll_enter(lane, &mut waiting, cx));
            }
            let mut polled = Pin::new(&mut pop).poll(cx).map(Result::ok);
            if polled.is_pending() && lane.leave_idle() {
                *is_counted_out = true;
                polled = Poll::Ready(None);
            }
            match (gate, &polled) {
                (Some(gate), Poll::Ready(Some(_))) => gate.let_next_in(),
                (Some(gate), _) => permit.take().into_iter().for_each(|permit| gate.leave(permit)),
                (None, _) => {}
            }
            polled
        });
        popped.await
    }

    /// Gives the permit of a job back that has gone, if it had one.
    fn give_back(&mut self, went: Went, started_at: Instant) {
        let host = self.core.host();
        if let Some((gate, permit)) = host.gate.as_ref().zip(self.permit.take()) {
            let latency = host.clock.now().saturating_duration_since(started_at);
            gate.ended(permit, self.context.runner, went, latency);
        }
    }

    /// The worker's end. One that leaves a queue that is served on takes no job with it: what it was woken for
    /// goes to another, and what came while its place was not free yet gets a new one.
    fn end(self) {
        let Self { core, lane, number, consumer, context, is_counted_out, .. } = self;
        drop((consumer, context));
        // The waker that is left keeps the memory of the worker's task.
        lane.queue.consumers().wake(number);
        let host = core.host();
        if !is_counted_out {
            return leave(host, lane, number);
        }
        host.stats.add(Count::WorkersEnded, 1);
        lane.take_back(number);
        if lane.queue.needs_consumer() {
            // Without a thread the jobs wait for the others.
            let _no_thread = hire(core, lane);
        }
        told(host);
    }

    /// Runs the job whose index came out of the queue, to its end or until it is decided elsewhere.
    async fn serve(&mut self, index: u32, now: Instant) {
        let core = self.core;
        let Some(index) = self.sift(index, now) else {
            return self.give_back(Went::Otherwise, now);
        };
        let (now, permit) = match core.host().enter_circuit(core, index, now) {
            Ok(permit) => (now, permit),
            Err(open) => match self.meet_open_circuit(index, open).await {
                Some(passed) => passed,
                None => return self.give_back(Went::Otherwise, now),
            },
        };
        let running = match core.start(index, now, self.lane.first + self.number) {
            Started::Running(running) => running,
            Started::Dead(panics) => {
                core.host().leave_circuit(permit);
                self.give_back(Went::Otherwise, now);
                self.lane.queue.release();
                return core.count_panics(panics);
            }
        };
        let recorder = core.host().stats.recorder();
        recorder.record_wait(nanos(running.waited(now)));
        recorder.add(Count::Started, 1);
        self.run(running, now).await;
        core.host().notify_drained();
    }

    /// What the worker runs in this turn: the job that it took, or, if that one is dropped for its long wait (S19),
    /// the next of the same lane that is not.
    fn sift(&mut self, mut index: u32, now: Instant) -> Option<u32> {
        let core = self.core;
        loop {
            // The tick may be late: a job whose time to wait is over is never executed (S18).
            if let Some(decided) = core.expire(index, now) {
                core.settle(decided);
            }
            if core.is_dead(index) || !self.is_dropped(index, now) {
                return Some(index);
            }
            let ticket = core.ticket_at(index);
            core.end(ticket, Verdict::DroppedCodel, |phase| phase == Phase::Queued);
            core.count_panics(core.bury(index));
            self.lane.queue.release();
            index = self.consumer.again()?;
        }
    }

    fn is_dropped(&self, index: u32, now: Instant) -> bool {
        let (lane, queue) = (self.consumer.lane(), &self.lane.queue);
        let waited = self.core.waited(index, now);
        let is_last = || queue.len_of(lane) == 0;
        let overload = &self.core.host().overload;
        overload.on_pop((self.lane.kind, lane), waited, now, is_last) == Sojourn::Drop
    }

    /// What becomes of a job that gets no permit: `None` if it has its outcome.
    #[cold]
    async fn meet_open_circuit(&mut self, index: u32, open: CircuitOpen) -> Option<(Instant, u64)> {
        if !self.core.waits_for_circuit() {
            self.core.fail_at_circuit(index, open, || self.lane.queue.release());
            return None;
        }
        // Another one may come in time for the next probe; nobody is hired for it.
        let _unserved = self.consumer.hand_over();
        Some(Box::pin(self.core.wait_for_circuit(index)).await)
    }

    async fn run(&mut self, mut running: Running<'a, JobContext, Host>, now: Instant) {
        let core = self.core;
        self.lane.set_busy(self.number, true);
        self.context.ticket = running.ticket();
        self.context.attempt = running.attempt();
        self.context.meta = running.meta();
        core.watch(core.deadline(running.ticket()), now);
        let attempted = poll_fn(|cx| self.poll(&mut running, cx)).await;
        self.lane.set_busy(self.number, false);
        match attempted {
            Attempted::Ended(decided) => {
                if decided.verdict() == Verdict::Panicked {
                    self.tell_of_panic();
                }
                let is_well = decided.verdict() == Verdict::Completed;
                self.give_back(if is_well { Went::Well } else { Went::Otherwise }, now);
                // Whoever sees the outcome finds the worker free.
                self.lane.queue.release();
                core.settle(decided);
                core.count_panics(running.drop_panics());
            }
            Attempted::Lost { late } => {
                core.count_panics(running.drop_panics());
                let tenant = running.tenant();
                let phase = core.phase(running.ticket());
                let is_late = matches!(phase, Some((_, Some(Verdict::TimedOutExec))));
                drop(running);
                self.give_back(if is_late { Went::Overtime } else { Went::Otherwise }, now);
                let host = core.host();
                host.tenants.leave(tenant);
                host.stats.add(Count::LateResults, u64::from(late));
                host.stats.add(Count::ZombiesRecovered, 1);
                self.lane.set_zombie(false);
                // One who lets go makes nothing worse: others may be about to, and the tick judges those that last.
                if !self.lane.is_crippled() {
                    host.judge();
                }
            }
        }
    }

    fn tell_of_panic(&self) {
        let (provider, job) = (self.context.provider(), self.context.ticket.as_word());
        let task = self.context.label().unwrap_or_default();
        tracing::error!(provider, job, task, "a job panicked");
    }

    /// One poll of a job. A job that is pending is woken by its own wakers, or by whoever decides it.
    fn poll(
        &mut self,
        running: &mut Running<'a, JobContext, Host>,
        cx: &mut Context<'_>,
    ) -> Poll<Attempted<'a, JobContext, Host>> {
        let _inside = Inside::enter(self.core.host().runtime);
        if let Poll::Ready(attempted) = running.poll(&self.context, cx) {
            return Poll::Ready(attempted);
        }
        self.lane.queue.consumers().register(self.number, cx.waker());
        if !self.core.may_go_on(self.context.ticket) {
            return running.poll(&self.context, cx);
        }
        let lane = self.lane;
        if self.consumer.hand_over() && !lane.is_expecting() && !lane.queue.is_empty() {
            // What cannot be started now is started by a later push, or waits for the others.
            let _no_thread = hire(self.core, self.lane);
        }
        Poll::Pending
    }
}

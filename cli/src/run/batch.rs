//! All jobs of a file, each written when it has ended.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead};
use std::rc::Rc;
use std::time::Duration;

use async_signal::{Signal, Signals};
use bifrost::code::Code;
use bifrost::http::HttpRequest;
use bifrost::sync::{Arc, thread};
use futures_lite::{FutureExt, StreamExt};
use smol::LocalExecutor;
use smol::channel::{self, Receiver, Sender};
use smol::lock::Semaphore;

use super::lines::{Line, Lines};
use super::output::Output;
use super::rest::Rest;
use super::result::{Problem, Report};
use super::route::{Routed, Router};
use super::summary::Summary;
use crate::engine::{Ended, Engine};

/// Jobs that are read ahead: when so many wait for one provider, those of the others wait too.
const AHEAD: usize = 4096;

/// Lines between the thread that reads and the jobs.
const LINES: usize = 64;

/// What the tasks of a run share; they are all on one thread.
pub(super) struct Batch {
    engine: Engine,
    /// What messages call the input.
    input: String,
    /// As many permits a provider as it has workers: jobs wait here, where no limit of the queue ends them.
    workers: Vec<Arc<Semaphore>>,
    output: RefCell<Output>,
    summary: RefCell<Summary>,
    interrupted: Cell<bool>,
    /// What an interrupt leaves out.
    rest: Cell<Rest>,
    /// Closed when nothing more is to be read.
    stop: Sender<()>,
    progress: indicatif::ProgressBar,
}

/// The jobs, and what messages call them.
pub(super) struct Input {
    pub(super) name: String,
    pub(super) reader: Box<dyn BufRead + Send>,
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) summary: Summary,
    /// What an interrupt left out, if there was one.
    pub(super) interrupted: Option<Rest>,
    /// Whether the input could be read to its end.
    pub(super) input: io::Result<()>,
    /// Whether every line could be written.
    pub(super) output: io::Result<()>,
}

/// Runs every job of `input`; returns when each has its line, or the rest is not to have any. After an interrupt the
/// running ones have `grace` to finish.
pub(super) fn run(
    engine: Engine,
    workers: &[usize],
    grace: Duration,
    mut router: Router,
    input: Input,
    output: Output,
) -> io::Result<Finished> {
    let signals = Signals::new([Signal::Int, Signal::Term])?;
    let lines = read_in_thread(input.reader)?;
    let (stop, stopped) = channel::bounded(1);
    let batch = Rc::new(Batch {
        engine,
        input: input.name,
        workers: workers.iter().map(|permits| Arc::new(Semaphore::new(*permits))).collect(),
        output: RefCell::new(output),
        summary: RefCell::default(),
        interrupted: Cell::new(false),
        rest: Cell::default(),
        stop,
        progress: indicatif::ProgressBar::no_length(),
    });
    let executor = LocalExecutor::new();
    let all = submit_all(&batch, &executor, &mut router, &lines, &stopped);
    let early = end_early(&batch, &executor, signals, &stopped, grace);
    let input = batch.engine.run(executor.run(all.or(early)));
    // The executor's tasks hold the batch too.
    drop(executor);
    batch.progress.finish_and_clear();
    let Some(batch) = Rc::into_inner(batch) else {
        return Err(io::Error::other("a job of this run outlived it"));
    };
    batch.engine.stop();
    Ok(Finished {
        summary: batch.summary.into_inner(),
        interrupted: batch.interrupted.get().then_some(batch.rest.get()),
        input,
        output: batch.output.into_inner().finish(),
    })
}

/// Reads on a thread of its own: a pipe that is slow must not keep results from being written.
fn read_in_thread(reader: Box<dyn BufRead + Send>) -> io::Result<Receiver<io::Result<Line>>> {
    let (sender, receiver) = channel::bounded(LINES);
    thread::spawn("jobs", move || {
        let mut lines = Lines::new(reader);
        while let Some(line) = lines.next().transpose() {
            let failed = line.is_err();
            if sender.send_blocking(line).is_err() || failed {
                return;
            }
        }
    })?;
    Ok(receiver)
}

/// Ends the jobs early when a signal or an output that cannot be written asks for it. Never returns: each job ends by
/// itself then. Another signal ends the process.
async fn end_early<T>(
    batch: &Batch,
    executor: &LocalExecutor<'_>,
    mut signals: Signals,
    stopped: &Receiver<()>,
    grace: Duration,
) -> T {
    let signal = async { signals.next().await.is_some() };
    let failed = async {
        let _closed = stopped.recv().await;
        false
    };
    let interrupted = signal.or(failed).await;
    // Nothing that finishes later could be written when the output is what failed.
    let grace = if interrupted { grace } else { Duration::ZERO };
    if interrupted {
        batch.interrupted.set(true);
        batch.stop.close();
        batch.say(&format!("interrupted; what runs has {grace:?} to finish; again to stop now"));
    }
    for end in batch.engine.ends(grace) {
        executor.spawn(end).detach();
    }
    signals.next().await;
    std::process::exit(crate::Exit::Interrupted as i32);
}

async fn submit_all<'a>(
    batch: &Rc<Batch>,
    executor: &LocalExecutor<'a>,
    router: &mut Router,
    lines: &Receiver<io::Result<Line>>,
    stopped: &Receiver<()>,
) -> io::Result<()> {
    let ahead = Arc::new(Semaphore::new(AHEAD));
    let mut input = Ok(());
    let mut last = 0;
    loop {
        let room = ahead.acquire_arc().await;
        let stop = async {
            let _ = stopped.recv().await;
            None
        };
        let line = match stop.or(async { Some(lines.recv().await.ok()) }).await {
            Some(Some(Ok(line))) => line,
            Some(Some(Err(error))) => {
                input = Err(error);
                break;
            }
            Some(None) => break,
            None => {
                batch.rest.set(batch.rest.get().unread_after(last));
                break;
            }
        };
        last = line.number;
        match router.route(&line) {
            Err(report) => {
                let reason = report.end.as_ref().err().map_or("", |problem| &problem.message);
                batch.say(&format!("{}:{}: {reason}", batch.input, line.number));
                batch.report(&report);
            }
            Ok(routed) => {
                let name = router.name(routed.provider).to_owned();
                let batch = Rc::clone(batch);
                let task = async move {
                    batch.one(routed, name).await;
                    drop(room);
                };
                executor.spawn(task).detach();
            }
        }
    }
    // When all permits are back, every job has ended.
    let mut back = Vec::new();
    while back.len() < AHEAD {
        back.push(ahead.acquire().await);
    }
    input
}

impl Batch {
    async fn one(&self, routed: Routed, provider: String) {
        let Some(workers) = self.workers.get(routed.provider) else { return };
        let _worker = workers.acquire().await;
        let Routed { provider: index, line, job } = routed;
        if self.stop.is_closed() {
            return self.cancelled();
        }
        let mut request = HttpRequest::new(job.method, job.path).body(job.body);
        for (name, value) in job.headers {
            request = request.header(name, value);
        }
        let ended = self.engine.exchange(index, request).await;
        let by_interrupt = matches!(ended.outcome, Code::CancelledShutdown | Code::ShuttingDown);
        if by_interrupt && self.interrupted.get() {
            return self.cancelled();
        }
        self.report(&report(job.id, line, provider, ended));
    }

    fn cancelled(&self) {
        self.rest.set(self.rest.get().and_cancelled());
    }

    fn report(&self, report: &Report) {
        if !self.output.borrow_mut().write(report) {
            self.stop.close();
        }
        self.summary.borrow_mut().count(report);
        self.progress.inc(1);
    }

    /// Adds a line to standard error.
    fn say(&self, text: &str) {
        self.progress.suspend(|| eprintln!("bifrost: {text}"));
    }
}

fn report(id: String, line: u64, provider: String, ended: Ended) -> Report {
    let answered = ended.status.is_some_and(|status| (200..300).contains(&status));
    let (outcome, end) = match (ended.outcome, ended.status) {
        (Code::Ok, _) if answered => (Code::Ok, Ok(ended.body.unwrap_or_default())),
        (Code::Ok, Some(status)) => {
            let message = format!("the upstream answered {status}");
            (Code::Failed, Err(Problem { code: Code::HttpStatus, message, body: ended.body }))
        }
        (outcome, _) => {
            let (code, message) = (ended.cause, ended.message);
            (outcome, Err(Problem { code, message, body: ended.body }))
        }
    };
    let report = Report {
        id: Some(id),
        line,
        provider: Some(provider),
        key: ended.key,
        attempts: ended.attempts,
        status: ended.status,
        outcome,
        queue: ended.queue,
        run: ended.run,
        end,
    };
    report.refuse_binary()
}

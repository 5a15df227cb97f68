//! One load on one set of pools.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bifrost::code::Code;
use bifrost::http::HttpRequest;
use bifrost::stats::Histogram;
use bifrost::time::Clock;
use futures_lite::{FutureExt, StreamExt, future};
use smol::{LocalExecutor, Task, Timer};

use super::scenario::{BROKEN, CLASSES};
use super::screen::Screen;
use super::verdict::{Phase, Seen};
use crate::engine::Engine;
use crate::tally::Tally;
use crate::upstream::Upstream;

/// What every job sends.
const CHAT: &str = r#"{"model": "small", "messages": [{"role": "user", "content": "hello"}]}"#;

/// How long the load is on, and how the break is made.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) load: Duration,
    /// The class whose provider breaks after a third of the load and is mended at its end.
    pub(super) breaks: String,
}

/// Figures of one class while they grow.
#[derive(Debug, Default)]
struct Growing {
    tally: RefCell<Tally>,
    before: Histogram,
    after: Histogram,
}

/// What the tasks of a phase share; they are all on one thread.
struct Stage {
    engine: Engine,
    clock: Clock,
    broken: Cell<bool>,
    /// What has been done to the provider that breaks.
    done: Cell<&'static str>,
}

/// Runs the load through `engine`, which has a provider for each class, or one for all of them.
pub(super) async fn phase(
    executor: &LocalExecutor<'static>,
    screen: &mut Screen,
    title: &str,
    engine: Engine,
    upstreams: &[Upstream; CLASSES.len()],
    plan: &Plan,
) -> Phase {
    let stage = Rc::new(Stage {
        engine,
        clock: Clock::monotonic(),
        broken: Cell::new(false),
        done: Cell::new("still answers"),
    });
    let classes = CLASSES.map(|class| (class, Rc::new(Growing::default())));
    let load = |index: usize| {
        let (class, growing) = &classes[index];
        let url = format!("{}/v1/chat/completions", upstreams[index].base_url());
        let provider = if stage.engine.providers() == 1 { 0 } else { index };
        load(executor, &stage, class.every, (provider, url), plan.load, growing)
    };
    let loads = future::zip(load(0), future::zip(load(1), load(2)));
    let breaks = breaks(&stage, upstreams, plan);
    let all = async {
        let ((a, (b, c)), ()) = future::zip(loads, breaks).await;
        for job in a.into_iter().chain(b).chain(c) {
            job.await;
        }
    };
    let title = || format!("{title}: \"{}\" {}", plan.breaks, stage.done.get());
    all.or(show(&stage, screen, &title)).await;
    // Only after the last worker has come to rest is the ledger quiet.
    stage.engine.stop();
    let snapshot = stage.engine.snapshot();
    screen.live(&title(), &snapshot);
    let seen = |growing: &Growing| Seen {
        tally: growing.tally.borrow().clone(),
        before: growing.before.snapshot(),
        after: growing.after.snapshot(),
    };
    Phase { seen: classes.map(|(class, growing)| (class.name, seen(&growing))).to_vec(), snapshot }
}

/// Submits a job whenever one is due, and returns those that have not ended yet with those that have.
async fn load(
    executor: &LocalExecutor<'static>,
    stage: &Rc<Stage>,
    every: Duration,
    (provider, url): (usize, String),
    load: Duration,
    growing: &Rc<Growing>,
) -> Vec<Task<()>> {
    let jobs = load.as_nanos() / every.as_nanos();
    let mut due = Timer::interval(every);
    let mut tasks = Vec::new();
    for _ in 0..jobs {
        due.next().await;
        growing.tally.borrow_mut().submitted += 1;
        let request = HttpRequest::post(&*url).body(CHAT);
        let job = job(Rc::clone(stage), provider, request, Rc::clone(growing));
        tasks.push(executor.spawn(job));
    }
    tasks
}

/// One job, from its submission to its end.
async fn job(stage: Rc<Stage>, provider: usize, request: HttpRequest, growing: Rc<Growing>) {
    let times = if stage.broken.get() { &growing.after } else { &growing.before };
    let begin = stage.clock.now();
    let ended = stage.engine.exchange(provider, request).await;
    growing.tally.borrow_mut().end(ended.outcome);
    if ended.outcome == Code::Ok {
        let nanos = stage.clock.now().saturating_duration_since(begin).as_nanos();
        times.record(u64::try_from(nanos).unwrap_or(u64::MAX));
    }
}

/// Breaks one provider after a third of the load, and mends it at the end, so that its jobs need not all time out.
async fn breaks(stage: &Stage, upstreams: &[Upstream; CLASSES.len()], plan: &Plan) {
    let broken = CLASSES.iter().zip(upstreams).find(|(class, _)| class.name == plan.breaks);
    let Some((class, upstream)) = broken else { return };
    Timer::after(plan.load / 3).await;
    upstream.set(BROKEN);
    stage.broken.set(true);
    stage.done.set("hangs");
    Timer::after(plan.load - plan.load / 3).await;
    upstream.set(class.behaviour);
    stage.done.set("answers again");
}

/// Shows the providers for as long as it is polled.
async fn show(stage: &Stage, screen: &mut Screen, title: &dyn Fn() -> String) {
    let mut due = Timer::interval(screen.every());
    while due.next().await.is_some() {
        screen.live(&title(), &stage.engine.snapshot());
    }
}

//! Both phases, what they have shown, and the exit status.

use std::time::Duration;

use bifrost::config::{ProviderConfig, RuntimeConfig};
use futures_lite::{FutureExt, future};
use smol::{LocalExecutor, Timer};

use super::load::{Plan, phase};
use super::scenario::{CLASSES, pool};
use super::screen::Screen;
use super::verdict::{Phase, comparison, healthy, ledgers, moral};
use crate::engine::Engine;
use crate::upstream::Upstream;
use crate::{DemoArgs, Exit};

/// The demo ends by itself; this is for a bug that keeps it from that.
const LIMIT: Duration = Duration::from_secs(29);

/// Runs the demo.
pub(crate) fn run(args: &DemoArgs) -> Exit {
    let executor = LocalExecutor::new();
    let mut screen = Screen::new();
    let limited = async {
        Timer::after(LIMIT).await;
        Err(format!("not over after {LIMIT:?}"))
    };
    let demo = demo(&executor, &mut screen, args);
    let result = future::block_on(executor.run(demo.or(limited)));
    match result {
        Ok(()) => Exit::Ok,
        Err(problem) => {
            eprintln!("bifrost: the demo failed: {problem}");
            Exit::Failed
        }
    }
}

async fn demo(
    executor: &LocalExecutor<'static>,
    screen: &mut Screen,
    args: &DemoArgs,
) -> Result<(), String> {
    let load = Duration::from_millis(args.load_ms);
    let plan = Plan { load, breaks: args.breaks.clone() };
    let breaks = &plan.breaks;
    let own = upstreams()?;
    let pools = CLASSES.iter().zip(&own).map(|(class, it)| pool(class.name, &it.base_url(), 1));
    let engine = start(pools.collect())?;
    screen.say(&intro(breaks, load));
    let title = "1. A pool for each provider";
    let own = phase(executor, screen, title, engine, &own, &plan).await;

    let same = upstreams()?;
    let engine = start(vec![pool("shared", &same[0].base_url(), CLASSES.len())])?;
    let title = "2. The same load on one pool of the same size for all";
    screen.say("");
    let shared = phase(executor, screen, title, engine, &same, &plan).await;
    conclude(screen, breaks, &own, &shared)
}

fn intro(breaks: &str, load: Duration) -> String {
    format!(
        "Three providers on loopback, over real HTTP: \"healthy\" answers within 25 ms,\n\
         \"slow\" within 220 ms, \"failing\" gives status 500 to 40% of its requests.\n\
         A load of {load:?}, first with a pool for each, then with one pool of the same size\n\
         for all. After a third of it \"{breaks}\" hangs: no answer, until the jobs time out.\n"
    )
}

fn upstreams() -> Result<[Upstream; CLASSES.len()], String> {
    let start = |seed: usize| {
        Upstream::start(seed as u64, CLASSES[seed].behaviour)
            .map_err(|error| format!("no provider could be started ({error})"))
    };
    Ok([start(0)?, start(1)?, start(2)?])
}

fn start(pools: Vec<ProviderConfig>) -> Result<Engine, String> {
    Engine::start(RuntimeConfig::default(), pools).map_err(|error| error.to_string())
}

fn conclude(screen: &mut Screen, breaks: &str, own: &Phase, shared: &Phase) -> Result<(), String> {
    let (own_text, own_ledgers) = ledgers(own);
    let (shared_text, shared_ledgers) = ledgers(shared);
    screen.say(&format!(
        "\nWhat the callers saw before and after the break\n{}",
        comparison(own, shared)
    ));
    screen
        .say(&format!("Ledgers, compared with what the callers counted\n{own_text}{shared_text}"));
    screen.say(&moral(own, shared, breaks));
    healthy(own)?;
    own_ledgers?;
    shared_ledgers?;
    screen.say("Every job of the healthy provider completed, and every ledger balances.");
    Ok(())
}

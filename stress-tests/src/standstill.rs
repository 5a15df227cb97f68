//! One thread stands still in front of an atomic operation: do the others get on?
//!
//! A scene is an object, what the thread does that will stand still, and what the others do meanwhile. The
//! thread is stopped once in front of each operation that it comes to, and in front of any further one
//! after the others have changed everything under it. Each time three others must push and pop a fixed
//! number of values, with a bounded number of atomic operations of their own; no clock is asked. Then the
//! thread is let go, and what went in must have come out.

use bifrost::sync::atomic::agent::{Agent, Exhausted, Ran, steps};
use bifrost::sync::atomic::freeze::{Frozen, Place, freeze};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Scope, ScopedJoinHandle};

/// How many threads have to get on.
pub const OTHERS: usize = 3;
/// How many values each of them pushes and pops while the one stands still.
pub const ROUNDS: usize = 8;
/// How many atomic operations each of them may make for that. It takes one or two hundred.
const LIMIT: u64 = 5_000;

/// After so many findings the rest is not played.
const ENOUGH: usize = 40;

/// What one thread did.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// 0 for the one that stands still; the others count from 1.
    pub thread: usize,
    /// What it put in, in order.
    pub pushed: Vec<u32>,
    /// What it took out, in order.
    pub popped: Vec<u32>,
    /// The most atomic operations that one call took, standing still not counted.
    pub most_steps: u64,
}

impl Tally {
    fn new(thread: usize) -> Self {
        Self { thread, ..Self::default() }
    }

    /// A value that no other push has.
    pub fn value(&self) -> u32 {
        (self.thread * 1000 + self.pushed.len()) as u32
    }

    /// Makes one call and counts its operations.
    pub fn call<R>(&mut self, call: impl FnOnce() -> R) -> R {
        let before = steps();
        let result = call();
        self.most_steps = self.most_steps.max(steps() - before);
        result
    }
}

/// One object and what is done with it.
#[expect(missing_debug_implementations, reason = "closures")]
pub struct Scene<'a, T> {
    /// For reports.
    pub name: String,
    /// Makes the object.
    pub make: &'a (dyn Fn() -> T + Sync),
    /// The part of the thread that will stand still.
    pub act: &'a (dyn Fn(&T, &mut Tally) + Sync),
    /// One try of another thread to put in a value and to take one out. `false`: there is nothing more to
    /// do, because the object is closed.
    pub round: fn(&T, &mut Tally) -> bool,
    /// Whether what went in has come out; the object is nobody else's any more.
    pub judge: fn(&T, &[Tally]) -> Result<(), String>,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Where a thread stood still, each with how many times.
    pub places: BTreeMap<Place, u64>,
    /// Times at which none of the others got on.
    pub blocked: Vec<String>,
    /// Times at which some of the others did not get on.
    pub starved: Vec<String>,
    /// What was lost, or a panic.
    pub failed: Vec<String>,
    /// The most atomic operations of one call.
    pub most_steps: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "frozen at {} sites, {} blocked, {} starved ({} times frozen, at most {} atomic operations a call)",
            self.places.len(),
            self.blocked.len(),
            self.starved.len(),
            self.places.values().sum::<u64>(),
            self.most_steps
        )
    }
}

/// Where to stop a thread: a place, and at which visit.
type Stop = (Place, u64);

/// Plays every scene of `scenes` with the thread stopped at each operation that it comes to, until there
/// are enough findings.
pub fn play<T: Sync>(seed: u64, scenes: &[Scene<'_, T>]) -> Report {
    let mut report = Report::default();
    let mut plays = 0;
    let known: Vec<Vec<Stop>> = scenes
        .iter()
        .map(|scene| {
            solo(scene).unwrap_or_else(|failure| {
                report.blocked.push(format!("{}: alone, it {}", scene.name, failure.text()));
                Vec::new()
            })
        })
        .collect();
    // What any scene comes to, another one may come to under contention.
    let everywhere: BTreeSet<Place> = known.iter().flatten().map(|stop| stop.0).collect();
    for (scene, own) in scenes.iter().zip(known) {
        let mut alone: Vec<Vec<Stop>> = own.iter().map(|&stop| vec![stop]).collect();
        let again =
            own.iter().flat_map(|&stop| everywhere.iter().map(move |&next| vec![stop, (next, 1)]));
        alone.extend(again);
        for stops in alone {
            if report.blocked.len() + report.starved.len() + report.failed.len() >= ENOUGH {
                return report;
            }
            plays += 1;
            Play { scene, seed, number: plays, stops }.run(&mut report);
        }
    }
    report
}

/// Every operation that the thread of `scene` comes to by itself, each with its visit.
fn solo<T>(scene: &Scene<'_, T>) -> Result<Vec<Stop>, Failure> {
    let object = (scene.make)();
    let agent = Agent::new(0, 0).limited(LIMIT).traced();
    let act = || agent.run(|| (scene.act)(&object, &mut Tally::new(0)));
    let ran = ended(catch_unwind(AssertUnwindSafe(act)))?;
    let mut visits = BTreeMap::new();
    let stop = |place| {
        let visit = visits.entry(place).or_insert(0);
        *visit += 1;
        (place, *visit)
    };
    Ok(ran.places.into_iter().map(stop).collect())
}

/// One play of a scene.
struct Play<'a, T> {
    scene: &'a Scene<'a, T>,
    seed: u64,
    number: u64,
    stops: Vec<Stop>,
}

/// How one thread ended.
type End = Result<Tally, Failure>;

enum Failure {
    Exhausted,
    Panicked(String),
}

impl Failure {
    fn text(&self) -> String {
        match self {
            Self::Exhausted => format!("did not end within {LIMIT} atomic operations"),
            Self::Panicked(text) => format!("panicked: {text}"),
        }
    }
}

impl<T: Sync> Play<'_, T> {
    fn run(&self, report: &mut Report) {
        let object = (self.scene.make)();
        let mut tallies = Vec::new();
        let complete = std::thread::scope(|scope| {
            let (still, frozen) = self.start(scope, &object);
            let mut complete = true;
            for (&(place, _), frozen) in self.stops.iter().zip(frozen) {
                if !frozen.wait() {
                    break;
                }
                *report.places.entry(place).or_insert(0) += 1;
                complete = self.others(&object, place, report, &mut tallies) && complete;
            }
            match ended(still.join()) {
                Ok(tally) => tallies.push(tally),
                Err(failure) if complete => report.failed.push(self.tell("let go, it", &failure)),
                Err(_) => {}
            }
            complete
        });
        if complete {
            report.most_steps =
                tallies.iter().map(|t| t.most_steps).fold(report.most_steps, u64::max);
            let judge = || (self.scene.judge)(&object, &tallies);
            let judge = || Agent::new(0, 0).limited(LIMIT).run(judge).result;
            match ended(catch_unwind(AssertUnwindSafe(judge))) {
                Ok(Ok(())) => {}
                Ok(Err(what)) => report.failed.push(self.describe(&what)),
                Err(failure) => report.failed.push(self.tell("the last look", &failure)),
            }
        }
    }

    /// The thread that will stand still, and the handles that let it go, in the order of its stops.
    fn start<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        object: &'scope T,
    ) -> (ScopedJoinHandle<'scope, Tally>, Vec<Frozen>) {
        let (freezes, frozen): (Vec<_>, Vec<_>) =
            self.stops.iter().map(|&(place, visit)| freeze(place, visit)).unzip();
        let program = move || {
            let agent = Agent::new(self.seed, 0).limited(LIMIT);
            let agent = freezes.into_iter().fold(agent, Agent::frozen);
            let mut tally = Tally::new(0);
            agent.run(|| (self.scene.act)(object, &mut tally));
            tally
        };
        (scope.spawn(program), frozen)
    }

    /// Lets the others do their rounds; `false` if one of them did not get through.
    fn others(&self, object: &T, at: Place, report: &mut Report, tallies: &mut Vec<Tally>) -> bool {
        let ends: Vec<End> = std::thread::scope(|scope| {
            let first = tallies.len();
            let threads: Vec<_> =
                (1..=OTHERS).map(|n| scope.spawn(move || self.rounds(object, first + n))).collect();
            threads.into_iter().map(|thread| ended(thread.join())).collect()
        });
        let exhausted = ends.iter().filter(|end| matches!(end, Err(Failure::Exhausted))).count();
        let mut complete = exhausted == 0;
        for end in ends {
            match end {
                Ok(tally) => tallies.push(tally),
                Err(Failure::Exhausted) => {}
                Err(failure) => {
                    complete = false;
                    report.failed.push(self.tell("another thread", &failure));
                }
            }
        }
        let told = self.describe(&format!("while one stood still at {at}"));
        match exhausted {
            0 => {}
            OTHERS => report.blocked.push(told),
            _ => report.starved.push(told),
        }
        complete
    }

    fn rounds(&self, object: &T, thread: usize) -> Tally {
        let number = self.number * 16 + thread as u64;
        let agent = Agent::new(self.seed, number).disturbed(32).limited(LIMIT);
        let rounds = || {
            let mut tally = Tally::new(thread);
            while tally.pushed.len() < ROUNDS || tally.popped.len() < ROUNDS {
                if !(self.scene.round)(object, &mut tally) {
                    break;
                }
            }
            tally
        };
        let Ran { result, .. } = agent.run(rounds);
        result
    }

    fn tell(&self, who: &str, failure: &Failure) -> String {
        self.describe(&format!("{who} {}", failure.text()))
    }

    fn describe(&self, what: &str) -> String {
        let stops: Vec<String> =
            self.stops.iter().map(|(place, visit)| format!("{place} visit {visit}")).collect();
        format!(
            "{}, seed {}, frozen at {}: {what}",
            self.scene.name,
            self.seed,
            stops.join(", then ")
        )
    }
}

/// Tells a thread that was ended by its agent from one that panicked.
fn ended<R>(end: std::thread::Result<R>) -> Result<R, Failure> {
    end.map_err(|payload| {
        if payload.is::<Exhausted>() {
            return Failure::Exhausted;
        }
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        Failure::Panicked(text.unwrap_or("something without a text").to_owned())
    })
}

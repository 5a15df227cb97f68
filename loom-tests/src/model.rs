//! One model: what it may cost, what it must see, and the run.

use crate::{Witness, mutate};
use bifrost::sync::atomic::execution::{self, Gates, Settings};
use bifrost::sync::atomic::site;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Any of these would let loom stop early and pass, or start in the middle.
const FORBIDDEN: [&str; 3] = ["LOOM_MAX_DURATION", "LOOM_MAX_PERMUTATIONS", "LOOM_CHECKPOINT_FILE"];

/// Steps that an execution may have before loom calls it a livelock. It says so by a panic.
const BRANCHES: usize = 10_000;

/// How much of the search is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// All of it.
    Full,
    /// All executions with at most this many changes from a thread that could go on.
    Preemptions(usize),
}

/// What a model has to show when it is over.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many executions loom has tried.
    pub iterations: u64,
}

/// A model to be.
#[derive(Clone, Debug)]
pub struct Model {
    name: &'static str,
    bound: Bound,
    deep: Option<Bound>,
    witnesses: Vec<&'static str>,
    floor: u64,
    settings: Settings,
    quiet: bool,
}

impl Model {
    /// Starts to describe the model `name`: full search, gates on, no failures without a reason.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            bound: Bound::Full,
            deep: None,
            witnesses: vec![],
            floor: 1,
            settings: Settings::default(),
            quiet: false,
        }
    }

    /// How much of the search to do.
    pub fn bound(mut self, bound: Bound) -> Self {
        self.bound = bound;
        self
    }

    /// How much of it to do when `BIFROST_LOOM=deep` is set: for what takes more than a few seconds.
    pub fn deep(mut self, bound: Bound) -> Self {
        self.deep = Some(bound);
        self
    }

    /// Declares an outcome that at least one execution must come to.
    pub fn witness(mut self, label: &'static str) -> Self {
        self.witnesses.push(label);
        self
    }

    /// The least number of executions. Loom's count is exact for given code, so set it near what was seen.
    pub fn floor(mut self, iterations: u64) -> Self {
        self.floor = iterations;
        self
    }

    /// Lets weak compare-exchanges fail for no reason, this often an execution.
    pub fn spurious(mut self, failures: usize) -> Self {
        self.settings.spurious = failures;
        self
    }

    /// Which gates the atomics have: [`Gates::Off`] is as blind as loom is, and only for a model that is not
    /// affordable otherwise; [`Gates::One`] tries every interleaving, and is affordable for very little.
    pub fn gates(mut self, gates: Gates) -> Self {
        self.settings.gates = gates;
        self
    }

    /// Prints no line, for a model that is one of very many.
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Searches the executions of `model`.
    ///
    /// # Panics
    ///
    /// If an execution fails, a declared outcome was never seen or an undeclared one was, the executions
    /// are fewer than the floor, or something could have cut the search short.
    pub fn run(mut self, model: impl Fn(&Witness) + Send + Sync + 'static) -> Report {
        const { assert!(cfg!(debug_assertions), "set CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true") };
        for variable in FORBIDDEN {
            let set = std::env::var_os(variable).is_some();
            assert!(!set, "{variable} is set: it could cut the search of {} short", self.name);
        }
        if std::env::var_os("BIFROST_LOOM").is_some_and(|mode| mode == "deep") {
            self.bound = self.deep.unwrap_or(self.bound);
        }
        let mutated = mutate::arm();
        let witness = Witness::new(&self.witnesses);
        let count = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        site::drain();
        self.builder().check({
            let (settings, witness, count) = (self.settings, witness.clone(), Arc::clone(&count));
            move || {
                execution::begin(settings);
                // ORDERING: Relaxed: loom runs one execution after the other.
                count.fetch_add(1, Ordering::Relaxed);
                model(&witness);
            }
        });
        execution::end();
        // ORDERING: Relaxed, as above.
        let iterations = count.load(Ordering::Relaxed);
        self.print(iterations, started.elapsed().as_secs_f64(), &witness);
        mutate::list(self.name);
        let missing = witness.missing();
        assert!(missing.is_empty(), "{} never saw {missing:?}", self.name);
        if !mutated {
            assert!(
                iterations >= self.floor,
                "{} ended after {iterations} executions, fewer than its floor of {}",
                self.name,
                self.floor
            );
        }
        Report { iterations }
    }

    fn builder(&self) -> loom::model::Builder {
        let mut builder = loom::model::Builder::new();
        builder.max_threads = loom::MAX_THREADS;
        builder.max_branches = BRANCHES;
        builder.max_permutations = None;
        builder.max_duration = None;
        builder.checkpoint_file = None;
        builder.expect_explicit_explore = true;
        builder.preemption_bound = match self.bound {
            Bound::Full => None,
            Bound::Preemptions(most) => Some(most),
        };
        builder
    }

    /// Past the capture of the test runner: the figures are part of what the run shows.
    fn print(&self, iterations: u64, seconds: f64, witness: &Witness) {
        let bound = match self.bound {
            Bound::Full => "full".to_owned(),
            Bound::Preemptions(most) => format!("{most} preemptions"),
        };
        let gates = match self.settings.gates {
            Gates::Each => "",
            Gates::Off => ", no gates",
            Gates::One => ", one gate",
        };
        if self.quiet {
            return;
        }
        let line = format!(
            "model {}: {iterations} iterations, {bound}{gates}, {seconds:.2} s, witnesses {witness}\n",
            self.name
        );
        drop(std::io::stdout().lock().write_all(line.as_bytes()));
    }
}

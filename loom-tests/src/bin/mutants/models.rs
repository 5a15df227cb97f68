//! The tests of the models, built once, and what each of them reaches.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a test may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Tests of the harness: they prove no edge.
const HARNESS: [&str; 2] = ["canary", "gates"];

/// One operation that a test reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reached {
    /// `FILE:LINE:COLUMN:KIND=ORDERING`.
    pub(crate) site: String,
    /// The weaker orderings that it could have.
    pub(crate) weaker: Vec<String>,
}

impl Reached {
    /// The site without its ordering.
    pub(crate) fn at(&self) -> &str {
        self.site.split('=').next().unwrap_or_default()
    }
}

/// One test function.
#[derive(Debug)]
pub(crate) struct Test {
    program: PathBuf,
    pub(crate) name: String,
    /// Where its output goes.
    folder: PathBuf,
    pub(crate) reached: Vec<Reached>,
    pub(crate) took: Duration,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) enum Run {
    Passed,
    Failed(String),
    TimedOut,
}

/// Builds the models under loom and lists their tests.
pub(crate) fn build(root: &Path) -> Result<Vec<Test>, String> {
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => root.join(target),
        None => root.join("target"),
    };
    let target = target.join("loom");
    // The same as in the Makefile, so that both share one build.
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["test", "-p", "loom-tests", "--release", "--locked", "--no-run", "--tests"])
        .arg("--message-format=json-render-diagnostics")
        .env("RUSTFLAGS", format!("{flags} --cfg loom"))
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if !built.status.success() {
        return Err("the models do not build".to_owned());
    }
    let folder = target.join("mutants");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut tests = Vec::new();
    for line in String::from_utf8_lossy(&built.stdout).lines() {
        let program =
            line.split("\"executable\":\"").nth(1).and_then(|rest| rest.split('"').next());
        if let Some(program) = program.filter(|_| line.contains("\"kind\":[\"test\"]")) {
            let program = PathBuf::from(program);
            let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !HARNESS.iter().any(|harness| name.starts_with(harness)) {
                list(&program, &folder, &mut tests)?;
            }
        }
    }
    Ok(tests)
}

fn list(program: &Path, folder: &Path, tests: &mut Vec<Test>) -> Result<(), String> {
    let failed = |error| format!("{}: {error}", program.display());
    let listed =
        Command::new(program).args(["--list", "--format", "terse"]).output().map_err(failed)?;
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    for name in text.lines().filter_map(|line| line.strip_suffix(": test")) {
        tests.push(Test {
            program: program.to_owned(),
            name: name.to_owned(),
            folder: folder.to_owned(),
            reached: Vec::new(),
            took: Duration::ZERO,
        });
    }
    Ok(())
}

impl Test {
    /// Runs the test as it is, and notes what it reaches.
    pub(crate) fn look(mut self) -> Result<Self, String> {
        let list = self.folder.join(format!("{}.list", self.name));
        drop(fs::remove_file(&list));
        let started = Instant::now();
        match self.run(("BIFROST_ORD_LIST", list.as_os_str()), "list", LIMIT * 3)? {
            Run::Passed => {}
            Run::Failed(text) => return Err(format!("{} fails as it is:\n{text}", self.name)),
            Run::TimedOut => return Err(format!("{} does not end in time", self.name)),
        }
        self.took = started.elapsed();
        // A test that is ignored leaves no list.
        let text = fs::read_to_string(&list).unwrap_or_default();
        let reached = text.lines().filter(|line| line.starts_with("src/")).filter_map(|line| {
            let mut parts = line.split('\t');
            let (site, weaker) = (parts.next()?.to_owned(), parts.nth(1)?);
            Some(Reached { site, weaker: weaker.split_whitespace().map(str::to_owned).collect() })
        });
        self.reached = reached.collect();
        self.reached.sort();
        self.reached.dedup();
        Ok(self)
    }

    /// Runs the test with `mutant`.
    pub(crate) fn mutated(&self, mutant: &str) -> Result<Run, String> {
        let name: String =
            mutant.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
        self.run(("BIFROST_ORD_MUTANT", mutant.as_ref()), &name, LIMIT)
    }

    /// The output goes into a file: a test that hangs must not fill a pipe.
    fn run(
        &self,
        set: (&str, &std::ffi::OsStr),
        name: &str,
        limit: Duration,
    ) -> Result<Run, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", self.name);
        let path = self.folder.join(format!("{}-{name}.log", self.name));
        let out = fs::File::create(&path).map_err(failed)?;
        let mut child = Command::new(&self.program)
            .args(["--exact", &self.name, "--nocapture"])
            .env(set.0, set.1)
            .env("RUST_BACKTRACE", "0")
            .env_remove("BIFROST_LOOM")
            .stdin(Stdio::null())
            .stderr(out.try_clone().map_err(failed)?)
            .stdout(out)
            .spawn()
            .map_err(failed)?;
        let started = Instant::now();
        let run = loop {
            if let Some(status) = child.try_wait().map_err(failed)? {
                break if status.success() {
                    Run::Passed
                } else {
                    let bytes = fs::read(&path).map_err(failed)?;
                    Run::Failed(String::from_utf8_lossy(&bytes).into_owned())
                };
            }
            if started.elapsed() > limit {
                child.kill().map_err(failed)?;
                child.wait().map_err(failed)?;
                break Run::TimedOut;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        drop(fs::remove_file(&path));
        Ok(run)
    }
}

//! What a suite found, as text and as JSON.

use crate::contest::Results;
use crate::sample::Sample;
use serde_json::{Value, json};
use std::fmt::Write;
use std::process::Command;

/// The version of the JSON's shape.
const SCHEMA: u32 = 1;

/// The scenarios of a suite.
pub(crate) struct Report {
    pub(crate) suite: String,
    pub(crate) scenarios: Vec<Scenario>,
}

/// One scenario, in nanoseconds an operation.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// The row of `results` that is ours.
    pub(crate) ours: &'static str,
    /// Other shapes of ours, which are shown and not compared.
    pub(crate) variants: &'static [&'static str],
    /// The peers that ours is compared with.
    pub(crate) peers: &'static [&'static str],
    /// A peer and its twin, which is the same once more: how far equal things differ.
    pub(crate) twins: (&'static str, &'static str),
    pub(crate) results: Results,
}

/// A ratio of two contestants with its interval; above 1 the first is better.
struct Ratio {
    median: f64,
    interval: [f64; 2],
}

impl Scenario {
    fn sample(&self, name: &str) -> Sample {
        self.results.get(name).cloned().unwrap_or_default()
    }

    fn median(&self, name: &str) -> f64 {
        self.sample(name).median()
    }

    /// How many times faster `name` is than `other`.
    fn ratio(&self, name: &str, other: &str) -> Ratio {
        let ratios = self.sample(other).over(&self.sample(name));
        Ratio { median: ratios.median(), interval: ratios.interval() }
    }

    fn best_peer(&self) -> &'static str {
        let faster = |a: &&&str, b: &&&str| self.median(a).total_cmp(&self.median(b));
        self.peers.iter().min_by(faster).copied().unwrap_or_default()
    }

    fn to_json(&self) -> Value {
        let best = self.best_peer();
        let ratio = self.ratio(self.ours, best);
        let aa = self.ratio(self.twins.1, self.twins.0);
        let medians = |names: &[&'static str]| -> Value {
            names.iter().map(|name| (name.to_string(), json!(self.median(name)))).collect()
        };
        json!({
            "name": self.name,
            "unit": self.unit,
            "better": "lower",
            "ours": self.median(self.ours),
            "peers": medians(self.peers),
            "ci95": ratio.interval,
            "best_peer": best,
            "ratio_to_best": ratio.median,
            "variants": medians(self.variants),
            "aa": { "ratio": aa.median, "ci95": aa.interval },
        })
    }

    fn write_to(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "{} ({}, lower is better)", self.name, self.unit)?;
        writeln!(
            text,
            "  {:<28} {:>8} {:>8} {:>8}   ours is faster by",
            "", "p10", "median", "p90"
        )?;
        for (name, sample) in &self.results {
            let [low, median, high] = [0.1, 0.5, 0.9].map(|q| sample.quantile(q));
            write!(text, "  {name:<28} {low:>8.1} {median:>8.1} {high:>8.1}")?;
            if *name == self.ours {
                writeln!(text, "   -")?;
                continue;
            }
            let Ratio { median, interval: [low, high] } = self.ratio(self.ours, name);
            writeln!(text, "   {median:.3} [{low:.3}, {high:.3}]")?;
        }
        let Ratio { median, interval: [low, high] } = self.ratio(self.twins.1, self.twins.0);
        writeln!(text, "  A/A ({} against itself): {median:.3} [{low:.3}, {high:.3}]", self.twins.0)
    }
}

impl Report {
    fn geomean(&self) -> f64 {
        let logs = self
            .scenarios
            .iter()
            .map(|scenario| scenario.ratio(scenario.ours, scenario.best_peer()).median.ln());
        (logs.sum::<f64>() / self.scenarios.len() as f64).exp()
    }

    pub(crate) fn to_json(&self) -> String {
        let scenarios: Vec<Value> = self.scenarios.iter().map(Scenario::to_json).collect();
        let value = json!({
            "schema": SCHEMA,
            "suite": self.suite,
            "git": said_by("git", &["describe", "--always", "--dirty"]),
            "machine": machine(),
            "scenarios": scenarios,
            "geomean_ratio_to_best": self.geomean(),
        });
        format!("{value:#}\n")
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("{}\n", machine());
        for scenario in &self.scenarios {
            // Writing to a string does not fail.
            scenario.write_to(&mut text).unwrap_or_default();
        }
        text + &format!("geometric mean of the ratios to the best peer: {:.3}\n", self.geomean())
    }
}

fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |line| line.trim_start_matches([':', '\t', ' ']));
    format!("{cpus} x {model}, {} {}", std::env::consts::OS, std::env::consts::ARCH)
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok().filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

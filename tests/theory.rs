//! Queueing theory judges the real pool (S46).
//!
//! Jobs arrive as a Poisson process at a provider of the real runtime, driven by one thread on a clock that
//! jumps from timer to timer; each job sleeps for an exponential time. What the jobs see must be what
//! Erlang's formulas say. A short run belongs to every test run; `make theory` makes the long one.
//!
//! Three witnesses, each independent of the others: the jobs' own stamps against theory; the same stamps
//! against the recursion of a first-come-first-served queue, job by job and to the nanosecond; and the
//! provider's histogram of waits against the stamps.

#[path = "theory/formulas.rs"]
mod formulas;
#[path = "theory/pool.rs"]
mod pool;

use formulas::Model;
use pool::{Run, Setup, Summary, run};
use std::time::Duration;

const M_M_10: Model = Model { name: "M/M/10", servers: 10, room: None, load: 0.8 };
const M_M_10_20: Model = Model { name: "M/M/10/20", servers: 10, room: Some(10), load: 1.2 };
const M_M_50: Model = Model { name: "M/M/50", servers: 50, room: None, load: 0.9 };

const HOUR: Duration = Duration::from_secs(3600);
/// Jobs that are not counted, while an empty system fills: many times the relaxation time of each model
/// (M/M/50: 1 / (1 - √ρ)² = 380 arrivals).
const WARM_UP: usize = 4000;

/// A figure that theory knows.
struct Quantity {
    name: &'static str,
    theory: f64,
    of: fn(&Summary) -> f64,
    /// The largest relative error in the long run.
    long: f64,
    /// The standard deviation over this many jobs.
    deviation: fn(&Model, usize) -> f64,
}

fn quantities(model: &Model) -> Vec<Quantity> {
    if model.room.is_some() {
        return vec![Quantity {
            name: "P(block)",
            theory: model.blocking(),
            of: |summary| summary.refused,
            long: 0.02,
            deviation: |model, jobs| {
                let full = model.servers + model.room.unwrap_or(0);
                model.deviation(jobs, |n| f64::from(n >= full))
            },
        }];
    }
    vec![
        Quantity {
            name: "P(wait)",
            theory: model.erlang_c(),
            of: |summary| summary.waited,
            long: 0.02,
            deviation: |model, jobs| model.deviation(jobs, |n| f64::from(n >= model.servers)),
        },
        Quantity {
            name: "Wq / E[S]",
            theory: model.mean_wait(),
            of: |summary| summary.mean_wait,
            long: 0.05,
            deviation: Model::deviation_of_wait,
        },
    ]
}

/// Which bound the errors are held to.
#[derive(Clone, Copy)]
enum Bound {
    /// That of S46.
    Long,
    /// Four standard deviations.
    Short,
}

/// Runs the model once a seed, prints the mean of each quantity beside theory, and fails if one is outside.
fn judge(model: Model, seeds: &[u64], jobs: usize, bound: Bound) {
    let service = Duration::from_millis(100);
    let runs = seeds.iter().map(|seed| {
        let run = run(Setup { model, seed: *seed, jobs, service, timeout: HOUR });
        verify(&run);
        run
    });
    let runs: Vec<Run> = runs.collect();
    let summaries: Vec<Summary> = runs.iter().map(|run| run.summary(WARM_UP)).collect();
    let mut failed = Vec::new();
    for quantity in quantities(&model) {
        let counted = (jobs - WARM_UP) * seeds.len();
        let measured = summaries.iter().map(quantity.of).sum::<f64>() / seeds.len() as f64;
        let deviation = (quantity.deviation)(&model, counted) / quantity.theory;
        let error = measured / quantity.theory - 1.0;
        let limit = match bound {
            Bound::Long => quantity.long,
            Bound::Short => 4.0 * deviation,
        };
        println!(
            "| {:<9} | {:<9} | {:>9.5} | {measured:>9.5} | {:>+7.3} % | {:>6.2} % | {:>6.3} % |",
            model.name,
            quantity.name,
            quantity.theory,
            100.0 * error,
            100.0 * limit,
            100.0 * deviation,
        );
        if error.is_nan() || error.abs() > limit {
            failed.push(format!("{} of {}: {measured}", quantity.name, model.name));
        }
    }
    print_speed(&model, &runs);
    assert!(failed.is_empty(), "outside the bound: {}", failed.join(", "));
}

fn print_header() {
    println!(
        "| model     | quantity  |    theory |  measured |     error |    bound | std. dev. |"
    );
}

fn print_speed(model: &Model, runs: &[Run]) {
    let jobs = runs.iter().map(Run::nanos_a_job).sum::<f64>() / runs.len() as f64;
    let events: u64 = runs.iter().map(Run::events).sum();
    let took: f64 = runs.iter().map(|run| run.took.as_secs_f64()).sum();
    let rate = events as f64 / took / 1e6;
    println!(
        "  {}: {jobs:.0} ns of real time a job, {rate:.2} M events/s, {took:.2} s",
        model.name
    );
}

/// What must hold exactly: the recursion, and the provider's own figures.
fn verify(run: &Run) {
    assert_eq!(
        run.differences(),
        0,
        "jobs that waited longer or shorter than first come, first served"
    );
    assert_eq!(run.recorded, run.seen(), "count and sum of the provider's histogram (left)");
}

#[test]
fn the_formulas_give_the_published_constants() {
    let close = |value: f64, quoted: f64, unit: f64| {
        assert!((value - quoted).abs() <= unit / 2.0, "{value} is not {quoted}");
    };
    close(M_M_10.erlang_c(), 0.40918, 1e-5);
    close(M_M_10.mean_wait(), 0.20459, 1e-5);
    close(M_M_10_20.blocking(), 0.17967, 1e-5);
    close(M_M_50.erlang_c(), 0.3639, 1e-4);
    close(M_M_50.mean_wait(), 0.0728, 1e-4);
}

/// M/M/1 has closed forms, so it judges the variances: of the number in the system over time it is
/// 2ρ(1+ρ)/(1-ρ)⁴ for a mean service time of 1.
#[test]
fn the_variances_are_those_of_the_single_server() {
    let model = Model { name: "M/M/1", servers: 1, room: None, load: 0.5 };
    let jobs = 1_000_000;
    let over_time = 2.0 * 0.5 * 1.5 / 0.5_f64.powi(4);
    let variance = 0.5 / 0.5_f64.powi(2);
    let expected = (over_time * 0.5 / 1e6).sqrt() + (variance / 1e6_f64).sqrt();
    let computed = model.deviation(jobs, |n| n as f64);
    assert!((computed / expected - 1.0).abs() < 1e-9, "{computed} is not {expected}");
}

#[test]
fn a_short_run_is_as_theory_says() {
    print_header();
    judge(M_M_10, &[1], 40_000, Bound::Short);
    judge(M_M_10_20, &[1], 40_000, Bound::Short);
    judge(M_M_50, &[1], 40_000, Bound::Short);
}

/// The tick comes from every twentieth of a job to many for each job, and changes no job's wait.
#[test]
fn the_tick_disturbs_no_wait() {
    let ms = Duration::from_millis;
    let scales = [(Duration::from_micros(100), ms(100)), (ms(1), HOUR), (ms(2000), HOUR)];
    for model in [M_M_10, M_M_10_20] {
        for (service, timeout) in scales {
            verify(&run(Setup { model, seed: 7, jobs: 5000, service, timeout }));
        }
    }
}

#[test]
#[ignore = "the long run: make theory"]
fn a_long_run_is_as_theory_says() {
    print_header();
    for model in [M_M_10, M_M_10_20, M_M_50] {
        judge(model, &[1, 2, 3, 4, 5], 2_000_000, Bound::Long);
    }
}

//! A report as a page of tables, for who reads the result without running anything.

use crate::contest::Effort;
use crate::figure::{Better, Figure, Total};
use crate::goals::Goal;
use crate::groups;
use crate::report::Report;
use crate::sample::Ratio;
use std::fmt::Write;

/// `charts` are the names and contents of the files beside the page.
pub(crate) fn page(report: &Report, charts: &[(String, String)]) -> String {
    let mut page = String::new();
    // Writing to a string does not fail.
    write_page(report, charts, &mut page).unwrap_or_default();
    page
}

fn write_page(report: &Report, charts: &[(String, String)], page: &mut String) -> std::fmt::Result {
    writeln!(page, "# Suite `{}`\n", report.suite)?;
    writeln!(page, "Written by `make bench`; what is measured, and what the figures do not show,")?;
    writeln!(page, "stands in [benches/README.md](../../benches/README.md).\n")?;
    writeln!(page, "{}.\n", report.origin())?;
    let (effort, git) = (report.effort.name(), &report.machine.git);
    writeln!(page, "Effort: {effort}. Processes: {}. Revision: `{git}`.", report.processes)?;
    let peers: Vec<String> =
        report.machine.peers.iter().map(|(name, version)| format!("{name} {version}")).collect();
    writeln!(page, "Peers: {}.", peers.join(", "))?;
    if report.effort == Effort::Quick {
        writeln!(page, "\n**A quick run: for the eye, not to be told.**")?;
    }
    write_goals(&report.goals(), page)?;
    for group in groups::names(&report.figures) {
        write_group(report, group, charts, page)?;
    }
    Ok(())
}

fn write_goals(goals: &[Goal], page: &mut String) -> std::fmt::Result {
    if goals.is_empty() {
        return Ok(());
    }
    writeln!(page, "\n## Goals\n\n| # | what | figure | goal | |\n|---|---|---|---|---|")?;
    goals.iter().try_for_each(|goal| {
        let (is, bound, verdict) = (goal.is, goal.bound_text(), goal.verdict());
        writeln!(page, "| {} | {} | {is} | {bound} | {verdict} |", goal.id, goal.what)
    })
}

fn write_group(
    report: &Report,
    group: &str,
    charts: &[(String, String)],
    page: &mut String,
) -> std::fmt::Result {
    let figures = groups::members(&report.figures, group);
    writeln!(page, "\n## {group}\n")?;
    let stem = report.stem(group);
    for (name, _) in charts {
        if [format!("{stem}.svg"), format!("{stem}-ratios.svg")].contains(name) {
            writeln!(page, "![{group}]({name})\n")?;
        }
    }
    let means = groups::means(&figures);
    if figures.len() > 1 && !means.is_empty() {
        writeln!(page, "Geometric mean over the {} scenarios:\n", figures.len())?;
        writeln!(page, "| against | ours is better by |\n|---|---|")?;
        for (against, ratio) in &means {
            writeln!(page, "| {against} | {ratio} |")?;
        }
        writeln!(page)?;
    }
    figures.iter().try_for_each(|figure| write_figure(figure, page))
}

fn write_figure(figure: &Figure, page: &mut String) -> std::fmt::Result {
    let better = match figure.better {
        Better::Higher => "higher",
        Better::Lower => "lower",
    };
    let total = match figure.total {
        Total::Median => "p10 | median | p90 |",
        Total::Sum => "least | sum | most |",
    };
    let details = figure.details_named();
    let columns: String = details.iter().map(|detail| format!(" {detail} |")).collect();
    writeln!(page, "### {}\n\n{}, {better} is better\n", figure.name, figure.unit)?;
    writeln!(page, "| | {total} ours is better by |{columns}")?;
    writeln!(page, "|---|---|---|---|---|{}", "---|".repeat(details.len()))?;
    for name in figure.ranked() {
        let ([low, high], value) = (figure.spread(name), figure.value(name));
        let ratio = match figure.ours_over(name) {
            Some(_) if figure.ours.as_deref() == Some(name) => "**ours**".to_owned(),
            Some(ratios) if ratios.median().is_finite() => Ratio::of(&ratios).to_string(),
            _ => String::new(),
        };
        write!(page, "| {name} | {low:.1} | {value:.1} | {high:.1} | {ratio} |")?;
        for detail in &details {
            let seen = figure.details.get(name).and_then(|seen| seen.get(*detail));
            match seen {
                Some(rounds) => write!(page, " {:.2} |", rounds.median())?,
                None => write!(page, " |")?,
            }
        }
        writeln!(page)?;
    }
    if let (Some(aa), Some((peer, _))) = (figure.aa(), &figure.twins) {
        writeln!(page, "\nA/A, {peer} against itself: {aa}")?;
    }
    writeln!(page)
}

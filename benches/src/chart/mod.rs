//! Charts of a report, as SVG: for each group of scenarios the figures themselves, and how much better ours
//! is than each peer.

mod bars;
mod look;
mod ratios;

use crate::groups;
use crate::report::Report;
use std::error::Error;

/// A chart that could not be drawn.
type Failure = Box<dyn Error>;

/// The files' names and contents.
pub(crate) fn draw(report: &Report) -> Result<Vec<(String, String)>, Failure> {
    let mut charts = Vec::new();
    for group in groups::names(&report.figures) {
        let figures = groups::members(&report.figures, group);
        let stem = report.stem(group);
        let heading = look::Heading { title: stem.clone(), origin: report.origin() };
        charts.push((format!("{stem}.svg"), bars::draw(&heading, &figures)?));
        if let Some(svg) = ratios::draw(&heading, &figures)? {
            charts.push((format!("{stem}-ratios.svg"), svg));
        }
    }
    Ok(charts)
}

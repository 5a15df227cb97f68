//! A panel of horizontal bars for each scenario, the best contestant on top, with whiskers from the 10th to
//! the 90th percentile of the rounds.

use super::Failure;
use super::look::{Area, GRID, HEADING, Heading, INK, OURS, PEER, QUIET, VARIANT, svg, text};
use crate::figure::{Better, Figure, Total};
use plotters::prelude::{
    ChartBuilder, Color, EmptyElement, ErrorBar, IntoSegmentedCoord, RGBColor, Rectangle,
    SegmentValue, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

const PANEL: u32 = 470;
const ROW: u32 = 19;
const ABOVE_ROWS: u32 = 78;
const NAMES: u32 = 165;

pub(super) fn draw(heading: &Heading, figures: &[Figure]) -> Result<String, Failure> {
    let columns = figures.len().clamp(1, 3);
    let lines = figures.len().div_ceil(columns);
    let rows = figures.iter().map(|figure| figure.samples.len()).max().unwrap_or(0) as u32;
    let size = (
        PANEL * columns as u32 + if columns == 1 { 200 } else { 0 },
        HEADING + lines as u32 * (rows * ROW + ABOVE_ROWS),
    );
    let total = figures.first().map_or(Total::Median, |figure| figure.total);
    let note = match total {
        Total::Median => "medians, whiskers p10 to p90",
        Total::Sum => "sums",
    };
    svg(size, |area| {
        let rest = heading.write(area, note)?;
        let panels = rest.split_evenly((lines, columns));
        panels.iter().zip(figures).try_for_each(|(panel, figure)| draw_panel(panel, figure))
    })
}

fn color(figure: &Figure, name: &str) -> RGBColor {
    if figure.ours.as_deref() == Some(name) {
        OURS
    } else if figure.shown.iter().any(|shown| shown == name) {
        VARIANT
    } else {
        PEER
    }
}

fn draw_panel(area: &Area<'_>, figure: &Figure) -> Result<(), Failure> {
    // The axis grows upwards, and the best stands on top.
    let mut names = figure.ranked();
    names.reverse();
    let ends = names.iter().map(|name| figure.value(name).max(figure.spread(name)[1]));
    // Room for the figure at the end of the longest bar.
    let end = ends.fold(1e-9, f64::max) * 1.22;
    let better = match figure.better {
        Better::Higher => "higher",
        Better::Lower => "lower",
    };
    let mut chart = ChartBuilder::on(area)
        .caption(&figure.name, text(16, INK))
        .margin(6)
        .x_label_area_size(42)
        .y_label_area_size(NAMES)
        .build_cartesian_2d(0.0..end, (0..names.len()).into_segmented())?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(plotters::style::TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .x_desc(format!("{}, {better} is better", figure.unit))
        .axis_desc_style(text(13, QUIET))
        .label_style(text(13, INK))
        .x_labels(6)
        .y_labels(names.len())
        .y_label_formatter(&|place| match place {
            SegmentValue::CenterOf(place) => names.get(*place).copied().unwrap_or("").to_owned(),
            _ => String::new(),
        })
        .draw()?;
    chart.draw_series(names.iter().enumerate().map(|(place, name)| {
        let corners = [
            (0.0, SegmentValue::Exact(place)),
            (figure.value(name), SegmentValue::Exact(place + 1)),
        ];
        let mut bar = Rectangle::new(corners, color(figure, name).filled());
        bar.set_margin(3, 3, 0, 0);
        bar
    }))?;
    if figure.total == Total::Median {
        chart.draw_series(names.iter().enumerate().map(|(place, name)| {
            let ([low, high], value) = (figure.spread(name), figure.value(name));
            let key = SegmentValue::CenterOf(place);
            ErrorBar::new_horizontal(key, low, value, high, INK.stroke_width(1), 6)
        }))?;
    }
    let style = text(12, INK).pos(Pos::new(HPos::Left, VPos::Center));
    chart.draw_series(names.iter().enumerate().map(|(place, name)| {
        let end = match figure.total {
            Total::Median => figure.value(name).max(figure.spread(name)[1]),
            Total::Sum => figure.value(name),
        };
        let label = Text::new(told(figure.value(name)), (6, 0), style.clone());
        EmptyElement::at((end, SegmentValue::CenterOf(place))) + label
    }))?;
    Ok(())
}

/// Three digits are all that such a figure has.
fn told(value: f64) -> String {
    match value {
        value if value == 0.0 || value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

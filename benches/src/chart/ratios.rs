//! How much better ours is: a dot and its interval for each scenario against its best peer, and for the
//! geometric mean over the scenarios against each peer. The line at 1 is a draw.

use super::Failure;
use super::look::{GRID, HEADING, Heading, INK, OURS, PEER, QUIET, svg, text};
use crate::figure::Figure;
use crate::groups::{self, TWINS};
use crate::sample::Ratio;
use plotters::prelude::{
    ChartBuilder, Circle, Color, EmptyElement, ErrorBar, IntoLogRange, IntoSegmentedCoord,
    PathElement, SegmentValue, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

const WIDTH: u32 = 1000;
const ROW: u32 = 22;
const AROUND_ROWS: u32 = 60;
const NAMES: u32 = 330;

/// None where nothing can be compared.
pub(super) fn draw(heading: &Heading, figures: &[Figure]) -> Result<Option<String>, Failure> {
    let mut rows: Vec<(String, Ratio)> = figures
        .iter()
        .filter_map(|figure| {
            let name = format!("{} against {}", figure.name, figure.best_peer()?);
            Some((name, figure.to_best()?))
        })
        .collect();
    if rows.is_empty() {
        return Ok(None);
    }
    if figures.len() > 1 {
        let means = groups::means(figures);
        rows.extend(means.into_iter().map(|(peer, ratio)| match peer.as_str() {
            TWINS => (peer, ratio),
            peer => (format!("mean against {peer}"), ratio),
        }));
    } else {
        rows.extend(others(&figures[0]));
    }
    rows.reverse();
    let size = (WIDTH, HEADING + AROUND_ROWS + ROW * rows.len() as u32);
    let note = "how many times better ours is, with 95 % intervals (above 1 ours is better)";
    Ok(Some(svg(size, |area| draw_rows(&heading.write(area, note)?, &rows))?))
}

/// The other peers of a scenario that stands alone, and its twin.
fn others(figure: &Figure) -> Vec<(String, Ratio)> {
    let ranked = figure.ranked().into_iter();
    let peers = ranked.filter(|name| {
        figure.peers.iter().chain(&figure.shown).any(|peer| peer == name)
            && figure.best_peer() != Some(name)
    });
    let ratios = peers
        .filter_map(|name| Some((format!("against {name}"), Ratio::of(&figure.ours_over(name)?))));
    ratios.chain(figure.aa().map(|aa| (TWINS.to_owned(), aa))).collect()
}

fn draw_rows(area: &super::look::Area<'_>, rows: &[(String, Ratio)]) -> Result<(), Failure> {
    let lows = rows.iter().map(|(_, ratio)| ratio.interval[0]);
    let highs = rows.iter().map(|(_, ratio)| ratio.interval[1]);
    let range = lows.fold(0.8, f64::min) * 0.9..highs.fold(1.25, f64::max) * 1.6;
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(30)
        .y_label_area_size(NAMES)
        .build_cartesian_2d(range.log_scale().base(2.0), (0..rows.len()).into_segmented())?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(plotters::style::TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .axis_desc_style(text(13, QUIET))
        .label_style(text(13, INK))
        .y_labels(rows.len())
        .x_label_formatter(&|ratio| format!("{ratio}"))
        .y_label_formatter(&|place| match place {
            SegmentValue::CenterOf(place) => {
                rows.get(*place).map_or(String::new(), |(name, _)| name.clone())
            }
            _ => String::new(),
        })
        .draw()?;
    let ends = [SegmentValue::Exact(0), SegmentValue::Exact(rows.len())];
    let draw = ends.map(|end| (1.0, end)).to_vec();
    chart.draw_series([PathElement::new(draw, INK.stroke_width(1))])?;
    let color = |name: &str| if name == TWINS { PEER } else { OURS };
    chart.draw_series(rows.iter().enumerate().map(|(place, (name, ratio))| {
        let ([low, high], key) = (ratio.interval, SegmentValue::CenterOf(place));
        ErrorBar::new_horizontal(key, low, ratio.median, high, color(name).stroke_width(2), 6)
    }))?;
    chart.draw_series(rows.iter().enumerate().map(|(place, (name, ratio))| {
        Circle::new((ratio.median, SegmentValue::CenterOf(place)), 4, color(name).filled())
    }))?;
    let style = text(12, INK).pos(Pos::new(HPos::Left, VPos::Center));
    chart.draw_series(rows.iter().enumerate().map(|(place, (_, ratio))| {
        let label = Text::new(format!("{:.2}", ratio.median), (8, 0), style.clone());
        EmptyElement::at((ratio.interval[1], SegmentValue::CenterOf(place))) + label
    }))?;
    Ok(())
}

//! Colours that are readable on light and on dark ground, and what stands above every chart.

use super::Failure;
use plotters::coord::Shift;
use plotters::prelude::{Color, DrawingArea, IntoFont, RGBColor, SVGBackend, TextStyle};
use std::fmt::Write;

pub(super) const INK: RGBColor = RGBColor(31, 35, 40);
pub(super) const QUIET: RGBColor = RGBColor(101, 109, 118);
pub(super) const GRID: RGBColor = RGBColor(216, 222, 228);
pub(super) const OURS: RGBColor = RGBColor(9, 105, 218);
pub(super) const VARIANT: RGBColor = RGBColor(128, 179, 235);
pub(super) const PEER: RGBColor = RGBColor(174, 182, 191);

/// What a colour becomes on dark ground.
const ON_DARK: [(RGBColor, RGBColor); 6] = [
    (INK, RGBColor(230, 237, 243)),
    (QUIET, RGBColor(145, 152, 161)),
    (GRID, RGBColor(48, 54, 61)),
    (OURS, RGBColor(68, 147, 248)),
    (VARIANT, RGBColor(31, 78, 140)),
    (PEER, RGBColor(101, 108, 118)),
];

pub(super) const HEADING: u32 = 52;

/// What stands above a chart.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    pub(super) title: String,
    /// The machine and the date.
    pub(super) origin: String,
}

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub(super) fn text(size: u32, color: RGBColor) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&color)
}

impl Heading {
    /// Writes it, with a note, and returns the area below.
    pub(super) fn write<'a>(&self, area: &Area<'a>, note: &str) -> Result<Area<'a>, Failure> {
        let (top, rest) = area.split_vertically(HEADING);
        top.draw_text(&format!("{}, {note}", self.title), &text(20, INK), (12, 8))?;
        top.draw_text(&self.origin, &text(13, QUIET), (12, 34))?;
        Ok(rest)
    }
}

/// Draws on an area of this size and makes the colours follow the reader's.
pub(super) fn svg(
    size: (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> Result<(), Failure>,
) -> Result<String, Failure> {
    let mut text = String::new();
    {
        let area = plotters::drawing::IntoDrawingArea::into_drawing_area(SVGBackend::with_string(
            &mut text, size,
        ));
        draw(&area)?;
        area.present()?;
    }
    let head = text.find('>').ok_or("an SVG begins with its element")? + 1;
    text.insert_str(head, &style()?);
    Ok(text)
}

/// The ground stays what it is, and the colours on it are replaced by attribute.
fn style() -> Result<String, Failure> {
    let mut style = String::from("\n<style>@media (prefers-color-scheme: dark) {");
    for (light, dark) in ON_DARK {
        for attribute in ["fill", "stroke"] {
            let (light, dark) = (hex(light), hex(dark));
            write!(style, " [{attribute}=\"{light}\"] {{ {attribute}: {dark} }}")?;
        }
    }
    style.push_str(" }</style>");
    Ok(style)
}

/// As the backend writes it.
fn hex(color: RGBColor) -> String {
    let (r, g, b) = color.to_backend_color().rgb;
    format!("#{r:02X}{g:02X}{b:02X}")
}

#[cfg(test)]
mod tests {
    use super::{INK, OURS, hex, svg, text};

    #[test]
    fn every_colour_follows_the_reader() {
        let drawn = svg((100, 100), |area| Ok(area.draw_text("x", &text(12, INK), (1, 1))?));
        let drawn = drawn.expect("a text can be drawn");
        assert!(drawn.contains(&format!("fill=\"{}\"", hex(INK))), "{drawn}");
        assert!(drawn.contains("prefers-color-scheme: dark"), "{drawn}");
        assert!(drawn.contains(&format!("[stroke=\"{}\"]", hex(OURS))), "{drawn}");
    }
}

//! Charts as SVG, drawn here: bars or lines over days, and bars beside names.
//!
//! Colours are those of the light page; the page's style sheet turns each into that of the dark
//! one. Texts are drawn by the reader's own fonts. The numbers are in tables beside the charts.
//!
//! Never: a float. Amounts are whole minor units, and places are whole pixels.

use plotters::backend::SVGBackend;
use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, Rectangle, Text};
use plotters::series::LineSeries;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, RGBColor, ShapeStyle, TextStyle};

use super::words::cut;

/// Texts and axes.
const INK: RGBColor = RGBColor(0x37, 0x41, 0x51);
/// Lines behind what is drawn.
const GRID: RGBColor = RGBColor(0xe5, 0xe7, 0xeb);

/// What something is drawn in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    /// Money.
    Blue,
    /// What went well, and what is quick.
    Green,
    /// What waits.
    Amber,
    /// What came to nothing.
    Red,
    /// Anything else.
    Grey,
}

impl Ink {
    fn colour(self) -> RGBColor {
        match self {
            Self::Blue => RGBColor(0x25, 0x63, 0xeb),
            Self::Green => RGBColor(0x05, 0x96, 0x69),
            Self::Amber => RGBColor(0xd9, 0x77, 0x06),
            Self::Red => RGBColor(0xdc, 0x26, 0x26),
            Self::Grey => RGBColor(0x6b, 0x72, 0x80),
        }
    }

    /// The same, for style sheets.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Red => "red",
            Self::Grey => "grey",
        }
    }
}

/// A bar beside a name.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    /// What it is of; cut where there is no room for it.
    pub(super) name: String,
    /// How long it is, in whatever unit.
    pub(super) length: i64,
    /// What it says at its end.
    pub(super) says: String,
    /// In which colour.
    pub(super) ink: Ink,
}

/// A line over days.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// A value of each day; none where there is nothing to say.
    pub(super) values: Vec<Option<i64>>,
    /// In which colour.
    pub(super) ink: Ink,
}

/// What stands at the axes.
pub(super) struct Axes<'a> {
    /// Under the day of that number.
    pub(super) day: &'a dyn Fn(usize) -> String,
    /// Beside a value.
    pub(super) value: &'a dyn Fn(i64) -> String,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

const WIDTH: u32 = 900;
const HEIGHT: u32 = 220;
/// Room for the values at the left axis.
const LEFT: i32 = 104;
const RIGHT: i32 = 16;
const TOP: i32 = 12;
const BOTTOM: i32 = 28;
/// Room for names, values, and one bar.
const NAMES: i32 = 250;
const SAID: i32 = 170;
const ROW: i32 = 26;
/// As many characters as fit the room for names.
const NAME_CHARS: usize = 32;
/// Most days that have their name under them: more would run into each other.
const DAYS_NAMED: usize = 10;
/// Widest bar: a report on one day is no wall of colour.
const BAR_WIDTH: i32 = 44;

/// A bar for each day.
pub(super) fn bars_by_day(values: &[i64], ink: Ink, axes: &Axes<'_>) -> String {
    let highest = values.iter().copied().max().unwrap_or(0);
    by_day(values.len(), highest, axes, |area, plot| {
        let width = (plot.step() * 4 / 5).clamp(1, BAR_WIDTH);
        for (at, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
            let (x, y) = (plot.middle(at), plot.height(*value));
            let left = x - width / 2;
            let corners = [(left, y.min(plot.bottom - 1)), (left + width, plot.bottom)];
            area.draw(&Rectangle::new(corners, ink.colour().filled()))?;
        }
        Ok(())
    })
}

/// Lines over days; a day that stands alone is a dot.
pub(super) fn lines_by_day(lines: &[Line], axes: &Axes<'_>) -> String {
    let values = lines.iter().flat_map(|line| line.values.iter().flatten());
    let highest = values.copied().max().unwrap_or(0);
    let days = lines.iter().map(|line| line.values.len()).max().unwrap_or(0);
    by_day(days, highest, axes, |area, plot| {
        for line in lines {
            let style = ShapeStyle::from(line.ink.colour()).stroke_width(2);
            for stretch in stretches(&line.values) {
                let points: Vec<(i32, i32)> =
                    stretch.iter().map(|(at, v)| (plot.middle(*at), plot.height(*v))).collect();
                for point in points.iter().filter(|_| days <= 62) {
                    area.draw(&Circle::new(*point, 3, line.ink.colour().filled()))?;
                }
                for element in LineSeries::new(points, style) {
                    area.draw(&element)?;
                }
            }
        }
        Ok(())
    })
}

/// Days that follow each other, with their values.
fn stretches(values: &[Option<i64>]) -> Vec<Vec<(usize, i64)>> {
    let numbered: Vec<(usize, Option<i64>)> = values.iter().copied().enumerate().collect();
    let known = numbered.split(|(_, value)| value.is_none()).filter(|days| !days.is_empty());
    known
        .map(|days| days.iter().filter_map(|(at, value)| Some((*at, (*value)?))).collect())
        .collect()
}

/// Where days and values are, in pixels.
struct Plot {
    days: usize,
    highest: i64,
    bottom: i32,
}

impl Plot {
    fn step(&self) -> i32 {
        let width = i32::try_from(WIDTH).unwrap_or(i32::MAX) - LEFT - RIGHT;
        width / i32::try_from(self.days.max(1)).unwrap_or(i32::MAX)
    }

    fn middle(&self, at: usize) -> i32 {
        let width = i64::from(WIDTH) - i64::from(LEFT + RIGHT);
        let (at, days) = (i64::try_from(at).unwrap_or(0), i64::try_from(self.days).unwrap_or(1));
        LEFT + i32::try_from((2 * at + 1) * width / (2 * days.max(1))).unwrap_or(0)
    }

    fn height(&self, value: i64) -> i32 {
        self.bottom - scaled(value, self.highest, self.bottom - TOP)
    }
}

/// `value` of `highest`, as a part of so many pixels.
fn scaled(value: i64, highest: i64, pixels: i32) -> i32 {
    let part = i128::from(value.max(0)) * i128::from(pixels) / i128::from(highest.max(1));
    i32::try_from(part).unwrap_or(pixels)
}

fn by_day(
    days: usize,
    highest: i64,
    axes: &Axes<'_>,
    draw: impl FnOnce(&Area<'_>, &Plot) -> Drawn,
) -> String {
    let height = i32::try_from(HEIGHT).unwrap_or(i32::MAX);
    // A chart of nothing still has an axis; above the highest value there is some air.
    let highest = highest.max(1).saturating_add(highest / 12);
    let plot = Plot { days, highest, bottom: height - BOTTOM };
    svg(HEIGHT, |area| {
        grid(area, highest, axes.value)?;
        let every = days.div_ceil(DAYS_NAMED).max(1);
        for at in (0..days).step_by(every) {
            let place = (plot.middle(at), plot.bottom + 8);
            write(area, &(axes.day)(at), place, HPos::Center, VPos::Top)?;
        }
        draw(area, &plot)
    })
}

/// The left axis with its lines: round numbers, chosen by the library.
fn grid(area: &Area<'_>, highest: i64, value: &dyn Fn(i64) -> String) -> Drawn {
    let mut builder = ChartBuilder::on(area);
    builder.margin_top(TOP).margin_right(RIGHT).margin_bottom(BOTTOM);
    let mut chart = builder.y_label_area_size(LEFT).build_cartesian_2d(0_i64..1, 0_i64..highest)?;
    let said = |at: &i64| value(*at);
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh().disable_x_axis().y_labels(5).y_max_light_lines(1);
    mesh.bold_line_style(GRID).light_line_style(GRID).axis_style(GRID);
    mesh.y_label_style(text()).y_label_formatter(&said);
    mesh.draw()
}

/// A bar beside each name.
pub(super) fn bars(bars: &[Bar]) -> String {
    let highest = bars.iter().map(|bar| bar.length).max().unwrap_or(0);
    let rows = u32::try_from(bars.len()).unwrap_or(0) * ROW.unsigned_abs();
    let longest = i32::try_from(WIDTH).unwrap_or(i32::MAX) - NAMES - SAID;
    svg(rows + 8, |area| {
        for (bar, top) in bars.iter().zip((4..).step_by(ROW.unsigned_abs() as usize)) {
            let middle = top + ROW / 2;
            let name = cut(&bar.name, NAME_CHARS);
            write(area, &name, (NAMES - 10, middle), HPos::Right, VPos::Center)?;
            let end = NAMES + scaled(bar.length, highest, longest).max(2);
            let corners = [(NAMES, top + 4), (end, top + ROW - 4)];
            area.draw(&Rectangle::new(corners, bar.ink.colour().filled()))?;
            write(area, &bar.says, (end + 8, middle), HPos::Left, VPos::Center)?;
        }
        Ok(())
    })
}

fn text() -> TextStyle<'static> {
    ("sans-serif", 15).into_font().color(&INK)
}

fn write(area: &Area<'_>, said: &str, place: (i32, i32), h: HPos, v: VPos) -> Drawn {
    area.draw(&Text::new(said.to_owned(), place, text().pos(Pos::new(h, v))))
}

fn svg(height: u32, draw: impl FnOnce(&Area<'_>) -> Drawn) -> String {
    let mut out = String::new();
    {
        let area = SVGBackend::with_string(&mut out, (WIDTH, height)).into_drawing_area();
        draw(&area).and_then(|()| area.present()).expect("a text takes what is drawn into it");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_text() {
        let name = "<script>\"&'</script>".to_owned();
        let drawn = bars(&[Bar { name, length: 1, says: "1".to_owned(), ink: Ink::Red }]);
        assert!(!drawn.contains("<script"), "{drawn}");
        assert!(drawn.contains("&lt;script&gt;&quot;&amp;&apos;&lt;/script&gt;"), "{drawn}");
    }

    #[test]
    fn every_bar_is_within_the_picture_and_the_highest_is_the_longest() {
        let axes = Axes { day: &|at| at.to_string(), value: &|value| value.to_string() };
        for days in [1, 2, 31, 366, 3_660] {
            let values: Vec<i64> = (1..=days).collect();
            let drawn = bars_by_day(&values, Ink::Blue, &axes);
            let bars: Vec<&str> = drawn.lines().filter(|l| l.starts_with("<rect")).collect();
            assert_eq!(bars.len(), values.len());
            let attribute = |line: &str, name: &str| {
                let (_, rest) = line.split_once(&format!(" {name}=\"")).expect("an attribute");
                rest.split('"').next().and_then(|text| text.parse::<i64>().ok()).expect("a number")
            };
            for bar in &bars {
                let (x, width) = (attribute(bar, "x"), attribute(bar, "width"));
                assert!(x >= i64::from(LEFT) && x + width <= i64::from(WIDTH), "{bar}");
            }
            let heights = bars.iter().map(|bar| attribute(bar, "height"));
            assert!(heights.is_sorted(), "{days} days");
        }
    }

    #[test]
    fn amounts_as_large_as_there_are_can_be_drawn() {
        let axes = Axes { day: &|at| at.to_string(), value: &|value| value.to_string() };
        let drawn = bars_by_day(&[i64::MAX, 0, 1], Ink::Blue, &axes);
        assert_eq!(drawn.matches("<rect").count(), 2);
    }

    #[test]
    fn days_without_a_value_part_a_line() {
        let parts = stretches(&[None, Some(1), Some(2), None, None, Some(3)]);
        assert_eq!(parts, [vec![(1, 1), (2, 2)], vec![(5, 3)]]);
    }
}

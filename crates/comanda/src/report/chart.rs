//! Charts as SVG, drawn here: bars or lines over days, and bars beside names.
//!
//! Colours are those of the light page; the page's style sheet turns each into that of the dark
//! one. Texts are drawn by the reader's own fonts. The numbers are in tables beside the charts.
//!
//! Never: a float. Amounts are whole minor units, and places are whole pixels.

use plotters::backend::SVGBackend;
use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::coord::combinators::BindKeyPoints;
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
    /// Whether values are milliseconds: those are round in other places than numbers are.
    pub(super) times: bool,
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
/// Highest value at an axis, with some air above it.
const HIGHEST: i64 = i64::MAX / 2;
/// Bars below this width stand side by side.
const NARROW: i32 = 6;
/// Widest bar: a report on one day is no wall of colour.
const BAR_WIDTH: i32 = 44;

/// A bar for each day.
pub(super) fn bars_by_day(values: &[i64], ink: Ink, axes: &Axes<'_>) -> String {
    let highest = values.iter().copied().max().unwrap_or(0);
    by_day(values.len(), highest, axes, |area, plot| {
        for (at, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
            let (left, right) = plot.bar(at);
            let top = plot.height(*value).min(plot.bottom - 1);
            let corners = [(left, top), (right, plot.bottom)];
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
    /// So many halves of a day from the left.
    fn halves(&self, halves: usize) -> i32 {
        let width = WIDTH as usize - (LEFT + RIGHT).unsigned_abs() as usize;
        LEFT + i32::try_from(halves * width / (2 * self.days.max(1))).unwrap_or(0)
    }

    fn middle(&self, at: usize) -> i32 {
        self.halves(2 * at + 1)
    }

    /// From where to where a day's bar is: without gaps where those would be most of it.
    fn bar(&self, at: usize) -> (i32, i32) {
        let (left, right) = (self.halves(2 * at), self.halves(2 * at + 2));
        if right - left < NARROW {
            return (left, right.max(left + 1));
        }
        let width = ((right - left) * 4 / 5).min(BAR_WIDTH);
        let left = self.middle(at) - width / 2;
        (left, left + width)
    }

    fn height(&self, value: i64) -> i32 {
        self.bottom - scaled(value, self.highest, self.bottom - TOP)
    }
}

/// `value` of `highest`, as a part of so many pixels.
fn scaled(value: i64, highest: i64, pixels: i32) -> i32 {
    let part = i128::from(value.max(0)) * i128::from(pixels) / i128::from(highest.max(1));
    i32::try_from(part).unwrap_or(pixels).min(pixels)
}

fn by_day(
    days: usize,
    highest: i64,
    axes: &Axes<'_>,
    draw: impl FnOnce(&Area<'_>, &Plot) -> Drawn,
) -> String {
    let height = i32::try_from(HEIGHT).unwrap_or(i32::MAX);
    // A chart of nothing still has an axis; above the highest value there is some air.
    let highest = highest.clamp(1, HIGHEST);
    let highest = highest + highest / 12;
    let plot = Plot { days, highest, bottom: height - BOTTOM };
    svg(HEIGHT, |area| {
        grid(area, highest, axes)?;
        let every = days.div_ceil(DAYS_NAMED).max(1);
        for at in (0..days).step_by(every) {
            let place = (plot.middle(at), plot.bottom + 8);
            write(area, &(axes.day)(at), place, HPos::Center, VPos::Top)?;
        }
        draw(area, &plot)
    })
}

/// The left axis, with lines at round values.
fn grid(area: &Area<'_>, highest: i64, axes: &Axes<'_>) -> Drawn {
    let values = (0_i64..highest).with_key_points(round_values(highest, axes.times));
    let mut builder = ChartBuilder::on(area);
    builder.margin_top(TOP).margin_right(RIGHT).margin_bottom(BOTTOM);
    let mut chart = builder.y_label_area_size(LEFT).build_cartesian_2d(0_i64..1, values)?;
    let said = |at: &i64| (axes.value)(*at);
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh().disable_x_axis().y_max_light_lines(1);
    mesh.bold_line_style(GRID).light_line_style(GRID).axis_style(GRID);
    mesh.y_label_style(text()).y_label_formatter(&said);
    mesh.draw()
}

/// Values that are said beside the axis: a few, and round ones.
fn round_values(highest: i64, times: bool) -> Vec<i64> {
    const SECOND: i64 = 1_000;
    const HOUR: i64 = 3_600 * SECOND;
    const DAY: i64 = 24 * HOUR;
    const MOST: i64 = 5;
    let seconds = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800].map(|s| s * SECOND);
    let longer = [HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR, DAY];
    let powers = |one: i64| {
        let powers = std::iter::successors(Some(one), |power| power.checked_mul(10));
        powers.flat_map(|power| [1, 2, 5].map(|times| power.saturating_mul(times)))
    };
    let fits = |step: &i64| highest / step <= MOST;
    let step = if times {
        let below = powers(1).take_while(|step| *step < SECOND);
        below.chain(seconds).chain(longer).chain(powers(DAY)).find(fits)
    } else {
        powers(1).find(fits)
    };
    let step = step.unwrap_or(i64::MAX);
    (0..=MOST).filter_map(|n| step.checked_mul(n)).take_while(|at| *at <= highest).collect()
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
        let axes = Axes { day: &|at| at.to_string(), value: &|v| v.to_string(), times: false };
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
        let axes = Axes { day: &|at| at.to_string(), value: &|v| v.to_string(), times: false };
        let drawn = bars_by_day(&[i64::MAX, 0, 1], Ink::Blue, &axes);
        assert_eq!(drawn.matches("<rect").count(), 2);
    }

    #[test]
    fn axes_say_round_values_and_few() {
        assert_eq!(round_values(1_337, false), [0, 500, 1_000]);
        assert_eq!(round_values(3, false), [0, 1, 2, 3]);
        assert_eq!(round_values(9_000, true), [0, 2_000, 4_000, 6_000, 8_000]);
        let hour = 3_600_000;
        assert_eq!(round_values(27 * hour, true), [0, 6, 12, 18, 24].map(|n| n * hour));
        for highest in [1, 7, 99, 12_345, 1 << 40, i64::MAX] {
            for times in [false, true] {
                let said = round_values(highest, times);
                assert!((1..=6).contains(&said.len()) && said.is_sorted(), "{highest} {said:?}");
            }
        }
    }

    #[test]
    fn days_without_a_value_part_a_line() {
        let parts = stretches(&[None, Some(1), Some(2), None, None, Some(3)]);
        assert_eq!(parts, [vec![(1, 1), (2, 2)], vec![(5, 3)]]);
    }
}

//! The picture of a run, as an SVG file: two charts on one axis of time, and a list of what failed.

use std::path::Path;

use anyhow::Context as _;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::course::{Course, Pick, stretches};
use crate::event::Ms;

/// The size of both charts, in px.
const SIZE: (u32, u32) = (960, 640);
/// The height of a line of the list, in px.
const LINE: u32 = 16;
/// The least that a scale shows, in ms.
const LEAST: Ms = 10.0;
/// The lines of a chart.
const LINES: [(&str, RGBColor, Pick); 2] = [
    ("median", RGBColor(31, 119, 180), |spread| spread.p50),
    ("worst", RGBColor(255, 127, 14), |spread| spread.max),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Plane<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws the course of a run into an SVG file.
///
/// # Errors
/// When nothing came, or the file cannot be written.
pub(crate) fn draw(course: &Course, name: &str, file: &Path) -> anyhow::Result<()> {
    let (start, end) = course.span();
    anyhow::ensure!(end > start, "{name}: too little came to draw");
    let list = LINE * (course.kinds().len() as u32 + 1);
    let picture = SVGBackend::new(file, (SIZE.0, SIZE.1 + list)).into_drawing_area();
    fill(course, name, &picture)
        .map_err(anyhow::Error::msg)
        .with_context(|| format!("cannot draw {}", file.display()))
}

fn fill(course: &Course, name: &str, picture: &Area<'_>) -> Result<(), String> {
    picture.fill(&WHITE).map_err(text)?;
    let (charts, list) = picture.split_vertically(SIZE.1);
    let (top, bottom) = charts.split_vertically(SIZE.1 / 2);
    let title = format!("{name}: lateness at the client");
    chart(course, &top, &title, &course.late)?;
    let title = match course.away.is_empty() {
        true => "no client was away",
        false => "away, beyond the clients' own back-off",
    };
    chart(course, &bottom, title, &course.away)?;
    for (index, kind) in course.kinds().iter().enumerate() {
        let line = format!("{}  {kind}", index + 1);
        let at = (60, (LINE * index as u32) as i32);
        let style = ("sans-serif", 13).into_font();
        list.draw(&Text::new(line, at, style)).map_err(text)?;
    }
    picture.present().map_err(text)
}

/// One chart: the median and the worst of each stretch of time, over what failed.
fn chart(
    course: &Course,
    area: &Area<'_>,
    title: &str,
    figures: &[(Ms, Ms)],
) -> Result<(), String> {
    let (start, end) = course.span();
    let highest = figures.iter().map(|(_, ms)| *ms).fold(LEAST, f64::max) * 1.1;
    let mut plane = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(28)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..(end - start) / 1e3, 0.0..highest)
        .map_err(text)?;
    plane
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|seconds| format!("{seconds:.0} s"))
        .y_label_formatter(&|ms| format!("{ms:.0} ms"))
        .draw()
        .map_err(text)?;
    mark(course, &mut plane, highest)?;
    if figures.is_empty() {
        return Ok(());
    }
    lines(course, &mut plane, figures)?;
    plane
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .position(SeriesLabelPosition::UpperRight)
        .draw()
        .map_err(text)
}

/// A band for each thing that failed, with its number in the list.
fn mark(course: &Course, plane: &mut Plane<'_>, highest: Ms) -> Result<(), String> {
    let (start, end) = course.span();
    let seconds = |at: Ms| (at.clamp(start, end) - start) / 1e3;
    let kinds = course.kinds();
    for fault in &course.faults {
        let from = seconds(fault.from);
        // A moment is as wide as a line, and darker.
        let least = from + seconds(end) / f64::from(SIZE.0);
        let until = seconds(fault.until).max(least);
        let shade = RED.mix(if until > least { 0.15 } else { 0.6 }).filled();
        let band = Rectangle::new([(from, 0.0), (until, highest)], shade);
        plane.draw_series([band]).map_err(text)?;
        let kind = kinds.iter().position(|kind| *kind == fault.what);
        let number = kind.map_or(0, |kind| kind + 1).to_string();
        let style = ("sans-serif", 11).into_font();
        let number = Text::new(number, (from, highest * 0.99), style);
        plane.draw_series([number]).map_err(text)?;
    }
    Ok(())
}

fn lines(course: &Course, plane: &mut Plane<'_>, figures: &[(Ms, Ms)]) -> Result<(), String> {
    let span = course.span();
    for (name, colour, pick) in LINES {
        for (index, run) in stretches(figures, span, pick).iter().enumerate() {
            let points = run.iter().map(|(at, ms)| ((at - span.0) / 1e3, *ms));
            let line = LineSeries::new(points, colour.filled()).point_size(2);
            let drawn = plane.draw_series(line).map_err(text)?;
            if index == 0 {
                drawn
                    .label(name)
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
            }
        }
    }
    Ok(())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::Fault;

    fn course() -> Course {
        let fault = |what: &str, from: Ms, until: Ms| Fault {
            what: what.to_owned(),
            from,
            until,
        };
        Course {
            late: (0..200)
                .map(|n| (f64::from(n) * 100.0, f64::from(n % 7)))
                .collect(),
            away: vec![(5_000.0, 300.0)],
            faults: vec![
                fault("Redis is <away>", 4_000.0, 5_000.0),
                fault("a node is killed", 9_000.0, 9_000.0),
                fault("Redis is <away>", 12_000.0, 14_000.0),
            ],
        }
    }

    #[test]
    fn the_picture_has_both_charts_and_each_kind_of_fault_once() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("run.svg");
        draw(&course(), "kills", &file).unwrap();
        let svg = std::fs::read_to_string(file).unwrap();
        for text in [
            "kills: lateness at the client",
            "away, beyond",
            "median",
            "worst",
            "10 s",
        ] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert_eq!(svg.matches("Redis is &lt;away&gt;").count(), 1, "{svg}");
        assert!(
            svg.contains("2  a node is killed") && svg.len() < 100_000,
            "{svg}"
        );
    }

    #[test]
    fn nothing_is_no_picture() {
        let error = draw(&Course::default(), "flaky", Path::new("/nowhere.svg"));
        assert!(error.unwrap_err().to_string().contains("too little"));
    }
}

//! Figures as lines in an SVG file.

use std::path::Path;

use anyhow::Context as _;
use plotters::prelude::*;

/// The picture's size, in px.
const SIZE: (u32, u32) = (720, 360);
const COLOURS: [RGBColor; 3] = [
    RGBColor(31, 119, 180),
    RGBColor(200, 80, 0),
    RGBColor(44, 120, 44),
];

/// What is drawn.
pub(super) struct Plot<'a> {
    pub(super) title: &'a str,
    /// What goes to the right, and what goes up.
    pub(super) axes: (&'a str, &'a str),
    /// Three lines at most, each with its name.
    pub(super) lines: &'a [(&'a str, Vec<(f64, f64)>)],
}

impl Plot<'_> {
    /// Draws it into an SVG file, from zero up.
    ///
    /// # Errors
    /// When there are no figures, or the file cannot be written.
    pub(super) fn draw(&self, file: &Path) -> anyhow::Result<()> {
        let picture = SVGBackend::new(file, SIZE).into_drawing_area();
        self.fill(&picture)
            .map_err(anyhow::Error::msg)
            .with_context(|| format!("cannot draw {}", file.display()))
    }

    fn fill(
        &self,
        picture: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    ) -> Result<(), String> {
        let points = || self.lines.iter().flat_map(|(_, points)| points);
        let right = points().map(|(x, _)| *x).fold(0.0, f64::max);
        let top = points().map(|(_, y)| *y).fold(0.0, f64::max) * 1.2;
        if right <= 0.0 || top <= 0.0 {
            return Err("there are no figures".to_owned());
        }
        picture.fill(&WHITE).map_err(text)?;
        let mut plane = ChartBuilder::on(picture)
            .caption(self.title, ("sans-serif", 16))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..right * 1.05, 0.0..top)
            .map_err(text)?;
        plane
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(self.axes.0)
            .y_desc(self.axes.1)
            .draw()
            .map_err(text)?;
        for ((name, points), colour) in self.lines.iter().zip(COLOURS) {
            let line = LineSeries::new(points.iter().copied(), colour.filled()).point_size(3);
            plane
                .draw_series(line)
                .map_err(text)?
                .label(*name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
        }
        plane
            .configure_series_labels()
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .position(SeriesLabelPosition::UpperLeft)
            .draw()
            .map_err(text)?;
        picture.present().map_err(text)
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_their_names_and_nothing_is_no_picture() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("bench.svg");
        let draw = |lines: &[(&str, Vec<(f64, f64)>)]| {
            let (title, axes) = ("cost", ("nodes", "µs"));
            Plot { title, axes, lines }.draw(&file)
        };
        draw(&[("a <b>", vec![(1.0, 5.0), (8.0, 6.0)])]).unwrap();
        let svg = std::fs::read_to_string(&file).unwrap();
        for text in ["cost", "nodes", "µs", "a &lt;b&gt;"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        let error = format!("{:#}", draw(&[("a", vec![])]).unwrap_err());
        assert!(error.contains("no figures"), "{error}");
    }
}

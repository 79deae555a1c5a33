//! The report as workflow commands, which GitHub Actions shows beside the lines of a pull request.

use std::fmt::Write as _;

use super::Report;
use super::place::in_repository;
use cloudformation::diagnostic::printable;
use cloudformation::node::Place;

impl Report {
    /// One `::error` or `::warning` line for each finding and each difference to what is live.
    #[must_use]
    pub fn github(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let (title, message) = (finding.rule.name, finding.to_string());
            let level = finding.level().to_string();
            command(&mut text, &level, self.primary(finding), title, &message);
        }
        for drift in &self.drifts {
            let message = format!("{}: {}", drift.message(), drift.live.place);
            let place = self.file(&drift.template.place);
            command(&mut text, "error", place, "drift", &message);
        }
        text
    }
}

pub(super) fn command(
    text: &mut String,
    level: &str,
    place: Option<&Place>,
    title: &str,
    message: &str,
) {
    // Writing to a String cannot fail.
    let _ = write!(text, "::{level} ");
    if let Some(place) = place {
        let (file, line, column) = (in_repository(place.file()), place.line(), place.column());
        let file = property(&file);
        let _ = write!(text, "file={file},line={line},col={column},");
    }
    let _ = writeln!(text, "title={title}::{}", data(message));
}

/// The escapes of a command's message ("Workflow commands for GitHub Actions").
fn data(text: &str) -> String {
    let text = text.replace('%', "%25");
    let lines = text
        .split('\n')
        .map(|line| printable(line.trim_end_matches('\r')));
    lines.collect::<Vec<_>>().join("%0A")
}

/// The escapes of a command's property, which ends at a comma or colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

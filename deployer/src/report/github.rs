//! The report as workflow commands, which GitHub Actions shows beside the lines of a pull request.

use std::fmt::Write as _;

use super::Report;

impl Report {
    /// One `::error` or `::warning` line for each finding and each difference to what is live.
    #[must_use]
    pub fn github(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let _ = write!(text, "::{} ", finding.level());
            if let Some(place) = self.primary(finding) {
                let _ = write!(
                    text,
                    "file={},line={},col={},",
                    property(place.file()),
                    place.line(),
                    place.column()
                );
            }
            let _ = writeln!(
                text,
                "title={}::{}",
                finding.rule.name,
                data(&finding.to_string())
            );
        }
        for drift in &self.drifts {
            let _ = write!(text, "::error ");
            if let Some(place) = self.file(&drift.template.place) {
                let _ = write!(
                    text,
                    "file={},line={},col={},",
                    property(place.file()),
                    place.line(),
                    place.column()
                );
            }
            let _ = writeln!(
                text,
                "title=drift::{}",
                data(&format!("{}: {}", drift.message(), drift.live.place))
            );
        }
        text
    }
}

/// The escapes of a command's message ("Workflow commands for GitHub Actions").
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The escapes of a command's property, which ends at a comma or colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

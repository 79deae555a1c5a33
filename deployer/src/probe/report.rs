//! What a probe found: steps for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;
use serde::ser::Serializer;

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should.
    Passed,
    /// Not as it should: the probe fails.
    Failed,
    /// Worth knowing; may be as intended.
    Noted,
    /// Not tried, and why.
    Skipped,
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// Its name, stable.
    pub name: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// What was seen.
    pub saw: String,
    /// How long it took, in milliseconds.
    #[serde(rename = "took_ms", serialize_with = "millis")]
    pub took: Duration,
    /// What that means, unless it speaks for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub means: Option<String>,
    /// What to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
}

fn millis<S: Serializer>(took: &Duration, to: S) -> Result<S::Ok, S::Error> {
    // A tenth of a millisecond is as fine as a network is steady.
    to.serialize_f64((took.as_secs_f64() * 10_000.0).round() / 10.0)
}

/// A whole probe.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The server that was probed.
    pub url: String,
    /// Whether no step failed.
    pub ok: bool,
    /// Every step, in order.
    pub steps: Vec<Step>,
}

/// A time as people read it.
pub(super) fn short(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else {
        format!("{seconds:.1} s")
    }
}

impl Step {
    /// The step for a terminal or a log: one line, and one each for meaning and change.
    #[must_use]
    pub fn text(&self) -> String {
        let mark = match self.outcome {
            Outcome::Passed => "ok  ",
            Outcome::Failed => "FAIL",
            Outcome::Noted => "note",
            Outcome::Skipped => "skip",
        };
        let mut text = format!(
            "{mark}  {:<18} {:>8}  {}",
            self.name,
            short(self.took),
            self.saw
        );
        for (label, line) in [("means", &self.means), ("change", &self.change)] {
            if let Some(line) = line {
                // Writing to a String cannot fail.
                let _ = write!(text, "\n      {label}: {line}");
            }
        }
        text
    }
}

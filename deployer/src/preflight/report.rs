//! What a look came to, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use console::Style;
use serde_json::{Value, json};

use super::{Finding, Level, Looked, Unseen};
use crate::terminal::colour::wanted;

/// What a look before a deployment came to.
#[derive(Clone, Debug, Default)]
pub struct Preflight {
    /// What was found, errors first.
    pub findings: Vec<Finding>,
    /// What was not looked at.
    pub unseen: Vec<Unseen>,
    took: Duration,
}

impl Preflight {
    pub(super) fn new(looked: Vec<Looked>, took: Duration) -> Self {
        let mut report = Self {
            took,
            ..Self::default()
        };
        for one in looked {
            match one {
                Ok(findings) => report.findings.extend(findings),
                Err(unseen) => report.unseen.push(unseen),
            }
        }
        report.findings.sort_by_key(|finding| finding.level);
        report
    }

    /// How many findings stop a deployment.
    #[must_use]
    pub fn errors(&self) -> usize {
        let errors = self.findings.iter();
        errors
            .filter(|finding| finding.level == Level::Error)
            .count()
    }

    /// The report for a person.
    #[must_use]
    pub fn text(&self, colour: bool) -> String {
        let colour = wanted(colour);
        let mut text = String::new();
        for Finding {
            level,
            message,
            cure,
            place,
            ..
        } in &self.findings
        {
            let (word, style) = match level {
                Level::Error => ("error", Style::new().red().bold()),
                Level::Warning => ("warning", Style::new().yellow().bold()),
            };
            let word = style.force_styling(colour).apply_to(word);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{word}: {message}");
            if let Some(place) = place {
                let _ = writeln!(text, "  --> {place}");
            }
            let _ = writeln!(text, "  help: {cure}");
        }
        for Unseen { subject, reason } in &self.unseen {
            let _ = writeln!(text, "not looked at: {subject}: {reason}");
        }
        let _ = write!(text, "preflight: {}", self.summary());
        text
    }

    fn summary(&self) -> String {
        let of = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        };
        format!(
            "{}, {}, {} not looked at, in {:.1} s",
            of(self.errors(), "error"),
            of(self.findings.len() - self.errors(), "warning"),
            self.unseen.len(),
            self.took.as_secs_f64()
        )
    }

    /// The report for a program.
    #[must_use]
    pub fn json(&self) -> Value {
        let finding = |finding: &Finding| {
            json!({
                "level": match finding.level {
                    Level::Error => "error",
                    Level::Warning => "warning",
                },
                "subject": finding.subject,
                "message": finding.message,
                "help": finding.cure,
                "place": finding.place.as_ref().map(ToString::to_string),
            })
        };
        let unseen = |one: &Unseen| json!({ "subject": one.subject, "reason": one.reason });
        json!({
            "schema": 1,
            "type": "preflight",
            "ok": self.errors() == 0,
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "not_seen": self.unseen.iter().map(unseen).collect::<Vec<_>>(),
        })
    }
}

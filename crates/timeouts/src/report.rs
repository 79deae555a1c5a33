//! Runs the rules over a reading, and puts what they found into words.

use std::fmt;

use crate::reading::{NotSeen, Reading};
use crate::rule::{Level, Rule, Violation};
use crate::{RULES, Setting};

/// A violated rule.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// What was read: the reading's subject.
    pub subject: String,
    /// What is wrong, where, and the fix.
    pub violation: Violation,
}

impl Finding {
    /// How bad it is.
    #[must_use]
    pub fn level(&self) -> Level {
        self.violation.level
    }
}

/// The text of a finding: what is wrong, the settings and their places, the inequality with
/// numbers, the fix.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation {
            level,
            message,
            needs,
            fix,
            seen,
        } = &self.violation;
        write!(f, "{level}[{}]: {message}", self.rule.name)?;
        for seen in seen {
            write!(f, "\n  {} = {} at {}", seen.setting, seen.value, seen.place)?;
        }
        if !needs.is_empty() {
            write!(f, "\n  needs {needs}")?;
        }
        write!(f, "\n  fix: {fix}")
    }
}

/// What the rules made of a reading.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Violations: errors first, then by rule.
    pub findings: Vec<Finding>,
    /// Rules that hold.
    pub held: Vec<&'static Rule>,
    /// Rules that could not be decided, and the settings that they lacked. Not seen is not fine.
    pub not_seen: Vec<(&'static Rule, Vec<Setting>)>,
}

impl Report {
    /// Violations that stop a deployment.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.level() == Level::Error)
    }
}

/// Runs every rule over a reading.
#[must_use]
pub fn check(reading: &Reading) -> Report {
    let mut report = Report::default();
    for rule in RULES {
        match (rule.check)(reading) {
            Ok(violations) if violations.is_empty() => report.held.push(rule),
            Ok(violations) => report
                .findings
                .extend(violations.into_iter().map(|violation| Finding {
                    rule,
                    subject: reading.subject().to_owned(),
                    violation,
                })),
            Err(NotSeen(settings)) => report.not_seen.push((rule, settings)),
        }
    }
    report
        .findings
        .sort_by_key(|finding| std::cmp::Reverse(finding.level()));
    report
}

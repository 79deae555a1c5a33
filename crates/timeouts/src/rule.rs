//! What a rule is: a documented check over a reading.

use std::fmt;

use crate::Setting;
use crate::reading::{NotSeen, Reading, Seen};

/// How bad a violation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// It works, and will be regretted.
    Warning,
    /// It will not work, or break under normal use: nothing is deployed.
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// What a rule protects; the headings of the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Idle connections and the heartbeat.
    Heartbeat,
    /// Polling clients and their task.
    Stickiness,
    /// Shutdown and deployments.
    Deploys,
    /// Health checks.
    Health,
    /// Everything else about the stack's shape.
    Shape,
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Heartbeat => "Idle time and heartbeat",
            Self::Stickiness => "Stickiness",
            Self::Deploys => "Shutdown and deploys",
            Self::Health => "Health checks",
            Self::Shape => "Shape of the stack",
        })
    }
}

/// Where a fact is documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The document's name, or where else the fact is from.
    pub title: &'static str,
    /// Its address; empty where it has none.
    pub url: &'static str,
}

/// The outcome of a check: what is violated (nothing: the rule holds), or what was not seen.
pub type Verdict = Result<Vec<Violation>, NotSeen>;

/// A rule: what must fit what, and how its violation looks.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The defect's name, in kebab case.
    pub name: &'static str,
    /// What it protects.
    pub topic: Topic,
    /// The levels at which it reports, the worst first.
    pub levels: &'static [Level],
    /// The defect in one sentence, without a full stop.
    pub summary: &'static str,
    /// What breaks, and how that looks from outside.
    pub breaks: &'static str,
    /// The inequality, in the settings' keys.
    pub holds: &'static str,
    /// How to fix it.
    pub fix: &'static str,
    /// Where it is documented.
    pub sources: &'static [Source],
    /// The settings that it compares.
    pub settings: &'static [Setting],
    /// The check.
    pub check: fn(&Reading) -> Verdict,
}

/// A rule found violated by the values of one reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// How bad it is.
    pub level: Level,
    /// What is wrong, in one line.
    pub message: String,
    /// The inequality with its numbers; empty where there is none.
    pub needs: String,
    /// The smallest change that fixes it.
    pub fix: String,
    /// The settings involved, the one to change first.
    pub seen: Vec<Seen>,
}

impl Violation {
    /// A violation that stops a deployment.
    pub fn error(message: impl Into<String>) -> Self {
        Self::at(Level::Error, message)
    }

    /// A violation that does not.
    pub fn warning(message: impl Into<String>) -> Self {
        Self::at(Level::Warning, message)
    }

    /// A violation at a level.
    pub fn at(level: Level, message: impl Into<String>) -> Self {
        Self {
            level,
            message: message.into(),
            needs: String::new(),
            fix: String::new(),
            seen: Vec::new(),
        }
    }

    /// The inequality with its numbers.
    #[must_use]
    pub fn needs(mut self, inequality: impl Into<String>) -> Self {
        self.needs = inequality.into();
        self
    }

    /// The smallest change that fixes it.
    #[must_use]
    pub fn fix(mut self, change: impl Into<String>) -> Self {
        self.fix = change.into();
        self
    }

    /// A setting involved.
    #[must_use]
    pub fn about(mut self, seen: &Seen) -> Self {
        self.seen.push(seen.clone());
        self
    }

    /// The settings among these that were seen; for what helps to understand, and may be missing.
    #[must_use]
    pub fn with(mut self, reading: &Reading, settings: &[Setting]) -> Self {
        self.seen.extend(
            settings
                .iter()
                .flat_map(|setting| reading.all(*setting))
                .cloned(),
        );
        self
    }
}

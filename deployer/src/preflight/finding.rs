//! What a look before a deployment finds.

use cloudformation::node::Place;

/// What a finding does to a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It would fail, or clients would not reach it: nothing is changed.
    Error,
    /// It works now; somebody should know.
    Warning,
}

/// Something that stands against a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it does to the deployment.
    pub level: Level,
    /// What it is about: `certificate`, `image` and so on.
    pub subject: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub cure: String,
    /// The line that says it.
    pub place: Option<Place>,
}

impl Finding {
    /// Something that stops a deployment.
    pub(super) fn error(
        subject: &'static str,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Error,
            subject,
            message: message.into(),
            cure: cure.into(),
            place: None,
        }
    }

    /// Something that stops nothing.
    pub(super) fn warning(
        subject: &'static str,
        message: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Warning,
            ..Self::error(subject, message, cure)
        }
    }

    /// The same, with the line that says it.
    pub(super) fn at(self, place: Option<&Place>) -> Self {
        Self {
            place: place.cloned(),
            ..self
        }
    }
}

/// A subject that was not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// What it is about.
    pub subject: &'static str,
    /// Why.
    pub reason: String,
}

impl Unseen {
    pub(super) fn new(subject: &'static str, reason: impl Into<String>) -> Self {
        Self {
            subject,
            reason: reason.into(),
        }
    }
}

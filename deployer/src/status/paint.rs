//! The colours of a status.

use console::style;

use crate::terminal::colour::wanted;

/// Colours, or none.
#[derive(Clone, Copy)]
pub(super) struct Paint(bool);

impl Paint {
    /// Colours where they are wanted, and the terminal has some.
    pub(super) fn new(colour: bool) -> Self {
        Self(wanted(colour))
    }

    pub(super) fn good(self, text: &str) -> String {
        style(text).green().force_styling(self.0).to_string()
    }

    pub(super) fn bad(self, text: &str) -> String {
        style(text).red().bold().force_styling(self.0).to_string()
    }

    pub(super) fn state(self, text: &str, good: &str, bad: &str) -> String {
        match text {
            _ if text == good => self.good(text),
            _ if text == bad => self.bad(text),
            _ => style(text).yellow().force_styling(self.0).to_string(),
        }
    }

    pub(super) fn stack_status(self, status: &str) -> String {
        if status.ends_with("_FAILED") || status == "ROLLBACK_COMPLETE" {
            self.bad(status)
        } else if status.ends_with("_IN_PROGRESS") || status.contains("ROLLBACK") {
            self.state(status, "", "")
        } else {
            self.good(status)
        }
    }
}

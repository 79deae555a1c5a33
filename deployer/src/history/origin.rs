//! Where a deployment comes from: who, when, from which commit. The template carries it in a
//! comment. As tags of the stack it would be passed on to every resource, and each deployment would
//! touch all of them.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::json;

/// How the comment begins.
pub(super) const MARK: &str = "# Where this deployment comes from (JSON): ";

/// Where a deployment comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The ARN of whoever deployed.
    pub by: String,
    /// When, in RFC 3339.
    pub at: String,
    /// The program and its version.
    pub with: String,
    /// The commit, with `-dirty` where files differ from it; none outside of a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether it is a roll-back: what it replaced is what was to be left behind.
    #[serde(default)]
    pub rolls_back: bool,
}

impl Origin {
    /// A deployment of this moment.
    #[must_use]
    pub fn now(by: String, commit: Option<String>, rolls_back: bool) -> Self {
        Self {
            by,
            at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            with: concat!("deployer ", env!("CARGO_PKG_VERSION")).to_owned(),
            commit,
            rolls_back,
        }
    }

    /// What a live template says of itself; none where it says nothing that can be read.
    #[must_use]
    pub fn of(live_template: &str) -> Option<Self> {
        let (_, rest) = live_template.rsplit_once(MARK)?;
        serde_json::from_str(rest.lines().next()?).ok()
    }

    /// The comment, with its line end.
    pub(super) fn comment(&self) -> String {
        format!("{MARK}{}\n", json!(self))
    }
}

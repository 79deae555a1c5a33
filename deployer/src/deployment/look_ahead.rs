//! What is looked at before anything is changed, and the refusal that it may lead to.

use std::io::IsTerminal as _;

use serde_json::json;

use super::Deployment;
use crate::aws::StackState;
use crate::preflight::{Preflight, look};
use crate::terminal::{Exit, Output, line, print, say};

impl Deployment<'_> {
    /// Looks at what the deployment needs on AWS, where that is wanted.
    pub(super) async fn look_ahead(&self, old: Option<&StackState>) -> Option<Preflight> {
        if !self.purpose.looks_ahead {
            return None;
        }
        let caller = self.caller.borrow().clone();
        Some(look(&self.clients, self.loaded, &caller, old).await)
    }

    /// Shows what was found; how many findings stop the deployment.
    pub(super) fn show_preflight(&self, preflight: Option<&Preflight>) -> anyhow::Result<usize> {
        let Some(preflight) = preflight else {
            return Ok(0);
        };
        match self.output {
            Output::Json => print(&line(&preflight.json()))?,
            Output::Text => say(&preflight.text(std::io::stderr().is_terminal()))?,
        }
        Ok(preflight.errors())
    }

    /// Ends a deployment that would fail.
    pub(super) fn refused(&self) -> anyhow::Result<Exit> {
        let cure = "correct what the preflight found; `--no-preflight` deploys without it";
        match self.output {
            Output::Json => print(&line(&json!({
                "type": "failed", "stack": self.request.stack, "cause": null,
                "now": "nothing was changed", "what_to_do": cure,
            })))?,
            Output::Text => say(&format!("nothing was changed; {cure}"))?,
        }
        Ok(Exit::Failed)
    }
}

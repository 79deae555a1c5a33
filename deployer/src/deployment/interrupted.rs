//! What an interruption leaves behind: it is asked of AWS, and what was only planned is removed.

use super::change_set::discard;
use super::{Deployment, Phase};
use crate::terminal::{say, say_waiting};

impl Deployment<'_> {
    /// What an interruption leaves behind.
    pub(super) async fn interrupted(&self) -> anyhow::Error {
        let begun = match &*self.phase.borrow() {
            Phase::Begun(change_set) => Some(change_set.clone()),
            _ => None,
        };
        if let Some(change_set) = begun {
            let has_begun = self.has_begun(&change_set).await.unwrap_or(true);
            self.phase.replace(if has_begun {
                Phase::Running
            } else {
                Phase::Planned(change_set.id)
            });
        }
        let again = &self.purpose.again;
        let text = match *self.phase.borrow() {
            Phase::Before | Phase::Planned(_) => "nothing was changed".to_owned(),
            Phase::Begun(_) | Phase::Running => {
                format!("the deployment continues on AWS; {again}")
            }
            Phase::Verifying => {
                format!("it is deployed, but verification was interrupted; {again}")
            }
        };
        anyhow::anyhow!(text)
    }

    /// Removes a change set that is not to be executed. One that stays changes nothing, so that is
    /// told and no more.
    pub(crate) async fn remove_plan(&self, name: &str) {
        if let Err(error) = say_waiting(discard(&self.clients, &self.request.stack, name)).await {
            // Who does not listen still has the stack as it should be.
            drop(say(&format!(
                "the change set {name} is left behind, and changes nothing: {error:#}"
            )));
        }
    }

    /// What is known when nobody waits for AWS to say what an interruption leaves behind.
    pub(super) fn interrupted_again(&self) -> anyhow::Error {
        let stack = &self.request.stack;
        let text = match &*self.phase.borrow() {
            Phase::Before | Phase::Planned(_) => "nothing was changed".to_owned(),
            Phase::Begun(change_set) => format!(
                "it is not known whether AWS has begun to execute the change set {}; `deployer \
                 status --stack {stack}` shows what became of it",
                change_set.id
            ),
            Phase::Running | Phase::Verifying => "the deployment continues on AWS".to_owned(),
        };
        anyhow::anyhow!(text)
    }
}

//! A stack as a whole: what state it is in, and the few things that are done to it as a whole.

use std::time::SystemTime;

use aws_sdk_cloudformation::types::{Stack, TemplateStage};
use indexmap::IndexMap;

use super::{Clients, Error, Kind, failed, time};

/// A stack as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackState {
    /// Its ARN, which stays valid after it is deleted.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `CREATE_COMPLETE`, `UPDATE_IN_PROGRESS` and so on.
    pub status: String,
    /// Why, where AWS says so.
    pub reason: String,
    /// The parameters that it was last deployed with; secret ones are `****`.
    pub parameters: IndexMap<String, String>,
    /// Its outputs.
    pub outputs: IndexMap<String, String>,
    /// Its tags.
    pub tags: IndexMap<String, String>,
    /// Whether AWS refuses to delete it.
    pub protected: bool,
    /// When it was created.
    pub created: Option<SystemTime>,
    /// When its last update began.
    pub updated: Option<SystemTime>,
}

impl StackState {
    /// Where backends call: an address of their own, or the one that clients use.
    #[must_use]
    pub fn api_url(&self) -> Option<&str> {
        let outputs = ["ApiUrl", "Url"].into_iter();
        let mut found = outputs.filter_map(|name| self.outputs.get(name));
        found.next().map(String::as_str)
    }

    /// Whether CloudFormation works on it now.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS") && self.status != "REVIEW_IN_PROGRESS"
    }
}

impl Clients {
    /// A stack by name or ARN; none where there is none. By its ARN, a deleted one is found too.
    ///
    /// # Errors
    /// AWS refuses the call.
    pub async fn stack(&self, stack: &str) -> Result<Option<StackState>, Error> {
        let answer = self.stacks.describe_stacks().stack_name(stack).send().await;
        match answer.map_err(failed("describe the stack")) {
            Ok(answer) => Ok(answer.stacks().first().map(state)),
            Err(error) if error.kind() == Kind::Missing => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The template that a stack was last deployed with, as it was sent.
    ///
    /// # Errors
    /// There is no such stack, or AWS refuses the call.
    pub async fn template(&self, stack: &str) -> Result<String, Error> {
        let request = self
            .stacks
            .get_template()
            .stack_name(stack)
            .template_stage(TemplateStage::Original);
        let answer = request.send().await;
        let answer = answer.map_err(failed("read the stack's template"))?;
        Ok(answer.template_body.unwrap_or_default())
    }

    /// Begins to delete a stack.
    ///
    /// # Errors
    /// It is protected, or AWS refuses the call.
    pub async fn delete_stack(&self, stack: &str) -> Result<(), Error> {
        let answer = self.stacks.delete_stack().stack_name(stack).send().await;
        answer.map_err(failed("delete the stack")).map(|_| ())
    }

    /// Ends an update that is in progress: CloudFormation rolls it back.
    ///
    /// # Errors
    /// None is in progress, or AWS refuses the call.
    pub async fn cancel_update(&self, stack: &str) -> Result<(), Error> {
        let answer = self.stacks.cancel_update_stack().stack_name(stack).send();
        answer
            .await
            .map_err(failed("cancel the update"))
            .map(|_| ())
    }

    /// Goes on with a roll-back that failed, without the resources that are to be skipped.
    ///
    /// # Errors
    /// None has failed, or AWS refuses the call.
    pub async fn continue_rollback(&self, stack: &str, skip: &[String]) -> Result<(), Error> {
        let request = self
            .stacks
            .continue_update_rollback()
            .stack_name(stack)
            .set_resources_to_skip((!skip.is_empty()).then(|| skip.to_vec()));
        let answer = request.send().await;
        answer.map_err(failed("continue the roll-back")).map(|_| ())
    }

    /// Switches the protection against deletion of a whole stack.
    ///
    /// # Errors
    /// AWS refuses the call.
    pub async fn protect(&self, stack: &str, on: bool) -> Result<(), Error> {
        let request = self
            .stacks
            .update_termination_protection()
            .stack_name(stack)
            .enable_termination_protection(on);
        let answer = request.send().await;
        answer
            .map_err(failed("switch the stack's termination protection"))
            .map(|_| ())
    }
}

fn state(stack: &Stack) -> StackState {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let parameters = stack.parameters().iter();
    let outputs = stack.outputs().iter();
    let tags = stack.tags().iter();
    StackState {
        id: text(stack.stack_id()),
        name: text(stack.stack_name()),
        status: text(stack.stack_status().map(|status| status.as_str())),
        reason: text(stack.stack_status_reason()),
        parameters: parameters
            .map(|parameter| {
                // What AWS has looked up counts, not the key under which it did.
                let value = parameter.parameter_value();
                (text(parameter.parameter_key()), text(value))
            })
            .collect(),
        outputs: outputs
            .map(|output| (text(output.output_key()), text(output.output_value())))
            .collect(),
        tags: tags
            .map(|tag| (text(tag.key()), text(tag.value())))
            .collect(),
        protected: stack.enable_termination_protection().unwrap_or(false),
        created: time(stack.creation_time()),
        updated: time(stack.last_updated_time()),
    }
}

//! Change sets: what CloudFormation would do, before it does it.

use aws_sdk_cloudformation::types::{
    Capability, ChangeSetType, DeploymentMode, EvaluationType, EventType, OnStackFailure,
    OperationEvent, Parameter, Replacement, RequiresRecreation, ResourceChange,
    ResourceChangeDetail, Tag, ValidationStatus,
};

use super::{Clients, Error, Kind, failed};

/// A template for a change set.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// Its text; 51,200 bytes at most.
    Text(&'a str),
    /// The URL of an object in S3; 1,000,000 bytes at most.
    At(&'a str),
}

/// A change set to be made.
#[derive(Clone, Debug)]
pub struct NewChangeSet<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// The change set's own name.
    pub name: &'a str,
    /// Whether the stack is a new one.
    pub creates: bool,
    /// The template.
    pub template: Body<'a>,
    /// Parameters by name.
    pub parameters: &'a [(String, String)],
    /// Tags of the stack, and so of all its resources; none leaves those that it has.
    pub tags: Option<&'a [(String, String)]>,
    /// The ARN of the role with which CloudFormation works; none leaves the one that it has.
    pub role: Option<&'a str>,
    /// ARNs of the topics that hear of the stack; none leaves those that it has.
    pub topics: Option<&'a [String]>,
    /// Whether the template has IAM resources, and whether such with names of their own.
    pub iam: bool,
    /// Whether IAM resources have names of their own.
    pub named_iam: bool,
    /// Whether what is live and not as the template says is brought back, too.
    pub reverts_drift: bool,
}

/// A change set as AWS has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: String,
    /// Its stack's ARN.
    pub stack_id: String,
    /// `CREATE_COMPLETE` once it can be executed; `FAILED` if there is nothing to do, too.
    pub status: String,
    /// `AVAILABLE`, or why it cannot be executed any more: `OBSOLETE`, `EXECUTE_COMPLETE`.
    pub execution: String,
    /// Why, where AWS says so.
    pub reason: String,
    /// What it would do.
    pub changes: Vec<Change>,
}

/// What would happen to one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// `Add`, `Modify`, `Remove`, `Import` or `Dynamic`.
    pub action: String,
    /// The resource's name within the template.
    pub logical_id: String,
    /// What AWS calls it; empty for a new one.
    pub physical_id: String,
    /// Its type.
    pub kind: String,
    /// Whether it would be replaced by another.
    pub replaced: Recreation,
    /// What of it changes, and why.
    pub details: Vec<Detail>,
}

/// What changes of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// `Properties`, `Tags`, `Metadata` and the like.
    pub attribute: String,
    /// The property; empty for other attributes.
    pub name: String,
    /// Whether that replaces the resource.
    pub recreates: Recreation,
    /// Whether the new value is known only while the stack is updated; it may be the old one.
    pub dynamic: bool,
    /// What causes it: a parameter (`IdleTimeout`), or another resource (`ExecutionRole.Arn`).
    pub cause: String,
    /// The value until now, where AWS says it.
    pub before: Option<String>,
    /// The value from now on, where AWS says it.
    pub after: Option<String>,
}

/// Whether a change makes CloudFormation replace a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recreation {
    /// It is changed in place.
    #[default]
    Never,
    /// That shows while the stack is updated.
    Perhaps,
    /// It is replaced.
    Always,
}

impl Clients {
    /// Asks for a change set; its ARN and that of its stack.
    ///
    /// # Errors
    /// AWS refuses the template or a parameter, or the call.
    pub async fn create_change_set(
        &self,
        new: &NewChangeSet<'_>,
    ) -> Result<(String, String), Error> {
        let parameter = |(name, value): &(String, String)| {
            Parameter::builder()
                .parameter_key(name)
                .parameter_value(value)
                .build()
        };
        let tag = |(key, value): &(String, String)| Tag::builder().key(key).value(value).build();
        let capability = match (new.named_iam, new.iam) {
            (true, _) => Some(vec![Capability::CapabilityNamedIam]),
            (false, true) => Some(vec![Capability::CapabilityIam]),
            (false, false) => None,
        };
        let kind = if new.creates {
            ChangeSetType::Create
        } else {
            ChangeSetType::Update
        };
        let (text, url) = match new.template {
            Body::Text(text) => (Some(text), None),
            Body::At(url) => (None, Some(url)),
        };
        let request = self
            .stacks
            .create_change_set()
            .stack_name(new.stack)
            .change_set_name(new.name)
            .client_token(new.name)
            .change_set_type(kind)
            // A creation that failed leaves nothing behind.
            .set_on_stack_failure(new.creates.then_some(OnStackFailure::Delete))
            .set_template_body(text.map(str::to_owned))
            .set_template_url(url.map(str::to_owned))
            .set_parameters(Some(new.parameters.iter().map(parameter).collect()))
            .set_tags(new.tags.map(|tags| tags.iter().map(tag).collect()))
            .set_role_arn(new.role.map(str::to_owned))
            .set_notification_arns(new.topics.map(<[String]>::to_vec))
            .set_capabilities(capability)
            .set_deployment_mode(new.reverts_drift.then_some(DeploymentMode::RevertDrift));
        let answer = request
            .send()
            .await
            .map_err(failed("ask for a change set"))?;
        Ok((
            answer.id.unwrap_or_default(),
            answer.stack_id.unwrap_or_default(),
        ))
    }

    /// A change set with all its changes; none where it is gone.
    ///
    /// # Errors
    /// AWS refuses a call.
    pub async fn change_set(&self, id: &str) -> Result<Option<ChangeSet>, Error> {
        let mut found = ChangeSet::default();
        let mut next = None;
        loop {
            let request = self
                .stacks
                .describe_change_set()
                .change_set_name(id)
                .include_property_values(true)
                .set_next_token(next);
            let answer = request.send().await;
            let page = match answer.map_err(failed("describe the change set")) {
                Ok(page) => page,
                Err(error) if error.kind() == Kind::Missing => return Ok(None),
                Err(error) => return Err(error),
            };
            let changes = page.changes().iter();
            found.changes.extend(
                changes
                    .filter_map(|change| change.resource_change())
                    .map(change),
            );
            found.id = page.change_set_id.unwrap_or_default();
            found.stack_id = page.stack_id.unwrap_or_default();
            found.status = page
                .status
                .map_or_else(String::new, |s| s.as_str().to_owned());
            found.execution = page
                .execution_status
                .map_or_else(String::new, |s| s.as_str().to_owned());
            found.reason = page.status_reason.unwrap_or_default();
            next = page.next_token;
            if next.is_none() {
                return Ok(Some(found));
            }
        }
    }

    /// Why CloudFormation found a change set's template unfit before it made anything, a line for
    /// each failure.
    ///
    /// # Errors
    /// AWS refuses a call.
    pub async fn validation_failures(&self, id: &str) -> Result<Vec<String>, Error> {
        let pages = self
            .stacks
            .describe_events()
            .change_set_name(id)
            .into_paginator()
            .items()
            .send();
        let events = pages.collect::<Result<Vec<_>, _>>().await;
        let events = events.map_err(failed("read what CloudFormation's validation found"))?;
        Ok(events.iter().filter_map(validation_failure).collect())
    }

    /// How many change sets a stack has.
    ///
    /// # Errors
    /// There is no such stack, or AWS refuses the call.
    pub async fn count_change_sets(&self, stack: &str) -> Result<usize, Error> {
        let answer = self.stacks.list_change_sets().stack_name(stack).send();
        let answer = answer
            .await
            .map_err(failed("list the stack's change sets"))?;
        Ok(answer.summaries().len())
    }

    /// Begins to do what a change set says. Asked again with the same token, it is begun once.
    ///
    /// # Errors
    /// It is gone or obsolete, or AWS refuses the call.
    pub async fn execute_change_set(&self, id: &str, token: &str) -> Result<(), Error> {
        let request = self
            .stacks
            .execute_change_set()
            .change_set_name(id)
            .client_request_token(token);
        request
            .send()
            .await
            .map_err(failed("execute the change set"))
            .map(|_| ())
    }

    /// Removes a change set that nobody wants; one that is gone is no mistake.
    ///
    /// # Errors
    /// AWS refuses the call.
    pub async fn delete_change_set(&self, stack: &str, name: &str) -> Result<(), Error> {
        let request = self
            .stacks
            .delete_change_set()
            .stack_name(stack)
            .change_set_name(name);
        let answer = request.send().await;
        match answer.map_err(failed("delete the change set")) {
            Err(error) if error.kind() != Kind::Missing => Err(error),
            _ => Ok(()),
        }
    }
}

/// What an event says of a validation or a hook that failed; none for other events.
fn validation_failure(event: &OperationEvent) -> Option<String> {
    let unfit = event.validation_status() == Some(&ValidationStatus::Failed);
    let refused = event.event_type() == Some(&EventType::HookInvocationError);
    if !unfit && !refused {
        return None;
    }
    let reason = event
        .validation_status_reason()
        .or(event.hook_status_reason())
        .or(event.resource_status_reason())?;
    let resource = event.logical_resource_id().unwrap_or("the template");
    let kind = event
        .resource_type()
        .map_or_else(String::new, |kind| format!(" ({kind})"));
    let path = event
        .validation_path()
        .map_or_else(String::new, |path| format!(" {path}"));
    Some(format!("{resource}{kind}{path}: {reason}"))
}

fn change(change: &ResourceChange) -> Change {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Change {
        action: text(change.action().map(|action| action.as_str())),
        logical_id: text(change.logical_resource_id()),
        physical_id: text(change.physical_resource_id()),
        kind: text(change.resource_type()),
        replaced: match change.replacement() {
            Some(Replacement::True) => Recreation::Always,
            Some(Replacement::Conditional) => Recreation::Perhaps,
            _ => Recreation::Never,
        },
        details: change.details().iter().map(detail).collect(),
    }
}

fn detail(detail: &ResourceChangeDetail) -> Detail {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let target = detail.target();
    Detail {
        attribute: text(
            target
                .and_then(|target| target.attribute())
                .map(|attribute| attribute.as_str()),
        ),
        name: text(target.and_then(|target| target.name())),
        recreates: match target.and_then(|target| target.requires_recreation()) {
            Some(RequiresRecreation::Always) => Recreation::Always,
            Some(RequiresRecreation::Conditionally) => Recreation::Perhaps,
            _ => Recreation::Never,
        },
        dynamic: detail.evaluation() == Some(&EvaluationType::Dynamic),
        cause: text(detail.causing_entity()),
        before: target
            .and_then(|target| target.before_value())
            .map(str::to_owned),
        after: target
            .and_then(|target| target.after_value())
            .map(str::to_owned),
    }
}

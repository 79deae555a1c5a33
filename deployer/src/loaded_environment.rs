//! An environment, or a template of anyone's, read and rendered: what every verb works on.

use std::path::PathBuf;

use cloudformation::template::{Rendered, Template};

use crate::environment::{Account, Environment, Setting};
use crate::report::Ignore;

/// A template with what it was rendered from.
pub struct Loaded {
    /// The environment's name; none for a template alone.
    pub name: Option<String>,
    /// The environment's file; none where there is none, or it has no say.
    pub path: Option<PathBuf>,
    /// Whether the environment is one of this machine; none for a template alone.
    pub local: Option<bool>,
    /// The template as written.
    pub template: Template,
    /// The template as it would be applied.
    pub rendered: Rendered,
    /// The region, where one is given.
    pub region: Option<String>,
    /// The rules that the environment passes over.
    pub ignores: Vec<Ignore>,
    /// What a deployment needs to know beside template and parameters.
    pub options: StackOptions,
}

/// What a deployment needs to know beside template and parameters.
#[derive(Clone, Debug, Default)]
pub struct StackOptions {
    /// The account that it is for.
    pub account: Option<Setting<Account>>,
    /// The stack's tags; none leaves those that it has.
    pub tags: Option<Vec<(String, String)>>,
    /// The role with which CloudFormation works; none leaves the one that it has.
    pub role: Option<String>,
    /// The topics that hear of it; none leaves those that it has.
    pub topics: Option<Vec<String>>,
    /// The bucket for templates that are too long for the call.
    pub artifacts: Option<String>,
}

impl StackOptions {
    /// Those of an environment.
    #[must_use]
    pub fn of(environment: &Environment) -> Self {
        Self {
            account: environment.account.clone(),
            tags: environment.tags.as_ref().map(|tags| tags.value.0.clone()),
            role: environment
                .role_arn
                .as_ref()
                .map(|role| role.value.0.clone()),
            artifacts: environment
                .artifacts
                .as_ref()
                .map(|artifacts| artifacts.bucket.value.0.clone()),
            topics: environment.notification_arns.as_ref().map(|topics| {
                let arns = topics.value.0.iter();
                arns.map(|arn| arn.0.clone()).collect()
            }),
        }
    }
}

impl Loaded {
    /// The stack of an environment has the name that its resources begin with.
    #[must_use]
    pub fn stack_name(&self) -> Option<String> {
        let part = |name: &str| self.rendered.parameters.get(name)?.as_text();
        Some(format!(
            "{}-{}-{}",
            part("Prefix")?,
            part("Name")?,
            part("Environment")?
        ))
    }
}

/// The rules that an environment passes over.
#[must_use]
pub fn ignores(environment: &Environment) -> Vec<Ignore> {
    let ignores = environment.ignore.iter().flatten();
    ignores
        .map(|ignore| Ignore {
            rule: ignore.rule.value.0.clone(),
            reason: ignore.reason.value.0.clone(),
        })
        .collect()
}

//! What is asked of CloudFormation: a template with its parameters, the stack's name, and who asks.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::compact::compact;
use crate::aws::StackState;
use crate::history::LARGEST_TEMPLATE;
use crate::loaded_environment::StackOptions;
use cloudformation::node::Node;
use cloudformation::template::{Rendered, Template};

/// The longest template that CloudFormation takes from S3, in bytes ("CloudFormation quotas").
const LARGEST_IN_BUCKET: usize = 1_000_000;
/// The parameter that switches the load balancer's protection against deletion.
const DELETION_PROTECTION: &str = "DeletionProtection";
/// Properties that give an IAM resource a name of the template's own, which needs another
/// capability.
const IAM_NAMES: [&str; 6] = [
    "RoleName",
    "UserName",
    "GroupName",
    "ManagedPolicyName",
    "InstanceProfileName",
    "PolicyName",
];

/// A stack as it should be.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Its name.
    pub stack: String,
    /// Its region.
    pub region: String,
    /// The template's text.
    pub template: String,
    /// The parameters whose values nobody may see.
    pub secrets: BTreeSet<String>,
    /// Whether the template has IAM resources.
    pub iam: bool,
    /// Whether such have names of their own.
    pub named_iam: bool,
    /// Whether the stack is protected against deletion: the stack itself, and its load balancer
    /// once the stack lives.
    pub protects: bool,
    /// What it has beside template and parameters.
    pub options: StackOptions,
    values: Vec<(String, String)>,
    declared: BTreeSet<String>,
}

/// Why a template cannot be deployed.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Parameters have no value.
    #[error("the template's parameters without a value: {}", .0.join(", "))]
    Missing(Vec<String>),
    /// The template is too long for the call.
    #[error(
        "the template is {0} bytes long, and CloudFormation takes {LARGEST_TEMPLATE} with the call: \
         name a bucket for it in the environment file (`artifacts: {{ bucket: … }}`)"
    )]
    TooLong(usize),
    /// The template is too long for S3 too.
    #[error("the template is {0} bytes long, and CloudFormation takes {LARGEST_IN_BUCKET}")]
    TooLongForBucket(usize),
}

impl Request {
    /// What to ask for, for a rendered template.
    ///
    /// # Errors
    /// A parameter has no value, or the template is too long.
    pub fn new(
        stack: String,
        region: String,
        template: &Template,
        rendered: &Rendered,
        options: StackOptions,
    ) -> Result<Self, Unfit> {
        let missing: Vec<_> = rendered
            .missing(template)
            .map(|(name, _)| name.to_owned())
            .collect();
        if !missing.is_empty() {
            return Err(Unfit::Missing(missing));
        }
        let text = match options.artifacts {
            Some(_) => Cow::Borrowed(template.text_as_written()),
            None => compact(template),
        };
        let length = text.len();
        if length > LARGEST_IN_BUCKET {
            return Err(Unfit::TooLongForBucket(length));
        }
        if length > LARGEST_TEMPLATE && options.artifacts.is_none() {
            return Err(Unfit::TooLong(length));
        }
        let iam = || {
            let resources = rendered.resources.values();
            resources.filter(|resource| resource.kind.starts_with("AWS::IAM::"))
        };
        // An inline policy's `PolicyName` does not count; a policy that is a resource has one by
        // necessity.
        let named = |property: &str| {
            iam().any(|resource| {
                resource.properties.get(property).is_some()
                    && (property != "PolicyName" || resource.kind == "AWS::IAM::Policy")
            })
        };
        let declared = template.parameters();
        let values: Vec<_> = rendered
            .parameters
            .iter()
            .filter(|(name, _)| declared.get(*name).is_some_and(|p| !p.looked_up()))
            .filter_map(|(name, value)| Some((name.clone(), written(value)?)))
            .collect();
        let protects = values
            .iter()
            .any(|(name, value)| name == DELETION_PROTECTION && value == "true");
        Ok(Self {
            stack,
            region,
            template: text.into_owned(),
            secrets: declared
                .iter()
                .filter(|(_, parameter)| parameter.secret)
                .map(|(name, _)| name.clone())
                .collect(),
            iam: iam().next().is_some(),
            named_iam: IAM_NAMES.iter().any(|property| named(property)),
            protects,
            options,
            values,
            declared: declared.keys().cloned().collect(),
        })
    }

    /// The longest template that can be sent, in bytes.
    #[must_use]
    pub fn largest_template(&self) -> usize {
        match self.options.artifacts {
            Some(_) => LARGEST_IN_BUCKET,
            None => LARGEST_TEMPLATE,
        }
    }

    /// The parameters to send. A stack that is created is not protected yet: that would block the
    /// roll-back of a failed creation.
    #[must_use]
    pub fn parameters(&self, creates: bool) -> Vec<(String, String)> {
        let value = |(name, value): &(String, String)| {
            let off = creates && name == DELETION_PROTECTION;
            let value = if off { "false" } else { value };
            (name.clone(), value.to_owned())
        };
        self.values.iter().map(value).collect()
    }

    /// Whether a stack has been deployed with just this template and these parameters.
    #[must_use]
    pub fn is_live(&self, stack: &StackState, template: &str) -> bool {
        let same = |(name, value): &(String, String)| stack.parameters.get(name) == Some(value);
        template.trim() == self.template.trim() && self.values.iter().all(same)
    }

    /// The tags to send; none leaves those that the stack has. What an earlier release of this
    /// program has put there goes: as tags of the stack they would be passed on to every resource,
    /// and change all of them with each deployment.
    #[must_use]
    pub fn tags(&self, old: Option<&StackState>) -> Option<Vec<(String, String)>> {
        if self.options.tags.is_some() {
            return self.options.tags.clone();
        }
        let tags = &old.filter(|stack| !stack.tags.is_empty())?.tags;
        let theirs = tags.iter().filter(|(key, _)| !key.starts_with("holdfast:"));
        let theirs = theirs.map(|(key, value)| (key.clone(), value.clone()));
        Some(theirs.collect())
    }

    /// Whether the stack would get other tags than it has, because the environment states them.
    #[must_use]
    pub fn retags(&self, old: &StackState) -> bool {
        let stated = self.options.tags.as_ref();
        stated.is_some_and(|stated| {
            let same = |(key, value): &(String, String)| old.tags.get(key) == Some(value);
            stated.len() != old.tags.len() || !stated.iter().all(same)
        })
    }

    /// Whether the template has a parameter of this name.
    #[must_use]
    pub fn declares(&self, parameter: &str) -> bool {
        self.declared.contains(parameter)
    }

    /// The value of a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.values.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A parameter's value as the API takes it; none where only AWS knows it.
fn written(value: &Node) -> Option<String> {
    match value.as_list() {
        Some(items) => {
            let items: Option<Vec<_>> = items.iter().map(Node::as_text).collect();
            Some(items?.join(","))
        }
        None => value.as_text().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudformation::template::Inputs;

    fn request_with(template: &str, options: StackOptions) -> Result<Request, Unfit> {
        let template = Template::parse("t.yaml", template).expect("a template");
        let rendered = template.render(&Inputs::default()).expect("it renders");
        let (stack, region) = ("s".to_owned(), "eu-west-1".to_owned());
        Request::new(stack, region, &template, &rendered, options)
    }

    fn request(template: &str) -> Result<Request, Unfit> {
        request_with(template, StackOptions::default())
    }

    #[test]
    fn protection_waits_until_the_stack_lives() {
        let request = request(
            "Parameters: { DeletionProtection: { Type: String, Default: 'true' }, Key: { Type: \
             String, Default: x, NoEcho: true } }\nResources: { R: { Type: 'AWS::IAM::Role', \
             Properties: { RoleName: mine } } }\n",
        )
        .expect("it fits");
        assert!(request.protects && request.iam && request.named_iam);
        assert!(request.secrets.contains("Key"));
        let protection = |creates| {
            let found = request.parameters(creates);
            found
                .iter()
                .find(|(name, _)| name == DELETION_PROTECTION)
                .expect("it is there")
                .1
                .clone()
        };
        assert_eq!(
            (protection(true), protection(false)),
            ("false".to_owned(), "true".to_owned())
        );
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let missing = request(
            "Parameters: { A: { Type: String } }\nResources: { R: { Type: 'AWS::SNS::Topic' } }\n",
        );
        assert!(matches!(missing, Err(Unfit::Missing(names)) if names == ["A"]));
        let long = |length| {
            let text = "x".repeat(length);
            format!("Description: {text}\nResources: {{ R: {{ Type: 'AWS::SNS::Topic' }} }}\n")
        };
        let template = long(LARGEST_TEMPLATE);
        assert!(matches!(request(&template), Err(Unfit::TooLong(_))));
        let options = StackOptions {
            artifacts: Some("bucket".to_owned()),
            ..StackOptions::default()
        };
        assert!(request_with(&template, options.clone()).is_ok());
        let refused = request_with(&long(LARGEST_IN_BUCKET), options);
        assert!(matches!(refused, Err(Unfit::TooLongForBucket(_))));
    }
}

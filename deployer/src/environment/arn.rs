//! ARNs, each of one kind of thing on AWS.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::field::FromNode;
use super::text::is_slug;
use super::unit::{inline_schema, parsed};
use cloudformation::diagnostic::Mistakes;
use cloudformation::node::Node;

/// Makes a type of the ARNs of one kind of thing.
macro_rules! arn {
    ($(#[$doc:meta])* $type:ident, $expected:literal, $is:path, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $type(pub String);

        impl $type {
            /// What is expected, for whoever typed something else.
            pub const EXPECTED: &str = $expected;

            /// Reads one; none where it is of something else.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Parts::of(text).as_ref().is_some_and($is).then(|| Self(text.to_owned()))
            }
        }

        impl FromNode for $type {
            fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
                parsed(node, Self::EXPECTED, mistakes, Self::parse)
            }
        }

        inline_schema!([] $type, stringify!($type), json_schema!({
            "type": "string", "pattern": $pattern,
        }));
    };
}

arn! {
    /// The ARN of an IAM role.
    RoleArn,
    "a role's ARN: `arn:aws:iam::123456789012:role/NAME`",
    is_role,
    "^arn:aws[^:]*:iam::[0-9]{12}:role/([A-Za-z0-9_+=,.@-]*/)*[A-Za-z0-9_+=,.@-]+$"
}

arn! {
    /// The ARN of an IAM policy: an account's own, or one of AWS's.
    PolicyArn,
    "a policy's ARN: `arn:aws:iam::123456789012:policy/NAME`",
    is_policy,
    "^arn:aws[^:]*:iam::([0-9]{12}|aws):policy/([A-Za-z0-9_+=,.@-]*/)*[A-Za-z0-9_+=,.@-]+$"
}

arn! {
    /// The ARN of an SNS topic.
    TopicArn,
    "a topic's ARN: `arn:aws:sns:eu-west-1:123456789012:NAME`",
    is_topic,
    "^arn:aws[^:]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+$"
}

arn! {
    /// The ARN of a secret, with the six characters that Secrets Manager puts at its end.
    SecretArn,
    "a secret's whole ARN: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:NAME-a1B2c3`",
    is_secret,
    "^arn:aws[^:]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}$"
}

arn! {
    /// The ARN of a KMS key. An alias is none: IAM policies know keys alone.
    KeyArn,
    "a KMS key's ARN: `arn:aws:kms:eu-west-1:123456789012:key/ID`, not an alias",
    is_key,
    "^arn:aws[^:]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"
}

impl KeyArn {
    /// The region of the key.
    #[must_use]
    pub fn region(&self) -> &str {
        Parts::of(&self.0).map_or("", |arn| arn.region)
    }
}

/// An ARN, taken apart.
struct Parts<'a> {
    service: &'a str,
    region: &'a str,
    account: &'a str,
    resource: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let parts: Vec<_> = text.splitn(6, ':').collect();
        match parts[..] {
            ["arn", partition, service, region, account, resource]
                if partition.starts_with("aws") =>
            {
                Some(Self {
                    service,
                    region,
                    account,
                    resource,
                })
            }
            _ => None,
        }
    }

    fn has_account(&self) -> bool {
        self.account.len() == 12 && self.account.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// Whether it is of this kind of IAM's, whose name may stand behind a path.
    fn is_of_iam(&self, kind: &str) -> bool {
        let name = self.resource.strip_prefix(kind).unwrap_or_default();
        let name = name.strip_prefix('/').unwrap_or_default();
        let is_fit = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c);
        self.service == "iam"
            && self.region.is_empty()
            && !name.is_empty()
            && !name.ends_with('/')
            && name.chars().all(is_fit)
    }
}

fn is_role(arn: &Parts<'_>) -> bool {
    arn.has_account() && arn.is_of_iam("role")
}

fn is_policy(arn: &Parts<'_>) -> bool {
    (arn.has_account() || arn.account == "aws") && arn.is_of_iam("policy")
}

fn is_topic(arn: &Parts<'_>) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    arn.service == "sns"
        && is_slug(arn.region)
        && arn.has_account()
        && !arn.resource.is_empty()
        && arn.resource.chars().all(is_fit)
}

fn is_secret(arn: &Parts<'_>) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    let name = arn.resource.strip_prefix("secret:");
    let parts = name.and_then(|name| name.rsplit_once('-'));
    let is_whole = parts.is_some_and(|(name, end)| {
        !name.is_empty()
            && name.chars().all(is_fit)
            && end.len() == 6
            && end.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    arn.service == "secretsmanager" && is_slug(arn.region) && arn.has_account() && is_whole
}

fn is_key(arn: &Parts<'_>) -> bool {
    let id = arn.resource.strip_prefix("key/").unwrap_or_default();
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    arn.service == "kms"
        && is_slug(arn.region)
        && arn.has_account()
        && !id.is_empty()
        && id.bytes().all(is_fit)
}

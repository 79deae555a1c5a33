//! Every action on AWS that a deployment takes, and the IAM policies that allow them and nothing
//! more: what the deployer calls itself, and what CloudFormation does with the caller's
//! permissions. How calls are made is the business of the modules around this one.

mod artifacts;
mod calls;
mod firewall;
mod keys;
mod network;
mod stack;

use std::fmt::Write as _;

use serde_json::{Value, json};

pub use artifacts::ARTIFACTS;
pub use calls::CALLS;
pub use firewall::FIREWALL;
pub use keys::KEYS;
pub use network::NETWORK;
pub use stack::{RESOURCES, STORE};

/// Some actions, on some resources, for one reason.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// The statement's name in the policy.
    pub sid: &'static str,
    /// What it is for.
    pub why: &'static str,
    /// `service:Action`, each once.
    pub actions: &'static [&'static str],
    /// ARNs as CloudFormation's `Fn::Sub` takes them: `${AWS::Region}`, `${Prefix}`, `${Name}`,
    /// `${Environment}`, `${ArtifactsBucket}`; or [`KMS_KEYS`].
    pub on: &'static [&'static str],
    /// A condition beside: operator, key, values.
    pub only_if: Option<(&'static str, &'static str, &'static [&'static str])>,
}

/// The keys of the environment, a list: one, or the old and the new one while it changes.
pub const KMS_KEYS: &str = "${KmsKeys}";

/// The policies by name. Each fits into a managed policy (6,144 characters without white space,
/// "IAM and AWS STS quotas"), of which a role takes ten.
pub static POLICIES: [(&str, &[Grant]); 7] = [
    ("Calls", CALLS),
    ("Network", NETWORK),
    ("Resources", RESOURCES),
    ("Store", STORE),
    ("Firewall", FIREWALL),
    ("Keys", KEYS),
    ("Artifacts", ARTIFACTS),
];

/// Only what is not another stack's. AWS names these resources itself, so that no name tells them
/// apart; CloudFormation tags each with its stack. What is made just now has no tag yet.
const OF_STACK: (&str, &str, &[&str]) = (
    "StringEqualsIfExists",
    "aws:ResourceTag/aws:cloudformation:stack-name",
    &["${Prefix}-${Name}-${Environment}"],
);

/// The policy document of some grants, as CloudFormation takes it: what differs between accounts
/// and environments stands as `Fn::Sub`.
#[must_use]
pub fn policy(grants: &[Grant]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": grants.iter().map(statement).collect::<Vec<_>>() })
}

/// The list as the documentation shows it: a table for each policy.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::new();
    for (name, grants) in POLICIES {
        // Writing to a string cannot fail.
        let _ = write!(text, "| `{name}` | what for | actions |\n|---|---|---|\n");
        for Grant {
            sid, why, actions, ..
        } in grants
        {
            let _ = writeln!(text, "| `{sid}` | {why} | {} |", by_service(actions));
        }
        text.push('\n');
    }
    text.trim_end().to_owned()
}

/// `ecs:DescribeServices, DescribeTasks`: each service once.
fn by_service(actions: &[&str]) -> String {
    let mut text = String::new();
    let mut last = "";
    for (service, action) in actions.iter().filter_map(|action| action.split_once(':')) {
        let comma = if text.is_empty() { "" } else { ", " };
        if service == last {
            let _ = write!(text, "{comma}{action}");
        } else {
            let _ = write!(text, "{comma}{service}:{action}");
        }
        last = service;
    }
    text
}

fn statement(grant: &Grant) -> Value {
    let mut statement = json!({
        "Sid": grant.sid,
        "Effect": "Allow",
        "Action": one_or_all(grant.actions.iter().map(|action| json!(action)).collect()),
        "Resource": one_or_all(grant.on.iter().copied().map(substituted).collect()),
    });
    if let Some((operator, key, values)) = grant.only_if {
        let values = one_or_all(values.iter().copied().map(substituted).collect());
        statement["Condition"] = json!({ operator: { key: values } });
    }
    statement
}

fn substituted(text: &str) -> Value {
    if text == KMS_KEYS {
        json!({ "Ref": "KmsKeys" })
    } else if text.contains("${") {
        json!({ "Fn::Sub": text })
    } else {
        json!(text)
    }
}

fn one_or_all(mut values: Vec<Value>) -> Value {
    if values.len() == 1 {
        values.remove(0)
    } else {
        values.into()
    }
}

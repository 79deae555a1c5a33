//! What a stack has beside template and parameters: a team's own tags, a mapping of texts, and the
//! topics that hear of it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::arn::TopicArn;
use super::field::{FromNode, wrong};
use cloudformation::diagnostic::Mistakes;
use cloudformation::node::Node;

/// Tags that a stack may have ("CloudFormation quotas").
const MOST: usize = 50;
/// Characters of a tag's key and value ("Tag", CloudFormation API reference).
const LONGEST: (usize, usize) = (128, 256);

/// Tags by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(pub Vec<(String, String)>);

impl FromNode for Tags {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let Some(map) = node.as_map().filter(|map| map.len() <= MOST) else {
            mistakes.push(wrong(
                node,
                "a mapping of 50 tags at most: `{ team: drops }`",
            ));
            return None;
        };
        let mut tags = Vec::new();
        for (key, entry) in map {
            let value = entry.node.as_text().filter(|_| is_key(key));
            let Some(value) = value.filter(|value| is_fit(value, LONGEST.1)) else {
                let expected = "a tag: a text of 256 characters at most, with a key of 128 at most \
                                that does not begin with `aws:` or `holdfast:`, both of letters, \
                                digits, spaces and `_.:/=+-@`";
                mistakes.push(wrong(&entry.node, expected));
                continue;
            };
            tags.push((key.clone(), value.to_owned()));
        }
        (tags.len() == map.len()).then_some(Self(tags))
    }
}

fn is_key(key: &str) -> bool {
    let lower = key.to_lowercase();
    let is_own = lower.starts_with("aws:") || lower.starts_with("holdfast:");
    !key.is_empty() && is_fit(key, LONGEST.0) && !is_own
}

/// Whether a text is one that all services take ("Tag naming limits and requirements", Tagging AWS
/// Resources).
fn is_fit(text: &str, longest: usize) -> bool {
    let is_fit = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
    text.chars().count() <= longest && text.chars().all(is_fit)
}

/// The topics that CloudFormation takes for one stack ("CreateChangeSet", CloudFormation API
/// reference).
const MOST_TOPICS: usize = 5;

/// ARNs of SNS topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics(pub Vec<TopicArn>);

impl FromNode for Topics {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let topics = Vec::from_node(node, mistakes)?;
        if topics.len() > MOST_TOPICS {
            mistakes.push(wrong(node, "five topics at most"));
            return None;
        }
        Some(Self(topics))
    }
}

impl JsonSchema for Topics {
    fn schema_name() -> Cow<'static, str> {
        "Topics".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "maxItems": MOST_TOPICS,
            "items": generator.subschema_for::<TopicArn>(),
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

impl JsonSchema for Tags {
    fn schema_name() -> Cow<'static, str> {
        "Tags".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "maxProperties": MOST,
            "propertyNames": {
                "pattern": r"^(?![aA][wW][sS]:|[hH][oO][lL][dD][fF][aA][sS][tT]:)[\p{L}\p{N} _.:/=+@-]+$",
                "maxLength": LONGEST.0,
            },
            "additionalProperties": {
                "type": ["string", "number", "boolean"],
                "pattern": r"^[\p{L}\p{N} _.:/=+@-]*$",
                "maxLength": LONGEST.1,
            },
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

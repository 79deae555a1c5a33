//! Durations with units.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::field::{FromNode, wrong};
use super::unit::inline_schema;
use cloudformation::diagnostic::Mistakes;
use cloudformation::node::Node;
use timeouts::grammar::DURATION_PATTERN;

/// A duration, if the text has a unit: a bare number would be seconds to one reader and
/// milliseconds to another.
fn duration(node: &Node) -> Option<Duration> {
    timeouts::grammar::duration(node.as_text()?).ok()
}

/// A duration of whole seconds, as AWS takes it: 68 years at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub u64);

impl FromNode for Seconds {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let whole = |length: &Duration| {
            length.subsec_nanos() == 0 && i32::try_from(length.as_secs()).is_ok()
        };
        let value = duration(node)
            .filter(whole)
            .map(|length| Self(length.as_secs()));
        if value.is_none() {
            mistakes.push(wrong(
                node,
                "a duration of whole seconds with its unit, `90s` or `5m` for instance",
            ));
        }
        value
    }
}

inline_schema!([] Seconds, "Seconds", json_schema!({ "type": "string", "pattern": DURATION_PATTERN }));

/// How long a client keeps its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sticky {
    /// Each request goes to any task.
    Off,
    /// So long after its last answer.
    For(Seconds),
}

impl FromNode for Sticky {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        if matches!(node.as_text(), Some("off" | "false")) {
            return Some(Self::Off);
        }
        let value = Seconds::from_node(node, &mut Mistakes::default())
            .filter(|length| length.0 > 0)
            .map(Self::For);
        if value.is_none() {
            mistakes.push(wrong(
                node,
                "`off`, or a duration of whole seconds with its unit, `1h` for instance",
            ));
        }
        value
    }
}

inline_schema!([] Sticky, "Sticky",
    json_schema!({ "anyOf": [{ "enum": ["off", false] }, { "type": "string", "pattern": DURATION_PATTERN }] }));

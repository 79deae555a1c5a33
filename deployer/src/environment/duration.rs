//! Durations with units.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::field::{FromNode, wrong};
use super::unit::inline_schema;
use cloudformation::diagnostic::Mistakes;
use cloudformation::node::{Kind, Node, Value};

/// The pattern of a duration with its unit, for the schema; the reader knows more units.
const DURATION: &str =
    "^[0-9]+(ms|s|m|h|d|min|hours?|days?)( ?[0-9]+(ms|s|m|h|d|min|hours?|days?))*$";

/// A duration, if the text has a unit: a bare number would be seconds to one reader and milliseconds to another.
fn duration(node: &Node) -> Option<Duration> {
    let Value::Scalar(scalar) = &node.value else {
        return None;
    };
    (scalar.kind == Kind::Text).then(|| humantime::parse_duration(&scalar.text).ok())?
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

inline_schema!([] Seconds, "Seconds", json_schema!({ "type": "string", "pattern": DURATION }));

/// A duration from `MIN` to `MAX` milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Millis<const MIN: u64, const MAX: u64>(pub Duration);

impl<const MIN: u64, const MAX: u64> Millis<MIN, MAX> {
    /// As the server reads it: `60s`, `2500ms`.
    #[must_use]
    pub fn text(self) -> String {
        short(self.0)
    }
}

/// Whole seconds where it can be, else milliseconds.
fn short(length: Duration) -> String {
    match length.subsec_millis() {
        0 => format!("{}s", length.as_secs()),
        _ => format!("{}ms", length.as_millis()),
    }
}

impl<const MIN: u64, const MAX: u64> FromNode for Millis<MIN, MAX> {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let (min, max) = (Duration::from_millis(MIN), Duration::from_millis(MAX));
        let value = duration(node)
            .filter(|length| (min..=max).contains(length))
            .map(Self);
        if value.is_none() {
            let (min, max) = (
                humantime::format_duration(min),
                humantime::format_duration(max),
            );
            mistakes.push(wrong(
                node,
                &format!("a duration with its unit, `60s` for instance, from {min} to {max}"),
            ));
        }
        value
    }
}

inline_schema!([const MIN: u64, const MAX: u64] Millis<MIN, MAX>, "Millis",
    json_schema!({ "type": "string", "pattern": DURATION }));

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
    json_schema!({ "anyOf": [{ "enum": ["off", false] }, { "type": "string", "pattern": DURATION }] }));

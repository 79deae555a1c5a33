//! The kinds of values in an environment file: durations and sizes with units, bounded numbers, names.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::field::{FromNode, wrong};
use crate::diagnostic::Mistakes;
use crate::node::{Kind, Node, Value};

/// Gives a type its part of the schema: an inline one, since a reference would hide the setting's own description.
macro_rules! inline_schema {
    ([$($generics:tt)*] $type:ty, $name:literal, $schema:expr) => {
        impl<$($generics)*> JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }

            fn inline_schema() -> bool {
                true
            }
        }
    };
}
pub(super) use inline_schema;

/// Reads a value from its text, or says what was expected.
fn parsed<T>(
    node: &Node,
    expected: &str,
    mistakes: &mut Mistakes,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let value = node.as_text().and_then(parse);
    if value.is_none() {
        mistakes.push(wrong(node, expected));
    }
    value
}

/// Text that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub String);

impl FromNode for Text {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        parsed(node, "some text", mistakes, |text| {
            (!text.trim().is_empty()).then(|| Self(text.to_owned()))
        })
    }
}

inline_schema!([] Text, "Text", json_schema!({ "type": "string", "minLength": 1 }));

/// A part of a name: small letters, digits and inner hyphens, a letter first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slug(pub String);

impl FromNode for Slug {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let expected = "small letters, digits and inner hyphens, a letter first";
        parsed(node, expected, mistakes, |text| {
            is_slug(text).then(|| Self(text.to_owned()))
        })
    }
}

/// Whether a text can be part of a name.
pub(super) fn is_slug(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

inline_schema!([] Slug, "Slug", json_schema!({ "type": "string", "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$" }));

/// An AWS region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region(pub String);

impl FromNode for Region {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        parsed(
            node,
            "an AWS region, `eu-west-1` for instance",
            mistakes,
            |text| {
                let number = text
                    .rsplit_once('-')
                    .filter(|(area, _)| area.contains('-'))
                    .map(|(_, number)| number);
                let is_region =
                    is_slug(text) && number.is_some_and(|number| number.parse::<u8>().is_ok());
                is_region.then(|| Self(text.to_owned()))
            },
        )
    }
}

inline_schema!([] Region, "Region", json_schema!({ "type": "string", "pattern": "^[a-z]+(-[a-z]+)+-[0-9]+$" }));

/// A path of a URL, without pattern or query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(pub String);

impl FromNode for Path {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        parsed(
            node,
            "a path that begins with `/`, of letters, digits and `/-_.~`",
            mistakes,
            |text| {
                let fits = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
                (text.len() > 1
                    && text.starts_with('/')
                    && !text.ends_with('/')
                    && text.chars().all(fits))
                .then(|| Self(text.to_owned()))
            },
        )
    }
}

inline_schema!([] Path, "Path", json_schema!({ "type": "string", "pattern": "^/[A-Za-z0-9/_.~-]*[A-Za-z0-9_.~-]$" }));

/// A list that is not empty.
#[derive(Clone, Debug, PartialEq)]
pub struct NonEmpty<T>(pub Vec<T>);

impl<T: FromNode> FromNode for NonEmpty<T> {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let items = Vec::from_node(node, mistakes)?;
        if items.is_empty() {
            mistakes.push(wrong(node, "one item at least"));
            return None;
        }
        Some(Self(items))
    }
}

impl<T: JsonSchema> JsonSchema for NonEmpty<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Several{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "minItems": 1, "items": generator.subschema_for::<T>() })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<const MIN: u64, const MAX: u64>(pub u64);

impl<const MIN: u64, const MAX: u64> FromNode for Number<MIN, MAX> {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        parsed(
            node,
            &format!("a whole number from {MIN} to {MAX}"),
            mistakes,
            |text| {
                text.parse()
                    .ok()
                    .filter(|number| (MIN..=MAX).contains(number))
                    .map(Self)
            },
        )
    }
}

inline_schema!([const MIN: u64, const MAX: u64] Number<MIN, MAX>, "Number",
    json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX }));

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

/// The bytes in a unit that sizes may have. `KB` is 1000 to some and 1024 to others: it is not read.
const UNITS: [(&str, u64); 4] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("B", 1),
];

/// A size in bytes: a number of `unit`s, or one with its own unit.
fn size(node: &Node, unit: u64) -> Option<u64> {
    let text = node.as_text()?.trim();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, bytes)| Some((text.strip_suffix(name)?.trim_end(), *bytes)))
        .unwrap_or((text, unit));
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// A size from `MIN` to `MAX` bytes; a bare number is bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes<const MIN: u64, const MAX: u64>(pub u64);

impl<const MIN: u64, const MAX: u64> FromNode for Bytes<MIN, MAX> {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let value = size(node, 1)
            .filter(|bytes| (MIN..=MAX).contains(bytes))
            .map(Self);
        if value.is_none() {
            mistakes.push(wrong(
                node,
                &format!("bytes, `1024` or `1KiB` for instance, from {MIN} to {MAX}"),
            ));
        }
        value
    }
}

inline_schema!([const MIN: u64, const MAX: u64] Bytes<MIN, MAX>, "Bytes",
    json_schema!({ "anyOf": [{ "type": "integer", "minimum": MIN, "maximum": MAX }, { "type": "string", "pattern": "^[0-9]+ ?(B|KiB|MiB|GiB)$" }] }));

/// A size from `MIN` to `MAX` MiB; a bare number is MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mebibytes<const MIN: u64, const MAX: u64>(pub u64);

impl<const MIN: u64, const MAX: u64> FromNode for Mebibytes<MIN, MAX> {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let whole = size(node, 1 << 20)
            .filter(|bytes| bytes % (1 << 20) == 0)
            .map(|bytes| bytes >> 20);
        let value = whole.filter(|size| (MIN..=MAX).contains(size)).map(Self);
        if value.is_none() {
            mistakes.push(wrong(
                node,
                &format!("MiB, `1024` or `1GiB` for instance, from {MIN} to {MAX}"),
            ));
        }
        value
    }
}

inline_schema!([const MIN: u64, const MAX: u64] Mebibytes<MIN, MAX>, "Mebibytes",
    json_schema!({ "anyOf": [{ "type": "integer", "minimum": MIN, "maximum": MAX }, { "type": "string", "pattern": "^[0-9]+ ?(MiB|GiB)$" }] }));

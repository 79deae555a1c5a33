//! What the kinds of values share: their part of the schema, reading from text, bounded numbers,
//! lists.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::field::{FromNode, wrong};
use cloudformation::diagnostic::Mistakes;
use cloudformation::node::Node;

/// Gives a type its part of the schema: an inline one, since a reference would hide the setting's
/// own description.
macro_rules! inline_schema {
    ([$($generics:tt)*] $type:ty, $name:expr, $schema:expr) => {
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
pub(super) fn parsed<T>(
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

/// A list that is not empty.
#[derive(Clone, Debug, PartialEq)]
pub struct NonEmpty<T>(pub Vec<T>);

impl<T: FromNode> FromNode for NonEmpty<T> {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let items = Vec::from_node(node, mistakes)?;
        if items.is_empty() {
            mistakes.push(wrong(node, "at least one item"));
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

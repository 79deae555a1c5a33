//! Sizes with units.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::field::{FromNode, wrong};
use super::unit::inline_schema;
use cloudformation::diagnostic::Mistakes;
use cloudformation::node::Node;

/// A size from `MIN` to `MAX` MiB; a bare number is MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mebibytes<const MIN: u64, const MAX: u64>(pub u64);

impl<const MIN: u64, const MAX: u64> FromNode for Mebibytes<MIN, MAX> {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let text = node.as_text().unwrap_or_default();
        let bytes = match text.parse::<u64>() {
            Ok(mebibytes) => mebibytes.checked_mul(1 << 20),
            Err(_) => timeouts::grammar::bytes(text).ok(),
        };
        let whole = bytes
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

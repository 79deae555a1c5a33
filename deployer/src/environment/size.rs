//! Sizes with units.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::field::{FromNode, wrong};
use super::unit::inline_schema;
use cloudformation::diagnostic::Mistakes;
use cloudformation::node::Node;

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

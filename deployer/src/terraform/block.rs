//! A block of a resource: its values, which of them are not known, and how they are written.

use cloudformation::node::{Call, Entry, Function, Map, Node, Place, Scalar, Value as NodeValue};
use serde_json::Value;

use super::document::{Document, Found};
use super::edges;

/// A block.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    pub(super) document: &'a Document<'a>,
    pub(super) resource: &'a Found<'a>,
    pub(super) place: &'a Place,
    values: &'a Value,
    unknown: &'a Value,
    written: Option<&'a Value>,
}

impl<'a> Block<'a> {
    pub(super) fn of(
        document: &'a Document<'a>,
        resource: &'a Found<'a>,
        place: &'a Place,
    ) -> Self {
        Self {
            document,
            resource,
            place,
            values: resource.values,
            unknown: resource.unknown,
            written: resource
                .written
                .and_then(|written| written.get("expressions")),
        }
    }

    fn node(self, value: NodeValue) -> Node {
        Node::new(value, self.place.clone())
    }

    /// A text.
    pub(super) fn text(self, text: impl Into<String>) -> Node {
        self.node(NodeValue::Scalar(Scalar::text(text)))
    }

    fn call(self, function: Function, argument: Node) -> Node {
        let argument = Box::new(argument);
        self.node(NodeValue::Call(Call { function, argument }))
    }

    /// A value that the plan does not know.
    fn hidden(self, name: &str) -> Node {
        let name = format!("{}.{name}", self.resource.address);
        self.call(Function::ImportValue, self.text(name))
    }

    fn is_hidden(self, name: &str) -> bool {
        *self.unknown == Value::Bool(true) || self.unknown.get(name) == Some(&Value::Bool(true))
    }

    fn expression(self, name: &str) -> Option<&'a Value> {
        self.written?.get(name)
    }

    /// The resources that an attribute refers to.
    pub(super) fn edges(self, name: &str) -> Vec<&'a str> {
        let expression = self.expression(name);
        expression.map_or_else(Vec::new, |expression| {
            edges::of(self.document, self.resource, expression)
        })
    }

    /// An attribute; none where nobody states it. A value that is not known is the resource that it
    /// refers to, where it refers to one only.
    pub(super) fn get(self, name: &str) -> Option<Node> {
        if self.is_hidden(name) {
            // What nobody wrote down and AWS answers later is at AWS's default.
            if self.written.is_some() && self.expression(name).is_none() {
                return None;
            }
            return Some(match self.edges(name).as_slice() {
                [] => self.hidden(name),
                [only] => self.call(Function::Ref, self.text(*only)),
                several => {
                    let refs = several
                        .iter()
                        .map(|to| self.call(Function::Ref, self.text(*to)));
                    let list = self.node(NodeValue::List(refs.collect()));
                    let parts = vec![self.text(""), list];
                    self.call(Function::Join, self.node(NodeValue::List(parts)))
                }
            });
        }
        self.known(name, self.values.get(name)?)
    }

    fn known(self, name: &str, value: &Value) -> Option<Node> {
        match value {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(self.reference_to(text).unwrap_or_else(|| self.text(text))),
            Value::Array(items) => {
                let unknown = self.unknown.get(name).and_then(Value::as_array);
                let item = |(index, item): (usize, &Value)| {
                    let hidden = unknown.and_then(|all| all.get(index)) == Some(&Value::Bool(true));
                    match hidden {
                        true => Some(self.hidden(name)),
                        false => self.known(name, item),
                    }
                };
                let items = items.iter().enumerate().filter_map(item).collect();
                Some(self.node(NodeValue::List(items)))
            }
            Value::Object(_) => None,
            other => Some(self.text(other.to_string())),
        }
    }

    /// The resource of the plan whose ARN, id or address a text is.
    fn reference_to(self, text: &str) -> Option<Node> {
        if !text.starts_with("arn:") {
            return None;
        }
        let is_it = |one: &&Found<'_>| {
            let value = |key: &str| one.values.get(key).and_then(Value::as_str);
            value("arn") == Some(text)
        };
        let found = self.document.found.iter().find(is_it)?;
        Some(self.call(Function::Ref, self.text(found.address)))
    }

    /// The blocks of a name. None where nobody writes one; an error where it is not known whether
    /// there are any.
    pub(super) fn blocks(self, name: &str) -> Result<Vec<Self>, Node> {
        if self.is_hidden(name) {
            return match self.written.is_some() && self.expression(name).is_none() {
                true => Ok(Vec::new()),
                false => Err(self.hidden(name)),
            };
        }
        let Some(Value::Array(items)) = self.values.get(name) else {
            return Ok(Vec::new());
        };
        let unknown = self.unknown.get(name).and_then(Value::as_array);
        let written = self.expression(name);
        let block = |(index, values): (usize, &'a Value)| Self {
            values,
            unknown: unknown
                .and_then(|all| all.get(index))
                .unwrap_or(&Value::Null),
            // A set of blocks has no order: then any of them may be meant.
            written: written.and_then(|written| match written.as_array() {
                Some(all) if all.len() == items.len() => all.get(index),
                Some(all) => all.first(),
                None => Some(written),
            }),
            ..self
        };
        Ok(items.iter().enumerate().map(block).collect())
    }

    /// A mapping of those entries that are there.
    pub(super) fn map(
        self,
        entries: impl IntoIterator<Item = (&'static str, Option<Node>)>,
    ) -> Node {
        let entry = |(name, node): (&str, Option<Node>)| {
            let key = self.place.clone();
            Some((name.to_owned(), Entry { key, node: node? }))
        };
        let map: Map = entries.into_iter().filter_map(entry).collect();
        self.node(NodeValue::Map(map))
    }

    /// A list of what `each` makes of the blocks of a name; none where there are none.
    pub(super) fn each(self, name: &str, each: impl Fn(Self) -> Node) -> Option<Node> {
        match self.blocks(name) {
            Ok(blocks) if blocks.is_empty() => None,
            Ok(blocks) => {
                let items = blocks.into_iter().map(each).collect();
                Some(self.node(NodeValue::List(items)))
            }
            Err(hidden) => Some(hidden),
        }
    }

    /// What `make` makes of the only block of a name.
    pub(super) fn one(self, name: &str, make: impl Fn(Self) -> Option<Node>) -> Option<Node> {
        match self.blocks(name) {
            Ok(blocks) => blocks.into_iter().next().and_then(make),
            Err(hidden) => Some(hidden),
        }
    }

    /// A list of these items.
    pub(super) fn list(self, items: Vec<Node>) -> Node {
        self.node(NodeValue::List(items))
    }
}

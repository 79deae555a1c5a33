//! A block of a resource: its values, which of them are not known, and how they are written.

use cloudformation::node::{Call, Entry, Function, Map, Node, Place, Scalar, Value as NodeValue};
use serde_json::Value;

use super::document::{Document, Found};
use super::edges::{self, Edges};
use super::places;
use super::written::Written;

/// Blocks that AWS answers where nobody writes one ("Optional" and "Computed" in the provider's
/// schema). A plan cannot say what a new resource's will be: it then has AWS's defaults. Any other
/// block that is not known comes from a `dynamic` block.
const COMPUTED: [(&str, &str); 4] = [
    ("aws_lb", "subnet_mapping"),
    ("aws_lb_target_group", "health_check"),
    ("aws_lb_target_group", "stickiness"),
    ("aws_ecs_service", "deployment_configuration"),
];

/// A block.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    pub(super) document: &'a Document<'a>,
    pub(super) resource: &'a Found<'a>,
    pub(super) place: &'a Place,
    values: &'a Value,
    unknown: &'a Value,
    written: Written<'a>,
}

impl<'a> Block<'a> {
    pub(super) fn of(
        document: &'a Document<'a>,
        resource: &'a Found<'a>,
        place: &'a Place,
    ) -> Self {
        let written = resource.written;
        Self {
            document,
            resource,
            place,
            values: resource.values,
            unknown: resource.unknown,
            written: Written::one(written.and_then(|written| written.get("expressions"))),
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
    pub(super) fn hidden(self, name: &str) -> Node {
        let name = format!("{}.{name}", self.resource.address);
        self.call(Function::ImportValue, self.text(name))
    }

    fn is_hidden(self, name: &str) -> bool {
        *self.unknown == Value::Bool(true) || self.unknown.get(name) == Some(&Value::Bool(true))
    }

    /// Whether nobody writes what is not known of this block, so that AWS answers it later.
    fn is_left_to_aws(self, name: &str) -> bool {
        *self.unknown != Value::Bool(true) && self.written.leaves_out(name)
    }

    /// The resources that an attribute refers to.
    fn edges(self, name: &str) -> Edges<'a> {
        edges::of(self.document, self.resource, self.written.of(name))
    }

    /// An attribute; none where nobody states it. A value that is not known is the resource that it
    /// refers to, where it refers to one only.
    pub(super) fn get(self, name: &str) -> Option<Node> {
        if self.is_hidden(name) {
            // What nobody wrote down and AWS answers later is at AWS's default.
            if self.is_left_to_aws(name) {
                return None;
            }
            let edges = self.edges(name);
            let reference = |to: &&str| self.call(Function::Ref, self.text(*to));
            return Some(match edges.to.as_slice() {
                [] => self.hidden(name),
                [only] if !edges.open => reference(only),
                several => {
                    let mut items: Vec<_> = several.iter().map(reference).collect();
                    items.extend(edges.open.then(|| self.hidden(name)));
                    let parts = vec![self.text(""), self.list(items)];
                    self.call(Function::Join, self.list(parts))
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
                Some(self.list(items))
            }
            Value::Object(_) => Some(self.hidden(name)),
            other => Some(self.text(other.to_string())),
        }
    }

    /// The resource of the plan whose ARN a text is.
    fn reference_to(self, text: &str) -> Option<Node> {
        let found = self.document.with_arn(text)?;
        Some(self.call(Function::Ref, self.text(found.address)))
    }

    /// The blocks of a name. None where nobody writes one; an error where it is not known whether
    /// there are any.
    pub(super) fn blocks(self, name: &str) -> Result<Vec<Self>, Node> {
        if self.is_hidden(name) {
            return match self.has_default(name) {
                true => Ok(Vec::new()),
                false => Err(self.hidden(name)),
            };
        }
        let items = match self.values.get(name) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(items)) => items.as_slice(),
            Some(item @ Value::Object(_)) => std::slice::from_ref(item),
            Some(_) => return Err(self.hidden(name)),
        };
        let unknown = self.unknown.get(name);
        let unknown_of = |index: usize| match unknown {
            Some(Value::Array(all)) => all.get(index),
            other => other,
        };
        let block = |(index, values): (usize, &'a Value)| Self {
            values,
            unknown: unknown_of(index).unwrap_or(&Value::Null),
            written: self.written.block(name, items, index),
            ..self
        };
        Ok(items.iter().enumerate().map(block).collect())
    }

    /// Whether a block that is not known is one that nobody writes, so that AWS's defaults apply.
    fn has_default(self, name: &str) -> bool {
        let kind = self.resource.kind.replace("aws_alb", "aws_lb");
        COMPUTED.contains(&(kind.as_str(), name))
            && self.is_left_to_aws(name)
            && !places::is_dynamic(self.place, name)
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
                Some(self.list(items))
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

    /// Attributes as pairs of key and value, those that are there.
    pub(super) fn attributes(self, pairs: &[(&str, Option<Node>)]) -> Option<Node> {
        let pair = |(key, value): &(&str, Option<Node>)| {
            let value = value.clone()?;
            Some(self.map([("Key", Some(self.text(*key))), ("Value", Some(value))]))
        };
        Some(self.list(pairs.iter().filter_map(pair).collect()))
    }
}

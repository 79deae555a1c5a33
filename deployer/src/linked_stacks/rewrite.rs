//! The values of one stack in terms of all: resources under their common names, parameters and
//! outputs of nested stacks as what stands behind them.

use cloudformation::node::{Call, Entry, Function, Map, Node, Scalar, Value};
use indexmap::IndexMap;

/// An import of an import is no value; a circle would have no end.
const DEEPEST: usize = 16;

/// What the names in a stack stand for.
pub(super) struct Scope {
    /// Resources by logical id: their common name.
    pub(super) names: IndexMap<String, String>,
    /// Parameters: what the parent hands over.
    pub(super) values: IndexMap<String, Node>,
    /// Nested stacks by logical id: their outputs.
    pub(super) outputs: IndexMap<String, IndexMap<String, Node>>,
}

impl Scope {
    /// The common name of a resource.
    pub(super) fn name(&self, id: &str) -> String {
        self.names
            .get(id)
            .map_or_else(|| id.to_owned(), Clone::clone)
    }

    pub(super) fn rewrite(&self, node: &Node) -> Node {
        let value = match &node.value {
            Value::Scalar(_) => node.value.clone(),
            Value::List(items) => {
                Value::List(items.iter().map(|item| self.rewrite(item)).collect())
            }
            Value::Map(map) => Value::Map(self.map(map)),
            Value::Call(call) => return self.call(node, call),
        };
        Node {
            value,
            origin: node.origin.clone(),
        }
    }

    fn map(&self, map: &Map) -> Map {
        let entry = |(name, entry): (&String, &Entry)| {
            let key = entry.key.clone();
            let node = self.rewrite(&entry.node);
            (name.clone(), Entry { key, node })
        };
        map.iter().map(entry).collect()
    }

    fn call(&self, node: &Node, call: &Call) -> Node {
        let again = |argument: Node| Node {
            value: Value::Call(Call {
                function: call.function,
                argument: Box::new(argument),
            }),
            origin: node.origin.clone(),
        };
        let text = |text: String| Node {
            value: Value::Scalar(Scalar::text(text)),
            origin: call.argument.origin.clone(),
        };
        match call.function {
            Function::Ref => {
                let name = call.argument.as_text().unwrap_or_default();
                match self.values.get(name) {
                    Some(value) => value.clone(),
                    None => again(text(self.name(name))),
                }
            }
            Function::GetAtt => match call.argument.as_list() {
                Some([id, attribute]) => {
                    let id = id.as_text().unwrap_or_default();
                    let output = attribute
                        .as_text()
                        .and_then(|name| name.strip_prefix("Outputs."));
                    let value = output.and_then(|name| self.outputs.get(id)?.get(name));
                    let parts = || vec![text(self.name(id)), attribute.clone()];
                    value.cloned().unwrap_or_else(|| {
                        again(Node {
                            value: Value::List(parts()),
                            origin: call.argument.origin.clone(),
                        })
                    })
                }
                _ => again(self.rewrite(&call.argument)),
            },
            Function::Sub => again(self.sub(&call.argument)),
            _ => again(self.rewrite(&call.argument)),
        }
    }

    /// A `Sub` whose variables are the common names; what a parent hands over becomes a variable of
    /// its own.
    fn sub(&self, argument: &Node) -> Node {
        let written = argument.as_text().or_else(|| argument.at("0")?.as_text());
        let Some(written) = written else {
            return self.rewrite(argument);
        };
        let mut own = match argument.at("1").and_then(Node::as_map) {
            Some(own) => self.map(own),
            None => Map::new(),
        };
        let mut text = String::new();
        let mut rest = written;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, after)) = after.split_once('}') else {
                break;
            };
            rest = after;
            let (id, attribute) = name.split_once('.').unwrap_or((name, ""));
            let dot = if attribute.is_empty() { "" } else { "." };
            let is_own = own.contains_key(name);
            if let (Some(value), Some(key), false) =
                (self.values.get(name), argument.place(), is_own)
            {
                let entry = Entry {
                    key: key.clone(),
                    node: value.clone(),
                };
                own.insert(name.to_owned(), entry);
            }
            let id = match is_own {
                true => id.to_owned(),
                false => self.name(id),
            };
            text.push_str(&format!("{before}${{{id}{dot}{attribute}}}"));
        }
        text.push_str(rest);
        let node = |value: Value| Node {
            value,
            origin: argument.origin.clone(),
        };
        let text = node(Value::Scalar(Scalar::text(text)));
        match own.is_empty() {
            true => text,
            false => node(Value::List(vec![text, node(Value::Map(own))])),
        }
    }
}

/// A value in which each import that is an export of another stack is what that stack exports.
pub(super) fn import(node: &Node, exports: &IndexMap<String, Node>, depth: usize) -> Node {
    let inner = |node: &Node| import(node, exports, depth);
    let value = match &node.value {
        Value::Scalar(_) => node.value.clone(),
        Value::List(items) => Value::List(items.iter().map(inner).collect()),
        Value::Map(map) => {
            let entry = |(name, entry): (&String, &Entry)| {
                let key = entry.key.clone();
                let node = inner(&entry.node);
                (name.clone(), Entry { key, node })
            };
            Value::Map(map.iter().map(entry).collect())
        }
        Value::Call(call) => {
            let argument = inner(&call.argument);
            let exported = argument.as_text().and_then(|name| exports.get(name));
            match (call.function, exported) {
                (Function::ImportValue, Some(value)) if depth < DEEPEST => {
                    let value = import(value, exports, depth + 1);
                    return Node {
                        origin: value.origin.clone().then(&node.origin),
                        ..value
                    };
                }
                _ => Value::Call(Call {
                    function: call.function,
                    argument: Box::new(argument),
                }),
            }
        }
    };
    Node {
        value,
        origin: node.origin.clone(),
    }
}

//! The intrinsic functions that take strings and lists apart and put them together.

use core::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::function::{Expected, Outcome, again};
use super::resolve::Resolver;
use crate::node::{Call, Function, Leaf, Node, Origin, Scalar, Value, json};

impl Resolver<'_> {
    pub(super) fn join(&mut self, node: &Node, argument: &Node) -> Outcome {
        let parts = self.parts(argument).unwrap_or_default();
        let [delimiter, list] = parts.as_slice() else {
            return Err(Expected(
                "a list: the text between, and the list of what to join",
            ));
        };
        let (Some(between), Some(items)) = (delimiter.as_text(), list.as_list()) else {
            return match &list.value {
                Value::Call(_) => Ok(Some(again(node, Function::Join, parts))),
                _ => Err(Expected(
                    "a list: the text between, and the list of what to join",
                )),
            };
        };
        if items.iter().any(|item| item.leaf().is_none()) {
            return Err(Expected("a list of strings to join"));
        }
        let Some(texts) = items.iter().map(Node::as_text).collect::<Option<Vec<_>>>() else {
            return Ok(Some(again(node, Function::Join, parts)));
        };
        let text = texts.join(between);
        if self.spend(text.len(), node).is_none() {
            return Ok(None);
        }
        Ok(Some(Node {
            value: Value::Scalar(Scalar::text(text)),
            origin: all_origins(items).then(&node.origin),
        }))
    }

    pub(super) fn select(&mut self, node: &Node, argument: &Node) -> Outcome {
        let parts = self.parts(argument).unwrap_or_default();
        let [index, list] = parts.as_slice() else {
            return Err(Expected(
                "a list: an index from 0, and the list to select from",
            ));
        };
        let (Some(number), Some(items)) = (index.as_text(), list.as_list()) else {
            return match (&index.value, &list.value) {
                (Value::Call(_), _) | (_, Value::Call(_)) => {
                    Ok(Some(again(node, Function::Select, parts)))
                }
                _ => Err(Expected(
                    "a list: an index from 0, and the list to select from",
                )),
            };
        };
        match number
            .parse::<usize>()
            .ok()
            .and_then(|number| items.get(number))
        {
            Some(item) => Ok(self.used(item, node)),
            None => {
                self.mistake(
                    node,
                    format!(
                        "`!Select` takes an index from 0 to {} here, not `{number}`",
                        items.len().saturating_sub(1)
                    ),
                );
                Ok(Some(node.clone()))
            }
        }
    }

    pub(super) fn split(&mut self, node: &Node, argument: &Node) -> Outcome {
        let parts = self.parts(argument).unwrap_or_default();
        let [delimiter, text] = parts.as_slice() else {
            return Err(Expected(
                "a list: the text between, and the string to split",
            ));
        };
        let (Some(between), Some(text)) = (
            delimiter.as_text().filter(|text| !text.is_empty()),
            text.as_text(),
        ) else {
            return match (&delimiter.value, &text.value) {
                (Value::Call(_), _) | (_, Value::Call(_)) => {
                    Ok(Some(again(node, Function::Split, parts)))
                }
                _ => Err(Expected(
                    "a list: the text between, and the string to split",
                )),
            };
        };
        let origin = all_origins(&parts[1..]).then(&node.origin);
        let item = |text: &str| Node {
            value: Value::Scalar(Scalar::text(text)),
            origin: origin.clone(),
        };
        Ok(Some(Node {
            value: Value::List(text.split(between).map(item).collect()),
            origin: origin.clone(),
        }))
    }

    /// Subnets of an IPv4 block; IPv6 blocks are AWS's to give out, so they stay symbolic.
    pub(super) fn cidr(&mut self, node: &Node, argument: &Node) -> Outcome {
        const FORM: Expected = Expected(
            "a list: an IPv4 block, a count from 1 to 256, and the bits that each subnet leaves \
             to hosts",
        );
        let parts = self.parts(argument).unwrap_or_default();
        let (block, count, bits) = match parts.as_slice() {
            [block, count] => (block, count, None),
            [block, count, bits] => (block, count, Some(bits)),
            _ => return Err(FORM),
        };
        let symbolic = parts
            .iter()
            .any(|part| matches!(part.leaf(), Some(Leaf::Symbolic(_))));
        let Some(text) = block
            .as_text()
            .filter(|text| !symbolic && !text.contains("::"))
        else {
            return Ok(Some(again(node, Function::Cidr, parts)));
        };
        let bits = bits
            .map_or(Some(8), Node::as_u64)
            .filter(|bits| (1..=32).contains(bits))
            .ok_or(FORM)?;
        let count = count
            .as_u64()
            .filter(|count| (1..=256).contains(count))
            .ok_or(FORM)?;
        let (address, mask) = text.split_once('/').ok_or(FORM)?;
        let (address, mask) = (
            address.parse::<Ipv4Addr>().map_err(|_| FORM)?,
            mask.parse::<u64>().map_err(|_| FORM)?,
        );
        let base = u64::from(u32::from(address));
        if mask > 32 || count << bits > 1 << (32 - mask) {
            self.mistake(
                node,
                format!("`!Cidr`: {text} has no room for {count} subnets of {bits} bits each"),
            );
            return Ok(Some(node.clone()));
        }
        let origin = all_origins(&parts).then(&node.origin);
        let subnet = |index: u64| {
            let address = Ipv4Addr::from(u32::try_from(base + (index << bits)).unwrap_or(u32::MAX));
            Node {
                value: Value::Scalar(Scalar::text(format!("{address}/{}", 32 - bits))),
                origin: origin.clone(),
            }
        };
        Ok(Some(Node {
            value: Value::List((0..count).map(subnet).collect()),
            origin: origin.clone(),
        }))
    }

    pub(super) fn length(&mut self, node: &Node, call: &Call) -> Outcome {
        let Some(argument) = self.node(&call.argument) else {
            return Ok(None);
        };
        match &argument.value {
            Value::List(items) => {
                let origin = argument.origin.clone().then(&node.origin);
                Ok(Some(Node {
                    value: Value::Scalar(Scalar::plain(&items.len().to_string())),
                    origin,
                }))
            }
            Value::Call(_) => Ok(self.symbolic(node, call.function, &call.argument)),
            _ => Err(Expected("a list")),
        }
    }

    pub(super) fn json_string(&mut self, node: &Node, call: &Call) -> Outcome {
        let Some(argument) = self.node(&call.argument) else {
            return Ok(None);
        };
        if has_symbols(&argument) {
            let call = Call {
                function: call.function,
                argument: Box::new(argument),
            };
            return Ok(Some(Node {
                value: Value::Call(call),
                origin: node.origin.clone(),
            }));
        }
        let text = json(&argument).to_string();
        let origin = argument.origin.clone().then(&node.origin);
        Ok(self.spend(text.len(), node).map(|()| Node {
            value: Value::Scalar(Scalar::text(text)),
            origin,
        }))
    }

    pub(super) fn base64(&mut self, node: &Node, call: &Call) -> Outcome {
        let Some(argument) = self.node(&call.argument) else {
            return Ok(None);
        };
        match argument.leaf() {
            Some(Leaf::Literal(scalar)) => {
                let text = STANDARD.encode(&scalar.text);
                let origin = argument.origin.clone().then(&node.origin);
                let value = Value::Scalar(Scalar::text(text));
                Ok(self
                    .spend(scalar.text.len() * 2, node)
                    .map(|()| Node { value, origin }))
            }
            Some(Leaf::Symbolic(_)) => {
                let call = Call {
                    function: call.function,
                    argument: Box::new(argument),
                };
                Ok(Some(Node {
                    value: Value::Call(call),
                    origin: node.origin.clone(),
                }))
            }
            None => Err(Expected("a string")),
        }
    }
}

fn all_origins(items: &[Node]) -> Origin {
    items
        .iter()
        .fold(Origin::default(), |origin, item| origin.then(&item.origin))
}

fn has_symbols(node: &Node) -> bool {
    match &node.value {
        Value::Call(_) => true,
        Value::Scalar(_) => matches!(node.leaf(), Some(Leaf::Symbolic(_))),
        Value::List(items) => items.iter().any(has_symbols),
        Value::Map(map) => map.values().any(|entry| has_symbols(&entry.node)),
    }
}

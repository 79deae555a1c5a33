//! The intrinsic functions that give a value. Each takes its argument filled in, and gives back a call of itself
//! where a part of it is known to AWS alone.

use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::resolve::Resolver;
use super::{Truth, suggest};
use crate::diagnostic::Mistake;
use crate::node::{Call, Function, Leaf, Map, Node, Origin, Scalar, Value, json};

/// An argument that a function cannot take: what it takes instead.
struct Expected(&'static str);

type Outcome = Result<Option<Node>, Expected>;

impl Resolver<'_> {
    /// The value of a call; none for `AWS::NoValue`.
    pub(super) fn call(&mut self, node: &Node, call: &Call) -> Option<Node> {
        let argument = &call.argument;
        let outcome = match call.function {
            Function::Ref => match argument.as_text() {
                Some(name) => return self.reference(name, node),
                None => Err(Expected("the name of a parameter or resource")),
            },
            Function::Sub => return self.sub(node, call),
            Function::If => self.choose(node, argument),
            Function::GetAtt => self.attribute(node, argument),
            Function::FindInMap => self.find_in_map(node, argument),
            Function::Join => self.join(node, argument),
            Function::Select => self.select(node, argument),
            Function::Split => self.split(node, argument),
            Function::Base64 => self.of_text(node, call, |text| {
                Ok(Value::Scalar(Scalar::text(STANDARD.encode(text))))
            }),
            Function::Cidr => self.cidr(node, argument),
            Function::Length => self.length(node, call),
            Function::ToJsonString => self.json_string(node, call),
            Function::GetAZs | Function::ImportValue | Function::Transform => {
                Ok(self.symbolic(node, call.function, argument))
            }
            _ => Err(Expected(
                "no place here: it belongs in `Conditions` or `Rules`",
            )),
        };
        outcome.unwrap_or_else(|Expected(expected)| {
            self.mistake(node, format!("`{}` takes {expected}", call.function));
            Some(node.clone())
        })
    }

    /// A call that only AWS can make, its argument filled in as far as possible.
    fn symbolic(&mut self, node: &Node, function: Function, argument: &Node) -> Option<Node> {
        let argument = self.node(argument).unwrap_or_else(|| no_value(argument));
        let call = Call {
            function,
            argument: Box::new(argument),
        };
        Some(Node {
            value: Value::Call(call),
            origin: node.origin.clone(),
        })
    }

    fn choose(&mut self, node: &Node, argument: &Node) -> Outcome {
        let Some([name, yes, no]) = argument.as_list() else {
            return Err(Expected(
                "a list: a condition's name, the value where it is true, the value where it is false",
            ));
        };
        let (Some(condition), Some(place)) = (name.as_text(), name.place()) else {
            return Err(Expected("the name of a condition first"));
        };
        Ok(match self.named_condition(condition, place) {
            Truth::True => self.node(yes),
            Truth::False => self.node(no),
            Truth::Unknown => {
                let branch =
                    |branch: &Node, value: Option<Node>| value.unwrap_or_else(|| no_value(branch));
                let (chosen, other) = (self.node(yes), self.node(no));
                let parts = vec![name.clone(), branch(yes, chosen), branch(no, other)];
                Some(again(node, Function::If, parts))
            }
        })
    }

    fn attribute(&mut self, node: &Node, argument: &Node) -> Outcome {
        let Some([resource, _]) = argument.as_list() else {
            return Err(Expected(
                "a resource and its attribute: `Resource.Attribute`",
            ));
        };
        match (resource.as_text(), resource.place()) {
            (Some(name), Some(place)) => self.live_resource(name, place),
            _ => return Err(Expected("the name of a resource first")),
        }
        Ok(self.symbolic(node, Function::GetAtt, argument))
    }

    fn find_in_map(&mut self, node: &Node, argument: &Node) -> Outcome {
        let parts = self.parts(argument).unwrap_or_default();
        let ([name, top, second] | [name, top, second, _]) = parts.as_slice() else {
            return Err(Expected(
                "a list: a mapping's name, its first key, its second key",
            ));
        };
        let (Some(map), Some(first), Some(last)) =
            (name.as_text(), top.as_text(), second.as_text())
        else {
            return Ok(Some(again(node, Function::FindInMap, parts)));
        };
        let template = self.template;
        let found = template.entry("Mappings", map).map(|entry| &entry.node);
        let row = found.and_then(|map| map.get(first));
        if let Some(value) = row.and_then(|row| row.get(last)) {
            let Some(value) = self.used(value, node) else {
                return Ok(None);
            };
            return Ok(Some(Node {
                origin: first_origin(&parts, &node.origin).then(&value.origin),
                ..value
            }));
        }
        if let Some(default) = parts.get(3).and_then(|options| options.get("DefaultValue")) {
            return Ok(Some(default.clone()));
        }
        let keys = |map: Option<&Node>| {
            map.and_then(Node::as_map)
                .into_iter()
                .flat_map(Map::keys)
                .cloned()
                .collect::<Vec<_>>()
        };
        let (what, unknown, known) = match (found, row) {
            (None, _) => (
                "mapping",
                map,
                template.names("Mappings").map(str::to_owned).collect(),
            ),
            (map, None) => ("first key", first, keys(map)),
            (_, row) => ("second key", last, keys(row)),
        };
        let place = name.place().into_iter().chain(node.place()).next();
        let message = format!("`!FindInMap`: there is no {what} `{unknown}`");
        let mistake = place.map_or_else(
            || Mistake::nowhere(&message),
            |place| Mistake::at(place, &message),
        );
        self.mistakes
            .push(suggest(mistake, unknown, known.iter().map(String::as_str)));
        Ok(Some(node.clone()))
    }

    fn join(&mut self, node: &Node, argument: &Node) -> Outcome {
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

    fn select(&mut self, node: &Node, argument: &Node) -> Outcome {
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

    fn split(&mut self, node: &Node, argument: &Node) -> Outcome {
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
    fn cidr(&mut self, node: &Node, argument: &Node) -> Outcome {
        const FORM: Expected = Expected(
            "a list: an IPv4 block, a count from 1 to 256, and the bits that each subnet leaves to hosts",
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

    fn length(&mut self, node: &Node, call: &Call) -> Outcome {
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

    fn json_string(&mut self, node: &Node, call: &Call) -> Outcome {
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

    /// A function of one string.
    fn of_text(
        &mut self,
        node: &Node,
        call: &Call,
        apply: impl Fn(&str) -> Result<Value, Expected>,
    ) -> Outcome {
        let Some(argument) = self.node(&call.argument) else {
            return Ok(None);
        };
        match argument.leaf() {
            Some(Leaf::Literal(scalar)) => {
                let origin = argument.origin.clone().then(&node.origin);
                if self.spend(scalar.text.len() * 2, node).is_none() {
                    return Ok(None);
                }
                Ok(Some(Node {
                    value: apply(&scalar.text)?,
                    origin,
                }))
            }
            Some(Leaf::Symbolic(_)) => {
                let call = Call {
                    function: call.function,
                    argument: Box::new(argument.clone()),
                };
                Ok(Some(Node {
                    value: Value::Call(call),
                    origin: node.origin.clone(),
                }))
            }
            None => Err(Expected("a string")),
        }
    }

    /// The parts of a list argument, filled in.
    fn parts(&mut self, argument: &Node) -> Option<Vec<Node>> {
        Some(
            argument
                .as_list()?
                .iter()
                .filter_map(|part| self.node(part))
                .collect(),
        )
    }
}

/// The same call over parts that are filled in as far as possible.
fn again(node: &Node, function: Function, parts: Vec<Node>) -> Node {
    let argument = Node {
        value: Value::List(parts),
        origin: node.origin.clone(),
    };
    let call = Call {
        function,
        argument: Box::new(argument),
    };
    Node {
        value: Value::Call(call),
        origin: node.origin.clone(),
    }
}

/// `!Ref AWS::NoValue`, for a branch that may yet be chosen.
fn no_value(node: &Node) -> Node {
    let argument = Node {
        value: Value::Scalar(Scalar::text("AWS::NoValue")),
        origin: node.origin.clone(),
    };
    let call = Call {
        function: Function::Ref,
        argument: Box::new(argument),
    };
    Node {
        value: Value::Call(call),
        origin: node.origin.clone(),
    }
}

fn all_origins(items: &[Node]) -> Origin {
    items
        .iter()
        .fold(Origin::default(), |origin, item| origin.then(&item.origin))
}

/// Where the keys of a lookup came from, without the places that are the lookup's own.
fn first_origin(parts: &[Node], own: &Origin) -> Origin {
    let chained = parts.iter().filter(|part| part.origin.places().count() > 1);
    chained
        .fold(Origin::default(), |origin, part| origin.then(&part.origin))
        .then(own)
}

fn has_symbols(node: &Node) -> bool {
    match &node.value {
        Value::Call(_) => true,
        Value::Scalar(_) => matches!(node.leaf(), Some(Leaf::Symbolic(_))),
        Value::List(items) => items.iter().any(has_symbols),
        Value::Map(map) => map.values().any(|entry| has_symbols(&entry.node)),
    }
}

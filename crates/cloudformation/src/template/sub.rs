//! `Sub`: `${Name}`, `${Resource.Attribute}` and `${!Literal}` within a string.

use super::resolve::Resolver;
use crate::node::{Call, Entry, Function, Leaf, Map, Node, Origin, Scalar, Value};

/// One part of a `Sub` string.
enum Part<'a> {
    /// Text as it stands.
    Text(&'a str),
    /// `${Name}`.
    Variable(&'a str),
    /// `${!Name}`, which stands for `${Name}`.
    Literal(&'a str),
}

fn parts(mut text: &str) -> impl Iterator<Item = Part<'_>> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let opening = text
            .find("${")
            .and_then(|start| Some((start, start + text.get(start..)?.find('}')?)));
        let Some((start, end)) = opening else {
            return Some(Part::Text(std::mem::take(&mut text)));
        };
        if start > 0 {
            let (before, rest) = text.split_at(start);
            text = rest;
            return Some(Part::Text(before));
        }
        let name = &text[2..end];
        text = &text[end + 1..];
        Some(
            name.strip_prefix('!')
                .map_or(Part::Variable(name.trim()), Part::Literal),
        )
    })
}

/// The names that a `Sub` string speaks of, each with the attribute, where it names one.
pub(super) fn variables(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    parts(text).filter_map(|part| match part {
        Part::Variable(name) => Some(
            name.split_once('.')
                .map_or((name, None), |(name, attribute)| (name, Some(attribute))),
        ),
        _ => None,
    })
}

impl Resolver<'_> {
    /// A string where every variable is known, else a `Sub` of what is left.
    pub(super) fn sub(&mut self, node: &Node, call: &Call) -> Option<Node> {
        let (text, own) = match &call.argument.value {
            Value::Scalar(scalar) => (scalar.text.as_str(), None),
            Value::List(items) => match items.as_slice() {
                [text, own] if text.as_text().is_some() && own.as_map().is_some() => {
                    (text.as_text().unwrap_or_default(), own.as_map())
                }
                _ => return self.sub_form(node),
            },
            _ => return self.sub_form(node),
        };
        let own: Map = self.own(own);
        let mut origin = Origin::default();
        let (mut known, mut symbolic, mut left) = (String::new(), String::new(), Map::new());
        let mut all_known = true;
        for part in parts(text) {
            match part {
                Part::Text(text) => {
                    known.push_str(text);
                    symbolic.push_str(text);
                }
                Part::Literal(name) => {
                    known.push_str(&format!("${{{name}}}"));
                    symbolic.push_str(&format!("${{!{name}}}"));
                }
                Part::Variable(name) => {
                    let value = own.get(name).map(|entry| entry.node.clone());
                    // `${AWS::NoValue}` is an empty string.
                    let Some(value) = value.or_else(|| self.variable(name, node)) else {
                        continue;
                    };
                    if let Some(Leaf::Literal(scalar)) = value.leaf() {
                        self.spend(scalar.text.len(), node)?;
                        origin = origin.then(&value.origin);
                        known.push_str(&scalar.text);
                        // A value may hold `${` itself, and must not be read as a variable of what
                        // is left.
                        symbolic.push_str(&scalar.text.replace("${", "${!"));
                        continue;
                    }
                    all_known = false;
                    symbolic.push_str(&format!("${{{name}}}"));
                    if let Some(entry) = own.get(name) {
                        left.insert(name.to_owned(), entry.clone());
                    }
                }
            }
        }
        let origin = origin.then(&node.origin);
        let text = |text: String| Node {
            value: Value::Scalar(Scalar::text(text)),
            origin: origin.clone(),
        };
        if all_known {
            return Some(text(known));
        }
        let argument = if left.is_empty() {
            text(symbolic)
        } else {
            let left = Node {
                value: Value::Map(left),
                origin: node.origin.clone(),
            };
            Node {
                value: Value::List(vec![text(symbolic), left]),
                origin: node.origin.clone(),
            }
        };
        let call = Call {
            function: Function::Sub,
            argument: Box::new(argument),
        };
        Some(Node {
            value: Value::Call(call),
            origin,
        })
    }

    fn sub_form(&mut self, node: &Node) -> Option<Node> {
        self.mistake(
            node,
            "`!Sub` takes a string, or a list of a string and a mapping of its own variables",
        );
        Some(node.clone())
    }

    /// The variables that a `Sub` brings along.
    fn own(&mut self, own: Option<&Map>) -> Map {
        let mut resolved = Map::new();
        for (name, entry) in own.into_iter().flatten() {
            if let Some(node) = self.node(&entry.node) {
                resolved.insert(
                    name.clone(),
                    Entry {
                        key: entry.key.clone(),
                        node,
                    },
                );
            }
        }
        resolved
    }

    /// What `${name}` stands for; symbolic for a resource or its attribute.
    fn variable(&mut self, name: &str, node: &Node) -> Option<Node> {
        let symbol = |function, argument| Node {
            value: Value::Call(Call {
                function,
                argument: Box::new(argument),
            }),
            origin: node.origin.clone(),
        };
        let text = Node {
            value: Value::Scalar(Scalar::text(name)),
            origin: node.origin.clone(),
        };
        match name.split_once('.') {
            Some((resource, _)) => {
                if let Some(place) = node.place().cloned() {
                    self.live_resource(resource, &place);
                }
                Some(symbol(Function::GetAtt, text))
            }
            None => {
                let value = self.reference(name, &symbol(Function::Ref, text))?;
                if value.leaf().is_none() {
                    self.mistake(
                        node,
                        format!(
                            "`{name}` is {}, which `!Sub` cannot put into a string",
                            value.kind_name()
                        ),
                    );
                }
                Some(value)
            }
        }
    }
}

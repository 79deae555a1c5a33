//! Fills in values: walks each once, and collects every mistake on the way.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::{Inputs, Template, Truth, suggest};
use crate::diagnostic::{Mistake, Mistakes};
use crate::node::{Entry, Map, Node, Origin, Place, Value};

/// Sixteen times CloudFormation's own limit for a template. It bounds what few lines can grow into.
const MAX_RENDERED_BYTES: usize = 16 * 1024 * 1024;

/// How far the evaluation of a condition has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its own parts are being looked at: meeting it again is a cycle.
    Begun,
    /// It is known how it comes out, and which values decided it.
    Done(Truth, Origin),
}

/// What is known while a template is filled in.
pub(super) struct Resolver<'t> {
    pub(super) template: &'t Template,
    pub(super) parameters: IndexMap<String, Node>,
    pub(super) pseudo: &'t IndexMap<String, Node>,
    pub(super) conditions: HashMap<&'t str, State>,
    /// The conditions that are being worked out, each because of the one before.
    pub(super) open_conditions: Vec<String>,
    /// The parameters that the condition being worked out has looked at.
    pub(super) deciders: Origin,
    pub(super) mistakes: Mistakes,
    /// Inside a condition: secrets may be compared there, and resources may not be spoken of.
    pub(super) in_condition: bool,
    bytes_left: usize,
}

impl<'t> Resolver<'t> {
    pub(super) fn new(template: &'t Template, inputs: &'t Inputs) -> Self {
        let mut mistakes = Mistakes::default();
        let mut parameters = IndexMap::new();
        for (name, parameter) in template.parameters() {
            if let Some(value) = mistakes.keep(parameter.value(name, inputs.parameters.get(name))) {
                parameters.insert(name.clone(), value);
            }
        }
        Self {
            template,
            parameters,
            pseudo: &inputs.pseudo,
            conditions: HashMap::new(),
            open_conditions: Vec::new(),
            deciders: Origin::default(),
            mistakes,
            in_condition: false,
            bytes_left: MAX_RENDERED_BYTES,
        }
    }

    /// Values for parameters that the template does not declare.
    pub(super) fn check_given(&mut self, inputs: &Inputs) {
        for (name, value) in &inputs.parameters {
            if !self.template.parameters().contains_key(name) {
                let message = format!("the template has no parameter `{name}`");
                let mistake = value.place().map_or_else(
                    || Mistake::nowhere(&message),
                    |place| Mistake::at(place, &message),
                );
                self.mistakes
                    .push(suggest(mistake, name, self.template.names("Parameters")));
            }
        }
    }

    /// A mapping with every value filled in; what resolves to `AWS::NoValue` is gone.
    pub(super) fn map(&mut self, map: Option<&Map>) -> Map {
        let mut resolved = Map::new();
        for (key, entry) in map.into_iter().flatten() {
            if let Some(node) = self.node(&entry.node) {
                resolved.insert(
                    key.clone(),
                    Entry {
                        key: entry.key.clone(),
                        node,
                    },
                );
            }
        }
        resolved
    }

    /// A value filled in; none for `AWS::NoValue`.
    pub(super) fn node(&mut self, node: &Node) -> Option<Node> {
        let value = match &node.value {
            Value::Scalar(scalar) => {
                self.spend(scalar.text.len(), node)?;
                return Some(node.clone());
            }
            Value::List(items) => {
                Value::List(items.iter().filter_map(|item| self.node(item)).collect())
            }
            Value::Map(map) => Value::Map(self.map(Some(map))),
            Value::Call(call) => return self.call(node, call),
        };
        Some(Node {
            value,
            origin: node.origin.clone(),
        })
    }

    /// A value that is copied to the place of `user`: its origin comes first, then the place that
    /// uses it.
    pub(super) fn used(&mut self, value: &Node, user: &Node) -> Option<Node> {
        self.spend(size(value), user)?;
        Some(Node {
            value: through(&value.value, user),
            origin: value.origin.clone().then(&user.origin),
        })
    }

    /// Counts what the result grows by; none once it is too much.
    pub(super) fn spend(&mut self, bytes: usize, node: &Node) -> Option<()> {
        if bytes <= self.bytes_left {
            self.bytes_left -= bytes;
            return Some(());
        }
        if self.bytes_left > 0 {
            self.bytes_left = 0;
            self.mistake(
                node,
                format!("the resolved template exceeds {MAX_RENDERED_BYTES} bytes"),
            );
        }
        None
    }

    /// What a name stands for: a parameter, a pseudo parameter, or else a resource, which stays
    /// symbolic. The outer `None` is `AWS::NoValue`.
    pub(super) fn reference(&mut self, name: &str, user: &Node) -> Option<Node> {
        if name == "AWS::NoValue" {
            return None;
        }
        let symbolic = Some(user.clone());
        if let Some(parameter) = self.template.parameters().get(name) {
            // Its value has a mistake of its own, or is a secret that nobody should read on a
            // screen.
            let Some(value) = self.parameters.get(name).cloned() else {
                return symbolic;
            };
            if matches!(value.value, Value::Call(_)) || (parameter.secret && !self.in_condition) {
                return symbolic;
            }
            if self.in_condition {
                self.deciders = std::mem::take(&mut self.deciders).then(&value.origin);
            }
            return self.used(&value, user);
        }
        if let Some(value) = self.pseudo.get(name) {
            return self.used(value, user);
        }
        if !name.starts_with("AWS::") {
            let place = user.place().cloned();
            if let Some(place) = place {
                self.live_resource(name, &place);
            }
        } else if !PSEUDO.contains(&name) {
            let mistake = format!("`{name}` is not a pseudo parameter");
            let mistake = user.place().map_or_else(
                || Mistake::nowhere(&mistake),
                |place| Mistake::at(place, &mistake),
            );
            self.mistakes.push(suggest(mistake, name, PSEUDO));
        }
        symbolic
    }

    /// Whether a name is one of the template's resources; a mistake if not.
    pub(super) fn is_resource(&mut self, name: &str, place: &Place) -> bool {
        let known =
            self.template.entry("Resources", name).is_some() || self.template.may_be_made(name);
        if !known {
            let mistake = Mistake::at(
                place,
                format!("`{name}` is not a parameter or resource of this template"),
            );
            let names = self
                .template
                .names("Resources")
                .chain(self.template.names("Parameters"));
            self.mistakes.push(match self.mistakes.are_many() {
                true => mistake,
                false => suggest(mistake, name, names),
            });
        }
        known
    }

    /// A value filled in, without a word about what is wrong with it: it is filled in again later.
    pub(super) fn quietly(&mut self, node: &Node) -> Option<Node> {
        let before = std::mem::take(&mut self.mistakes);
        let value = self.node(node);
        self.mistakes = before;
        value
    }

    pub(super) fn exists(&mut self, name: &str) -> bool {
        let entry = self.template.entry("Resources", name);
        let condition = entry
            .and_then(|entry| entry.node.get("Condition"))
            .and_then(Node::as_text);
        condition.is_none_or(|condition| self.condition(condition) != Truth::False)
    }

    /// A resource that is spoken of must be in the template, and would have to exist.
    pub(super) fn live_resource(&mut self, name: &str, place: &Place) {
        if self.in_condition {
            let message = format!(
                "`{name}` is used in a condition, which can use only parameters and mappings"
            );
            self.mistakes.push(Mistake::at(place, message));
        } else if self.is_resource(name, place) && !self.exists(name) {
            let message =
                format!("`{name}` is used here, but its condition is false: it would not exist");
            let mistake = Mistake::at(place, message);
            self.mistakes
                .push(mistake.help("put this under the same condition, or choose with `!If`"));
        }
    }

    pub(super) fn mistake(&mut self, node: &Node, message: impl Into<String>) {
        let mistake = node
            .place()
            .map_or_else(|| Mistake::nowhere(""), |place| Mistake::at(place, ""));
        self.mistakes.push(Mistake {
            message: message.into(),
            ..mistake
        });
    }
}

/// The pseudo parameters ("Get AWS values using pseudo parameters").
const PSEUDO: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NotificationARNs",
    "AWS::NoValue",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// A value with the user's place behind every leaf's own.
fn through(value: &Value, user: &Node) -> Value {
    let deeper = |node: &Node| Node {
        value: through(&node.value, user),
        origin: node.origin.clone().then(&user.origin),
    };
    match value {
        Value::List(items) => Value::List(items.iter().map(deeper).collect()),
        Value::Map(map) => Value::Map(
            map.iter()
                .map(|(key, entry)| {
                    (
                        key.clone(),
                        Entry {
                            key: entry.key.clone(),
                            node: deeper(&entry.node),
                        },
                    )
                })
                .collect(),
        ),
        other => other.clone(),
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(scalar) => scalar.text.len() + 1,
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(map) => map
            .iter()
            .map(|(key, entry)| key.len() + size(&entry.node))
            .sum(),
        Value::Call(call) => size(&call.argument),
    }
}

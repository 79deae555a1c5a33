//! Fills in a template: walks it once, section by section, and collects every mistake on the way.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::condition::State;
use super::{Condition, Inputs, Output, Rendered, Resource, Template, Truth, cycle, suggest};
use crate::diagnostic::{Mistake, Mistakes};
use crate::node::{Call, Entry, Function, Map, Node, Place, Value};

/// Sixteen times CloudFormation's own limit for a template. It bounds what few lines can grow into.
const MAX_RENDERED_BYTES: usize = 16 * 1024 * 1024;

impl Template {
    /// Fills in everything that can be known before deploying.
    ///
    /// # Errors
    /// Every mistake: unknown names and functions, cycles, parameters that break their constraints, with their places.
    pub fn render(&self, inputs: &Inputs) -> Result<Rendered, Mistakes> {
        let mut resolver = Resolver::new(self, inputs);
        resolver.check_given(inputs);
        for (name, _) in self.section("Conditions") {
            resolver.condition(name);
        }
        let resources = resolver.resources();
        let outputs = resolver.outputs();
        cycle::check(&resources, &mut resolver.mistakes);
        let conditions = self
            .names("Conditions")
            .map(|name| (name.to_owned(), resolver.condition(name)))
            .collect();
        let mut rendered = Rendered {
            parameters: IndexMap::new(),
            conditions,
            resources,
            outputs,
            sections: Map::new(),
        };
        rendered.sections = resolver.sections_for(&rendered);
        rendered.parameters = resolver.parameters;
        resolver.mistakes.or(rendered)
    }
}

/// What is known while a template is filled in.
pub(super) struct Resolver<'t> {
    pub(super) template: &'t Template,
    pub(super) parameters: IndexMap<String, Node>,
    pub(super) pseudo: &'t IndexMap<String, Node>,
    pub(super) conditions: HashMap<&'t str, State>,
    pub(super) mistakes: Mistakes,
    /// Inside a condition: secrets may be compared there, and resources may not be spoken of.
    pub(super) in_condition: bool,
    bytes_left: usize,
}

impl<'t> Resolver<'t> {
    fn new(template: &'t Template, inputs: &'t Inputs) -> Self {
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
            mistakes,
            in_condition: false,
            bytes_left: MAX_RENDERED_BYTES,
        }
    }

    /// Values for parameters that the template does not declare.
    fn check_given(&mut self, inputs: &Inputs) {
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

    fn resources(&mut self) -> IndexMap<String, Resource> {
        let template = self.template;
        let mut resources = IndexMap::new();
        for (logical_id, entry) in template.section("Resources") {
            let condition = self.condition_of(entry);
            if condition
                .as_ref()
                .is_some_and(|condition| condition.truth == Truth::False)
            {
                continue;
            }
            let mut attributes = self.map(entry.node.as_map());
            let kind = attributes
                .shift_remove("Type")
                .and_then(|kind| kind.node.as_text().map(str::to_owned));
            attributes.shift_remove("Condition");
            let depends_on = attributes
                .shift_remove("DependsOn")
                .map(|entry| self.depends_on(&entry))
                .unwrap_or_default();
            let properties = attributes.shift_remove("Properties").map_or_else(
                || Node::new(Value::Map(Map::new()), entry.key.clone()),
                |entry| entry.node,
            );
            let resource = Resource {
                logical_id: logical_id.clone(),
                kind: kind.unwrap_or_default(),
                properties,
                depends_on,
                condition,
                attributes,
                place: entry.key.clone(),
            };
            resources.insert(logical_id.clone(), resource);
        }
        resources
    }

    /// The names under `DependsOn`; CloudFormation passes over those whose condition is false.
    fn depends_on(&mut self, entry: &Entry) -> Vec<String> {
        let items = match &entry.node.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(&entry.node),
        };
        let mut names = Vec::new();
        for item in items {
            let place = item.place().unwrap_or(&entry.key);
            match item.as_text() {
                Some(name) if self.is_resource(name, place) && self.exists(name) => {
                    names.push(name.to_owned());
                }
                Some(_) => {}
                None => self.mistakes.push(Mistake::at(
                    place,
                    "`DependsOn` names resources of this template",
                )),
            }
        }
        names
    }

    fn outputs(&mut self) -> IndexMap<String, Output> {
        let template = self.template;
        let mut outputs = IndexMap::new();
        for (name, entry) in template.section("Outputs") {
            let condition = self.condition_of(entry);
            if condition
                .as_ref()
                .is_some_and(|condition| condition.truth == Truth::False)
            {
                continue;
            }
            let mut map = self.map(entry.node.as_map());
            if condition
                .as_ref()
                .is_none_or(|condition| condition.truth == Truth::True)
            {
                map.shift_remove("Condition");
            }
            let Some(value) = map.get("Value").map(|entry| entry.node.clone()) else {
                self.mistakes.push(Mistake::at(
                    &entry.key,
                    format!("the output `{name}` has no `Value`"),
                ));
                continue;
            };
            let export = map
                .get("Export")
                .and_then(|export| export.node.get("Name").cloned());
            let node = Node {
                value: Value::Map(map),
                origin: entry.node.origin.clone(),
            };
            let entry = Entry {
                key: entry.key.clone(),
                node,
            };
            outputs.insert(
                name.clone(),
                Output {
                    value,
                    export,
                    condition,
                    entry,
                },
            );
        }
        outputs
    }

    /// The condition that a resource or an output names.
    fn condition_of(&mut self, entry: &Entry) -> Option<Condition> {
        let node = entry.node.get("Condition")?;
        let place = node.place().unwrap_or(&entry.key);
        let Some(name) = node.as_text() else {
            self.mistakes
                .push(Mistake::at(place, "`Condition` is the name of a condition"));
            return None;
        };
        Some(Condition {
            name: name.to_owned(),
            truth: self.named_condition(name, place),
        })
    }

    /// A mapping with every value filled in; what resolves to `AWS::NoValue` is gone.
    fn map(&mut self, map: Option<&Map>) -> Map {
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

    /// A value that is copied to the place of `user`: its origin comes first, then the place that uses it.
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
                format!(
                    "the template grows beyond {MAX_RENDERED_BYTES} bytes when it is filled in"
                ),
            );
        }
        None
    }

    /// What a name stands for: a parameter, a pseudo parameter, or else a resource, which stays symbolic.
    /// The outer `None` is `AWS::NoValue`.
    pub(super) fn reference(&mut self, name: &str, user: &Node) -> Option<Node> {
        if name == "AWS::NoValue" {
            return None;
        }
        let symbolic = Some(user.clone());
        if let Some(parameter) = self.template.parameters().get(name) {
            // Its value has a mistake of its own, or is a secret that nobody should read on a screen.
            let Some(value) = self.parameters.get(name).cloned() else {
                return symbolic;
            };
            if matches!(value.value, Value::Call(_)) || (parameter.secret && !self.in_condition) {
                return symbolic;
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
            let mistake = format!("`{name}` is no pseudo parameter");
            let mistake = user.place().map_or_else(
                || Mistake::nowhere(&mistake),
                |place| Mistake::at(place, &mistake),
            );
            self.mistakes.push(suggest(mistake, name, PSEUDO));
        }
        symbolic
    }

    /// Whether a name is one of the template's resources; a mistake if not.
    fn is_resource(&mut self, name: &str, place: &Place) -> bool {
        let known = self.template.entry("Resources", name).is_some();
        if !known {
            let mistake = Mistake::at(
                place,
                format!("`{name}` is no parameter or resource of this template"),
            );
            let names = self
                .template
                .names("Resources")
                .chain(self.template.names("Parameters"));
            self.mistakes.push(suggest(mistake, name, names));
        }
        known
    }

    fn exists(&mut self, name: &str) -> bool {
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
                "`{name}` is spoken of in a condition, which sees parameters and mappings only"
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

    /// The sections that the resolved document keeps: its head, and what symbolic values refer to.
    fn sections_for(&mut self, rendered: &Rendered) -> Map {
        let mut used = Used::default();
        for resource in rendered.resources.values() {
            used.condition(resource.condition.as_ref());
            used.walk(&resource.properties);
            resource
                .attributes
                .values()
                .for_each(|entry| used.walk(&entry.node));
        }
        for output in rendered.outputs.values() {
            used.condition(output.condition.as_ref());
            used.walk(&output.entry.node);
        }
        let template = self.template;
        let mut sections = Map::new();
        for name in ["AWSTemplateFormatVersion", "Description", "Transform"] {
            if let (Some(node), Some(entry)) = (template.text(name), template.sections.get(name)) {
                sections.insert(
                    name.to_owned(),
                    Entry {
                        key: entry.key.clone(),
                        node: node.clone(),
                    },
                );
            }
        }
        let conditions = self.conditions_for(&mut used);
        for (name, keep) in [("Parameters", &used.names), ("Mappings", &used.mappings)] {
            let kept = |(key, entry): (&String, &Entry)| {
                keep.contains(key).then(|| (key.clone(), entry.clone()))
            };
            let map: Map = template.section(name).filter_map(kept).collect();
            insert_section(&mut sections, template, name, map);
        }
        insert_section(&mut sections, template, "Conditions", conditions);
        sections
    }

    /// The conditions that are not known before deploying and still spoken of, with those that they speak of.
    fn conditions_for(&mut self, used: &mut Used) -> Map {
        let template = self.template;
        let mut kept = Map::new();
        let mut waiting = used.conditions.clone();
        while let Some(name) = waiting.pop() {
            let Some(entry) = template.entry("Conditions", &name) else {
                continue;
            };
            if kept.contains_key(&name) {
                continue;
            }
            used.walk(&entry.node);
            waiting.extend(
                used.conditions
                    .iter()
                    .filter(|name| !kept.contains_key(*name))
                    .cloned(),
            );
            kept.insert(name, entry.clone());
        }
        kept.sort_by(|a, x, b, y| (x.key.range().start, a).cmp(&(y.key.range().start, b)));
        kept
    }
}

fn insert_section(sections: &mut Map, template: &Template, name: &str, map: Map) {
    if let (false, Some(entry)) = (map.is_empty(), template.sections.get(name)) {
        let node = Node {
            value: Value::Map(map),
            origin: entry.node.origin.clone(),
        };
        sections.insert(
            name.to_owned(),
            Entry {
                key: entry.key.clone(),
                node,
            },
        );
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

/// The names that symbolic values still speak of.
#[derive(Default)]
struct Used {
    names: std::collections::HashSet<String>,
    mappings: std::collections::HashSet<String>,
    conditions: Vec<String>,
}

impl Used {
    fn condition(&mut self, condition: Option<&Condition>) {
        if let Some(Condition {
            name,
            truth: Truth::Unknown,
        }) = condition
        {
            self.conditions.push(name.clone());
        }
    }

    fn walk(&mut self, node: &Node) {
        match &node.value {
            Value::Scalar(_) => {}
            Value::List(items) => items.iter().for_each(|item| self.walk(item)),
            Value::Map(map) => map.values().for_each(|entry| self.walk(&entry.node)),
            Value::Call(Call { function, argument }) => {
                let first = argument
                    .as_list()
                    .and_then(<[Node]>::first)
                    .unwrap_or(argument)
                    .as_text();
                match (function, first) {
                    (Function::If | Function::Condition, Some(name)) => {
                        self.conditions.push(name.to_owned());
                    }
                    (Function::FindInMap, Some(name)) => _ = self.mappings.insert(name.to_owned()),
                    (Function::Ref, Some(name)) => _ = self.names.insert(name.to_owned()),
                    (Function::Sub, Some(text)) => {
                        self.names
                            .extend(super::sub::variables(text).map(|(name, _)| name.to_owned()));
                    }
                    _ => {}
                }
                self.walk(argument);
            }
        }
    }
}

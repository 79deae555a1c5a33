//! What a resolved document keeps beside resources and outputs: its head, and whatever symbolic
//! values still refer to.

use std::collections::HashSet;

use super::resolve::Resolver;
use super::{Condition, Rendered, Template, Truth};
use crate::node::{Call, Entry, Function, Map, Node, Value};

impl Resolver<'_> {
    /// The sections that the resolved document keeps: its head, and what symbolic values refer to.
    pub(super) fn sections_for(&mut self, rendered: &Rendered) -> Map {
        let mut references = References::default();
        for resource in rendered.resources.values() {
            references.condition(resource.condition.as_ref());
            references.walk(&resource.properties);
            resource
                .attributes
                .values()
                .for_each(|entry| references.walk(&entry.node));
        }
        for output in rendered.outputs.values() {
            references.condition(output.condition.as_ref());
            references.walk(&output.entry.node);
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
        let conditions = self.conditions_for(&mut references);
        for (name, keep) in [
            ("Parameters", &references.names),
            ("Mappings", &references.mappings),
        ] {
            let kept = |(key, entry): (&String, &Entry)| {
                keep.contains(key).then(|| (key.clone(), entry.clone()))
            };
            let map: Map = template.section(name).filter_map(kept).collect();
            insert_section(&mut sections, template, name, map);
        }
        insert_section(&mut sections, template, "Conditions", conditions);
        sections
    }

    /// The conditions that are not known before deploying and still spoken of, with those that they
    /// speak of.
    fn conditions_for(&mut self, references: &mut References) -> Map {
        let template = self.template;
        let mut kept = Map::new();
        let mut waiting = references.conditions.clone();
        while let Some(name) = waiting.pop() {
            let Some(entry) = template.entry("Conditions", &name) else {
                continue;
            };
            if kept.contains_key(&name) {
                continue;
            }
            references.walk(&entry.node);
            waiting.extend(
                references
                    .conditions
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

/// The names of parameters, resources and conditions that a value speaks of.
#[must_use]
pub fn mentioned(node: &Node) -> Vec<String> {
    let mut references = References::default();
    references.walk(node);
    let mut names: Vec<_> = references.names.into_iter().collect();
    names.extend(references.conditions);
    names.sort();
    names
}

/// The names that symbolic values still speak of.
#[derive(Default)]
struct References {
    names: HashSet<String>,
    mappings: HashSet<String>,
    conditions: Vec<String>,
}

impl References {
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

//! Fills in a template section by section: conditions, resources, outputs.

use indexmap::IndexMap;

use super::resolve::Resolver;
use super::{Condition, Inputs, Output, Rendered, Resource, Template, Truth, cycle, macros};
use crate::diagnostic::{Mistake, Mistakes};
use crate::node::{Entry, Map, Node, Value};

impl Template {
    /// Fills in everything that can be known before deploying.
    ///
    /// # Errors
    /// Every mistake: unknown names and functions, cycles, parameters that break their constraints,
    /// with their places.
    pub fn render(&self, inputs: &Inputs) -> Result<Rendered, Mistakes> {
        let mut resolver = Resolver::new(self, inputs);
        if let Some(expanded) = self.expanded(&mut resolver) {
            return expanded?.filled(inputs);
        }
        self.filled(inputs)
    }

    /// Fills in a template whose loops are written out.
    fn filled(&self, inputs: &Inputs) -> Result<Rendered, Mistakes> {
        let mut resolver = Resolver::new(self, inputs);
        resolver.check_given(inputs);
        for (name, _) in self.section("Conditions") {
            resolver.condition(name);
        }
        let resources = resolver.resources();
        let outputs = resolver.outputs();
        cycle::check(&resources, self.is_sam(), &mut resolver.mistakes);
        let conditions = self
            .names("Conditions")
            .map(|name| (name.to_owned(), resolver.condition(name)))
            .collect();
        let mut rendered = Rendered {
            parameters: IndexMap::new(),
            region: inputs.pseudo.get("AWS::Region").cloned(),
            conditions,
            resources,
            outputs,
            unset: self.unset(inputs),
            adding_macro: self.adding_macro().cloned().map(Into::into),
            rewriting_macro: self.rewriting_macro().cloned().map(Into::into),
            sections: Map::new(),
        };
        rendered.sections = resolver.sections_for(&rendered);
        rendered.parameters = resolver.parameters;
        resolver.mistakes.or(rendered)
    }
}

impl Resolver<'_> {
    fn resources(&mut self) -> IndexMap<String, Resource> {
        let template = self.template;
        let mut resources = IndexMap::new();
        for (logical_id, entry) in template.section("Resources") {
            if macros::is_whole(&entry.node) {
                continue;
            }
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
}

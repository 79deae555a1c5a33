//! In which order stacks come into being: a stack that imports a value comes after the whole of the
//! stack that exports it.

use std::collections::BTreeSet;

use cloudformation::node::{Function, Node, Value};
use cloudformation::template::Resource;
use indexmap::IndexMap;

/// The only resources whose order of creation is looked at.
const SERVICE: &str = "AWS::ECS::Service";

/// Which resources and exports each stack has, by its number.
#[derive(Default)]
pub(super) struct Order {
    resources: Vec<Vec<String>>,
    exporters: IndexMap<String, usize>,
}

impl Order {
    /// Begins the next stack.
    pub(super) fn next(&mut self) {
        self.resources.push(Vec::new());
    }

    /// Whether no other stack was begun before.
    pub(super) fn is_first(&self) -> bool {
        self.resources.len() <= 1
    }

    /// A resource of the stack that was begun last, or of one nested in it.
    pub(super) fn has(&mut self, name: &str) {
        if let Some(last) = self.resources.last_mut() {
            last.push(name.to_owned());
        }
    }

    /// An export of the same stack.
    pub(super) fn exports(&mut self, export: &str) {
        let number = self.resources.len().saturating_sub(1);
        self.exporters.insert(export.to_owned(), number);
    }

    /// Lets services come after the stacks of which theirs imports.
    pub(super) fn apply(&self, resources: &mut IndexMap<String, Resource>) {
        for (number, own) in self.resources.iter().enumerate() {
            let mut imports = Vec::new();
            for resource in own.iter().filter_map(|name| resources.get(name)) {
                collect(&resource.properties, &mut imports);
            }
            let exporters = imports.iter().filter_map(|name| self.exporters.get(name));
            let exporters: BTreeSet<_> = exporters.filter(|other| **other != number).collect();
            let before = exporters
                .iter()
                .filter_map(|other| self.resources.get(**other));
            let before: Vec<_> = before.flatten().cloned().collect();
            for name in own {
                if let Some(service) = resources.get_mut(name)
                    && service.kind == SERVICE
                {
                    service.depends_on.extend(before.iter().cloned());
                }
            }
        }
    }
}

/// The names of the exports that a value imports.
fn collect(node: &Node, names: &mut Vec<String>) {
    match &node.value {
        Value::Scalar(_) => {}
        Value::List(items) => items.iter().for_each(|item| collect(item, names)),
        Value::Map(map) => map.values().for_each(|entry| collect(&entry.node, names)),
        Value::Call(call) => {
            if call.function == Function::ImportValue {
                names.extend(call.argument.as_text().map(str::to_owned));
            }
            collect(&call.argument, names);
        }
    }
}

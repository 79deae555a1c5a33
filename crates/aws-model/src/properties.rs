//! The properties of a template's resource, as fields.

use cloudformation::node::{self, Function, Map, Node, Origin, Value, is_macro_key};
use cloudformation::template::{Rendered, Resource};

use crate::field::{Field, FromText, NotSeen, only_aws_knows};

/// The logical id of a resource; for a live one that its stack does not know, the end of its ARN.
pub type Id = String;

/// A mapping of a resource: its properties, or one that is nested in them.
#[derive(Clone, Copy)]
pub(crate) struct Properties<'a> {
    pub(crate) rendered: &'a Rendered,
    pub(crate) resource: &'a Resource,
    pub(crate) node: &'a Node,
}

/// What stands at a path.
enum Found<'a> {
    /// This.
    Here(&'a Node),
    /// Nothing.
    Nothing,
    /// A function on the way that only AWS can run.
    Function(&'a Node),
    /// A macro that may set it.
    Macro(Origin),
}

impl<'a> Properties<'a> {
    pub(crate) fn of(rendered: &'a Rendered, resource: &'a Resource) -> Self {
        Self {
            rendered,
            resource,
            node: &resource.properties,
        }
    }

    /// The same resource's properties under `node`.
    pub(crate) fn within(self, node: &'a Node) -> Self {
        Self { node, ..self }
    }

    pub(crate) fn id(self) -> Id {
        self.resource.logical_id.clone()
    }

    /// The place of the resource's logical id.
    pub(crate) fn place(self) -> Origin {
        self.resource.place.clone().into()
    }

    pub(crate) fn at(self, path: &str) -> Option<&'a Node> {
        self.node.at(path)
    }

    fn find(self, path: &str) -> Found<'a> {
        let mut node = self.node;
        for step in path.split('.') {
            let next = match &node.value {
                Value::Call(_) => return Found::Function(node),
                Value::List(items) => step.parse().ok().and_then(|index: usize| items.get(index)),
                Value::Map(map) => match (map.get(step), macro_in(map)) {
                    (None, Some(place)) => return Found::Macro(place),
                    (entry, _) => entry.map(|entry| &entry.node),
                },
                Value::Scalar(_) => None,
            };
            match next {
                Some(next) => node = next,
                None => return self.rewritten().map_or(Found::Nothing, Found::Macro),
            }
        }
        Found::Here(node)
    }

    /// Where a macro stands that may set any property of the resource.
    fn rewritten(self) -> Option<Origin> {
        macro_in(&self.resource.attributes).or_else(|| self.rendered.rewriting_macro.clone())
    }

    /// The value at a dotted path.
    pub(crate) fn field<T: FromText>(self, path: &str) -> Field<T> {
        self.read(path, Field::text).parse()
    }

    /// Whatever `read` makes of the node at a path.
    pub(crate) fn read<T>(self, path: &str, read: impl FnOnce(&'a Node) -> Field<T>) -> Field<T> {
        match self.find(path) {
            Found::Here(node) => read(node),
            Found::Nothing => Field::NotStated(self.place()),
            Found::Function(node) => only_aws_knows(node),
            Found::Macro(place) => Field::NotSeen(NotSeen::Macro(place)),
        }
    }

    /// A list; an item that only AWS knows counts as itself, told apart by how it is written.
    pub(crate) fn list(self, path: &str) -> Field<Vec<String>> {
        self.each(path, |item| written(item.node))
    }

    /// A list, of whose items `read` makes values.
    pub(crate) fn each<T>(self, path: &str, read: impl Fn(Self) -> T) -> Field<Vec<T>> {
        self.read(path, |node| match node.as_list() {
            Some(items) => match items.iter().find(|item| may_vanish(item)) {
                Some(item) => only_aws_knows(item),
                None => {
                    let items = items.iter().map(|item| read(self.within(item)));
                    Field::Stated(items.collect(), node.origin.clone())
                }
            },
            None if matches!(node.value, Value::Call(_)) => only_aws_knows(node),
            None => Field::NotSeen(NotSeen::WrongKind(node.kind_name())),
        })
    }

    /// The items of a list; none where it is absent or not known.
    pub(crate) fn items(self, path: &str) -> impl Iterator<Item = Self> {
        let items = self.at(path).and_then(Node::as_list).unwrap_or_default();
        items.iter().map(move |item| self.within(item))
    }

    /// A resource of the same template that a value stands for.
    pub(crate) fn reference(self, path: &str) -> Field<Id> {
        self.read(path, |node| match self.rendered.referred(node) {
            Some(resource) => Field::Stated(resource.logical_id.clone(), node.origin.clone()),
            None => only_aws_knows(node),
        })
    }

    /// References of which each must be to a resource of this type in the template.
    pub(crate) fn references(
        self,
        path: &str,
        kind: &str,
        elsewhere: &'static str,
    ) -> Field<Vec<Id>> {
        self.read(path, |node| {
            let ids: Option<Vec<_>> = node.as_list().and_then(|items| {
                let id = |item| match self.rendered.referred(item) {
                    Some(resource) if resource.kind == kind => Some(resource.logical_id.clone()),
                    _ => None,
                };
                items.iter().map(id).collect()
            });
            match ids {
                Some(ids) => Field::Stated(ids, node.origin.clone()),
                None => Field::NotSeen(NotSeen::Because(elsewhere)),
            }
        })
    }

    /// The resources that are referred to at a path or anywhere below.
    pub(crate) fn mentioned(self, path: &str) -> Vec<Id> {
        let node = self.at(path);
        node.map_or_else(Vec::new, |node| mentioned(self.rendered, node))
    }
}

/// The first macro among the keys of a mapping.
fn macro_in(map: &Map) -> Option<Origin> {
    let mut entries = map.iter();
    let found = entries.find(|(key, _)| is_macro_key(key));
    found.map(|(_, entry)| entry.key.clone().into())
}

/// Whether an item of a list may turn out to be none, or several.
fn may_vanish(item: &Node) -> bool {
    let Value::Call(call) = &item.value else {
        return item.as_map().is_some_and(|map| macro_in(map).is_some());
    };
    let is_nothing = |branch: &Node| {
        let Value::Call(call) = &branch.value else {
            return false;
        };
        call.function == Function::Ref && call.argument.as_text() == Some("AWS::NoValue")
    };
    match call.function {
        Function::If => {
            let branches = call.argument.as_list().unwrap_or_default().iter().skip(1);
            branches
                .into_iter()
                .any(|branch| is_nothing(branch) || may_vanish(branch))
        }
        function => function == Function::Transform,
    }
}

/// A value as text; one that only AWS knows as it is written.
pub(crate) fn written(item: &Node) -> String {
    item.as_text()
        .map_or_else(|| node::json(item).to_string(), str::to_owned)
}

/// The resources that are referred to anywhere below a node, in the template's order.
pub(crate) fn mentioned(rendered: &Rendered, node: &Node) -> Vec<Id> {
    let mut names = Vec::new();
    collect(node, &mut names);
    let mut found: Vec<_> = names
        .into_iter()
        .filter_map(|name| rendered.resources.get_index_of(name))
        .collect();
    found.sort_unstable();
    found.dedup();
    let ids = found.into_iter();
    ids.filter_map(|at| Some(rendered.resources.get_index(at)?.0.clone()))
        .collect()
}

/// What is referred to below a node: resources and others.
fn collect<'a>(node: &'a Node, names: &mut Vec<&'a str>) {
    names.extend(node.refers_to());
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| collect(item, names)),
        Value::Map(map) => map.values().for_each(|entry| collect(&entry.node, names)),
        Value::Call(call) => collect(&call.argument, names),
        Value::Scalar(scalar) => {
            for variable in scalar.text.split("${").skip(1) {
                let Some((variable, _)) = variable.split_once('}') else {
                    continue;
                };
                // `${X.Attribute}`, where the name of X may have dots too.
                let dots = variable.match_indices('.').map(|(at, _)| at);
                names.extend(dots.filter_map(|at| variable.get(..at)));
                names.push(variable);
            }
        }
    }
}

//! How a typed value is read from a node: mistakes are collected, and reading goes on.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use cloudformation::diagnostic::{EXPECTED, Mistake, Mistakes, nearest};
use cloudformation::node::{Kind, Map, Node, Origin, Scalar, Value};

/// Reads a value; none once a mistake has been added.
pub(super) trait FromNode: Sized {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self>;

    /// What stands for an entry that nobody gave: a mistake, unless the entry is optional.
    fn absent(key: &str, parent: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        mistakes.push(at(parent, format!("`{key}` is missing")));
        None
    }
}

/// A value and where it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// The line of the environment file that says it.
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// The value as text for the template, with its origin.
    pub(super) fn node(&self, text: impl FnOnce(&T) -> String) -> Node {
        Node {
            value: Value::Scalar(Scalar::text(text(&self.value))),
            origin: self.origin.clone(),
        }
    }
}

impl<T: FromNode> FromNode for Setting<T> {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        Some(Self {
            value: T::from_node(node, mistakes)?,
            origin: node.origin.clone(),
        })
    }
}

impl<T: FromNode> FromNode for Option<T> {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        T::from_node(node, mistakes).map(Some)
    }

    fn absent(_key: &str, _parent: &Node, _mistakes: &mut Mistakes) -> Option<Self> {
        Some(None)
    }
}

impl<T: FromNode> FromNode for Vec<T> {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let Some(items) = node.as_list() else {
            mistakes.push(wrong(node, "a list: `[a, b]`"));
            return None;
        };
        // Every item is read, so that each mistake among them is found.
        let read: Vec<_> = items
            .iter()
            .map(|item| T::from_node(item, mistakes))
            .collect();
        read.into_iter().collect()
    }
}

/// For the schema, a setting is its value.
impl<T: JsonSchema> JsonSchema for Setting<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }
}

/// The entries of a section, after every key that it does not know has been named.
pub(super) fn entries<'n>(
    node: &'n Node,
    keys: &[&str],
    mistakes: &mut Mistakes,
) -> Option<&'n Map> {
    let Some(map) = node.as_map() else {
        mistakes.push(wrong(node, &format!("a mapping with {}", keys.join(", "))));
        return None;
    };
    for (key, entry) in map {
        if !keys.contains(&key.as_str()) {
            let mistake = Mistake::at(&entry.key, format!("`{key}` is not a setting"));
            mistakes.push(match nearest(key, keys.iter().copied()) {
                Some(near) => mistake.help(format!("did you mean `{near}`?")),
                None => mistake.help(format!("the settings are {}", keys.join(", "))),
            });
        }
    }
    Some(map)
}

/// One entry of a section. `null` is the same as no entry, so that a file can take back what it
/// extends.
pub(super) fn entry<T: FromNode>(
    map: &Map,
    key: &str,
    parent: &Node,
    mistakes: &mut Mistakes,
) -> Option<T> {
    match map.get(key).map(|entry| &entry.node) {
        Some(Node {
            value: Value::Scalar(Scalar {
                kind: Kind::Null, ..
            }),
            ..
        })
        | None => T::absent(key, parent, mistakes),
        Some(node) => mistakes.about(key, |mistakes| T::from_node(node, mistakes)),
    }
}

/// A mistake about a value that is not what was expected.
pub(super) fn wrong(node: &Node, expected: &str) -> Mistake {
    let found = match &node.value {
        Value::Scalar(scalar) if !scalar.text.is_empty() => format!("found `{}`", scalar.text),
        Value::Scalar(Scalar {
            kind: Kind::Text, ..
        }) => "but it is empty".to_owned(),
        _ => format!("found {}", node.kind_name()),
    };
    at(node, format!("{EXPECTED}{expected}, {found}"))
}

/// A mistake in the words of a grammar: what it expected, or why it refuses the value.
pub(super) fn refused(node: &Node, message: &str) -> Mistake {
    match message.strip_prefix(EXPECTED) {
        Some(expected) => wrong(node, expected),
        None => at(node, message.to_owned()),
    }
}

fn at(node: &Node, message: String) -> Mistake {
    match node.place() {
        Some(place) => Mistake::at(place, message),
        None => Mistake::nowhere(message),
    }
}

/// Declares a section: a struct, how it is read, and its part of the schema.
macro_rules! section {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)* }

        impl $crate::environment::field::FromNode for $name {
            fn from_node(node: &::cloudformation::node::Node, mistakes: &mut ::cloudformation::diagnostic::Mistakes) -> Option<Self> {
                use $crate::environment::field::{entries, entry};
                let map = entries(node, &[$(stringify!($field)),*], mistakes)?;
                $(let $field = entry(map, stringify!($field), node, mistakes);)*
                Some(Self { $($field: $field?,)* })
            }
        }
    };
}
pub(super) use section;

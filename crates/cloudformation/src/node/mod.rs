//! The one type into which environment files and templates are read: every node knows the place it
//! came from.
//!
//! A rendered template is made of the same nodes: there, an [`Origin`] leads from a leaf back to
//! the environment file, and a [`Call`] that is left is a value that only AWS knows.

mod function;
mod intrinsic;
mod read;
mod scalar;
mod write;

use indexmap::IndexMap;

pub use crate::place::{Origin, Place, Source};
pub use function::Function;
pub use read::{Syntax, read, read_template};
pub use scalar::{Kind, Scalar};
pub use write::{json, yaml};

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string, number, truth value or null.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order written.
    Map(Map),
    /// An intrinsic function and its argument. In a rendered template: what only AWS can resolve.
    Call(Call),
}

/// An intrinsic function with its argument, whichever form it was written in.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function.
    pub function: Function,
    /// Its argument; `!GetAtt A.B` is read as the list `[A, B]`.
    pub argument: Box<Node>,
}

/// A mapping, in the order written.
pub type Map = IndexMap<String, Entry>;

/// One entry of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where the key stands.
    pub key: Place,
    /// The value.
    pub node: Node,
}

/// A leaf of a rendered template, as a rule or a plan reads it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Leaf<'a> {
    /// A value that is known before deploying.
    Literal(&'a Scalar),
    /// A value that only AWS knows: a function that is left, or a `{{resolve:…}}` reference.
    Symbolic(&'a Node),
}

impl Node {
    /// A node at a place.
    #[must_use]
    pub fn new(value: Value, origin: impl Into<Origin>) -> Self {
        Self {
            value,
            origin: origin.into(),
        }
    }

    /// The value under `key`, where this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key).map(|entry| &entry.node)
    }

    /// The value at the end of a dotted path: `LoadBalancers.0.ContainerPort`. Numbers index lists.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('.')
            .try_fold(self, |node, step| match &node.value {
                Value::List(items) => items.get(step.parse::<usize>().ok()?),
                _ => node.get(step),
            })
    }

    /// The leaf here; none for a mapping or a list.
    #[must_use]
    pub fn leaf(&self) -> Option<Leaf<'_>> {
        match &self.value {
            Value::Scalar(scalar) if scalar.text.contains("{{resolve:") => {
                Some(Leaf::Symbolic(self))
            }
            Value::Scalar(scalar) => Some(Leaf::Literal(scalar)),
            Value::Call(_) => Some(Leaf::Symbolic(self)),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The scalar's text, where this is a known scalar. Numbers and truth values have a text too:
    /// CloudFormation passes all of them as strings.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self.leaf()? {
            Leaf::Literal(scalar) => Some(&scalar.text),
            Leaf::Symbolic(_) => None,
        }
    }

    /// The whole number here, quoted or not.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.as_text()?.parse().ok()
    }

    /// The truth value here, quoted or not, in any case.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        self.as_text()?.to_lowercase().parse().ok()
    }

    /// The items, where this is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, where this is a mapping.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The logical id of the resource that this value stands for: the argument of a `Ref`, the
    /// first part of a `GetAtt`, the only variable of a `Sub` that has no other text.
    #[must_use]
    pub fn refers_to(&self) -> Option<&str> {
        let Value::Call(call) = &self.value else {
            return None;
        };
        match call.function {
            Function::Ref => call.argument.as_text(),
            Function::GetAtt => call.argument.as_list()?.first()?.as_text(),
            Function::Sub => sub_refers_to(&call.argument),
            _ => None,
        }
    }

    /// What a person calls this kind of node: "a list", "a number".
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match &self.value {
            Value::Scalar(scalar) => scalar.kind.name(),
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Call(_) => "a function",
        }
    }

    /// The place to point at, for a node that was read from a file.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.origin.first()
    }
}

/// What `!Sub '${X}'` or `!Sub '${X.Arn}'` stands for.
fn sub_refers_to(argument: &Node) -> Option<&str> {
    let text = argument.as_text().or_else(|| argument.at("0")?.as_text())?;
    let name = text.strip_prefix("${")?.strip_suffix('}')?.trim();
    if name.contains(['$', '}', '!']) {
        return None;
    }
    match argument.at("1").and_then(|own| own.get(name)) {
        Some(own) => own.refers_to(),
        None => Some(name.split_once('.').map_or(name, |(name, _)| name)),
    }
}

/// Whether a key stands for what a macro makes of it, beside the other keys of its mapping.
#[must_use]
pub fn is_macro_key(key: &str) -> bool {
    key == "Fn::Transform" || key.starts_with("Fn::ForEach::")
}

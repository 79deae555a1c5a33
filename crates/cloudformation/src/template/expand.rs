//! `Fn::ForEach` of the transform `AWS::LanguageExtensions`: a mapping's entries, once for each item
//! of a collection. A loop over what only AWS knows stays as it is.

use std::borrow::Cow;

use super::Template;
use super::resolve::Resolver;
use crate::diagnostic::{Mistake, Mistakes};
use crate::node::{Call, Entry, Function, Map, Node, Place, Scalar, Value};

const PREFIX: &str = "Fn::ForEach::";
/// CloudFormation refuses a processed template of more than 1 MiB; a loop within loops grows fast.
const MOST_NODES: usize = 200_000;

/// Adds a mistake for a loop in a template that does not have the transform.
pub(super) fn check(sections: &Map, mistakes: &mut Mistakes) {
    if sections.contains_key("Transform") {
        return;
    }
    let loops = sections
        .values()
        .filter_map(|entry| first_loop(&entry.node));
    for (name, place) in loops {
        let message = format!("`{name}` is a loop, which needs a transform");
        let help = "add `Transform: AWS::LanguageExtensions` to the template";
        mistakes.push(Mistake::at(place, message).help(help));
    }
}

fn first_loop(node: &Node) -> Option<(&str, &Place)> {
    match &node.value {
        Value::Scalar(_) => None,
        Value::List(items) => items.iter().find_map(first_loop),
        Value::Call(call) => first_loop(&call.argument),
        Value::Map(map) => map.iter().find_map(|(key, entry)| {
            if key.starts_with(PREFIX) {
                return Some((key.as_str(), &entry.key));
            }
            first_loop(&entry.node)
        }),
    }
}

impl Template {
    /// The template with its loops written out; none where it has no loop.
    pub(super) fn expanded(&self, resolver: &mut Resolver<'_>) -> Option<Result<Self, Mistakes>> {
        let mut sections = self.sections.values();
        sections.find_map(|entry| first_loop(&entry.node))?;
        let mut expansion = Expansion {
            resolver,
            names: Vec::new(),
            left: MOST_NODES,
            mistakes: Mistakes::default(),
        };
        let sections = self.sections.iter().map(|(name, entry)| {
            let node = expansion.node(&entry.node);
            let key = entry.key.clone();
            (name.clone(), Entry { key, node })
        });
        let sections: Map = sections.collect();
        let start = Place::start_of(&self.written);
        let root = Node::new(Value::Map(sections), start);
        let warnings = self.warnings.clone();
        let mistakes = expansion.mistakes;
        Some(
            mistakes
                .or(root)
                .and_then(|root| Self::from_node(root, warnings)),
        )
    }
}

struct Expansion<'r, 't> {
    resolver: &'r mut Resolver<'t>,
    /// What the loops around stand at: each identifier with its value, the innermost last.
    names: Vec<(String, String)>,
    left: usize,
    mistakes: Mistakes,
}

impl Expansion<'_, '_> {
    fn node(&mut self, node: &Node) -> Node {
        let value = match &node.value {
            Value::Scalar(scalar) => Value::Scalar(Scalar {
                text: self.filled(&scalar.text).into_owned(),
                kind: scalar.kind,
            }),
            Value::List(items) => Value::List(items.iter().map(|item| self.node(item)).collect()),
            Value::Map(map) => Value::Map(self.map(map)),
            Value::Call(call) => match self.named(call) {
                Some(value) => Value::Scalar(Scalar::text(value)),
                None => Value::Call(Call {
                    function: call.function,
                    argument: Box::new(self.node(&call.argument)),
                }),
            },
        };
        Node {
            value,
            origin: node.origin.clone(),
        }
    }

    fn map(&mut self, map: &Map) -> Map {
        let mut expanded = Map::new();
        for (key, entry) in map {
            if key.starts_with(PREFIX) {
                self.each(key, entry, &mut expanded);
            } else if self.count(&entry.key) {
                let node = self.node(&entry.node);
                let key = self.filled(key).into_owned();
                let place = entry.key.clone();
                expanded.insert(key, Entry { key: place, node });
            }
        }
        expanded
    }

    /// Writes one loop out.
    fn each(&mut self, key: &str, entry: &Entry, into: &mut Map) {
        let form = match entry.node.as_list() {
            Some([name, collection, fragment]) => name
                .as_text()
                .zip(fragment.as_map())
                .map(|parts| (parts, collection)),
            _ => None,
        };
        let Some(((name, fragment), collection)) = form else {
            let message = format!(
                "`{key}` takes a list: an identifier, the collection, and a mapping of what each \
                 item makes"
            );
            return self.mistakes.push(Mistake::at(&entry.key, message));
        };
        let Some(items) = self.items(collection) else {
            let node = self.node(&entry.node);
            let place = entry.key.clone();
            into.insert(key.to_owned(), Entry { key: place, node });
            return;
        };
        for item in items {
            self.names.push((name.to_owned(), item));
            into.extend(self.map(fragment));
            self.names.pop();
        }
    }

    /// The items of a collection; none where AWS alone knows them.
    fn items(&mut self, collection: &Node) -> Option<Vec<String>> {
        let collection = self.node(collection);
        let known = self.resolver.quietly(&collection)?;
        let items = known.as_list()?.iter();
        items
            .map(|item| item.as_text().map(str::to_owned))
            .collect()
    }

    fn count(&mut self, place: &Place) -> bool {
        self.left = self.left.saturating_sub(1);
        if self.left == 1 {
            let message = "the loops of this template write out more than CloudFormation takes";
            self.mistakes.push(Mistake::at(place, message));
        }
        self.left > 0
    }

    /// The value of `!Ref Identifier`.
    fn named(&self, call: &Call) -> Option<String> {
        if call.function != Function::Ref {
            return None;
        }
        let name = call.argument.as_text()?;
        let mut names = self.names.iter().rev();
        names
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    }

    /// A text in which `${Identifier}` is its value, and `&{Identifier}` the value's letters and
    /// digits.
    fn filled<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.names.is_empty() || !text.contains('{') {
            return Cow::Borrowed(text);
        }
        let mut filled = text.to_owned();
        for (name, value) in self.names.iter().rev() {
            let letters: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
            filled = filled.replace(&format!("${{{name}}}"), value);
            filled = filled.replace(&format!("&{{{name}}}"), &letters);
        }
        Cow::Owned(filled)
    }
}

//! What a reference of the configuration leads to: through variables up to the caller of a module,
//! through outputs down into one.

use std::collections::HashSet;

use serde_json::Value;

use super::document::{Document, Found, steps};

/// Longer chains of variables and outputs are circles.
const MOST_STEPS: usize = 32;

/// What some expressions refer to.
#[derive(Default)]
pub(super) struct Edges<'a> {
    /// The addresses of resources.
    pub(super) to: Vec<&'a str>,
    /// Whether they refer to more, which the document does not show: a local, a data source.
    pub(super) open: bool,
}

/// What expressions of a resource refer to.
pub(super) fn of<'a>(
    document: &'a Document<'a>,
    from: &Found<'_>,
    expressions: impl Iterator<Item = &'a Value>,
) -> Edges<'a> {
    let mut walk = Walk {
        document,
        edges: Edges::default(),
    };
    for expression in expressions {
        walk.follow(&from.module, from.index, expression, 0);
    }
    walk.edges.to.sort_unstable();
    walk.edges.to.dedup();
    walk.edges
}

/// The addresses that a reference which is written out leads to, such as one of `depends_on`.
pub(super) fn named<'a>(document: &'a Document<'a>, from: &Found<'_>, name: &str) -> Vec<&'a str> {
    let mut walk = Walk {
        document,
        edges: Edges::default(),
    };
    walk.step(&from.module, None, name, 0);
    walk.edges.to
}

struct Walk<'a> {
    document: &'a Document<'a>,
    edges: Edges<'a>,
}

impl<'a> Walk<'a> {
    fn follow(&mut self, module: &str, index: Option<&Value>, expression: &Value, depth: usize) {
        match expression {
            Value::Array(items) => {
                for item in items {
                    self.follow(module, index, item, depth);
                }
            }
            Value::Object(map) => {
                for (key, value) in map {
                    match value {
                        Value::Array(names) if key == "references" => {
                            self.references(module, index, names, depth);
                        }
                        value => self.follow(module, index, value, depth),
                    }
                }
            }
            _ => {}
        }
    }

    fn references(&mut self, module: &str, index: Option<&Value>, names: &[Value], depth: usize) {
        let names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
        // An instance has the same key as the one that it refers to, where the key is its own.
        let own_key = names.contains(&"each.key") || names.contains(&"count.index");
        let index = index.filter(|_| own_key);
        for name in longest(&names) {
            self.step(module, index, name, depth);
        }
    }

    fn step(&mut self, module: &str, index: Option<&Value>, reference: &str, depth: usize) {
        if depth > MOST_STEPS {
            self.edges.open = true;
            return;
        }
        let parts = steps(reference);
        let bare = |part: &str| part.split('[').next().unwrap_or(part).to_owned();
        match parts.as_slice() {
            // These are known when a plan is made; so is a variable of the root module.
            ["each", "key"] | ["count" | "path" | "terraform", ..] => {}
            ["var", name, ..] => {
                let call = self.document.call(module);
                let given = call.and_then(|(call, parent)| {
                    let given = call.get("expressions")?.get(bare(name))?;
                    Some((given, parent))
                });
                if let Some((given, parent)) = given {
                    self.follow(&parent, None, given, depth + 1);
                }
            }
            ["module", name, output, ..] => {
                let inner = match module {
                    "" => format!("module.{name}"),
                    module => format!("{module}.module.{name}"),
                };
                let outputs = self.document.module(&inner);
                let outputs = outputs.and_then(|module| module.get("outputs"));
                let output = outputs.and_then(|all| all.get(bare(output))?.get("expression"));
                match output {
                    Some(output) => self.follow(&inner, None, output, depth + 1),
                    None => self.edges.open = true,
                }
            }
            ["local" | "data" | "each" | "self" | "module", ..] => self.edges.open = true,
            [kind, name, ..] if Document::reads(kind) => self.resources(module, index, kind, name),
            _ => self.edges.open = true,
        }
    }

    /// The instances of a resource: the one with the key that the reference names, or with the key
    /// of the resource that refers to it.
    fn resources(&mut self, module: &str, index: Option<&Value>, kind: &str, name: &str) {
        let (name, key) = name.split_once('[').map_or((name, None), |(name, key)| {
            (name, Some(key.trim_end_matches(']').trim_matches('"')))
        });
        let mut all = self.document.named(module, kind, name);
        all.retain(|one| same_module(&one.module, module));
        let is_key = |index: &Value, key: &str| match index.as_str() {
            Some(text) => text == key,
            None => index.as_u64().is_some_and(|own| key.parse() == Ok(own)),
        };
        let keyed = |one: &&&Found<'_>| match (key, one.index) {
            (Some(key), Some(own)) => is_key(own, key),
            (Some(_), None) => false,
            (None, own) => index.is_some() && own == index,
        };
        let to = &mut self.edges.to;
        match all.iter().find(keyed) {
            Some(one) => to.push(one.address),
            None if key.is_some() => self.edges.open = true,
            None => to.extend(all.iter().map(|one| one.address)),
        }
        self.edges.open |= all.is_empty();
    }
}

/// Whether two module addresses are the same, where one may leave the keys of instances out.
fn same_module(full: &str, named: &str) -> bool {
    if full == named {
        return true;
    }
    let (full, named) = (steps(full), steps(named));
    let alike = |(a, b): (&&str, &&str)| a == b || a.split('[').next() == Some(b);
    full.len() == named.len() && full.iter().zip(&named).all(alike)
}

/// The longest form of each reference: Terraform lists `aws_lb.this["a"].arn`, then
/// `aws_lb.this["a"]`, then `aws_lb.this`.
fn longest<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let beginnings = |name: &'a str| {
        let ends = name.char_indices().filter(|(_, c)| matches!(c, '.' | '['));
        ends.filter_map(move |(at, _)| name.get(..at))
    };
    let shorter: HashSet<&str> = names.iter().copied().flat_map(beginnings).collect();
    let mut longest = names.to_vec();
    longest.retain(|name| !shorter.contains(name));
    longest
}

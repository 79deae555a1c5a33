//! What a reference of the configuration leads to: through variables up to the caller of a module,
//! through outputs down into one.

use serde_json::Value;

use super::document::{Document, Found, steps};

/// Longer chains of variables and outputs are circles.
const MOST_STEPS: usize = 32;

/// The addresses of the resources that an expression of a resource refers to.
pub(super) fn of<'a>(
    document: &'a Document<'a>,
    from: &Found<'_>,
    expression: &Value,
) -> Vec<&'a str> {
    let mut found = Vec::new();
    follow(
        document,
        &from.module,
        from.index,
        expression,
        0,
        &mut found,
    );
    found.sort_unstable();
    found.dedup();
    found
}

fn follow<'a>(
    document: &'a Document<'a>,
    module: &str,
    index: Option<&Value>,
    expression: &Value,
    depth: usize,
    found: &mut Vec<&'a str>,
) {
    if depth > MOST_STEPS {
        return;
    }
    for reference in references(expression) {
        let parts = steps(reference);
        let bare = |part: &str| part.split('[').next().unwrap_or(part).to_owned();
        match parts.as_slice() {
            ["var", name, ..] => {
                let Some((call, parent)) = document.call(module) else {
                    continue;
                };
                if let Some(given) = call.get("expressions").and_then(|all| all.get(bare(name))) {
                    follow(document, &parent, None, given, depth + 1, found);
                }
            }
            ["module", name, output, ..] => {
                let inner = match module {
                    "" => format!("module.{name}"),
                    module => format!("{module}.module.{name}"),
                };
                let pointer = document.module(&inner);
                let outputs = pointer.and_then(|module| module.get("outputs"));
                let output = outputs.and_then(|all| all.get(bare(output)));
                if let Some(inner_expression) = output.and_then(|output| output.get("expression")) {
                    follow(document, &inner, None, inner_expression, depth + 1, found);
                }
            }
            [kind, name, ..] => resources(document, module, index, kind, name, found),
            _ => {}
        }
    }
}

/// The instances of a resource: the one with the key that the reference names, or with the same key
/// as the resource that refers to it.
fn resources<'a>(
    document: &'a Document<'a>,
    module: &str,
    index: Option<&Value>,
    kind: &str,
    name: &str,
    found: &mut Vec<&'a str>,
) {
    let (name, key) = name.split_once('[').map_or((name, None), |(name, key)| {
        (name, Some(key.trim_end_matches(']').trim_matches('"')))
    });
    let is_here =
        |one: &&Found<'_>| same_module(&one.module, module) && one.kind == kind && one.name == name;
    let all: Vec<_> = document.found.iter().filter(is_here).collect();
    let text = |index: &Value| {
        index
            .as_str()
            .map_or_else(|| index.to_string(), str::to_owned)
    };
    let keyed = |one: &&&Found<'_>| match (key, one.index) {
        (Some(key), Some(index)) => text(index) == key,
        _ => false,
    };
    let alike = |one: &&&Found<'_>| index.is_some() && one.index == index;
    let chosen = all.iter().find(keyed).or_else(|| all.iter().find(alike));
    match chosen {
        Some(one) => found.push(one.address),
        None => found.extend(all.iter().map(|one| one.address)),
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

/// The references of an expression, the longest form of each only: Terraform lists
/// `aws_lb.this.arn` and then `aws_lb.this`.
fn references(expression: &Value) -> Vec<&str> {
    let mut all = Vec::new();
    collect(expression, &mut all);
    all
}

fn collect<'a>(expression: &'a Value, all: &mut Vec<&'a str>) {
    match expression {
        Value::Array(items) => items.iter().for_each(|item| collect(item, all)),
        Value::Object(map) => {
            let references = map.get("references").and_then(Value::as_array);
            all.extend(references.into_iter().flatten().filter_map(Value::as_str));
            let nested = map.iter().filter(|(key, _)| *key != "references");
            nested.for_each(|(_, value)| collect(value, all));
        }
        _ => {}
    }
}

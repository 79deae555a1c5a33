//! Writes nodes as YAML with short tags, or as JSON with long function names: the same nodes give
//! the same text.

use serde_json::{Map as JsonMap, Value as Json, json};

use super::{Call, Function, Kind, Node, Scalar, Value};

/// The node as YAML, two spaces a level, a line feed at the end.
#[must_use]
pub fn yaml(node: &Node) -> String {
    let mut out = String::new();
    write_value(&mut out, node, 0);
    out.trim_start_matches('\n').trim_start().to_owned() + "\n"
}

/// Writes a value after `key:` or `-`: a scalar on the same line, a collection below it.
fn write_value(out: &mut String, node: &Node, depth: usize) {
    match &node.value {
        Value::Scalar(scalar) => {
            out.push(' ');
            out.push_str(&scalar_text(scalar));
        }
        Value::List(items) if items.is_empty() => out.push_str(" []"),
        Value::Map(map) if map.is_empty() => out.push_str(" {}"),
        Value::List(items) => {
            for item in items {
                start_line(out, depth);
                out.push('-');
                write_item(out, item, depth + 1);
            }
        }
        Value::Map(map) => {
            for (key, entry) in map {
                start_line(out, depth);
                write_entry(out, key, &entry.node, depth);
            }
        }
        Value::Call(call) => write_call(out, call, depth),
    }
}

/// A mapping in a list begins on the line of its dash.
fn write_item(out: &mut String, item: &Node, depth: usize) {
    match &item.value {
        Value::Map(map) if !map.is_empty() => {
            for (index, (key, entry)) in map.iter().enumerate() {
                if index == 0 {
                    out.push(' ');
                } else {
                    start_line(out, depth);
                }
                write_entry(out, key, &entry.node, depth);
            }
        }
        _ => write_value(out, item, depth),
    }
}

fn write_entry(out: &mut String, key: &str, node: &Node, depth: usize) {
    out.push_str(&scalar_text(&Scalar::text(key)));
    out.push(':');
    write_value(out, node, depth + 1);
}

fn write_call(out: &mut String, call: &Call, depth: usize) {
    out.push_str(&format!(" {}", call.function));
    match (call.function, dotted(call)) {
        (Function::GetAtt, Some(dotted)) => {
            out.push_str(&format!(" {}", scalar_text(&Scalar::text(dotted))));
        }
        // A short tag cannot hold another on the same line, but a long name can hold anything.
        _ => match &call.argument.value {
            Value::Call(_) => {
                out.truncate(out.len() - call.function.to_string().len() - 1);
                start_line(out, depth);
                write_entry(out, &call.function.long_name(), &call.argument, depth);
            }
            _ => write_value(out, &call.argument, depth),
        },
    }
}

/// `A.B`, for a `GetAtt` whose parts are both known.
fn dotted(call: &Call) -> Option<String> {
    match call.argument.as_list()? {
        [resource, attribute] => Some(format!("{}.{}", resource.as_text()?, attribute.as_text()?)),
        _ => None,
    }
}

fn start_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// The scalar, quoted where it would otherwise be read as something else.
fn scalar_text(scalar: &Scalar) -> String {
    if scalar.kind == Kind::Null {
        return "null".to_owned();
    }
    if scalar.kind != Kind::Text || is_safe(&scalar.text) {
        scalar.text.clone()
    } else {
        quoted(&scalar.text)
    }
}

/// Whether every YAML reader takes this text, unquoted, for a string.
fn is_safe(text: &str) -> bool {
    // What YAML 1.1 takes for a truth value or a number, CloudFormation and PyYAML included.
    const WORDS: [&str; 8] = ["y", "n", "yes", "no", "on", "off", "true", "false"];
    let plain = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '$' | '+' | '(' | ')')
    };
    let inner = |c: char| plain(c) || matches!(c, ' ' | '{' | '}' | '=' | '@' | '*' | ';' | '?');
    let letters = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '$'));
    letters
        && !WORDS.contains(&text.to_lowercase().as_str())
        && text != "null"
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && text.chars().all(|c| inner(c) || c == ':')
}

/// Double quotes with JSON's escapes, which YAML reads too.
fn quoted(text: &str) -> String {
    Json::String(text.to_owned()).to_string()
}

/// The node as JSON, functions in their long form. What an unquoted number is stays a number.
#[must_use]
pub fn json(node: &Node) -> Json {
    match &node.value {
        Value::Scalar(scalar) => scalar_json(scalar),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(map) => Json::Object(
            map.iter()
                .map(|(key, entry)| (key.clone(), json(&entry.node)))
                .collect(),
        ),
        Value::Call(call) => {
            let mut object = JsonMap::new();
            object.insert(call.function.long_name(), json(&call.argument));
            Json::Object(object)
        }
    }
}

fn scalar_json(scalar: &Scalar) -> Json {
    match scalar.kind {
        Kind::Null => Json::Null,
        Kind::Bool => json!(scalar.text.eq_ignore_ascii_case("true")),
        // `1.10` is a version to someone: a number only where it comes back as it was written.
        Kind::Number => {
            let number = serde_json::from_str::<Json>(&scalar.text).ok();
            let written = number.as_ref().map(Json::to_string);
            let same = written.is_some_and(|written| written == scalar.text);
            number
                .filter(|_| same)
                .unwrap_or_else(|| json!(scalar.text))
        }
        Kind::Text => json!(scalar.text),
    }
}

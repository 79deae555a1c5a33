//! What the environment file's JSON Schema and the API's schemas share: references, types, limits.

use serde_json::Value;

use crate::markdown::code;

/// Follows `$ref`, the `allOf` of one that only adds a description, and the `anyOf` that also
/// takes null.
pub(super) fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let list = |key: &str| schema[key].as_array().map(Vec::as_slice);
    let inner = match (list("allOf"), list("anyOf")) {
        (Some([only]), _) => only,
        (_, Some([only, null])) if null["type"] == "null" => only,
        _ => schema,
    };
    let target = inner["$ref"]
        .as_str()
        .and_then(|target| document.pointer(target.strip_prefix('#')?));
    target.unwrap_or(inner)
}

/// The description of a schema: its own, or that of what it refers to.
pub(super) fn description<'a>(document: &'a Value, schema: &'a Value) -> &'a str {
    schema["description"]
        .as_str()
        .or_else(|| resolve(document, schema)["description"].as_str())
        .unwrap_or_default()
}

/// The legal values of a schema in words, as Markdown.
pub(super) fn kind(document: &Value, schema: &Value) -> String {
    let schema = resolve(document, schema);
    if let Some(choices) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        let choices: Vec<_> = choices.iter().map(|one| kind(document, one)).collect();
        return choices.join(" or ");
    }
    if let Some(only) = schema.get("const") {
        return code(&word(only));
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<_> = words.iter().map(|one| code(&word(one))).collect();
        return words.join(", ");
    }
    let types = types(schema);
    match types.as_slice() {
        ["array"] => format!("list of {}", kind(document, &schema["items"])),
        ["object"] => keys(schema),
        ["string"] => text(schema),
        [number @ ("integer" | "number")] => format!("{number}{}", range(schema)),
        [] => "any JSON value".to_owned(),
        other => other.join(" or "),
    }
}

/// The types of a schema, `null` left out.
fn types(schema: &Value) -> Vec<&str> {
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect::<Vec<_>>(),
    };
    types.into_iter().filter(|one| *one != "null").collect()
}

fn text(schema: &Value) -> String {
    let pattern = schema["pattern"].as_str();
    match (pattern, schema["format"].as_str()) {
        (Some(timeouts::grammar::DURATION_PATTERN), _) => "duration".to_owned(),
        (Some(pattern), _) if pattern.contains("KiB") || pattern.contains("(MiB") => {
            "size with a unit".to_owned()
        }
        // A longer pattern says less than the description does.
        (Some(pattern), _) if pattern.len() <= 60 => format!("string, {}", code(pattern)),
        (_, Some(format)) => format!("string, {format}"),
        _ => "string".to_owned(),
    }
}

fn range(schema: &Value) -> String {
    match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(low), Some(high)) => format!(", {low} to {high}"),
        (Some(low), None) => format!(", {low} at least"),
        (None, Some(high)) => format!(", {high} at most"),
        (None, None) => String::new(),
    }
}

/// An object by its keys: `{ redis: … }`.
fn keys(schema: &Value) -> String {
    let keys: Vec<_> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| format!("{key}: …"))
        .collect();
    if keys.is_empty() {
        return "object".to_owned();
    }
    code(&format!("{{ {} }}", keys.join(", ")))
}

fn word(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

//! The HTTP API, from the OpenAPI document that the server answers with.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use super::schema::{description, kind, resolve};
use super::{Page, read};
use crate::markdown::{anchor, capital, cell, paragraphs};

const SOURCE: &str = "server/src/api/openapi.json";

const INTRO: &str = "# HTTP API

This page is the server's OpenAPI 3.1 document, which `GET /openapi.json` answers with. Any OpenAPI
tool reads it. Every call except those under *operations* needs the header `Authorization: ApiKey
KEY` with a backend key.
";

/// The page of all calls and schemas.
pub(super) fn page(root: &Path) -> anyhow::Result<Page> {
    let document: Value = serde_json::from_str(&read(root, SOURCE)?)?;
    let mut text = INTRO.to_owned();
    let about = document["info"]["description"].as_str().unwrap_or_default();
    let _ = write!(text, "\n{}\n", paragraphs(about));
    for tag in array(&document["tags"]) {
        let name = tag["name"].as_str().unwrap_or_default();
        let about = paragraphs(tag["description"].as_str().unwrap_or_default());
        let _ = write!(text, "\n## {}\n\n{about}\n", capital(name));
        for (path, method, call) in calls(&document, name) {
            operation(&mut text, &document, path, method, call);
        }
    }
    text.push_str("\n## Schemas\n");
    let schemas = document.pointer("/components/schemas");
    let schemas = schemas.and_then(Value::as_object);
    for (name, schema) in schemas.with_context(|| format!("{SOURCE}: no schemas"))? {
        self::schema(&mut text, &document, name, schema);
    }
    Ok(Page::new("reference/api.md", &text))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The calls with a tag: path, method, operation.
fn calls<'a>(document: &'a Value, tag: &str) -> Vec<(&'a str, &'a str, &'a Value)> {
    let mut calls = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, call) in methods.as_object().into_iter().flatten() {
            if array(&call["tags"]).iter().any(|one| one == tag) {
                calls.push((path.as_str(), method.as_str(), call));
            }
        }
    }
    calls
}

fn operation(text: &mut String, document: &Value, path: &str, method: &str, call: &Value) {
    let summary = call["summary"].as_str().unwrap_or_default();
    let about = call["description"].as_str().unwrap_or_default();
    let about = paragraphs(&format!("**{}.** {about}", summary.trim_end_matches('.')));
    let method = method.to_uppercase();
    let _ = write!(text, "\n### {method} `{path}`\n\n{about}\n");
    parameters(text, document, call);
    body(text, document, call);
    text.push_str("\n| status | meaning |\n|---|---|\n");
    for (status, answer) in call["responses"].as_object().into_iter().flatten() {
        let about = cell(description(document, answer));
        let content = &resolve(document, answer)["content"]["application/json"]["schema"];
        let shape = content["$ref"].as_str().map(reference);
        let shape = shape
            .map(|link| format!(" Body: {link}."))
            .unwrap_or_default();
        let _ = writeln!(text, "| {status} | {about}{shape} |");
    }
}

fn parameters(text: &mut String, document: &Value, call: &Value) {
    let parameters = array(&call["parameters"]);
    if parameters.is_empty() {
        return;
    }
    text.push_str("\n| parameter | in | value | meaning |\n|---|---|---|---|\n");
    for parameter in parameters {
        let parameter = resolve(document, parameter);
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            parameter["name"].as_str().unwrap_or_default(),
            parameter["in"].as_str().unwrap_or_default(),
            kind(document, &parameter["schema"]),
            cell(description(document, parameter)),
        );
    }
}

fn body(text: &mut String, document: &Value, call: &Value) {
    let content = &call["requestBody"]["content"]["application/json"];
    let schema = &content["schema"];
    if let Some(target) = schema["$ref"].as_str().or(schema["items"]["$ref"].as_str()) {
        let list = if schema["items"].is_object() {
            "a list of "
        } else {
            ""
        };
        let _ = write!(text, "\nBody: {list}{}.\n", reference(target));
    }
    for (name, example) in content["examples"].as_object().into_iter().flatten() {
        let example = resolve(document, example);
        let json = serde_json::to_string_pretty(&example["value"]).unwrap_or_default();
        let _ = write!(text, "\n{}:\n\n```json\n{json}\n```\n", capital(name));
    }
}

/// A link to the schema that a `$ref` names.
fn reference(target: &str) -> String {
    let name = target.rsplit('/').next().unwrap_or(target);
    format!("[{name}](#{})", anchor(name))
}

fn schema(text: &mut String, document: &Value, name: &str, schema: &Value) {
    let about = paragraphs(description(document, schema));
    let _ = write!(text, "\n### {name}\n");
    if !about.is_empty() {
        let _ = write!(text, "\n{about}\n");
    }
    let Some(properties) = schema["properties"].as_object() else {
        let _ = write!(text, "\nValue: {}\n", kind(document, schema));
        return;
    };
    let required = array(&schema["required"]);
    text.push_str("\n| field | value | required | meaning |\n|---|---|---|---|\n");
    for (field, property) in properties {
        let value = match property["$ref"].as_str() {
            Some(target) => reference(target),
            None => kind(document, property),
        };
        let needed = if required.iter().any(|one| one == field) {
            "yes"
        } else {
            ""
        };
        let about = cell(description(document, property));
        let _ = writeln!(text, "| `{field}` | {value} | {needed} | {about} |");
    }
}

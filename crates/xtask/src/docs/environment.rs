//! The keys of an environment file, from `environments/schema.json`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use super::schema::{description, kind, resolve};
use super::{Page, read};
use crate::markdown::cell;

const SCHEMA: &str = "environments/schema.json";

const INTRO: &str = "# Environment file

An environment file is YAML. Its name is the environment's name: `environments/prod.yaml` is `prod`.
[Environments](../operators/environments.md) explains how files build on each other. Editors
complete and check the file with `environments/schema.json`, from which this page is generated.

Durations need a unit: `60s`, `4m`, `1h`. Sizes may have one: `16KiB`, `1GiB`. A key that may be
null can be left out.
";

/// The page of all keys.
pub(super) fn page(root: &Path) -> anyhow::Result<Page> {
    let schema: Value = serde_json::from_str(&read(root, SCHEMA)?)?;
    let mut text = INTRO.to_owned();
    let (sections, plain): (Vec<_>, Vec<_>) = properties(&schema)?
        .into_iter()
        .partition(|(_, property)| is_section(&schema, property));
    table(&mut text, &schema, "Top level", "", &plain);
    for (key, section) in sections {
        let section = resolve(&schema, section);
        let keys = properties(section)?;
        table(&mut text, &schema, key, &format!("{key}."), &keys);
    }
    list_items(&mut text, &schema)?;
    Ok(Page::new("reference/environment-file.md", &text))
}

type Keys<'a> = Vec<(&'a str, &'a Value)>;

fn properties(schema: &Value) -> anyhow::Result<Keys<'_>> {
    let properties = schema["properties"].as_object();
    let properties = properties.with_context(|| format!("{SCHEMA}: an object without keys"))?;
    Ok(properties
        .iter()
        .map(|(key, value)| (key.as_str(), value))
        .collect())
}

fn is_section(schema: &Value, property: &Value) -> bool {
    let resolved = resolve(schema, property);
    resolved["type"] == "object" && resolved["properties"].is_object()
}

fn table(text: &mut String, schema: &Value, heading: &str, prefix: &str, keys: &Keys<'_>) {
    let _ = write!(
        text,
        "\n## {heading}\n\n| key | value | meaning |\n|---|---|---|\n"
    );
    rows(text, schema, prefix, keys);
}

/// A row for each key; an object within a section shows its own keys instead.
fn rows(text: &mut String, schema: &Value, prefix: &str, keys: &Keys<'_>) {
    for (key, property) in keys {
        if is_section(schema, property)
            && let Ok(inner) = properties(resolve(schema, property))
        {
            rows(text, schema, &format!("{prefix}{key}."), &inner);
            continue;
        }
        let _ = writeln!(
            text,
            "| `{prefix}{key}` | {} | {} |",
            kind(schema, property),
            cell(description(schema, property)),
        );
    }
}

/// The keys of what the lists and choices hold.
fn list_items(text: &mut String, schema: &Value) -> anyhow::Result<()> {
    let ignore = schema.pointer("/definitions/Ignore");
    let ignore = ignore.with_context(|| format!("{SCHEMA}: no definition of `Ignore`"))?;
    table(text, schema, "ignore", "", &properties(ignore)?);
    let choices = schema.pointer("/properties/store/anyOf");
    let choices = choices.and_then(Value::as_array);
    let choices = choices.with_context(|| format!("{SCHEMA}: `store` has no choices"))?;
    let mut keys = Keys::new();
    for choice in choices.iter().filter(|choice| choice["type"] == "object") {
        keys.extend(properties(choice)?);
    }
    table(text, schema, "store", "store.", &keys);
    Ok(())
}

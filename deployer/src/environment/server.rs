//! `server:`, what the server is told by its environment variables.
//!
//! The section has no fields of its own: each setting of the server that an environment file may
//! hold is one row in the `timeouts` crate, with its grammar, range and meaning. Its parameter in
//! the template has the variable's name.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value as Json, json};
use timeouts::grammar::{Grammar, MOST_LIMIT};
use timeouts::{Setting, Value};

use super::field::{FromNode, entries, refused, wrong};
use cloudformation::diagnostic::{Mistake, Mistakes, nearest};
use cloudformation::node::{Kind, Node, Origin, Scalar, Value as NodeValue};

/// The section's key, and the first part of its settings' keys.
const SECTION: &str = "server.";

/// The settings that the file says. What it does not say, the template's parameter has as its
/// default.
#[derive(Clone, Debug, Default)]
pub struct Server(Vec<(Setting, Node)>);

impl Server {
    /// The template's parameters, each with the line that says it.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (String, Node)> {
        let stated = self.0.iter();
        stated.map(|(setting, node)| (parameter(*setting), node.clone()))
    }
}

impl Server {
    /// What the file says of a setting.
    pub(super) fn node(&self, setting: Setting) -> Option<&Node> {
        let mut stated = self.0.iter();
        let stated = stated.find(|(known, _)| *known == setting);
        stated.map(|(_, node)| node)
    }

    /// The same as text.
    pub(super) fn text(&self, setting: Setting) -> Option<&str> {
        self.node(setting)?.as_text()
    }

    /// Whether the file names a URL for the key set of signed tokens.
    pub(super) fn has_token_keys_url(&self) -> bool {
        let url = self.node(Setting::PluginTokenKeysUrl);
        url.is_some_and(|node| node.as_text() != Some(""))
    }

    /// A namespace without acknowledgements that is no namespace: the server would not start.
    fn unknown_namespace(&self) -> Option<Mistake> {
        let stated = |wanted| {
            let mut settings = self.0.iter().filter(|(setting, _)| *setting == wanted);
            settings.find_map(|(_, node)| node.as_list())
        };
        let default = Setting::Namespaces.default_value();
        let known: Vec<&str> = match (stated(Setting::Namespaces), &default) {
            (Some(items), _) => items.iter().filter_map(Node::as_text).collect(),
            (None, Some(Value::List(names))) => names.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        };
        let mut items = stated(Setting::UnacknowledgedNamespaces)?.iter();
        let unknown =
            items.find(|item| item.as_text().is_none_or(|name| !known.contains(&name)))?;
        let expected = format!("one of the namespaces: {}", known.join(", "));
        Some(wrong(unknown, &expected))
    }
}

/// The settings of the section with their keys in it.
fn settings() -> impl Iterator<Item = (&'static str, Setting)> {
    Setting::of_server()
        .filter(|setting| setting.spec().in_environment_file)
        .filter_map(|setting| Some((setting.key().strip_prefix(SECTION)?, setting)))
}

/// The template's parameter for a setting: `PING_INTERVAL` is `PingInterval`.
fn parameter(setting: Setting) -> String {
    let variable = setting.spec().variable.unwrap_or_default();
    let word = |word: &str| word[..1].to_owned() + &word[1..].to_lowercase();
    variable
        .split('_')
        .filter(|part| !part.is_empty())
        .map(word)
        .collect()
}

impl FromNode for Server {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let keys: Vec<&str> = settings().map(|(key, _)| key).collect();
        let map = entries(node, &keys, mistakes)?;
        let mut stated = Vec::new();
        for (key, setting) in settings() {
            let Some(entry) = map.get(key).filter(|entry| !is_null(&entry.node)) else {
                continue;
            };
            stated.push((
                setting,
                mistakes.about(key, |mistakes| read(setting, &entry.node, mistakes)),
            ));
        }
        let read = stated
            .into_iter()
            .map(|(setting, node)| Some((setting, node?)));
        let server = Self(read.collect::<Option<_>>()?);
        if let Some(unknown) = server.unknown_namespace() {
            mistakes.about("unacknowledged_namespaces", |mistakes| {
                mistakes.push(unknown);
            });
            return None;
        }
        Some(server)
    }

    fn absent(_key: &str, _parent: &Node, _mistakes: &mut Mistakes) -> Option<Self> {
        Some(Self::default())
    }
}

/// The setting's value as the template takes it.
fn read(setting: Setting, node: &Node, mistakes: &mut Mistakes) -> Option<Node> {
    let grammar = setting.spec().grammar;
    if grammar.is_list() {
        return list(grammar, node, mistakes);
    }
    let text = match &node.value {
        NodeValue::Scalar(Scalar {
            kind: Kind::Null, ..
        }) => None,
        _ => node.as_text(),
    };
    match text.map(|text| setting.parse(text)) {
        Some(Ok(value)) => Some(with_text(&node.origin, &value)),
        Some(Err(expected)) => {
            mistakes.push(refused(node, &expected));
            None
        }
        None => {
            mistakes.push(wrong(node, "one value"));
            None
        }
    }
}

fn list(grammar: Grammar, node: &Node, mistakes: &mut Mistakes) -> Option<Node> {
    let Some(items) = node.as_list() else {
        mistakes.push(wrong(node, "a list: `[a, b]`"));
        return None;
    };
    let mut read = Vec::new();
    let mut sound = true;
    for item in items {
        // A comma would make two items of it on the way to the server.
        let text = item.as_text().filter(|text| !text.contains(','));
        match text
            .ok_or_else(|| "expected one item without a comma".to_owned())
            .and_then(|text| grammar.item(text))
        {
            Ok(text) => read.push(with_text(&item.origin, &Value::from(text))),
            Err(expected) => {
                sound = false;
                mistakes.push(wrong_item(grammar, item, &expected));
            }
        }
    }
    let texts: Vec<_> = read.iter().filter_map(Node::as_text).collect();
    if sound && let Err(expected) = grammar.list(texts) {
        mistakes.push(refused(node, &expected));
        return None;
    }
    sound.then(|| Node::new(NodeValue::List(read), node.origin.clone()))
}

fn wrong_item(grammar: Grammar, item: &Node, expected: &str) -> Mistake {
    let Grammar::Words(words) = grammar else {
        return refused(item, expected);
    };
    let mistake = wrong(item, &format!("one of {}", words.join(", ")));
    let text = item.as_text().unwrap_or_default();
    match nearest(text, words.iter().copied()) {
        Some(near) => mistake.help(format!("did you mean `{near}`?")),
        None => mistake,
    }
}

fn with_text(origin: &Origin, value: &Value) -> Node {
    Node::new(
        NodeValue::Scalar(Scalar::text(value.to_string())),
        origin.clone(),
    )
}

fn is_null(node: &Node) -> bool {
    matches!(
        node.value,
        NodeValue::Scalar(Scalar {
            kind: Kind::Null,
            ..
        })
    )
}

impl JsonSchema for Server {
    fn schema_name() -> Cow<'static, str> {
        "Server".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut properties = serde_json::Map::new();
        for (key, setting) in settings() {
            let mut schema = schema(setting);
            schema["description"] = json!(setting.meaning());
            properties.insert(key.to_owned(), schema);
        }
        json_schema!({
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A setting's part of the schema, from its grammar and range.
fn schema(setting: Setting) -> Json {
    let grammar = setting.spec().grammar;
    let text = match grammar.pattern() {
        Some(pattern) => json!({ "type": "string", "pattern": pattern }),
        None => json!({ "type": "string", "minLength": 1 }),
    };
    let number = match setting.spec().range {
        Some((low, high)) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        None => json!({ "type": "integer", "minimum": 0 }),
    };
    match grammar {
        Grammar::Count => number,
        Grammar::Bytes => json!({ "anyOf": [number, text] }),
        Grammar::Limit => json!({ "anyOf": [
            { "type": "integer", "minimum": 1, "maximum": MOST_LIMIT },
            { "const": "none" },
        ] }),
        Grammar::Flag => json!({ "type": "boolean" }),
        Grammar::Word(words) => json!({ "enum": words }),
        Grammar::Words(words) => json!({
            "type": "array", "minItems": 1, "uniqueItems": true, "items": { "enum": words }
        }),
        Grammar::Names => json!({
            "type": "array", "minItems": 1, "uniqueItems": true, "items": text
        }),
        Grammar::NamesOrNone | Grammar::Origins => json!({
            "type": "array", "uniqueItems": true, "items": text
        }),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that does not say a setting leaves it to the template, whose default must be the
    /// server's own.
    #[test]
    fn each_setting_has_a_parameter_with_its_default() {
        let template = crate::render::service_template().unwrap();
        for (key, setting) in settings() {
            let name = parameter(setting);
            let stated = template.parameters().get(&name);
            let parameter = stated.unwrap_or_else(|| panic!("{key}: no parameter {name}"));
            let default = parameter.default_text().unwrap_or_default();
            assert_eq!(
                setting.parse(&default),
                setting.parse(setting.spec().default.unwrap_or_default()),
                "{key}"
            );
        }
    }
}

//! The containers of a task definition, which Terraform keeps as a text of JSON.

use cloudformation::node::{Entry, Map, Node, Place, Scalar, Value as NodeValue};
use serde_json::Value;

use super::block::Block;

/// The containers; not known as a whole as soon as one value in them is not.
pub(super) fn read(task: Block<'_>) -> Option<Node> {
    let text = task.get("container_definitions")?;
    let Some(json) = text.as_text() else {
        return Some(text);
    };
    match serde_json::from_str::<Value>(json) {
        Ok(parsed) => Some(node(&parsed, task.place, true)),
        // A text where a list belongs: the model says so.
        Err(_) => Some(text),
    }
}

/// A value with the names that CloudFormation gives its keys. The keys of labels are the user's own.
fn node(value: &Value, place: &Place, rename: bool) -> Node {
    let value = match value {
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| {
                let name = if rename { pascal(key) } else { key.clone() };
                let node = node(value, place, rename && key != "dockerLabels");
                let key = place.clone();
                (name, Entry { key, node })
            };
            let entries = map.iter().filter(|(_, value)| !value.is_null());
            NodeValue::Map(entries.map(entry).collect::<Map>())
        }
        Value::Array(items) => {
            NodeValue::List(items.iter().map(|item| node(item, place, rename)).collect())
        }
        Value::String(text) => NodeValue::Scalar(Scalar::text(text)),
        other => NodeValue::Scalar(Scalar::text(other.to_string())),
    };
    Node::new(value, place.clone())
}

fn pascal(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

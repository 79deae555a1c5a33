//! The JSON Schema of an environment file, for editors: made from the types that read it.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::section::Environment;

/// The schema. No setting is required, since a file may extend another that has it.
#[must_use]
pub fn schema() -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<Environment>().to_value();
    optional(&mut schema);
    schema["title"] = json!("Environment of a Holdfast service");
    schema["properties"]["extends"] = json!({
        "type": "string",
        "description": "The environment file beneath this one, `defaults` for instance: what this \
                        file does not say, that one does."
    });
    schema
}

/// Takes away what every section would require by itself, and lets `null` take back an extended
/// value.
fn optional(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            // A store's own alternatives keep theirs: they tell one form from the other.
            if object.get("title").is_some()
                || object.get("properties").is_some_and(|properties| {
                    ["redis", "file", "url"]
                        .iter()
                        .all(|form| properties.get(form).is_none())
                })
            {
                object.remove("required");
            }
            object.values_mut().for_each(optional);
        }
        Value::Array(items) => items.iter_mut().for_each(optional),
        _ => {}
    }
}

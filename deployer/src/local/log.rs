//! Log lines of several processes made readable: the server's JSON becomes time, level, message and
//! fields.

use serde_json::{Map, Value};

/// A line as it is shown, without the process's name. What is not the server's JSON stays as it is.
#[must_use]
pub fn readable(line: &str) -> String {
    readable_at(line, "")
}

/// The same for a line that came at `clock`, which stands for its own time where that cannot be
/// read.
#[must_use]
pub fn readable_at(line: &str, clock: &str) -> String {
    match serde_json::from_str(line) {
        Ok(Value::Object(object)) if object.contains_key("level") => record(&object, clock),
        _ => line.to_owned(),
    }
}

fn record(object: &Map<String, Value>, clock: &str) -> String {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let time = clock_of(text("timestamp")).unwrap_or_else(|| clock.to_owned());
    // tracing nests an event's fields; other loggers do not.
    let nested = object.get("fields").and_then(Value::as_object);
    let fields = nested.unwrap_or(object);
    let message = fields.get("message").map(plain).unwrap_or_default();
    let shown = [
        "timestamp",
        "level",
        "message",
        "fields",
        "target",
        // What CloudWatch is told of the metrics in the line.
        "_aws",
        "span",
        "spans",
        "node",
        "node_id",
    ];
    let rest = fields
        .iter()
        .filter(|(name, _)| !shown.contains(&name.as_str()));
    let rest: String = rest
        .map(|(name, value)| format!(" {name}={}", plain(value)))
        .collect();
    format!("{time} {:<5} {message}{rest}", text("level"))
}

/// The time of day in `2026-01-02T03:04:05.678901Z`: the day is the same for every line on a
/// screen.
fn clock_of(timestamp: &str) -> Option<String> {
    let (_, time) = timestamp.split_once('T')?;
    let is_time = time.len() >= "03:04:05".len()
        && time
            .bytes()
            .zip(*b"00:00:00")
            .all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                _ => byte == form,
            });
    is_time.then(|| time.chars().take("03:04:05.678".len()).collect())
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_becomes_a_line_and_the_rest_stays() {
        let json = r#"{"timestamp":"2026-01-02T03:04:05.678901Z","level":"WARN","fields":{"message":"slow","ms":7,"to":"x"},"target":"server"}"#;
        assert_eq!(readable(json), "03:04:05.678 WARN  slow ms=7 to=x");
        let json = r#"{"_aws":{"Timestamp":1},"timestamp":"2026-01-02T03:04:05.678Z","level":"INFO","message":"metrics","Delivered":3}"#;
        assert_eq!(readable(json), "03:04:05.678 INFO  metrics Delivered=3");
        for other in ["plain text", "{not json", r#"{"a":1}"#, "[1]"] {
            assert_eq!(readable(other), other);
        }
    }
}

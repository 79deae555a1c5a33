//! A line of the log as it is shown: for people the node, the day and what the line says; for
//! programs an object.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{LogLine, node_of};
use crate::local::log::readable_at;

/// How much of a task's id tells it from others.
const SHORT: usize = 12;

/// A line that is shown.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a LogLine);

impl Shown<'_> {
    /// For people: `node-1a2b3c4d | 2026-01-02 03:04:05.678 INFO  ready`. What is not the server's
    /// JSON is shown as it is, after its task and time.
    #[must_use]
    pub fn text(&self) -> String {
        let Self(line) = self;
        let time = humantime::format_rfc3339_millis(line.at()).to_string();
        let (day, clock) = time.split_once('T').unwrap_or((&time, ""));
        let clock = clock.trim_end_matches('Z');
        let said = readable_at(line.text.trim_end(), clock);
        let (who, said) = if said == line.text.trim_end() {
            let task: String = line.task().chars().take(SHORT).collect();
            (task, format!("{clock} {said}"))
        } else {
            (
                node_of(&line.text).unwrap_or_else(|| line.task().to_owned()),
                said,
            )
        };
        let mut text = format!("{who:<13} | {day} ");
        visible(&said, &mut text);
        text
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let Self(line) = self;
        let said = serde_json::from_str(&line.text)
            .ok()
            .filter(Value::is_object)
            .unwrap_or_else(|| json!(line.text));
        json!({
            "type": "log",
            "timestamp": humantime::format_rfc3339_millis(line.at()).to_string(),
            "node": node_of(&line.text),
            "task": line.task(),
            "line": said,
        })
    }
}

/// Adds a text without what would steer a terminal: clients have a say in what is logged.
pub(crate) fn visible(said: &str, text: &mut String) {
    for letter in said.chars() {
        if letter.is_control() && letter != '\t' {
            // Writing to a string cannot fail.
            let _ = write!(text, "{}", letter.escape_default());
        } else {
            text.push(letter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> LogLine {
        LogLine {
            id: "1".to_owned(),
            stream: "server/server/0123456789abcdef".to_owned(),
            time: 1_767_323_045_700,
            text: text.to_owned(),
        }
    }

    #[test]
    fn people_see_who_when_and_what() {
        let json = r#"{"timestamp":"2026-01-02T03:04:05.678Z","level":"INFO","node":"node-1a2b3c4d","message":"ready","target":"server","connections":19800}"#;
        let shown = |text| Shown(&line(text)).text();
        assert_eq!(
            shown(json),
            "node-1a2b3c4d | 2026-01-02 03:04:05.678 INFO  ready connections=19800"
        );
        assert_eq!(
            shown("error: no keys\n"),
            "0123456789ab  | 2026-01-02 03:04:05.700 error: no keys"
        );
        let nasty = "{\"level\":\"WARN\",\"message\":\"a\\u001b[2Jb\",\"timestamp\":\"2026-01-02T03:04:05.678Z\"}";
        assert!(
            shown(nasty).ends_with("WARN  a\\u{1b}[2Jb"),
            "{}",
            shown(nasty)
        );
    }

    #[test]
    fn a_line_without_a_time_of_its_own_has_the_events() {
        for timestamp in [
            "",
            r#","timestamp":"today""#,
            r#","timestamp":1767323045678"#,
            r#","timestamp":"T-minus 3s""#,
        ] {
            let text =
                format!(r#"{{"level":"INFO","node":"node-1","message":"ready"{timestamp}}}"#);
            assert_eq!(
                Shown(&line(&text)).text(),
                "node-1        | 2026-01-02 03:04:05.700 INFO  ready"
            );
        }
    }

    #[test]
    fn programs_get_the_line_as_an_object() {
        let document = Shown(&line(r#"{"node":"node-1","message":"ready"}"#)).json();
        assert_eq!(document["line"]["message"], "ready");
        assert_eq!(document["node"], "node-1");
        assert_eq!(document["task"], "0123456789abcdef");
        assert_eq!(document["timestamp"], "2026-01-02T03:04:05.700Z");
        assert_eq!(Shown(&line("plain")).json()["line"], "plain");
    }
}

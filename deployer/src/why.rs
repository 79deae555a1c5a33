//! Why the messages of a channel are where they are: asked of a server, and told in words.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::local::api::{Api, Error};

/// What a server knows of a channel and of some of its messages.
#[derive(Debug)]
pub struct Report {
    namespace: String,
    channel: String,
    sockets: u64,
    keys: Vec<Value>,
    /// Each with its reason, timeline and receipts; the latest first.
    messages: Vec<Value>,
}

impl Report {
    /// Asks about one message of a channel, or about its latest `most`.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn ask(
        api: &Api,
        (namespace, channel): (&str, &str),
        message: Option<&str>,
        most: u32,
    ) -> Result<Self, Error> {
        let path = format!("/v1/namespaces/{namespace}/channels/{channel}");
        let at_a_glance = api.get(&path).await?;
        let keys = api.get(&format!("/v1/keys?channel={channel}")).await?;
        let ids = match message {
            Some(id) => vec![id.to_owned()],
            None => {
                let page = api.get(&format!("{path}/messages?limit={most}")).await?;
                let ids = items(&page).iter().map(|item| text(item, "id").to_owned());
                ids.collect()
            }
        };
        let mut messages = Vec::new();
        for id in ids {
            messages.push(api.get(&format!("{path}/messages/{id}")).await?);
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            channel: channel.to_owned(),
            sockets: at_a_glance["sockets"].as_u64().unwrap_or(0),
            keys: items(&keys).to_vec(),
            messages,
        })
    }

    /// As a document for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "schema": 1, "type": "why", "namespace": self.namespace, "channel": self.channel,
            "sockets": self.sockets, "keys": self.keys, "messages": self.messages,
        })
    }

    /// As people read it; with `details`, all that happened to each message.
    #[must_use]
    pub fn text(&self, details: bool) -> String {
        let mut out = format!(
            "{}/{}: {}\n",
            self.namespace,
            self.channel,
            self.connected()
        );
        for key in &self.keys {
            let _ = writeln!(out, "  key {}: {}", text(key, "id"), use_of(key));
        }
        if self.messages.is_empty() {
            out.push_str("No message of the last day.\n");
        }
        for message in &self.messages {
            let (id, state) = (text(message, "id"), text(message, "state"));
            let _ = writeln!(out, "\n{id}  {state}, due {}", text(message, "deliver_at"));
            let why = &message["why"];
            let _ = writeln!(out, "  {}: {}", text(why, "code"), text(why, "detail"));
            if details {
                for entry in message["timeline"].as_array().into_iter().flatten() {
                    let _ = writeln!(out, "  {}", happened(entry));
                }
            }
        }
        out
    }

    fn connected(&self) -> String {
        let keys = match self.keys.len() {
            0 => "no key".to_owned(),
            1 => "1 key".to_owned(),
            number => format!("{number} keys"),
        };
        match self.sockets {
            0 => format!("{keys}, nobody connected"),
            1 => format!("{keys}, 1 socket connected"),
            number => format!("{keys}, {number} sockets connected"),
        }
    }
}

/// How a key is used.
fn use_of(key: &Value) -> String {
    let usage = &key["usage"];
    let mut said = match usage["nodes"].as_array().filter(|nodes| !nodes.is_empty()) {
        Some(nodes) => {
            let nodes = nodes.iter().map(|node| text(node, "node"));
            format!("connected to {}", nodes.collect::<Vec<_>>().join(", "))
        }
        None if usage["last_used_at"].is_string() => {
            format!("not connected since {}", text(usage, "last_used_at"))
        }
        None => "never connected".to_owned(),
    };
    if let Some(last) = usage["last"].as_object() {
        let word = |name: &str| last.get(name).and_then(Value::as_str).unwrap_or("?");
        let _ = write!(said, ", {} from {}", word("transport"), word("network"));
    }
    if key["watch"] == true {
        said.push_str(", only watches");
    }
    said
}

/// One thing that happened to a message.
fn happened(entry: &Value) -> String {
    let mut line = format!(
        "{}  {}",
        text(entry, "at"),
        text(entry, "event").replace('_', " ")
    );
    for (name, word) in [("status", ""), ("key", "key "), ("node", "by ")] {
        if let Some(value) = entry[name].as_str() {
            let _ = write!(line, ", {word}{value}");
        }
    }
    line
}

fn items(page: &Value) -> &[Value] {
    page["items"].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("?")
}

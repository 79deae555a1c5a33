//! What people look for once a deployment has ended: the connections of each node, and alarms that
//! ring. Neither decides how it ended.

use serde_json::{Value, json};

use super::Deployment;
use crate::aws::{Alarm, StackState};
use crate::connections::{Connections, Way};
use crate::server_target::first_key;
use crate::status::{alarms, alarms_json, alarms_text};

/// What was found.
pub(super) struct Facts {
    /// What the nodes say; none where no node is to be asked.
    connections: Option<Connections>,
    /// The alarms that ring, or why they are not known.
    alarms: Result<Vec<Alarm>, String>,
}

impl Deployment<'_> {
    /// Looks, and takes no for an answer.
    pub(super) async fn facts(&self, stack: &StackState) -> Facts {
        let alarms = async {
            let resources = self.clients.resources(&stack.id).await?;
            alarms(&self.clients, &stack.name, &resources).await
        };
        let (alarms, connections) = tokio::join!(alarms, self.connections(stack));
        Facts {
            connections,
            alarms: alarms.map_err(|error| error.to_string()),
        }
    }

    async fn connections(&self, stack: &StackState) -> Option<Connections> {
        if self.options.no_probe || !stack.outputs.contains_key("BackendKeys") {
            return None;
        }
        let file = self.options.backend_key_file.as_ref();
        let way = Way {
            url: self.options.api_url.clone(),
            key: file.and_then(|file| first_key(file).ok()),
        };
        Some(match way.to(&self.clients, stack).await {
            Ok(api) => Connections::ask(&api, []).await,
            Err(why) => Connections::unseen(why),
        })
    }
}

impl Facts {
    /// The facts as lines below how it ended.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        if let Some(connections) = &self.connections {
            text.push_str("\n  connections\n");
            text.push_str(&connections.text("    "));
        }
        match &self.alarms {
            Ok(alarms) if alarms.is_empty() => {}
            Ok(alarms) => {
                text.push_str("\n  alarms\n");
                text.push_str(&alarms_text(alarms, "    "));
            }
            Err(why) => text.push_str(&format!("\n  alarms\n    not seen: {why}\n")),
        }
        text.trim_end().to_owned()
    }

    /// The facts as fields of the last object.
    pub(super) fn into(self, document: &mut Value) {
        document["connections"] = self.connections.map_or(Value::Null, |found| found.json());
        document["alarms"] = match &self.alarms {
            Ok(alarms) => json!({ "ringing": alarms_json(alarms), "unseen": null }),
            Err(why) => json!({ "ringing": [], "unseen": why }),
        };
    }
}

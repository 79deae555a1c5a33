//! The server's own settings: the environment of its container, where it is the server of this project.

use std::time::Duration;

use timeouts::Setting::{self, *};
use timeouts::{Kind, Place, Value};

use super::view::View;
use cloudformation::node::{Call, Function, Leaf, Node, Value as NodeValue};
use cloudformation::template::Resource;

/// What the server takes where a variable is not set.
const DEFAULTS: [(Setting, &str); 10] = [
    (PingInterval, "60s"),
    (PingTimeout, "4m"),
    (KeepAlive, "320s"),
    (JoinTimeout, "10s"),
    (Drain, "25s"),
    (Transports, "polling,websocket"),
    (SocketPath, "/websockets"),
    (CorsOrigins, ""),
    (BindPort, "0.0.0.0:8080"),
    (Store, "memory"),
];
/// The paths that it answers, beside the Socket.IO path.
const SERVED: [&str; 3] = ["/healthcheck", "/v1", "/openapi.json"];

/// Whether a container is the server: no other has keys of backends or a `SOCKET_PATH`.
pub(super) fn is_ours(container: &Node) -> bool {
    let named = |list: &str| {
        container
            .get(list)
            .and_then(Node::as_list)
            .unwrap_or_default()
            .iter()
    };
    named("Environment").chain(named("Secrets")).any(|item| {
        matches!(
            item.get("Name").and_then(Node::as_text),
            Some("S2S_KEYS" | "S2S_KEYS_FILE" | "SOCKET_PATH")
        )
    })
}

/// A container's environment variable.
pub(super) fn variable<'a>(container: &'a Node, name: &str) -> Option<&'a Node> {
    let variables = container.get("Environment")?.as_list()?;
    variables
        .iter()
        .find(|item| item.get("Name").and_then(Node::as_text) == Some(name))?
        .get("Value")
}

/// Reads the server's container; `direct` says that the load balancer sends to it, without a proxy in between.
pub(super) fn read(view: &mut View<'_, '_>, container: &Node, definition: &Resource, direct: bool) {
    if let Some(planned) = container
        .at("DockerLabels")
        .and_then(|labels| labels.get("connections-per-task"))
    {
        view.node(ConnectionsPerTask, Some(planned), definition);
    }
    if !is_ours(container) {
        return;
    }
    let variables = container
        .get("Environment")
        .map_or(Some([].as_slice()), Node::as_list);
    let hidden = variables.is_none_or(|items| items.iter().any(|item| item.as_map().is_none()));
    let place = view.place(container);
    let built_in = || Place::named("the server").through(place.clone());
    view.reading
        .see(Protocols, ["4", "5"].as_slice(), built_in());
    view.reading.see(ServedPaths, SERVED.as_slice(), built_in());
    for (setting, default) in DEFAULTS {
        if setting == BindPort && !direct {
            continue;
        }
        let name = setting.spec().variable.unwrap_or_default();
        match variable(container, name) {
            Some(node) => stated(view, setting, node),
            None if hidden => _ = view.reading.hide(setting, "variables that only AWS knows"),
            None => {
                if let Some(value) = parse(setting, default) {
                    view.reading.see(
                        setting,
                        value,
                        Place::named(format!("default of the server's {name}"))
                            .through(place.clone()),
                    );
                }
            }
        }
    }
}

fn stated(view: &mut View<'_, '_>, setting: Setting, node: &Node) {
    let text = match node.leaf() {
        Some(Leaf::Literal(scalar)) => Some(scalar.text.as_str()),
        // Of a store's address the beginning is enough, and its host is often known to AWS alone.
        _ if setting == Store => beginning(node),
        _ => None,
    };
    match text.map(|text| parse(setting, text)) {
        None => view.symbolic(setting, node),
        Some(Some(value)) => view.see(setting, value, node),
        Some(None) => {
            let place = view.place(node);
            view.reading
                .hide(setting, format!("what {place} says cannot be read"));
        }
    }
}

/// The text that a function's result begins with: `!Sub "redis://${Host}"`, `!Join ["", ["redis://", …]]`.
fn beginning(node: &Node) -> Option<&str> {
    let NodeValue::Call(Call { function, argument }) = &node.value else {
        return node.as_text();
    };
    match function {
        Function::Sub => argument.as_text().or_else(|| argument.at("0")?.as_text()),
        Function::Join => argument.at("1.0")?.as_text(),
        _ => None,
    }
}

fn parse(setting: Setting, text: &str) -> Option<Value> {
    let words = || {
        text.split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    match setting {
        BindPort => text
            .rsplit(':')
            .next()?
            .parse::<u64>()
            .ok()
            .map(Value::from),
        Store => Some(
            text.split(':')
                .next()
                .map(|scheme| if scheme == "rediss" { "redis" } else { scheme })?
                .into(),
        ),
        _ => match setting.spec().kind {
            Kind::Duration => duration(text).map(Value::from),
            Kind::List => Some(words().into()),
            Kind::Text => Some(text.into()),
            _ => None,
        },
    }
}

/// A duration with its unit: `60s`, `4m`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

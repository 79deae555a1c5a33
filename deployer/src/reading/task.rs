//! The task definition: its containers, their ports and limits, and its size.

use timeouts::Setting::{self, *};
use timeouts::Value;

use super::network::PortRange;
use super::server;
use super::view::View;
use cloudformation::node::Node;
use cloudformation::template::Resource;

/// What other readers need of a task.
pub(super) struct Task<'a> {
    /// The server's `STORE` variable.
    pub(super) store: Option<&'a Node>,
}

pub(super) fn read<'a>(
    view: &mut View<'a, '_>,
    definition: &'a Resource,
    target: Option<&str>,
) -> Option<Task<'a>> {
    view.property(NetworkMode, definition, "NetworkMode");
    size(view, definition, Cpu, "Cpu");
    size(view, definition, Memory, "Memory");
    let list = definition.properties.get("ContainerDefinitions")?;
    let containers = list.as_list()?;
    let names: Option<Vec<String>> = containers
        .iter()
        .map(|container| container.get("Name")?.as_text().map(str::to_owned))
        .collect();
    match names {
        Some(names) => view.see(Containers, names, list),
        None => view.symbolic(Containers, list),
    }
    see_ports(view, TaskPorts, containers, list);
    let balanced = containers
        .iter()
        .find(|container| container.get("Name").and_then(Node::as_text) == target);
    if let Some(balanced) = balanced {
        see_ports(
            view,
            MappedPorts,
            [balanced],
            balanced.get("PortMappings").unwrap_or(balanced),
        );
    }
    let server = containers
        .iter()
        .find(|container| server::is_ours(container))
        .or(balanced)?;
    let direct = balanced.is_some_and(|balanced| std::ptr::eq(balanced, server));
    view.node(StopTimeout, server.get("StopTimeout"), definition);
    nofile(view, server);
    server::read(view, server, definition, direct);
    Some(Task {
        store: server::variable(server, "STORE"),
    })
}

/// Records the ports of some containers, unless one of them is not known.
fn see_ports<'n>(
    view: &mut View<'_, '_>,
    setting: Setting,
    containers: impl IntoIterator<Item = &'n Node>,
    place: &Node,
) {
    let ports: Option<Vec<_>> = containers.into_iter().map(ports).collect();
    match ports {
        Some(ports) => view.see(setting, Value::Ports(ports.concat()), place),
        None => view.symbolic(setting, place),
    }
}

/// The ports that a container maps; none where they are not known.
fn ports(container: &Node) -> Option<Vec<PortRange>> {
    let Some(mappings) = container.get("PortMappings") else {
        return Some(Vec::new());
    };
    let port = |mapping: &Node| {
        let port = u16::try_from(mapping.get("ContainerPort")?.as_u64()?).ok()?;
        Some((port, port))
    };
    mappings.as_list()?.iter().map(port).collect()
}

fn nofile(view: &mut View<'_, '_>, server: &Node) {
    if let Some(limits) = server
        .get("Ulimits")
        .filter(|limits| limits.as_list().is_none())
    {
        return view.symbolic(Nofile, limits);
    }
    let limits = server
        .get("Ulimits")
        .and_then(Node::as_list)
        .unwrap_or_default();
    let limit = limits
        .iter()
        .find(|limit| limit.get("Name").and_then(Node::as_text) == Some("nofile"));
    match limit.and_then(|limit| limit.get("SoftLimit")) {
        Some(soft) => match soft.as_u64() {
            Some(files) => view.see(Nofile, files, soft),
            None => view.symbolic(Nofile, soft),
        },
        None => view.see(Nofile, Value::Unset, server),
    }
}

/// CPU units and MiB, which a task definition may also write as `1 vCPU` and `2 GB`.
fn size(view: &mut View<'_, '_>, definition: &Resource, setting: Setting, name: &str) {
    let Some(node) = definition.properties.get(name) else {
        return;
    };
    match node.as_text().map(units) {
        Some(Some(size)) => view.see(setting, size, node),
        Some(None) => _ = view.reading.hide(setting, "a size that cannot be read"),
        None => view.symbolic(setting, node),
    }
}

fn units(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let large = text
        .strip_suffix("vcpu")
        .or_else(|| text.strip_suffix("gb"));
    match large {
        None => text.parse().ok(),
        Some(number) => {
            let units = number.trim().parse::<f64>().ok()? * 1024.0;
            // Sizes are far below what a float counts exactly, and have no fraction.
            (units.fract() == 0.0 && (0.0..1e9).contains(&units)).then_some(units as u64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::units;

    #[test]
    fn sizes_have_two_spellings() {
        let cases = [
            ("512", Some(512)),
            ("1 vCPU", Some(1024)),
            (".25 vcpu", Some(256)),
            ("1GB", Some(1024)),
            ("0.5 GB", Some(512)),
        ];
        for (text, size) in cases {
            assert_eq!(units(text), size, "{text}");
        }
        assert_eq!(units("some"), None);
        assert_eq!(units("1.0001 GB"), None);
    }
}

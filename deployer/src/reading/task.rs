//! The task definition: its containers, their ports and limits, and its size.

use timeouts::Setting::{self, *};
use timeouts::Value;

use aws_model::{Container, Field, NotSeen, TaskDefinition, Variable};
use cloudformation::node::Origin;

use super::server;
use super::view::View;

/// Reads a task definition, and returns the server's `STORE` variable.
pub(super) fn read<'a>(
    view: &mut View<'_, '_>,
    definition: &'a TaskDefinition,
    target: Option<&str>,
) -> Option<&'a Variable> {
    view.field(NetworkMode, &definition.network_mode);
    view.field(Cpu, &definition.cpu);
    view.field(Memory, &definition.memory);
    let (containers, place) = match &definition.containers {
        Field::Stated(containers, place) => (containers, place),
        Field::NotStated(_) => return None,
        Field::NotSeen(why) => {
            for setting in [Containers, TaskPorts, MappedPorts, StopTimeout, Nofile] {
                view.hide(setting, why);
            }
            return None;
        }
    };
    let names = containers
        .iter()
        .map(|container| container.name.value().cloned());
    let names: Option<Vec<String>> = names.collect();
    all_or_hide(view, Containers, names, place);
    let ports = containers.iter().map(ports).collect::<Option<Vec<_>>>();
    all_or_hide(
        view,
        TaskPorts,
        ports.map(|ports| Value::Ports(ports.concat())),
        place,
    );
    let mut all = containers.iter();
    let balanced = all.find(|container| container.name.as_str() == target);
    if let Some(balanced) = balanced {
        let ranges = |ports: Vec<u16>| ranges(&ports);
        let mapped = balanced.ports.clone().map(ranges);
        view.field_or(MappedPorts, &mapped, Value::Ports(Vec::new()));
    }
    let mut all = containers.iter();
    let only = containers.first().filter(|_| containers.len() == 1);
    let server = all
        .find(|container| server::is_ours(container))
        .or(balanced)
        .or(only)?;
    others_memory(view, containers, server);
    let direct = balanced.is_some_and(|balanced| std::ptr::eq(balanced, server));
    view.field(StopTimeout, &server.stop_timeout);
    view.field_or(Nofile, &server.nofile, Value::Unset);
    server::read(view, server, direct);
    server
        .variable("STORE")
        .filter(|variable| !variable.value.is_not_stated())
}

/// Records what the containers beside the server may take, as far as they are limited.
fn others_memory(view: &mut View<'_, '_>, containers: &[Container], server: &Container) {
    let others = containers
        .iter()
        .filter(|container| !std::ptr::eq(*container, server));
    // One without a limit takes what is left; nothing can be reckoned of it.
    let mut sum = 0;
    for container in others {
        match &container.memory {
            Field::Stated(limit, _) => sum += limit,
            Field::NotStated(_) => {}
            Field::NotSeen(why) => return view.hide(OtherMemory, why),
        }
    }
    view.see(OtherMemory, sum, &server.place);
}

/// Records what is known of all containers, or that it is not known of one.
fn all_or_hide<T: Into<Value>>(
    view: &mut View<'_, '_>,
    setting: Setting,
    values: Option<T>,
    place: &Origin,
) {
    match values {
        Some(values) => view.see(setting, values, place),
        None => view.hide(setting, &NotSeen::OnlyAwsKnows(place.clone(), Vec::new())),
    }
}

/// The ports that a container maps; none where they are not known.
fn ports(container: &Container) -> Option<Vec<(u16, u16)>> {
    match &container.ports {
        Field::NotSeen(_) => None,
        ports => Some(ports.items().iter().map(|port| (*port, *port)).collect()),
    }
}

fn ranges(ports: &[u16]) -> Value {
    Value::Ports(ports.iter().map(|port| (*port, *port)).collect())
}

//! The load balancer must send to a container and port that exist.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "container-port-mismatch",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "the load balancer sends to a container or port that the task does not have",
    breaks: "ECS refuses the service, or every health check fails and tasks are replaced in a \
             loop.",
    holds: "service.container is one of service.containers, service.container_port is mapped by \
            it, and is server.port where it is the server's own; a numeric health check port is \
            one of the task's, unless the network mode is awsvpc or host",
    fix: "name the container and port of the task definition",
    sources: &[ECS_SERVICE, ECS_LOAD_BALANCING],
    settings: &[
        ContainerName,
        Containers,
        ContainerPort,
        MappedPorts,
        BindPort,
        HealthCheckPort,
        TaskPorts,
        NetworkMode,
    ],
    check,
};

fn check(r: &Reading) -> Verdict {
    let container = container(r);
    if container.as_ref().is_ok_and(|found| !found.is_empty()) {
        return container; // its ports cannot be known
    }
    each([container, mapped(r), bound(r), health(r)])
}

fn container(r: &Reading) -> Verdict {
    let name = r.text(ContainerName)?;
    let containers = r.list(Containers)?;
    demand(
        containers
            .value
            .iter()
            .any(|container| container == name.value),
        || {
            Violation::error("the load balancer sends to a container that the task does not have")
                .about(name.seen)
                .about(containers.seen)
                .fix(format!(
                    "set ContainerName of the service's load balancer to {}",
                    containers.value.join(" or ")
                ))
        },
    )
}

fn mapped(r: &Reading) -> Verdict {
    let port = r.count(ContainerPort)?;
    let ports = r.ports(MappedPorts)?;
    demand(open(ports.value, port.value), || {
        Violation::error("the load balancer sends to a port that the container does not map")
            .about(port.seen)
            .about(ports.seen)
            .fix(format!(
                "add {} to the container's PortMappings",
                port.value
            ))
    })
}

/// Holds where the server has no port of its own here: it may stand behind a proxy in the same task.
fn bound(r: &Reading) -> Verdict {
    r.settled(BindPort)?;
    let (Ok(port), Ok(server)) = (r.count(ContainerPort), r.count(BindPort)) else {
        return holds();
    };
    demand(port.value == server.value, || {
        Violation::error("the load balancer sends to a port on which the server does not listen")
            .about(port.seen)
            .about(server.seen)
            .needs(format!(
                "load balanced port {} = server's port {}",
                port.value, server.value
            ))
            .fix(format!("set both to {}", server.value))
    })
}

/// Holds where health checks use the port of the traffic, and where a task has an address of its
/// own: there every port is reachable on which a container listens.
fn health(r: &Reading) -> Verdict {
    let own = |mode: &str| text_is(r, NetworkMode, mode);
    if any([r.is_unset(HealthCheckPort), own("awsvpc"), own("host")])? {
        return holds();
    }
    let (port, ports) = (r.count(HealthCheckPort)?, r.ports(TaskPorts)?);
    demand(open(ports.value, port.value), || {
        Violation::error("health checks ask on a port that the task does not map")
            .about(port.seen)
            .about(ports.seen)
            .fix("leave HealthCheckPort out, or map the port")
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, l, n, p, u, w};
    let task = |container, port: u64| {
        let target = [
            (ContainerName, w(container)),
            (Containers, l(&["app", "envoy"])),
            (ContainerPort, n(port)),
        ];
        [
            &target[..],
            &[
                (MappedPorts, p(&[(8080, 8080)])),
                (TaskPorts, p(&[(8080, 8080), (9901, 9901)])),
            ],
        ]
        .concat()
    };
    let none = |container, port| [task(container, port), vec![(HealthCheckPort, u())]].concat();
    let and = |port: (Setting, Value)| [none("app", 8080), vec![port]].concat();
    let checked = |mode, port| {
        let health = vec![(NetworkMode, w(mode)), (HealthCheckPort, n(port))];
        [task("app", 8080), health].concat()
    };
    cases(
        &RULE,
        &[
            (&none("app", 8080), Holds),
            (&none("web", 8080), Error),
            (&none("app", 80), Error),
            (&none("envoy", 8080), Holds),
            (&and((BindPort, n(8080))), Holds),
            (&and((BindPort, n(3000))), Error),
            (&checked("bridge", 9901), Holds),
            (&checked("bridge", 9000), Error),
            (&checked("awsvpc", 9000), Holds),
            (&task("app", 8080), NotSeen),
            (&[(ContainerName, w("app")), (ContainerPort, n(1))], NotSeen),
        ],
    );
}

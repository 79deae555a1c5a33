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
            one of the task's",
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

/// Holds where the server's port is not seen: it may stand behind a proxy in the same task.
fn bound(r: &Reading) -> Verdict {
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

/// Holds where health checks use the port of the traffic.
fn health(r: &Reading) -> Verdict {
    let (Ok(port), Ok(ports)) = (r.count(HealthCheckPort), r.ports(TaskPorts)) else {
        return holds();
    };
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
    let and = |port: (Setting, Value)| [task("app", 8080), vec![port]].concat();
    cases(
        &RULE,
        &[
            (&task("app", 8080), Holds),
            (&task("web", 8080), Error),
            (&task("app", 80), Error),
            (&task("envoy", 8080), Holds),
            (&and((BindPort, n(8080))), Holds),
            (&and((BindPort, n(3000))), Error),
            (&and((HealthCheckPort, n(9901))), Holds),
            (&and((HealthCheckPort, n(9000))), Error),
            (&and((HealthCheckPort, u())), Holds),
            (&[(ContainerName, w("app")), (ContainerPort, n(1))], NotSeen),
        ],
    );
}

//! Security groups must let traffic and health checks through.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "security-group-closed",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "a security group blocks the way",
    breaks: "Targets are never healthy, and tasks are replaced in a loop; or the server cannot \
             reach its store and serves in degraded state.",
    holds: "network.balancer_to_task holds service.container_port and the health check port; \
            network.task_to_store holds store.port. An address range that may hold the other \
            side leaves it not seen",
    fix: "allow the port from the other side's security group",
    sources: &[SECURITY_GROUPS],
    settings: &[
        BalancerToTask,
        PerhapsBalancerToTask,
        ContainerPort,
        HealthCheckPort,
        TaskToStore,
        PerhapsTaskToStore,
        StorePort,
        NetworkMode,
        Store,
    ],
    check,
};

fn check(r: &Reading) -> Verdict {
    each([traffic(r), store(r)])
}

fn traffic(r: &Reading) -> Verdict {
    // Without awsvpc the host's port is what counts, and ECS may choose it.
    if !text_is(r, NetworkMode, "awsvpc")? {
        return holds();
    }
    let ports = r.ports(BalancerToTask)?;
    let traffic = r.count(ContainerPort);
    let health = match r.is_unset(HealthCheckPort) {
        Ok(true) => None,
        _ => Some(r.count(HealthCheckPort)),
    };
    each([Some(traffic), health].into_iter().flatten().map(|port| {
        let port = port?;
        let is_open = is_open(r, &ports, PerhapsBalancerToTask, port.value)?;
        demand(is_open, || {
            Violation::error(format!(
                "the task's security group does not let the load balancer in on port {}",
                port.value
            ))
            .about(ports.seen)
            .about(port.seen)
            .fix(format!(
                "allow TCP {} from the load balancer's security group",
                port.value
            ))
        })
    }))
}

/// Whether a port is open for sure; not seen where it is open to addresses only.
fn is_open(
    r: &Reading,
    surely: &Sight<'_, &[(u16, u16)]>,
    perhaps: Setting,
    port: u64,
) -> Result<bool, NotSeen> {
    let by_address = r.ports(perhaps).is_ok_and(|ports| open(ports.value, port));
    match open(surely.value, port) {
        false if by_address => Err(NotSeen(vec![surely.seen.setting])),
        is_open => Ok(is_open),
    }
}

fn store(r: &Reading) -> Verdict {
    if !redis(r)? {
        return holds();
    }
    let ports = r.ports(TaskToStore)?;
    let port = r.count(StorePort)?;
    let is_open = is_open(r, &ports, PerhapsTaskToStore, port.value)?;
    demand(is_open, || {
        Violation::error(format!(
            "the store's security group does not let tasks in on port {}",
            port.value
        ))
        .about(ports.seen)
        .about(port.seen)
        .fix(format!(
            "allow TCP {} from the task's security group",
            port.value
        ))
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, n, p, u, w};
    let opened = |ports: &[(u16, u16)], health: Value| {
        [
            (NetworkMode, w("awsvpc")),
            (BalancerToTask, p(ports)),
            (ContainerPort, n(8080)),
            (HealthCheckPort, health),
            (Store, w("memory")),
        ]
    };
    let stored = |port| {
        [
            (NetworkMode, w("host")),
            (Store, w("redis")),
            (TaskToStore, p(&[(6379, 6379)])),
            (StorePort, n(port)),
        ]
    };
    cases(
        &RULE,
        &[
            (&opened(&[(8080, 8080)], u()), Holds),
            (&opened(&[(0, 65_535)], n(9901)), Holds),
            (&opened(&[(80, 80)], u()), Error),
            (&opened(&[(8080, 8080)], n(9901)), Error),
            (
                &[
                    &opened(&[(80, 80)], u())[..],
                    &[(PerhapsBalancerToTask, p(&[(80, 80), (8080, 8080)]))],
                ]
                .concat(),
                NotSeen,
            ),
            (&stored(6379), Holds),
            (&stored(6380), Error),
            (
                &[
                    (NetworkMode, w("awsvpc")),
                    (ContainerPort, n(8080)),
                    (Store, w("memory")),
                ],
                NotSeen,
            ),
        ],
    );
}

//! What security groups let through: from the load balancer to the tasks, from the tasks to the
//! store.

use timeouts::Setting::{self, BalancerToTask, TaskToStore};
use timeouts::Value;

use aws_model::{
    ALL_PORTS, Field, GROUPS_ELSEWHERE, GroupRule, Id, LoadBalancer, Peer, PortRange, Ports,
    ReplicationGroup, SecurityGroup, Service,
};

use super::view::View;

pub(super) fn read(
    view: &mut View<'_, '_>,
    balancer: Option<&LoadBalancer>,
    service: &Service,
    store: Option<&ReplicationGroup>,
) {
    let tasks = &service.security_groups;
    let balancers = balancer.map(|balancer| &balancer.security_groups);
    between(view, BalancerToTask, balancers, tasks);
    if let Some(store) = store {
        between(view, TaskToStore, Some(tasks), &store.security_groups);
    }
}

/// Records the ports that one side may reach on the other.
fn between(
    view: &mut View<'_, '_>,
    setting: Setting,
    from: Option<&Field<Vec<Id>>>,
    to: &Field<Vec<Id>>,
) {
    let (Some(Field::Stated(sources, _)), Field::Stated(targets, place)) = (from, to) else {
        view.reading.hide(setting, GROUPS_ELSEWHERE);
        return;
    };
    if sources.is_empty() || targets.is_empty() {
        view.reading.hide(setting, GROUPS_ELSEWHERE);
        return;
    }
    let groups = &view.model.security_groups;
    let let_in = ports(
        groups,
        targets,
        sources,
        |group| group.ingress.as_ref(),
        &[],
    );
    let let_out = ports(
        groups,
        sources,
        targets,
        |group| group.egress.as_ref(),
        &[ALL_PORTS],
    );
    match (let_in, let_out) {
        (Some(let_in), Some(let_out)) => {
            view.see(setting, Value::Ports(both(&let_in, &let_out)), place);
        }
        _ => {
            _ = view
                .reading
                .hide(setting, "a security group rule that only AWS knows");
        }
    }
}

/// The ports that some groups allow from or to others; none where a rule is not known. A group
/// without any rule allows what is `unstated`.
fn ports(
    all: &[SecurityGroup],
    groups: &[Id],
    others: &[Id],
    direction: impl Fn(&SecurityGroup) -> Option<&Vec<GroupRule>>,
    unstated: &[PortRange],
) -> Option<Vec<PortRange>> {
    let mut ports = Vec::new();
    for group in all.iter().filter(|group| groups.contains(&group.id)) {
        let rules = direction(group)?;
        if rules.is_empty() {
            ports.extend(unstated);
        }
        // Address ranges and prefix lists may hold the other side, so they count.
        let concerns = |rule: &&GroupRule| match &rule.peer {
            Peer::Group(group) => group.as_ref().is_some_and(|group| others.contains(group)),
            Peer::Addresses => true,
        };
        for rule in rules.iter().filter(concerns) {
            match rule.ports {
                Ports::Range(range) => ports.push(range),
                Ports::NotTcp => {}
                Ports::Unknown => return None,
            }
        }
    }
    Some(ports)
}

/// The ports in both.
fn both(one: &[PortRange], two: &[PortRange]) -> Vec<PortRange> {
    let mut ports: Vec<PortRange> = one
        .iter()
        .flat_map(|a| two.iter().map(move |b| (a.0.max(b.0), a.1.min(b.1))))
        .filter(|(low, high)| low <= high)
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_must_be_let_out_and_in() {
        assert_eq!(both(&[(80, 90)], &[(85, 100)]), [(85, 90)]);
        assert_eq!(both(&[(80, 80)], &[ALL_PORTS]), [(80, 80)]);
        assert_eq!(both(&[(80, 80)], &[(443, 443)]), []);
    }
}

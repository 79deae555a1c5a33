//! What security groups let through: from the load balancer to the tasks, from the tasks to the
//! store.

use timeouts::Setting::{
    self, BalancerToTask, PerhapsBalancerToTask, PerhapsTaskToStore, TaskToStore,
};
use timeouts::Value;

use aws_model::{
    ALL_PORTS, Field, GROUPS_ELSEWHERE, GroupRule, Id, LoadBalancer, Part, Peer, PortRange, Ports,
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
    let to_task = (BalancerToTask, PerhapsBalancerToTask);
    between(view, to_task, balancers, tasks);
    if let Some(store) = store {
        let to_store = (TaskToStore, PerhapsTaskToStore);
        between(view, to_store, Some(tasks), &store.security_groups);
    }
}

/// Records the ports that one side reaches on the other, and those that it may reach.
fn between(
    view: &mut View<'_, '_>,
    (surely, perhaps): (Setting, Setting),
    from: Option<&Field<Vec<Id>>>,
    to: &Field<Vec<Id>>,
) {
    let not_read = view.model.not_read.get(&Part::SecurityGroups);
    let (Some(Field::Stated(sources, _)), Field::Stated(targets, place), None) =
        (from, to, not_read)
    else {
        let why = not_read.map_or(GROUPS_ELSEWHERE, String::as_str);
        view.reading.hide(surely, why);
        return;
    };
    if sources.is_empty() || targets.is_empty() {
        view.reading.hide(surely, GROUPS_ELSEWHERE);
        return;
    }
    let groups = &view.model.security_groups;
    let ingress = |group: &SecurityGroup| group.ingress.clone();
    let let_in = Open::of(groups, targets, sources, ingress);
    // A group that states no rule lets everything out; a live one has that as a rule.
    let egress = |group: &SecurityGroup| {
        let everything = GroupRule {
            peer: Peer::Anybody,
            ports: Ports::Range(ALL_PORTS),
        };
        let rules = group.egress.clone()?;
        Some(if rules.is_empty() {
            vec![everything]
        } else {
            rules
        })
    };
    let let_out = Open::of(groups, sources, targets, egress);
    let (Some(let_in), Some(let_out)) = (let_in, let_out) else {
        let why = "a security group rule that only AWS knows";
        view.reading.hide(surely, why);
        return;
    };
    let ports = both(&let_in.surely, &let_out.surely);
    view.see(surely, Value::Ports(ports), place);
    let ports = both(&let_in.at_most(), &let_out.at_most());
    view.see(perhaps, Value::Ports(ports), place);
    if !(let_in.perhaps.is_empty() && let_out.perhaps.is_empty()) {
        let why = "a security group opens ports to address ranges that may hold the other side";
        view.reading.partly(surely, why);
    }
}

/// The ports that some groups open to others.
#[derive(Default)]
struct Open {
    surely: Vec<PortRange>,
    /// To address ranges and the like, which may hold the other side.
    perhaps: Vec<PortRange>,
}

impl Open {
    /// None where a rule is not known, or a group was not read.
    fn of(
        all: &[SecurityGroup],
        groups: &[Id],
        others: &[Id],
        direction: impl Fn(&SecurityGroup) -> Option<Vec<GroupRule>>,
    ) -> Option<Self> {
        let mut open = Self::default();
        for id in groups {
            let group = all.iter().find(|group| group.id == *id)?;
            for rule in direction(group)? {
                let range = match rule.ports {
                    Ports::Range(range) => range,
                    Ports::NotTcp => continue,
                    Ports::Unknown => return None,
                };
                match rule.peer {
                    Peer::Group(Some(other)) if others.contains(&other) => open.surely.push(range),
                    Peer::Group(_) => {}
                    Peer::Anybody => open.surely.push(range),
                    Peer::Unclear => open.perhaps.push(range),
                }
            }
        }
        Some(open)
    }

    fn at_most(&self) -> Vec<PortRange> {
        [self.surely.as_slice(), &self.perhaps].concat()
    }
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

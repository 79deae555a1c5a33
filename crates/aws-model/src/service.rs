//! ECS services.

use std::collections::HashSet;
use std::time::Duration;

use cloudformation::node::{Node, Origin};
use cloudformation::template::{Rendered, Resource};

use crate::deployment::Deployment;
use crate::field::{Field, only_aws_knows};
use crate::network;
use crate::pattern::Pattern;
use crate::properties::{Id, Properties, mentioned};

/// An ECS service.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its logical id.
    pub id: Id,
    /// Its place.
    pub place: Origin,
    /// Its fixed name.
    pub name: Field<String>,
    /// The same name, as far as it can be compared with what names the service.
    pub pattern: Option<Pattern>,
    /// `REPLICA` or `DAEMON`.
    pub scheduling: Field<String>,
    /// Its task definition.
    pub task_definition: Field<Id>,
    /// Where load balancers send to.
    pub targets: Field<Vec<Target>>,
    /// The number of tasks that it states.
    pub desired_count: Field<u64>,
    /// How long a new task may fail its health checks.
    pub grace_period: Field<Duration>,
    /// `FARGATE`, `EC2` or `EXTERNAL`.
    pub launch_type: Field<String>,
    /// The capacity providers of its strategy.
    pub capacity_providers: Field<Vec<String>>,
    /// `ENABLED` or `DISABLED`.
    pub az_rebalancing: Field<String>,
    /// The zones in which its tasks run, which AWS alone says.
    pub zones: Field<Vec<String>>,
    /// The security groups of its tasks.
    pub security_groups: Field<Vec<Id>>,
    /// How it is deployed.
    pub deployment: Deployment,
    /// The resources that CloudFormation creates before it, directly or not, in no certain order.
    pub created_after: Vec<Id>,
}

/// A service of ECS Express Mode, which makes all but the container itself.
#[derive(Clone, Debug)]
pub struct Express {
    /// Its logical id.
    pub id: Id,
    /// Its place.
    pub place: Origin,
}

impl Express {
    pub(crate) fn read(properties: Properties<'_>) -> Self {
        Self {
            id: properties.id(),
            place: properties.place(),
        }
    }
}

/// An entry of a service's load balancers.
#[derive(Clone, Debug)]
pub struct Target {
    /// The target group; more than one where a function that is left speaks of several.
    pub groups: Vec<Id>,
    /// The container that it sends to.
    pub container: Field<String>,
    /// The port of the container.
    pub port: Field<u64>,
    /// The other target groups that ECS moves the traffic to and fro.
    pub alternates: Vec<Id>,
}

impl Service {
    /// The entry that sends to a target group.
    #[must_use]
    pub fn target(&self, group: &str) -> Option<&Target> {
        let mut targets = self.targets.items().iter();
        targets.find(|target| {
            let mut groups = target.groups.iter().chain(&target.alternates);
            groups.any(|id| id == group)
        })
    }

    pub(crate) fn read(properties: Properties<'_>) -> Self {
        let target = |target: Properties<'_>| Target {
            groups: target.mentioned("TargetGroupArn"),
            container: target.field("ContainerName"),
            port: target.field("ContainerPort"),
            alternates: target.mentioned("AdvancedConfiguration.AlternateTargetGroupArn"),
        };
        Self {
            id: properties.id(),
            place: properties.place(),
            name: properties.field("ServiceName"),
            pattern: properties.at("ServiceName").map(Pattern::of),
            scheduling: properties.field("SchedulingStrategy"),
            task_definition: properties.reference("TaskDefinition"),
            targets: properties.each("LoadBalancers", target),
            desired_count: properties.field("DesiredCount"),
            grace_period: properties.field("HealthCheckGracePeriodSeconds"),
            launch_type: properties.field("LaunchType"),
            capacity_providers: properties.read("CapacityProviderStrategy", providers),
            az_rebalancing: properties.field("AvailabilityZoneRebalancing"),
            zones: network::zones(
                properties,
                "NetworkConfiguration.AwsvpcConfiguration.Subnets",
            ),
            security_groups: network::groups(
                properties,
                "NetworkConfiguration.AwsvpcConfiguration.SecurityGroups",
            ),
            deployment: Deployment::read(properties),
            created_after: created_before(properties.rendered, properties.resource),
        }
    }
}

/// The names in a capacity provider strategy, which are known all or not at all.
fn providers(strategy: &Node) -> Field<Vec<String>> {
    let name = |item: &Node| Some(item.get("CapacityProvider")?.as_text()?.to_owned());
    let items = strategy.as_list().unwrap_or_default().iter();
    match items.map(name).collect::<Option<Vec<_>>>() {
        Some(names) if !names.is_empty() => Field::Stated(names, strategy.origin.clone()),
        _ => only_aws_knows(strategy),
    }
}

fn created_before(rendered: &Rendered, service: &Resource) -> Vec<Id> {
    let mut known = HashSet::from([service.logical_id.as_str()]);
    let mut reached = vec![service];
    let mut next = 0;
    while let Some(resource) = reached.get(next).copied() {
        next += 1;
        let named = mentioned(rendered, &resource.properties);
        for id in resource.depends_on.iter().chain(&named) {
            if let Some(other) = rendered.resources.get(id)
                && known.insert(&other.logical_id)
            {
                reached.push(other);
            }
        }
    }
    let reached = reached.iter().skip(1);
    reached
        .map(|resource| resource.logical_id.clone())
        .collect()
}

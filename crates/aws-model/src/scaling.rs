//! What scales ECS services, and which of them.

use cloudformation::node::Origin;

use crate::field::Field;
use crate::pattern::{Pattern, Same};
use crate::properties::{Id, Properties};
use crate::service::Service;

const SERVICE: &str = "AWS::ECS::Service";

/// What scales a service: a target of Application Auto Scaling.
#[derive(Clone, Debug)]
pub struct ScalableTarget {
    /// Its logical id.
    pub id: Id,
    /// Its place.
    pub place: Origin,
    /// `ecs`, unless it is about another service of AWS.
    pub namespace: Field<String>,
    /// The services that its `ResourceId` refers to.
    pub refers_to: Vec<Id>,
    /// Its `ResourceId`: `service/CLUSTER/SERVICE`.
    pub resource: Pattern,
    /// The fewest tasks.
    pub min_capacity: Field<u64>,
    /// The most tasks.
    pub max_capacity: Field<u64>,
}

/// What scales one service.
#[derive(Clone, Copy, Debug)]
pub enum Scaling<'a> {
    /// Nothing that the source shows.
    None,
    /// This.
    By(&'a ScalableTarget),
    /// This may, or may be about another service.
    Perhaps(&'a ScalableTarget),
}

impl ScalableTarget {
    /// Whether it scales a service.
    pub(crate) fn scales(&self, service: &Service) -> Same {
        if self.namespace.as_str().is_some_and(|name| name != "ecs") {
            return Same::No;
        }
        if !self.refers_to.is_empty() {
            return match self.refers_to.contains(&service.id) {
                true => Same::Yes,
                false => Same::No,
            };
        }
        let named = match (self.resource.last_segment(), &service.pattern) {
            (Some(segment), Some(name)) => segment.same(name),
            // A service without a name gets one that nobody can write down before.
            (Some(segment), None) if segment.is_known() => Same::No,
            _ => Same::Perhaps,
        };
        match named {
            Same::Yes if matches!(self.namespace, Field::NotSeen(_)) => Same::Perhaps,
            named => named,
        }
    }

    pub(crate) fn read(properties: Properties<'_>) -> Self {
        let resources = &properties.rendered.resources;
        let is_service = |id: &Id| resources.get(id).is_some_and(|one| one.kind == SERVICE);
        let mut refers_to = properties.mentioned("ResourceId");
        refers_to.retain(is_service);
        Self {
            id: properties.id(),
            place: properties.place(),
            namespace: properties.field("ServiceNamespace"),
            refers_to,
            resource: properties
                .at("ResourceId")
                .map_or_else(Pattern::unknown, Pattern::of),
            min_capacity: properties.field("MinCapacity"),
            max_capacity: properties.field("MaxCapacity"),
        }
    }
}

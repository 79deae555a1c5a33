//! ElastiCache replication groups.

use cloudformation::node::Origin;

use crate::field::{Field, only_aws_knows};
use crate::network;
use crate::properties::{Id, Properties};

/// A replication group of Redis or Valkey.
#[derive(Clone, Debug)]
pub struct ReplicationGroup {
    /// Its logical id.
    pub id: Id,
    /// Its place.
    pub place: Origin,
    /// Its fixed name.
    pub name: Field<String>,
    /// `redis` or `valkey`.
    pub engine: Field<String>,
    /// The engine's version.
    pub engine_version: Field<String>,
    /// The port that it listens on.
    pub port: Field<u64>,
    /// Whether a replica takes over by itself.
    pub automatic_failover: Field<bool>,
    /// Whether the replicas are in several zones.
    pub multi_az: Field<bool>,
    /// Its security groups.
    pub security_groups: Field<Vec<Id>>,
    /// `maxmemory-policy` of its parameter group; not stated where that is one of AWS's.
    pub eviction: Field<String>,
}

impl ReplicationGroup {
    pub(crate) fn read(properties: Properties<'_>) -> Self {
        Self {
            id: properties.id(),
            place: properties.place(),
            name: properties.field("ReplicationGroupId"),
            engine: properties.field("Engine"),
            engine_version: properties.field("EngineVersion"),
            port: properties.field("Port"),
            automatic_failover: properties.field("AutomaticFailoverEnabled"),
            multi_az: properties.field("MultiAZEnabled"),
            security_groups: network::groups(properties, "SecurityGroupIds"),
            eviction: eviction(properties),
        }
    }
}

fn eviction(properties: Properties<'_>) -> Field<String> {
    properties.read("CacheParameterGroupName", |named| {
        if let Some(parameters) = properties.rendered.referred(named) {
            let parameters = Properties::of(properties.rendered, parameters);
            return parameters.field("Properties.maxmemory-policy");
        }
        match named.as_text() {
            Some(name) if name.starts_with("default.") => Field::NotStated(properties.place()),
            _ => only_aws_knows(named),
        }
    })
}

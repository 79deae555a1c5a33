//! ElastiCache replication groups.

use cloudformation::node::{Node, Origin};

use crate::field::{Field, NotSeen, only_aws_knows};
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
    /// How many shards divide its keys among them.
    pub shards: Field<u64>,
    /// Whether it is a cluster, which tells its clients where a key is.
    pub cluster: Field<bool>,
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
            shards: properties.field("NumNodeGroups"),
            cluster: cluster(properties),
            security_groups: network::groups(properties, "SecurityGroupIds"),
            eviction: eviction(properties),
        }
    }
}

fn eviction(properties: Properties<'_>) -> Field<String> {
    parameter(properties, "maxmemory-policy", |_| {
        Field::NotStated(properties.place())
    })
}

/// Several shards are a cluster. One may be, by `ClusterMode` or by its parameters.
fn cluster(properties: Properties<'_>) -> Field<bool> {
    let shards = properties.field::<u64>("NumNodeGroups");
    if let Field::Stated(shards, place) = &shards
        && *shards > 1
    {
        return Field::Stated(true, place.clone());
    }
    let mode = properties.field::<String>("ClusterMode");
    if !mode.is_not_stated() {
        return mode.and_then(|mode, place| match mode.to_lowercase().as_str() {
            "enabled" => Field::Stated(true, place),
            "disabled" => Field::Stated(false, place),
            _ => Field::NotSeen(NotSeen::Because("a cluster mode for clients of both kinds")),
        });
    }
    if let Field::NotSeen(why) = shards {
        return Field::NotSeen(why);
    }
    // AWS's own groups of parameters say it in their names.
    let of_default = |named: &Node| match named.as_text() {
        Some(name) if name.ends_with(".cluster.on") => {
            Field::Stated("yes".to_owned(), named.origin.clone())
        }
        _ => Field::NotStated(properties.place()),
    };
    parameter(properties, "cluster-enabled", of_default).map(|word| word == "yes")
}

/// A parameter of the engine, by the group of parameters; `of_default` says it of one of AWS's own.
fn parameter<'a>(
    properties: Properties<'a>,
    name: &str,
    of_default: impl Fn(&'a Node) -> Field<String>,
) -> Field<String> {
    properties.read("CacheParameterGroupName", |named| {
        if let Some(parameters) = properties.rendered.referred(named) {
            let parameters = Properties::of(properties.rendered, parameters);
            return parameters.field(&format!("Properties.{name}"));
        }
        match named.as_text() {
            Some(group) if group.starts_with("default.") => of_default(named),
            _ => only_aws_knows(named),
        }
    })
}

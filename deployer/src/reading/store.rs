//! The store behind the server: an ElastiCache replication group of the same template.

use timeouts::Setting::*;
use timeouts::Value;

use super::view::{View, mentions};
use cloudformation::node::Node;
use cloudformation::template::Resource;

const GROUP: &str = "AWS::ElastiCache::ReplicationGroup";
/// The port of an ElastiCache group that states none.
const PORT: u64 = 6379;

/// The replication group that a `STORE` variable speaks of; without the variable, the only one of the template.
pub(super) fn group<'a>(view: &View<'a, '_>, store: Option<&Node>) -> Option<&'a Resource> {
    let mut groups = view.rendered.of_type(GROUP);
    match store {
        Some(store) => groups.find(|group| mentions(store, &group.logical_id)),
        None => groups.next().filter(|_| groups.next().is_none()),
    }
}

pub(super) fn read(view: &mut View<'_, '_>, group: Option<&Resource>) {
    let Some(group) = group else {
        view.none(ReplicationGroupName, "replication group");
        return;
    };
    for (setting, name) in [
        (Failover, "AutomaticFailoverEnabled"),
        (MultiAz, "MultiAZEnabled"),
        (ReplicationGroupName, "ReplicationGroupId"),
    ] {
        view.property(setting, group, name);
    }
    match group.properties.get("Engine") {
        None => view.see_of(Engine, "redis", group),
        engine => view.node(Engine, engine, group),
    }
    match group.properties.get("EngineVersion") {
        None => view.see_of(EngineVersion, Value::Unset, group),
        version => view.node(EngineVersion, version, group),
    }
    match group.properties.get("Port") {
        None => view.see_of(StorePort, PORT, group),
        port => view.node(StorePort, port, group),
    }
    let Some(named) = group.properties.get("CacheParameterGroupName") else {
        return view.default(Eviction, group);
    };
    match (view.rendered.referred(named), named.as_text()) {
        (Some(parameters), _) => view.property(Eviction, parameters, "Properties.maxmemory-policy"),
        (None, Some(name)) if name.starts_with("default.") => view.default(Eviction, group),
        _ => view.symbolic(Eviction, named),
    }
}

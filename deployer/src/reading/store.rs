//! The store behind the server: an ElastiCache replication group of the same template.

use timeouts::Setting::*;
use timeouts::Value;

use aws_model::{Model, ReplicationGroup, Variable};

use super::view::View;

/// The port of an ElastiCache group that states none.
const PORT: u64 = 6379;

/// The replication group that a `STORE` variable speaks of; without the variable, the only one of
/// the template.
pub(super) fn group<'a>(
    model: &'a Model,
    store: Option<&Variable>,
) -> Option<&'a ReplicationGroup> {
    let mut groups = model.replication_groups.iter();
    match store {
        Some(store) => groups.find(|group| store.refers_to.contains(&group.id)),
        None => groups.next().filter(|_| groups.next().is_none()),
    }
}

pub(super) fn read(view: &mut View<'_, '_>, group: Option<&ReplicationGroup>) {
    let Some(group) = group else {
        view.none(ReplicationGroupName, "replication group");
        return;
    };
    let mark = view.mark();
    view.field(Failover, &group.automatic_failover);
    view.field(MultiAz, &group.multi_az);
    view.field(Shards, &group.shards);
    view.field(ClusterMode, &group.cluster);
    view.field(ReplicationGroupName, &group.name);
    view.field_or(Engine, &group.engine, "redis");
    view.field_or(EngineVersion, &group.engine_version, Value::Unset);
    view.field_or(StorePort, &group.port, PORT);
    view.field(Eviction, &group.eviction);
    view.doubt_of(&group.id, mark);
}

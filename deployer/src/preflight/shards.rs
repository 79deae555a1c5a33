//! The shards of the stack's own Valkey: AWS moves slots between shards while they serve, and makes
//! no cluster of what is none.

use super::Finding;
use super::wanted::Wanted;

/// A stack's Valkey before and after.
struct Stores<'a> {
    /// Shards.
    before: u64,
    after: u64,
    /// What else of it changes, as the environment file calls it.
    beside: Vec<&'a str>,
}

pub(super) fn look(wanted: &Wanted<'_>) -> Vec<Finding> {
    let Some(old) = wanted.old else {
        return Vec::new();
    };
    let before = |name: &str| old.parameters.get(name).map_or("", String::as_str);
    let after = |name: &str| wanted.text(name).unwrap_or_default();
    // A store that comes or goes as a whole has no shards to move.
    if before("StoreNodeType").is_empty() || after("StoreNodeType").is_empty() {
        return Vec::new();
    }
    let mut beside = vec![("StoreNodeType", "node_type"), ("StoreNodes", "replicas")];
    beside.retain(|(parameter, _)| before(parameter) != after(parameter));
    let stores = Stores {
        // A stack of an earlier template has no such parameter, and one shard.
        before: before("StoreShards").parse().unwrap_or(1),
        after: after("StoreShards").parse().unwrap_or(1),
        beside: beside.into_iter().map(|(_, setting)| setting).collect(),
    };
    let place = wanted.place("StoreShards");
    let findings = judge(&stores).into_iter();
    findings.map(|one| one.at(place)).collect()
}

fn judge(stores: &Stores<'_>) -> Vec<Finding> {
    match (stores.before, stores.after) {
        (before, after) if before == after => Vec::new(),
        (1, after) => vec![into_cluster(after)],
        (before, 1) => vec![out_of_cluster(before)],
        _ => moves(stores),
    }
}

/// "Operation is only applicable for cluster mode enabled replication groups" (ElastiCache). AWS
/// leads there over a third mode, in several calls that CloudFormation does not make.
fn into_cluster(after: u64) -> Finding {
    let message = format!(
        "the stack's Valkey has one shard and is no cluster, and AWS refuses to make {after} \
         shards of it: the whole update would be rolled back. Nothing moves its messages and keys"
    );
    let cure = "keep `shards: 1` here and take a larger `node_type`, which changes in place; or \
                give an environment of another name its shards from its beginning, issue new keys \
                there, and let backends and plugins move";
    Finding::error("store", message, cure)
}

/// "Cluster mode configuration can only be changed from cluster mode disabled to cluster mode
/// enabled" ("Modifying cluster mode", ElastiCache).
fn out_of_cluster(before: u64) -> Finding {
    let message = format!(
        "the stack's Valkey is a cluster of {before} shards, and AWS makes no single primary of a \
         cluster: the update would fail and be rolled back"
    );
    Finding::error("store", message, "keep `shards: 2` at least")
}

/// "If a stack update fails, CloudFormation doesn't roll back changes to the node group
/// configuration", and it wants no other change beside it (`UseOnlineResharding`).
fn moves(stores: &Stores<'_>) -> Vec<Finding> {
    let Stores { before, after, .. } = stores;
    let message = format!(
        "AWS moves the slots of {before} shards to {after} while they serve, which takes them \
         time and CPU; an update that fails afterwards does not move them back"
    );
    let cure = match after < before {
        true => {
            "deploy it by itself at a quiet hour, where the shards that stay have free 1.5 times \
             the memory that the others use"
        }
        false => "deploy it by itself, at a quiet hour",
    };
    let moved = Finding::warning("store", message, cure);
    if stores.beside.is_empty() {
        return vec![moved];
    }
    let beside = stores.beside.join("` and `");
    let message = format!("`{beside}` would change together with the number of shards");
    let cure = "deploy the one first, then the other: CloudFormation wants the number of shards \
                changed alone";
    vec![moved, Finding::warning("store", message, cure)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Level;

    fn found(before: u64, after: u64, beside: &[&str]) -> Vec<(Level, Finding)> {
        let findings = judge(&Stores {
            before,
            after,
            beside: beside.to_vec(),
        });
        findings.into_iter().map(|one| (one.level, one)).collect()
    }

    #[test]
    fn one_shard_stays_one_and_several_stay_several() {
        assert!(found(1, 1, &["node_type"]).is_empty());
        assert!(found(3, 3, &["replicas"]).is_empty());
        let [(Level::Error, refused)] = &found(1, 3, &[])[..] else {
            panic!("one error")
        };
        assert!(refused.message.contains("make 3 shards"), "{refused:?}");
        assert!(refused.cure.contains("keep `shards: 1`"), "{refused:?}");
        let [(Level::Error, refused)] = &found(3, 1, &[])[..] else {
            panic!("one error")
        };
        assert!(refused.cure.contains("`shards: 2`"), "{refused:?}");
    }

    #[test]
    fn shards_move_alone() {
        let [(Level::Warning, moved)] = &found(3, 6, &[])[..] else {
            panic!("one warning")
        };
        assert!(moved.message.contains("3 shards to 6"), "{moved:?}");
        assert!(!moved.cure.contains("memory"), "{moved:?}");
        let fewer = found(6, 3, &["node_type", "replicas"]);
        assert!(fewer[0].1.cure.contains("1.5 times"), "{fewer:?}");
        let both = "`node_type` and `replicas` would change";
        assert!(fewer[1].1.message.starts_with(both), "{fewer:?}");
    }
}

//! Quotas that a deployment would pass: load balancers and target groups of a new stack, the
//! virtual CPUs of Fargate, and the nodes of a Valkey cluster.

use super::tasks::{Tasks, counted};
use super::wanted::Wanted;
use super::{Finding, Level, Looked, unseen, within};
use crate::aws::{Clients, Quota};

const BALANCERS: &str = "quotas of load balancers";
const CPUS: &str = "vCPUs of Fargate";
const NODES: &str = "nodes of a Valkey cluster";
/// The nodes that one cluster may have in every account.
const NODES_OF_ALL: u64 = 90;
const CURE: &str = "ask for more in Service Quotas, or remove what nobody needs";

pub(super) async fn look(clients: &Clients, wanted: &Wanted<'_>) -> Vec<Looked> {
    let cpus = within(CPUS, cpus(clients, wanted));
    let nodes = within(NODES, nodes(clients, wanted));
    // What a stack has already is counted already.
    let more = usize::try_from(wanted.new_balancers()).unwrap_or(usize::MAX);
    if more == 0 {
        let (cpus, nodes) = tokio::join!(cpus, nodes);
        return vec![cpus, nodes];
    }
    let balancers = within(BALANCERS, balancers(clients, more));
    let (cpus, nodes, balancers) = tokio::join!(cpus, nodes, balancers);
    vec![cpus, nodes, balancers]
}

/// Asks only where it may matter.
async fn nodes(clients: &Clients, wanted: &Wanted<'_>) -> Looked {
    let nodes = wanted.store_nodes();
    if nodes <= NODES_OF_ALL {
        return Ok(Vec::new());
    }
    let most = clients.cluster_nodes().await;
    let most = most.map_err(unseen(NODES, "servicequotas:GetServiceQuota"))?;
    let finding = most.and_then(|most| too_many_nodes(nodes, most));
    let at = finding.map(|one| one.at(wanted.place("StoreShards")));
    Ok(at.into_iter().collect())
}

fn too_many_nodes(nodes: u64, most: u64) -> Option<Finding> {
    let message =
        format!("a cluster may have {most} nodes in this account, and this one has {nodes}");
    let cure = "ask for more in Service Quotas (Nodes per cluster per instance type, Redis cluster \
                mode enabled), or lower `store.redis.shards` or `replicas`";
    (nodes > most).then(|| Finding::error(NODES, message, cure))
}

async fn cpus(clients: &Clients, wanted: &Wanted<'_>) -> Looked {
    let Some(cpu) = wanted.number("Cpu") else {
        return Ok(Vec::new());
    };
    let most = clients.fargate_cpus().await;
    let most = most.map_err(unseen(CPUS, "servicequotas:GetServiceQuota"))?;
    let Some(most) = most.filter(|most| vcpus(cpu, wanted.most_tasks()) > *most) else {
        return Ok(Vec::new());
    };
    let finding = too_many_cpus(cpu, Tasks::count(clients, wanted).await, most);
    let at = finding.map(|one| match one.level {
        Level::Error => one.at(wanted.place("MinTasks")),
        Level::Warning => one.at(wanted.place("MaxTasks")),
    });
    Ok(at.into_iter().collect())
}

/// The virtual CPUs of tasks with so many units each.
fn vcpus(cpu: u64, tasks: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a few thousand tasks at most, each of a few thousand units"
    )]
    let units = (cpu * tasks) as f64;
    units / 1024.0
}

/// Tasks that this deployment starts stop it where they do not fit. Those that may start later, when
/// the service scales or is deployed over, do not.
fn too_many_cpus(cpu: u64, tasks: Tasks, most: f64) -> Option<Finding> {
    let passes = |tasks| vcpus(cpu, tasks) > most;
    let message = |tasks, when: &str| {
        format!(
            "the account may have {most} vCPUs at once, and not {} for {}{when}",
            vcpus(cpu, tasks),
            counted(tasks)
        )
    };
    let cure = |setting: &str| {
        format!(
            "ask for more in Service Quotas (Fargate On-Demand vCPU resource count), or lower \
             `{setting}`"
        )
    };
    let (least, all) = (tasks.least(), tasks.most());
    if tasks.starting() > 0 && passes(least) {
        let cure = cure("service.tasks.min");
        return Some(Finding::error(CPUS, message(least, ""), cure));
    }
    let when = ", as many as run during a deployment of the most";
    passes(all).then(|| Finding::warning(CPUS, message(all, when), cure("service.tasks.max")))
}

async fn balancers(clients: &Clients, more: usize) -> Looked {
    let action = "elasticloadbalancing:DescribeAccountLimits";
    let found = clients.balancer_quotas().await;
    let [balancers, groups] = found.map_err(unseen(BALANCERS, action))?;
    let full = [
        full("Application Load Balancers", balancers, more),
        full("target groups", groups, more),
    ];
    Ok(full.into_iter().flatten().collect())
}

/// `more` come beside those that there are.
fn full(what: &str, found: Option<Quota>, more: usize) -> Option<Finding> {
    let fits = |quota: &Quota| quota.used + more <= quota.most;
    let Quota { used, most } = found.filter(|quota| !fits(quota))?;
    let message = format!(
        "the region has {used} {what}, and the account may have {most}; this makes {more} more"
    );
    Some(Finding::error(BALANCERS, message, CURE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_full_when_nothing_fits_any_more() {
        let told = |used, most| full("target groups", Some(Quota { used, most }), 1);
        assert_eq!(told(49, 50), None);
        assert_eq!(full("target groups", None, 1), None);
        let two = Some(Quota { used: 49, most: 50 });
        assert!(full("target groups", two, 2).is_some());
        let found = told(50, 50).expect("a finding");
        assert!(found.message.contains("has 50 target groups"), "{found:?}");
    }

    #[test]
    fn the_nodes_of_a_cluster_have_a_quota() {
        assert_eq!(too_many_nodes(180, 180), None);
        let found = too_many_nodes(180, 90).expect("a finding");
        assert_eq!(
            found.message,
            "a cluster may have 90 nodes in this account, and this one has 180"
        );
    }

    #[test]
    fn the_cpus_of_the_tasks_that_start_must_fit() {
        let told = |running, least, most| {
            let found = too_many_cpus(1024, Tasks::of(running, least, most), 6.0);
            found.map(|found| (found.level, found.message))
        };
        assert_eq!(told(0, 2, 6), None);
        let (level, message) = told(0, 2, 12).expect("a finding");
        assert_eq!(level, Level::Warning);
        assert!(message.contains("for 12 tasks, as many as"), "{message}");
        let (level, message) = told(0, 7, 12).expect("a finding");
        assert_eq!(level, Level::Error);
        assert_eq!(
            message,
            "the account may have 6 vCPUs at once, and not 7 for 7 tasks"
        );
        // They run already.
        assert_eq!(told(7, 7, 12).expect("a finding").0, Level::Warning);
        assert_eq!(told(6, 7, 12).expect("a finding").0, Level::Error);
    }
}

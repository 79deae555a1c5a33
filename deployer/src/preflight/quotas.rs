//! Quotas that a deployment would pass: load balancers and target groups of a new stack, and the
//! virtual CPUs of Fargate.

use super::wanted::Wanted;
use super::{Finding, Looked, unseen, within};
use crate::aws::{Clients, Quota};

const BALANCERS: &str = "quotas of load balancers";
const CPUS: &str = "vCPUs of Fargate";
const CURE: &str = "ask for more in Service Quotas, or remove what nobody needs";

pub(super) async fn look(clients: &Clients, wanted: &Wanted<'_>) -> Vec<Looked> {
    let cpus = within(CPUS, cpus(clients, wanted));
    // What a stack has already is counted already.
    if !wanted.creates {
        return vec![cpus.await];
    }
    let (cpus, balancers) = tokio::join!(cpus, within(BALANCERS, balancers(clients)));
    vec![cpus, balancers]
}

async fn cpus(clients: &Clients, wanted: &Wanted<'_>) -> Looked {
    let Some(cpu) = wanted.number("Cpu") else {
        return Ok(Vec::new());
    };
    let most = clients.fargate_cpus().await;
    let most = most.map_err(unseen(CPUS, "servicequotas:GetServiceQuota"))?;
    let finding = too_many_cpus(cpu, wanted.most_tasks(), most);
    let place = wanted.place("MaxTasks");
    Ok(finding.into_iter().map(|one| one.at(place)).collect())
}

fn too_many_cpus(cpu: u64, tasks: u64, most: Option<f64>) -> Option<Finding> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a few thousand tasks at most, each of a few thousand units"
    )]
    let needed = (cpu * tasks) as f64 / 1024.0;
    let most = most.filter(|most| needed > *most)?;
    Some(Finding::error(
        CPUS,
        format!(
            "{tasks} tasks, as many as run during a deployment of the most, need {needed} vCPUs, \
             and the account may have {most} at once"
        ),
        "ask for more in Service Quotas (Fargate On-Demand vCPU resource count), or lower \
         `service.tasks.max`",
    ))
}

async fn balancers(clients: &Clients) -> Looked {
    let action = "elasticloadbalancing:DescribeAccountLimits";
    let found = clients.balancer_quotas().await;
    let [balancers, groups] = found.map_err(unseen(BALANCERS, action))?;
    let full = [
        full("Application Load Balancers", balancers),
        full("target groups", groups),
    ];
    Ok(full.into_iter().flatten().collect())
}

fn full(what: &str, found: Option<Quota>) -> Option<Finding> {
    let Quota { used, most } = found.filter(|quota| quota.used >= quota.most)?;
    let message = format!("the region has {used} {what}, and the account may have {most}");
    Some(Finding::error(BALANCERS, message, CURE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_full_when_nothing_fits_any_more() {
        let told = |used, most| full("target groups", Some(Quota { used, most }));
        assert_eq!(told(49, 50), None);
        assert_eq!(full("target groups", None), None);
        let found = told(50, 50).expect("a finding");
        assert!(found.message.contains("has 50 target groups"), "{found:?}");
    }

    #[test]
    fn the_cpus_of_all_tasks_must_fit() {
        assert_eq!(too_many_cpus(512, 12, Some(6.0)), None);
        assert_eq!(too_many_cpus(512, 12, None), None);
        let found = too_many_cpus(1024, 12, Some(6.0)).expect("a finding");
        assert!(found.message.contains("need 12 vCPUs"), "{}", found.message);
    }
}

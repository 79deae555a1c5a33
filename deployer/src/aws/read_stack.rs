//! Reads the live resources of a stack that the rules look at, as a model.

use aws_model::{Model, Source};

use super::live::Live;
use super::stack::Stack;
use super::{Clients, Error, balancer, groups, service};

/// The live resources of a stack that the rules look at, whoever changed them last.
///
/// # Errors
/// There is no such stack, or AWS refuses a call.
pub async fn read_stack(clients: &Clients, name: &str) -> Result<Model, Error> {
    const ELB: &str = "AWS::ElasticLoadBalancingV2";
    let mut live = Live {
        stack: Stack::read(clients, name).await?,
        model: Model {
            source: Source::Live,
            ..Model::default()
        },
    };
    let of_type = |live: &Live, kind: &str| live.stack.of_type(kind).to_vec();
    let cluster = of_type(&live, "AWS::ECS::Cluster").into_iter().next();
    let mut groups = of_type(&live, &format!("{ELB}::TargetGroup"));
    for arn in of_type(&live, "AWS::ECS::Service") {
        groups.extend(service::read(clients, cluster.as_deref(), &arn, &mut live).await?);
    }
    let mut balancers = of_type(&live, &format!("{ELB}::LoadBalancer"));
    balancers.extend(balancer::target_groups(clients, &unique(groups), &mut live).await?);
    balancer::balancers(clients, &unique(balancers), &mut live).await?;
    groups::read(clients, &mut live).await;
    Ok(live.model)
}

fn unique(mut arns: Vec<String>) -> Vec<String> {
    arns.sort();
    arns.dedup();
    arns
}

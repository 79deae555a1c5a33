//! The live resources of a stack that the rules look at, as a model. The place of each value is the ARN of its
//! resource.

use aws_model::{Field, Id, Model, Source, live_place};
use cloudformation::node::Origin;

use super::stack::Stack;
use super::{Clients, Error, balancer, service};

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
    Ok(live.model)
}

fn unique(mut arns: Vec<String>) -> Vec<String> {
    arns.sort();
    arns.dedup();
    arns
}

/// The resources found so far.
pub(super) struct Live {
    stack: Stack,
    pub(super) model: Model,
}

impl Live {
    /// What a resource is called, and its place.
    pub(super) fn identity(&self, arn: &str) -> (Id, Origin) {
        (self.stack.name(arn), live_place(arn))
    }

    /// A reference to a resource, in what is live at `place`.
    pub(super) fn reference(&self, arn: Option<&str>, place: &Origin) -> Field<Id> {
        Field::live(arn.map(|arn| self.stack.name(arn)), place)
    }
}

/// A text of an answer.
pub(super) fn text(answer: Option<&str>, place: &Origin) -> Field<String> {
    Field::live(answer.map(str::to_owned), place)
}

/// A number of an answer; one below zero is none.
pub(super) fn number(answer: Option<i32>, place: &Origin) -> Field<u64> {
    Field::live(answer.and_then(|number| u64::try_from(number).ok()), place)
}

/// A number of seconds of an answer.
pub(super) fn seconds(answer: Option<i32>, place: &Origin) -> Field<std::time::Duration> {
    number(answer, place).map(std::time::Duration::from_secs)
}

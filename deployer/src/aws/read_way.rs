//! Reads what runs, whoever made it: a load balancer with what is behind it, or a service with what
//! is in front of it.

use aws_model::{Model, Source};

use super::error::Kind;
use super::live::Live;
use super::stack::Stack;
use super::{Clients, Error, balancer, failed, groups, service};

impl Live {
    /// Nothing yet, and no stack that gives names to it.
    fn without_a_stack() -> Self {
        Self {
            stack: Stack::default(),
            model: Model {
                source: Source::Live,
                ..Model::default()
            },
        }
    }
}

/// A service of ECS, its target groups and their load balancers.
///
/// # Errors
/// There is no such service, or AWS refuses a call.
pub async fn read_service(clients: &Clients, cluster: &str, name: &str) -> Result<Model, Error> {
    let mut live = Live::without_a_stack();
    let groups = service::read(clients, Some(cluster), name, &mut live).await?;
    if live.model.services.is_empty() {
        return Err(Error::NotThere(format!(
            "service `{name}` in the cluster `{cluster}`"
        )));
    }
    let balancers = balancer::target_groups(clients, &groups, &mut live).await?;
    balancer::balancers(clients, &balancers, &mut live).await?;
    groups::read(clients, &mut live).await;
    Ok(live.model)
}

/// A load balancer by name or ARN, and its target groups. What is registered in them is not seen.
///
/// # Errors
/// There is no such load balancer, or AWS refuses a call.
pub async fn read_balancer(clients: &Clients, name: &str) -> Result<Model, Error> {
    let mut live = Live::without_a_stack();
    let request = clients.balancers.describe_load_balancers();
    let request = match name.starts_with("arn:") {
        true => request.load_balancer_arns(name),
        false => request.names(name),
    };
    let answer = request
        .send()
        .await
        .map_err(failed("describe the load balancer"));
    let answer = answer.map_err(|error| match error.kind() {
        Kind::Missing => Error::NotThere(format!("load balancer `{name}`")),
        _ => error,
    })?;
    let arn = answer
        .load_balancers()
        .iter()
        .find_map(|found| found.load_balancer_arn());
    let Some(arn) = arn else {
        return Err(Error::NotThere(format!("load balancer `{name}`")));
    };
    let groups = clients
        .balancers
        .describe_target_groups()
        .load_balancer_arn(arn)
        .into_paginator()
        .items()
        .send();
    let groups = groups.collect::<Result<Vec<_>, _>>().await;
    let groups = groups.map_err(failed("describe the target groups"))?;
    let groups: Vec<_> = groups
        .iter()
        .filter_map(|group| group.target_group_arn().map(str::to_owned))
        .collect();
    balancer::target_groups(clients, &groups, &mut live).await?;
    balancer::balancers(clients, &[arn.to_owned()], &mut live).await?;
    groups::read(clients, &mut live).await;
    Ok(live.model)
}

//! What scales a live service. A role that may not ask leaves it unknown.

use aws_model::{Field, Part, Pattern, ScalableTarget};
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};

use super::live::{Live, number};
use super::{Clients, failed};

const ACTION: &str = "application-autoscaling:DescribeScalableTargets";

/// Reads the bounds of a service: `service/CLUSTER/NAME`.
pub(super) async fn read(clients: &Clients, resource: &str, service: &str, live: &mut Live) {
    let pages = clients
        .scaling
        .describe_scalable_targets()
        .service_namespace(ServiceNamespace::Ecs)
        .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
        .resource_ids(resource)
        .into_paginator()
        .items()
        .send();
    let found = pages.collect::<Result<Vec<_>, _>>().await;
    let found = match found.map_err(failed("describe what scales the service")) {
        Ok(found) => found,
        Err(error) => return live.not_read(Part::Scaling, ACTION, &error),
    };
    for target in found {
        let arn = target.scalable_target_arn().unwrap_or(resource);
        let (id, place) = live.identity(arn);
        live.model.scalable_targets.push(ScalableTarget {
            id,
            namespace: Field::Stated("ecs".to_owned(), place.clone()),
            refers_to: vec![live.stack.name(service)],
            resource: Pattern::text(resource),
            min_capacity: number(Some(target.min_capacity()), &place),
            max_capacity: number(Some(target.max_capacity()), &place),
            place,
        });
    }
}

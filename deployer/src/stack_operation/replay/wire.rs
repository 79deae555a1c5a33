//! Answers as AWS's services write them: CloudFormation and ELB in XML, ECS and CloudWatch Logs in
//! JSON.

use serde_json::{Value, json};

pub(super) const STACK_ID: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/acme-drops-prod/5f0e7a30-c9a1-11ee-8b1d-0a1b2c3d4e5f";
pub(super) const SERVICE: &str =
    "arn:aws:ecs:eu-west-1:111122223333:service/acme-drops-prod/drops-Service";

pub(super) fn definition(revision: u32) -> String {
    format!("arn:aws:ecs:eu-west-1:111122223333:task-definition/acme-drops-prod:{revision}")
}

/// `DescribeStacks`.
pub(super) fn stack(status: &str) -> Option<String> {
    Some(format!(
        "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><DescribeStacksResult><Stacks><member>\
         <StackId>{STACK_ID}</StackId><StackName>acme-drops-prod</StackName><StackStatus>{status}</StackStatus>\
         <CreationTime>2026-01-02T03:04:05.000Z</CreationTime></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
    ))
}

/// `DescribeStackEvents`, given oldest first: logical id, type, physical id, status and reason.
pub(super) fn events(events: &[(&str, &str, &str, &str, &str)]) -> Option<String> {
    let one = |(n, (logical, kind, physical, status, reason)): (
        usize,
        &(&str, &str, &str, &str, &str),
    )| {
        format!(
            "<member><StackId>{STACK_ID}</StackId><EventId>event-{n}</EventId><StackName>acme-drops-prod</StackName>\
             <LogicalResourceId>{logical}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>\
             <ResourceType>{kind}</ResourceType><Timestamp>2026-01-02T03:04:{n:02}.000Z</Timestamp>\
             <ResourceStatus>{status}</ResourceStatus><ResourceStatusReason>{reason}</ResourceStatusReason></member>"
        )
    };
    let newest_first: String = events.iter().enumerate().rev().map(one).collect();
    Some(format!(
        "<DescribeStackEventsResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><DescribeStackEventsResult>\
         <StackEvents>{newest_first}</StackEvents></DescribeStackEventsResult></DescribeStackEventsResponse>"
    ))
}

/// A refusal of CloudFormation's.
pub(super) fn refusal(code: &str, message: &str) -> Option<String> {
    Some(format!(
        "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>b25f48e8-84fd-11e6-80d9-574e0c4664cb</RequestId></ErrorResponse>"
    ))
}

/// A deployment of `DescribeServices`.
pub(super) fn deployment(
    status: &str,
    revision: u32,
    rollout: &str,
    (running, failed): (i32, i32),
    reason: &str,
) -> Value {
    json!({
        "id": format!("ecs-svc/{revision}"), "status": status, "taskDefinition": definition(revision),
        "desiredCount": 2, "pendingCount": 0, "runningCount": running, "failedTasks": failed,
        "rolloutState": rollout, "rolloutStateReason": reason,
    })
}

/// `DescribeServices`.
pub(super) fn service(deployments: &[Value]) -> Option<String> {
    let running: i64 = deployments
        .iter()
        .filter_map(|d| d["runningCount"].as_i64())
        .sum();
    Some(
        json!({ "failures": [], "services": [{
            "serviceArn": SERVICE, "serviceName": "drops-Service", "status": "ACTIVE",
            "clusterArn": "arn:aws:ecs:eu-west-1:111122223333:cluster/acme-drops-prod",
            "desiredCount": 2, "runningCount": running, "pendingCount": 0,
            "taskDefinition": deployments[0]["taskDefinition"], "deployments": deployments, "loadBalancers": [],
        }]})
        .to_string(),
    )
}

/// `DescribeTargetHealth`: address, state, reason and description.
pub(super) fn targets(targets: &[(&str, &str, &str, &str)]) -> Option<String> {
    let one = |(address, state, reason, description): &(&str, &str, &str, &str)| {
        format!(
            "<member><Target><Id>{address}</Id><Port>8080</Port></Target><TargetHealth><State>{state}</State>\
             <Reason>{reason}</Reason><Description>{description}</Description></TargetHealth></member>"
        )
    };
    let members: String = targets.iter().map(one).collect();
    Some(format!(
        "<DescribeTargetHealthResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><DescribeTargetHealthResult>\
         <TargetHealthDescriptions>{members}</TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>"
    ))
}

//! A deployment whose targets fail their health checks: why is told at its end too, when they have
//! long drained.

use aws_sdk_cloudformation::Client as Stacks;
use aws_sdk_ecs::Client as Services;
use aws_sdk_elasticloadbalancingv2::Client as Balancers;
use aws_smithy_mocks::mock;
use serde_json::{Value, json};

use super::wire::{SERVICE, STACK_ID, deployment, service, stack, targets};
use super::{Answers, Told, limits, told_until, update};
use crate::stack_operation::watch;

#[tokio::test(start_paused = true)]
async fn why_targets_failed_outlives_them() {
    let stacks = mock!(Stacks::describe_stacks)
        .sequence()
        .http_status(200, stack("UPDATE_IN_PROGRESS"))
        .times(2)
        .http_status(200, stack("UPDATE_ROLLBACK_IN_PROGRESS"))
        .times(2)
        .http_status(200, stack("UPDATE_ROLLBACK_COMPLETE"))
        .build();
    let (name, of_stack) = ("acme-drops-prod", "AWS::CloudFormation::Stack");
    let so_far = [
        (name, of_stack, STACK_ID, "UPDATE_IN_PROGRESS", ""),
        (
            "Service",
            "AWS::ECS::Service",
            SERVICE,
            "UPDATE_IN_PROGRESS",
            "",
        ),
    ];
    let told = told_until(&so_far, 4, "UPDATE_ROLLBACK_COMPLETE");
    let answer = service(&[deployment("PRIMARY", 42, "IN_PROGRESS", (1, 0), "")]);
    let mut answer: Value = serde_json::from_str(&answer.expect("an answer")).expect("JSON");
    answer["services"][0]["loadBalancers"] = json!([{ "targetGroupArn": "arn:group" }]);
    let services = mock!(Services::describe_services)
        .sequence()
        .http_status(200, Some(answer.to_string()))
        .repeatedly()
        .build();
    let tasks = mock!(Services::list_tasks)
        .sequence()
        .http_status(200, Some(r#"{"taskArns":[]}"#.to_owned()))
        .repeatedly()
        .build();
    let (mismatch, codes) = (
        "Target.ResponseCodeMismatch",
        "Health checks failed with these codes: [404]",
    );
    let drains = (
        "Target.DeregistrationInProgress",
        "Target deregistration is in progress",
    );
    let health = mock!(Balancers::describe_target_health)
        .sequence()
        .http_status(
            200,
            targets(&[
                ("10.0.0.1", "unhealthy", mismatch, codes),
                (
                    "10.0.0.2",
                    "unhealthy",
                    "Target.Timeout",
                    "Request timed out",
                ),
            ]),
        )
        .times(2)
        .http_status(
            200,
            targets(&[
                ("10.0.0.1", "draining", drains.0, drains.1),
                ("10.0.0.2", "healthy", "", ""),
            ]),
        )
        .http_status(200, targets(&[("10.0.0.2", "healthy", "", "")]))
        .repeatedly()
        .build();
    let answers = Answers {
        stacks: vec![&stacks, &told],
        services: vec![&services, &tasks],
        balancers: vec![&health],
        ..Answers::default()
    };
    let outcome = watch(&answers.clients(), &update(), &limits(60), &mut Told::new())
        .await
        .expect("it ends");
    let text = outcome.text();
    let failing = format!("target 10.0.0.1:8080 failed its health checks: {mismatch}, {codes}");
    for words in [failing.as_str(), "compare load_balancer.health_check"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    // It answered after all: whatever the deployment failed of, it was not that.
    assert!(!text.contains("10.0.0.2"), "{text}");
    assert_eq!(
        outcome.json()["unhealthy_targets"].as_array().map(Vec::len),
        Some(1)
    );
}

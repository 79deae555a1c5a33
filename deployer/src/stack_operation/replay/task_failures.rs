//! Deployments that are to end once too many tasks have failed, onto a service whose tasks failed
//! before.

use aws_sdk_cloudformation::Client as Stacks;
use aws_sdk_ecs::Client as Services;
use aws_smithy_mocks::mock;
use serde_json::{Value, json};

use super::wire::{SERVICE, STACK_ID, definition, deployment, service, stack};
use super::{Answers, Told, limits, told_until, update};
use crate::stack_operation::{Limits, Outcome, watch};

/// Before the first event of the operation, and after it.
const BEFORE: f64 = 1_767_000_000.0;
const AFTER: f64 = 1_767_323_100.0;

fn created(mut deployment: Value, id: &str, at: f64) -> Value {
    deployment["id"] = json!(id);
    deployment["createdAt"] = json!(at);
    deployment
}

/// A service in a loop of crashes.
fn crashing() -> Value {
    created(
        deployment("PRIMARY", 41, "IN_PROGRESS", (0, 9), ""),
        "ecs-svc/old",
        BEFORE,
    )
}

/// Watches an update that is ended at three failed tasks. `revision` is its task definition,
/// `looks` what ECS says of the service, `started_by` whose tasks stop meanwhile.
async fn outcome(revision: u32, looks: &[Vec<Value>], started_by: &str) -> Outcome {
    let stacks = mock!(Stacks::describe_stacks)
        .sequence()
        .http_status(200, stack("UPDATE_IN_PROGRESS"))
        .times(looks.len())
        .http_status(200, stack("UPDATE_COMPLETE"))
        .build();
    let (name, ecs) = ("acme-drops-prod", "AWS::ECS::Service");
    let (of_stack, of_tasks) = ("AWS::CloudFormation::Stack", "AWS::ECS::TaskDefinition");
    let definition_id = definition(revision);
    let so_far = [
        (name, of_stack, STACK_ID, "UPDATE_IN_PROGRESS", ""),
        ("Tasks", of_tasks, &definition_id, "UPDATE_COMPLETE", ""),
        ("Service", ecs, SERVICE, "UPDATE_IN_PROGRESS", ""),
    ];
    let told = told_until(&so_far, looks.len(), "UPDATE_COMPLETE");
    let mut services = mock!(Services::describe_services).sequence();
    for deployments in looks {
        services = services.http_status(200, service(deployments));
    }
    let last = looks.last().expect("a look");
    let services = services.http_status(200, service(last)).build();
    let arn = |n: u32| format!("arn:aws:ecs:eu-west-1:111122223333:task/acme-drops-prod/{n}");
    let task = |n: u32| {
        json!({ "taskArn": arn(n), "taskDefinitionArn": definition(41), "lastStatus": "STOPPED", "startedBy": started_by,
            "stopCode": "EssentialContainerExited", "stoppedAt": AFTER })
    };
    let arns = json!({ "taskArns": [arn(1), arn(2), arn(3)] }).to_string();
    let tasks = json!({ "failures": [], "tasks": [task(1), task(2), task(3)] }).to_string();
    let definition = json!({ "taskDefinition": {} }).to_string();
    let rules = [
        mock!(Services::list_tasks)
            .sequence()
            .http_status(200, Some(arns))
            .repeatedly()
            .build(),
        mock!(Services::describe_tasks)
            .sequence()
            .http_status(200, Some(tasks))
            .repeatedly()
            .build(),
        mock!(Services::describe_task_definition)
            .sequence()
            .http_status(200, Some(definition))
            .repeatedly()
            .build(),
    ];
    let done = r#"<CancelUpdateStackResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"></CancelUpdateStackResponse>"#;
    let cancel = mock!(Stacks::cancel_update_stack)
        .sequence()
        .http_status(200, Some(done.to_owned()))
        .build();
    let answers = Answers {
        stacks: vec![&stacks, &told, &cancel],
        services: vec![&services, &rules[0], &rules[1], &rules[2]],
        ..Answers::default()
    };
    let early = Limits {
        task_failures: Some(3),
        ..limits(60)
    };
    let outcome = watch(&answers.clients(), &update(), &early, &mut Told::new())
        .await
        .expect("it ends");
    assert_eq!(cancel.num_calls(), usize::from(outcome.gave_up));
    outcome
}

#[tokio::test(start_paused = true)]
async fn failures_from_before_do_not_end_their_own_fix() {
    for revision in [42, 41] {
        let replaced = deployment("ACTIVE", 41, "IN_PROGRESS", (0, 9), "");
        let looks = [
            vec![crashing()],
            vec![
                created(
                    deployment("PRIMARY", revision, "IN_PROGRESS", (1, 0), ""),
                    "ecs-svc/new",
                    AFTER,
                ),
                created(replaced, "ecs-svc/old", BEFORE),
            ],
        ];
        let outcome = outcome(revision, &looks, "ecs-svc/old").await;
        assert!(
            outcome.reached && !outcome.gave_up,
            "{revision}: {outcome:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn its_own_failures_end_it() {
    // ECS does not count tasks that ran before they ended: they are counted as they are seen.
    let anew = |failed| {
        created(
            deployment("PRIMARY", 41, "IN_PROGRESS", (0, failed), ""),
            "ecs-svc/new",
            AFTER,
        )
    };
    let counted = outcome(41, &[vec![crashing()], vec![anew(3)]], "ecs-svc/old").await;
    let seen = outcome(41, &[vec![anew(0)]], "ecs-svc/new").await;
    assert!(counted.gave_up && seen.gave_up, "{counted:?} {seen:?}");
}

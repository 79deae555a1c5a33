//! The cases, each with what a user is told.
//!
//! Longer than most: a table of replayed deployments.

use aws_sdk_cloudformation::Client as Stacks;
use aws_sdk_cloudwatchlogs::Client as Logs;
use aws_sdk_ecs::Client as Services;
use aws_smithy_mocks::mock;
use serde_json::json;
use tokio::time::Duration;

use super::wire::{SERVICE, STACK_ID, definition, deployment, events, refusal, service, stack};
use super::{Answers, Told, limits, told_until, update};
use crate::aws::Kind;
use crate::stack_operation::{
    Limits, Notice, Rollout, SteadyState, Stopped, wait_for_steady_state, watch,
};

const STACK: &str = "AWS::CloudFormation::Stack";
const ECS: &str = "AWS::ECS::Service";

#[tokio::test(start_paused = true)]
async fn throttling_is_survived() {
    // More often than the SDK tries by itself.
    let stacks = mock!(Stacks::describe_stacks)
        .sequence()
        .http_status(400, refusal("Throttling", "Rate exceeded"))
        .times(7)
        .http_status(200, stack("UPDATE_COMPLETE"))
        .build();
    let told_events = mock!(Stacks::describe_stack_events)
        .sequence()
        .http_status(
            200,
            events(&[
                ("acme-drops-prod", STACK, STACK_ID, "UPDATE_IN_PROGRESS", ""),
                ("acme-drops-prod", STACK, STACK_ID, "UPDATE_COMPLETE", ""),
            ]),
        )
        .repeatedly()
        .build();
    let answers = Answers {
        stacks: vec![&stacks, &told_events],
        ..Answers::default()
    };
    let mut told = Told::new();
    let outcome = watch(&answers.clients(), &update(), &limits(60), &mut told)
        .await
        .expect("it ends");
    assert!(outcome.reached);
    assert_eq!(stacks.num_calls(), 8);
    assert!(
        told.text().contains("Rate exceeded (Throttling)"),
        "{}",
        told.text()
    );
}

#[tokio::test(start_paused = true)]
async fn a_roll_back_that_fails_says_the_way_out() {
    let stacks = mock!(Stacks::describe_stacks)
        .sequence()
        .http_status(200, stack("UPDATE_ROLLBACK_FAILED"))
        .repeatedly()
        .build();
    let told_events = mock!(Stacks::describe_stack_events)
        .sequence()
        .http_status(
            200,
            events(&[
                (
                    "acme-drops-prod",
                    STACK,
                    STACK_ID,
                    "UPDATE_IN_PROGRESS",
                    "User Initiated",
                ),
                (
                    "ECSALB",
                    "AWS::ElasticLoadBalancingV2::LoadBalancer",
                    "arn",
                    "UPDATE_FAILED",
                    "Resource update cancelled",
                ),
                (
                    "RefusedRequests",
                    "AWS::CloudWatch::Alarm",
                    "alarm",
                    "UPDATE_FAILED",
                    "User is not authorized to perform: cloudwatch:PutMetricAlarm",
                ),
                (
                    "acme-drops-prod",
                    STACK,
                    STACK_ID,
                    "UPDATE_ROLLBACK_IN_PROGRESS",
                    "The following resource(s) failed to update: [RefusedRequests].",
                ),
                (
                    "RefusedRequests",
                    "AWS::CloudWatch::Alarm",
                    "alarm",
                    "UPDATE_FAILED",
                    "again",
                ),
                (
                    "acme-drops-prod",
                    STACK,
                    STACK_ID,
                    "UPDATE_ROLLBACK_FAILED",
                    "The following resource(s) failed to update: [RefusedRequests].",
                ),
            ]),
        )
        .repeatedly()
        .build();
    let answers = Answers {
        stacks: vec![&stacks, &told_events],
        ..Answers::default()
    };
    let outcome = watch(&answers.clients(), &update(), &limits(60), &mut Told::new())
        .await
        .expect("it ends");
    let text = outcome.text();
    assert!(!outcome.reached);
    for words in [
        "first cause: RefusedRequests (AWS::CloudWatch::Alarm) UPDATE_FAILED\n    User is not \
         authorized",
        "now: acme-drops-prod is UPDATE_ROLLBACK_FAILED",
        "the deploying role lacks this permission",
        "then run `deployer rollback --stack acme-drops-prod --region eu-west-1`",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn stable_after_the_circuit_breaker_is_no_success() {
    let breaker = "ECS deployment circuit breaker: tasks failed to start.";
    let back = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/41.";
    let services = mock!(Services::describe_services)
        .sequence()
        .http_status(
            200,
            service(&[
                deployment("PRIMARY", 42, "IN_PROGRESS", (0, 3), ""),
                deployment("ACTIVE", 41, "COMPLETED", (2, 0), ""),
            ]),
        )
        .times(3)
        .http_status(
            200,
            service(&[
                deployment("PRIMARY", 41, "IN_PROGRESS", (2, 0), back),
                deployment("ACTIVE", 42, "FAILED", (0, 6), breaker),
            ]),
        )
        .times(2)
        .http_status(
            200,
            service(&[deployment(
                "PRIMARY",
                41,
                "COMPLETED",
                (2, 0),
                "ECS deployment ecs-svc/41 completed.",
            )]),
        )
        .repeatedly()
        .build();
    let tasks = mock!(Services::list_tasks)
        .sequence()
        .http_status(200, Some(r#"{"taskArns":[]}"#.to_owned()))
        .repeatedly()
        .build();
    let answers = Answers {
        services: vec![&services, &tasks],
        ..Answers::default()
    };
    let (mut rollout, mut told) = (Rollout::default(), Told::new());
    let settled = wait_for_steady_state(
        &answers.clients(),
        (SERVICE, None),
        &definition(42),
        &mut rollout,
        &limits(60),
        &mut told,
    )
    .await;
    let SteadyState::No(why) = settled.expect("it ends") else {
        panic!("it is not well: {}", told.text());
    };
    assert!(
        why.contains("rolled back to acme-drops-prod:41 and does not run acme-drops-prod:42"),
        "{why}"
    );
    assert!(
        told.text().contains("3 failed IN_PROGRESS"),
        "{}",
        told.text()
    );
    assert!(told.text().contains(breaker), "{}", told.text());
}

#[tokio::test(start_paused = true)]
async fn credentials_that_run_out_end_the_watch_at_once() {
    let stacks = mock!(Stacks::describe_stacks)
        .sequence()
        .http_status(
            403,
            refusal(
                "ExpiredToken",
                "The security token included in the request is expired",
            ),
        )
        .repeatedly()
        .build();
    let answers = Answers {
        stacks: vec![&stacks],
        ..Answers::default()
    };
    let stopped = watch(&answers.clients(), &update(), &limits(60), &mut Told::new()).await;
    let Err(Stopped::Lost(error)) = stopped else {
        panic!("{stopped:?}");
    };
    assert_eq!(error.kind(), Kind::Credentials);
    let text = error.to_string();
    assert!(
        text.contains("token included in the request is expired (ExpiredToken)")
            && text.contains("aws sso login"),
        "{text}"
    );
    assert_eq!(
        stacks.num_calls(),
        1,
        "an expired token does not get better"
    );
}

/// An update whose new tasks cannot pull their image; `then` is what becomes of the stack.
fn unpullable(then: &[(&str, usize)]) -> (aws_smithy_mocks::Rule, Vec<aws_smithy_mocks::Rule>) {
    let mut sequence = mock!(Stacks::describe_stacks).sequence();
    for (status, times) in then {
        sequence = sequence.http_status(200, stack(status)).times(*times);
    }
    let stacks = sequence.build();
    let pull = "CannotPullContainerError: pull image manifest has been retried 7 time(s): failed \
                to resolve ref registry.example.com/drops:1.5.0: not found";
    let task = json!({ "failures": [], "tasks": [{
        "taskArn": "arn:aws:ecs:eu-west-1:111122223333:task/acme-drops-prod/3f2a", "taskDefinitionArn": definition(42),
        "lastStatus": "STOPPED", "stopCode": "TaskFailedToStart", "stoppedReason": pull, "stoppedAt": 1_767_323_100.0,
        "containers": [{ "name": "server" }],
    }]});
    let log = json!({ "taskDefinition": { "containerDefinitions": [{ "name": "server", "logConfiguration": {
        "logDriver": "awslogs", "options": { "awslogs-group": "/acme/drops/prod", "awslogs-stream-prefix": "server" },
    }}]}});
    let missing = r#"{"__type":"ResourceNotFoundException","message":"The specified log stream does not exist."}"#;
    let definition_id = definition(42);
    let so_far = [
        (
            "acme-drops-prod",
            STACK,
            STACK_ID,
            "UPDATE_IN_PROGRESS",
            "User Initiated",
        ),
        (
            "TaskDefinition",
            "AWS::ECS::TaskDefinition",
            &*definition_id,
            "UPDATE_COMPLETE",
            "",
        ),
        ("Service", ECS, SERVICE, "UPDATE_IN_PROGRESS", ""),
    ];
    // The last state comes with its event.
    let (last, before) = then.split_last().expect("a state");
    let looks: usize = before.iter().map(|(_, times)| times).sum();
    let told_events = told_until(&so_far, looks.max(1), last.0);
    let rules = vec![
        told_events,
        mock!(Services::describe_services)
            .sequence()
            .http_status(200, service(&[deployment("PRIMARY", 42, "IN_PROGRESS", (0, 1), ""), deployment("ACTIVE", 41, "COMPLETED", (2, 0), "")]))
            .repeatedly()
            .build(),
        mock!(Services::list_tasks).sequence().http_status(200, Some(r#"{"taskArns":["arn:aws:ecs:eu-west-1:111122223333:task/acme-drops-prod/3f2a"]}"#.to_owned())).repeatedly().build(),
        mock!(Services::describe_tasks).sequence().http_status(200, Some(task.to_string())).repeatedly().build(),
        mock!(Services::describe_task_definition).sequence().http_status(200, Some(log.to_string())).repeatedly().build(),
        mock!(Logs::get_log_events).sequence().http_status(400, Some(missing.to_owned())).repeatedly().build(),
    ];
    (stacks, rules)
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_pulled_is_named_and_given_up_on() {
    let (stacks, rules) = unpullable(&[
        ("UPDATE_IN_PROGRESS", 3),
        ("UPDATE_ROLLBACK_IN_PROGRESS", 2),
        ("UPDATE_ROLLBACK_COMPLETE", 1),
    ]);
    let done = r#"<CancelUpdateStackResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"></CancelUpdateStackResponse>"#;
    let cancel = mock!(Stacks::cancel_update_stack)
        .sequence()
        .http_status(200, Some(done.to_owned()))
        .build();
    let answers = Answers {
        stacks: vec![&stacks, &rules[0], &cancel],
        services: rules[1..5].iter().collect(),
        logs: vec![&rules[5]],
        ..Answers::default()
    };
    let mut told = Told::new();
    let early = Limits {
        task_failures: Some(1),
        ..limits(60)
    };
    let outcome = watch(&answers.clients(), &update(), &early, &mut told)
        .await
        .expect("it ends");
    assert_eq!(cancel.num_calls(), 1);
    assert!(outcome.gave_up && !outcome.reached);
    let text = outcome.text();
    for words in [
        "cancelled because tasks failed",
        "task 3f2a stopped: TaskFailedToStart; CannotPullContainerError",
        "registry.example.com/drops:1.5.0: not found",
        "now: acme-drops-prod is UPDATE_ROLLBACK_COMPLETE: it is as it was before",
        "what to do: check that the image exists under exactly this name",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let once = told
        .notices
        .iter()
        .filter(|notice| matches!(notice, Notice::TaskStopped(_)));
    assert_eq!(once.count(), 1, "{}", told.text());
}

#[tokio::test(start_paused = true)]
async fn no_half_minute_passes_in_silence() {
    let (stacks, rules) = unpullable(&[("UPDATE_IN_PROGRESS", 200), ("UPDATE_COMPLETE", 1)]);
    let answers = Answers {
        stacks: vec![&stacks, &rules[0]],
        services: rules[1..5].iter().collect(),
        logs: vec![&rules[5]],
        ..Answers::default()
    };
    let mut told = Told::new();
    let outcome = watch(&answers.clients(), &update(), &limits(60), &mut told)
        .await
        .expect("it ends");
    assert!(
        outcome.reached && outcome.took > Duration::from_secs(300),
        "{:?}",
        outcome.took
    );
    assert!(
        told.longest_silence <= Duration::from_secs(30),
        "{:?}",
        told.longest_silence
    );
    assert!(
        told.text().contains("still waiting after") && told.text().contains(": Service"),
        "{}",
        told.text()
    );
}

#[tokio::test(start_paused = true)]
async fn the_watch_ends_when_its_time_is_up() {
    let (stacks, rules) = unpullable(&[("UPDATE_IN_PROGRESS", 200)]);
    let answers = Answers {
        stacks: vec![&stacks, &rules[0]],
        services: rules[1..5].iter().collect(),
        logs: vec![&rules[5]],
        ..Answers::default()
    };
    let stopped = watch(&answers.clients(), &update(), &limits(2), &mut Told::new()).await;
    assert!(matches!(stopped, Err(Stopped::TimedOut)), "{stopped:?}");
}

#[tokio::test(start_paused = true)]
async fn a_change_set_that_is_gone_is_told_from_other_refusals() {
    let execute = mock!(Stacks::execute_change_set)
        .sequence()
        .http_status(
            404,
            refusal("ChangeSetNotFound", "ChangeSet [holdfast-1] does not exist"),
        )
        .http_status(
            400,
            refusal(
                "InvalidChangeSetStatus",
                "ChangeSet [holdfast-1] cannot be executed in its current status of [OBSOLETE]",
            ),
        )
        .build();
    let answers = Answers {
        stacks: vec![&execute],
        ..Answers::default()
    };
    let clients = answers.clients();
    let gone = clients
        .execute_change_set("holdfast-1", "holdfast-1")
        .await
        .expect_err("it is gone");
    assert_eq!(gone.kind(), Kind::Missing);
    let obsolete = clients
        .execute_change_set("holdfast-1", "holdfast-1")
        .await
        .expect_err("it is obsolete");
    assert!(
        obsolete
            .to_string()
            .contains("[OBSOLETE] (InvalidChangeSetStatus)"),
        "{obsolete}"
    );
}

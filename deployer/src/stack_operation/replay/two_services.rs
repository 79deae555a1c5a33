//! A stack with two services that are changed in one operation.

use aws_sdk_cloudformation::Client as Stacks;
use aws_sdk_ecs::Client as Services;
use aws_smithy_mocks::mock;

use super::super::{Notice, watch};
use super::wire::{SERVICE, STACK_ID, deployment, service, stack};
use super::{Answers, Told, limits, told_until, update};

const OTHER: &str = "drops-Other";

#[tokio::test(start_paused = true)]
async fn each_service_is_told_once_for_each_of_its_states() {
    const LOOKS: usize = 5;
    let stacks = mock!(Stacks::describe_stacks)
        .sequence()
        .http_status(200, stack("UPDATE_IN_PROGRESS"))
        .times(LOOKS)
        .http_status(200, stack("UPDATE_COMPLETE"))
        .repeatedly()
        .build();
    let other = SERVICE.replace("drops-Service", OTHER);
    let ecs = "AWS::ECS::Service";
    let so_far = [
        (
            "acme-drops-prod",
            "AWS::CloudFormation::Stack",
            STACK_ID,
            "UPDATE_IN_PROGRESS",
            "",
        ),
        ("Service", ecs, SERVICE, "UPDATE_IN_PROGRESS", ""),
        ("Other", ecs, &other, "UPDATE_IN_PROGRESS", ""),
    ];
    let events = told_until(&so_far, LOOKS, "UPDATE_COMPLETE");
    let one = || service(&[deployment("PRIMARY", 42, "IN_PROGRESS", (1, 0), "")]);
    let another = || one().map(|answer| answer.replace("drops-Service", OTHER));
    let asked_for = |name: &'static str| {
        move |input: &aws_sdk_ecs::operation::describe_services::DescribeServicesInput| {
            input
                .services()
                .iter()
                .any(|service| service.ends_with(name))
        }
    };
    let first = mock!(Services::describe_services)
        .match_requests(asked_for("drops-Service"))
        .sequence()
        .http_status(200, one())
        .repeatedly()
        .build();
    let second = mock!(Services::describe_services)
        .match_requests(asked_for(OTHER))
        .sequence()
        .http_status(200, another())
        .repeatedly()
        .build();
    let tasks = mock!(Services::list_tasks)
        .sequence()
        .http_status(200, Some(r#"{"taskArns":[]}"#.to_owned()))
        .repeatedly()
        .build();
    let answers = Answers {
        stacks: vec![&stacks, &events],
        services: vec![&first, &second, &tasks],
        ..Answers::default()
    };
    let mut told = Told::new();
    let outcome = watch(&answers.clients(), &update(), &limits(60), &mut told).await;
    assert!(outcome.expect("it ends").reached);
    assert!(
        first.num_calls() > 1 && second.num_calls() > 1,
        "both are watched"
    );
    let services = told
        .notices
        .iter()
        .filter(|notice| matches!(notice, Notice::Service(_)));
    assert_eq!(services.count(), 2, "{}", told.text());
}

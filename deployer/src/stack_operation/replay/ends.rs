//! When an operation is over: states and events come from different calls, and either may lag
//! behind.

use aws_sdk_cloudformation::Client as Stacks;
use aws_smithy_mocks::mock;

use super::wire::{STACK_ID, events, stack};
use super::{Answers, Told, limits, update};
use crate::stack_operation::{Operation, watch};

const STACK: &str = "AWS::CloudFormation::Stack";

#[tokio::test(start_paused = true)]
async fn a_state_from_before_is_no_end() {
    let event = |status| ("acme-drops-prod", STACK, STACK_ID, status, "");
    let before = event("UPDATE_COMPLETE");
    let begun = event("UPDATE_IN_PROGRESS");
    let states = mock!(Stacks::describe_stacks)
        .sequence()
        .http_status(200, stack("UPDATE_COMPLETE"))
        .times(2)
        .http_status(200, stack("UPDATE_IN_PROGRESS"))
        .times(2)
        .http_status(200, stack("UPDATE_ROLLBACK_COMPLETE"))
        .repeatedly()
        .build();
    let told = mock!(Stacks::describe_stack_events)
        .sequence()
        .http_status(200, events(&[before, begun]))
        .times(4)
        .http_status(
            200,
            events(&[before, begun, event("UPDATE_ROLLBACK_IN_PROGRESS")]),
        )
        .times(1)
        .http_status(
            200,
            events(&[
                before,
                begun,
                event("UPDATE_ROLLBACK_IN_PROGRESS"),
                event("UPDATE_ROLLBACK_COMPLETE"),
            ]),
        )
        .repeatedly()
        .build();
    let answers = Answers {
        stacks: vec![&states, &told],
        ..Answers::default()
    };
    let operation = Operation {
        after: Some("event-0".to_owned()),
        ..update()
    };
    let outcome = watch(
        &answers.clients(),
        &operation,
        &limits(60),
        &mut Told::new(),
    )
    .await
    .expect("it ends");
    assert_eq!(outcome.stack.status, "UPDATE_ROLLBACK_COMPLETE");
    assert!(!outcome.reached);
    assert_eq!(states.num_calls(), 6);
}

#[tokio::test(start_paused = true)]
async fn what_a_later_deployment_does_is_no_news_of_this_one() {
    let event = |status| ("acme-drops-prod", STACK, STACK_ID, status, "");
    let ours = [event("UPDATE_IN_PROGRESS"), event("UPDATE_COMPLETE")];
    let theirs = [
        event("UPDATE_IN_PROGRESS"),
        event("UPDATE_ROLLBACK_COMPLETE"),
    ];
    for later in [&theirs[..1], &theirs[..]] {
        let status = later.last().expect("one").3;
        let states = mock!(Stacks::describe_stacks)
            .sequence()
            .http_status(200, stack(status))
            .repeatedly()
            .build();
        let told = mock!(Stacks::describe_stack_events)
            .sequence()
            .http_status(200, events(&[&ours, later].concat()))
            .repeatedly()
            .build();
        let answers = Answers {
            stacks: vec![&states, &told],
            ..Answers::default()
        };
        let operation = Operation {
            after: Some("event-before".to_owned()),
            ..update()
        };
        let clients = answers.clients();
        let outcome = watch(&clients, &operation, &limits(60), &mut Told::new()).await;
        let outcome = outcome.expect("it ends");
        assert!(outcome.reached && outcome.overtaken, "{outcome:?}");
        assert_eq!(outcome.stack.status, "UPDATE_COMPLETE");
        assert_eq!(outcome.cause, None);
    }
}

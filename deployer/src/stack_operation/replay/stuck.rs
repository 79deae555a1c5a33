//! Stacks that come to rest where nobody wants them: what is in the way, and the tool's own way
//! out.

use aws_sdk_cloudformation::Client as Stacks;
use aws_smithy_mocks::mock;

use super::wire::{STACK_ID, events, stack};
use super::{Answers, Told, limits, update};
use crate::stack_operation::{Goal, Operation, Outcome, watch};

const STACK: &str = "AWS::CloudFormation::Stack";
const NAME: &str = "acme-drops-prod";
const GROUP: &str = "AWS::EC2::SecurityGroup";

/// How a stack ends in this status, after these events: logical id, type, status and reason.
async fn ended(goal: Goal, status: &str, told: &[(&str, &str, &str, &str)]) -> Outcome {
    let stacks = mock!(Stacks::describe_stacks)
        .sequence()
        .http_status(200, stack(status))
        .build();
    let with_id = |&(id, kind, status, reason): &(_, _, _, _)| {
        let physical = if id == NAME { STACK_ID } else { "arn" };
        (id, kind, physical, status, reason)
    };
    let told: Vec<(&str, &str, &str, &str, &str)> = told.iter().map(with_id).collect();
    let told = mock!(Stacks::describe_stack_events)
        .sequence()
        .http_status(200, events(&told))
        .build();
    let answers = Answers {
        stacks: vec![&stacks, &told],
        ..Answers::default()
    };
    let operation = Operation { goal, ..update() };
    watch(
        &answers.clients(),
        &operation,
        &limits(60),
        &mut Told::new(),
    )
    .await
    .expect("it ends")
}

fn says(outcome: &Outcome, expected: &[&str]) {
    let text = outcome.text();
    for words in expected {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert!(!outcome.reached && !text.contains("aws "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_refuses_to_go_back_is_named_beside_the_first_cause() {
    let told = [
        (NAME, STACK, "UPDATE_IN_PROGRESS", "User Initiated"),
        (
            "Taken",
            "AWS::SSM::Parameter",
            "CREATE_FAILED",
            "/taken already exists",
        ),
        (
            NAME,
            STACK,
            "UPDATE_ROLLBACK_IN_PROGRESS",
            "The following resource(s) failed to create: [Taken].",
        ),
        (
            "Stub",
            "AWS::SNS::Topic",
            "UPDATE_FAILED",
            "Internal failure",
        ),
        ("Other", GROUP, "UPDATE_FAILED", "Resource update cancelled"),
        (
            NAME,
            STACK,
            "UPDATE_ROLLBACK_FAILED",
            "The following resource(s) failed to update: [Stub].",
        ),
    ];
    let outcome = ended(Goal::Deployed, "UPDATE_ROLLBACK_FAILED", &told).await;
    says(
        &outcome,
        &[
            "first cause: Taken (AWS::SSM::Parameter) CREATE_FAILED\n    /taken already exists",
            "rollback failed: Stub (AWS::SNS::Topic) UPDATE_FAILED\n    Internal failure",
            "what to do: fix what blocks Stub, then run `deployer rollback --stack \
             acme-drops-prod --region eu-west-1` (if a resource cannot be fixed, with `--skip \
             Stub`); then fix the first cause and deploy again",
        ],
    );
    assert_eq!(outcome.json()["stuck"][0]["logical_id"], "Stub");
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_stays_is_named_with_the_way_to_remove_it() {
    let told = [
        (NAME, STACK, "DELETE_IN_PROGRESS", "User Initiated"),
        ("Service", "AWS::ECS::Service", "DELETE_COMPLETE", ""),
        (
            "TaskGroup",
            GROUP,
            "DELETE_FAILED",
            "resource sg-0a1b has a dependent object",
        ),
        (
            "Subnet",
            "AWS::EC2::Subnet",
            "DELETE_FAILED",
            "Resource deletion cancelled",
        ),
        (
            NAME,
            STACK,
            "DELETE_FAILED",
            "The following resource(s) failed to delete: [TaskGroup].",
        ),
    ];
    let outcome = ended(Goal::Deleted, "DELETE_FAILED", &told).await;
    says(
        &outcome,
        &[
            "stays: TaskGroup (AWS::EC2::SecurityGroup) DELETE_FAILED\n    resource sg-0a1b has a \
             dependent object",
            "now: acme-drops-prod is DELETE_FAILED",
            "what to do: something outside the stack still uses it: remove that first, then run \
             `deployer down --stack acme-drops-prod --region eu-west-1`\n",
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn a_creation_whose_rest_cannot_be_deleted_is_still_to_be_mended() {
    let told = [
        (NAME, STACK, "CREATE_IN_PROGRESS", "User Initiated"),
        (
            "Taken",
            "AWS::SSM::Parameter",
            "CREATE_FAILED",
            "/taken already exists",
        ),
        (NAME, STACK, "DELETE_IN_PROGRESS", ""),
        ("TaskGroup", GROUP, "DELETE_FAILED", "in use by eni-0a1b"),
        (NAME, STACK, "DELETE_FAILED", ""),
    ];
    let outcome = ended(Goal::Deployed, "DELETE_FAILED", &told).await;
    says(
        &outcome,
        &[
            "first cause: Taken (AWS::SSM::Parameter) CREATE_FAILED",
            "stays: TaskGroup (AWS::EC2::SecurityGroup) DELETE_FAILED\n    in use by eni-0a1b",
            "fix what blocks TaskGroup, then run `deployer down --stack acme-drops-prod --region \
             eu-west-1`; then fix the first cause and deploy again",
        ],
    );
}

//! Deployments that fail, and stacks that cannot be deployed onto: what is said, and what is left.

use aws_sdk_cloudformation::types::{Capability, ChangeSetType};

use super::{PATIENCE, STACK, Site, in_order};

/// A resource whose name somebody else has.
pub(crate) const TAKEN: &str = "  Taken: { Type: 'AWS::SSM::Parameter', Properties: { Name: \
                                /taken, Type: String, Value: mine } }";

impl Site {
    /// Somebody else's stack, with the name that [`TAKEN`] wants.
    pub(crate) async fn take_the_name(&self) {
        let theirs = TAKEN.replace("mine", "theirs");
        let template = format!("Resources:\n{theirs}\n");
        self.aws.create("somebody-elses", &template).await;
    }
}

#[tokio::test]
async fn a_creation_that_fails_leaves_nothing() {
    let site = Site::new("failed-create", "");
    site.take_the_name().await;
    site.template(TAKEN);
    let run = site.up(&[]).await;
    assert_eq!(run.code, 3, "{run}");
    assert!(
        in_order(
            &run.stderr,
            &[
                "Taken CREATE_FAILED",
                "FAILED after",
                "first cause: Taken (AWS::SSM::Parameter) CREATE_FAILED",
                "already exists",
                "now: the stack is deleted",
                "what to do: something else has this name",
            ]
        ),
        "{run}"
    );
    assert!(site.stack().await.is_none());
    let json = site.up(&["--output", "json"]).await;
    let last: serde_json::Value =
        serde_json::from_str(json.stdout.lines().last().expect("a last line")).expect("an object");
    assert_eq!(
        (&last["type"], &last["cause"]["logical_id"]),
        (&"failed".into(), &"Taken".into())
    );

    site.template("");
    let well = site.up(&[]).await;
    assert_eq!(well.code, 0, "{well}");
}

#[tokio::test]
async fn an_update_that_fails_is_undone() {
    let site = Site::new("failed-update", "");
    site.take_the_name().await;
    let first = site.up(&[]).await;
    assert_eq!(first.code, 0, "{first}");
    site.template(TAKEN);
    site.environment("load_balancer: { idle_timeout: 315s }");
    let run = site.up(&[]).await;
    assert_eq!(run.code, 3, "{run}");
    assert!(
        in_order(
            &run.stderr,
            &[
                // AWS says CREATE_FAILED here; the emulator names what the stack does.
                "first cause: Taken (AWS::SSM::Parameter) UPDATE_FAILED",
                "now: acme-drops-staging is UPDATE_ROLLBACK_COMPLETE: it is as it was before",
                "what to do:",
            ]
        ),
        "{run}"
    );
    assert_eq!(site.attribute("idle_timeout.timeout_seconds").await, "310");
}

#[tokio::test]
async fn a_stack_that_never_lived_is_created_anew_on_demand() {
    let site = Site::new("recreate", "");
    site.take_the_name().await;
    // As another tool leaves it, which does not ask for the removal of what has failed.
    let request = site.stacks.create_stack().stack_name(STACK);
    let template = format!("Resources:\n{TAKEN}\n");
    request
        .template_body(template)
        .send()
        .await
        .expect("it begins");
    let give_up = tokio::time::Instant::now() + PATIENCE;
    while site.stack().await.is_none_or(|stack| {
        stack
            .stack_status()
            .is_none_or(|s| s.as_str() != "ROLLBACK_COMPLETE")
    }) {
        assert!(tokio::time::Instant::now() < give_up, "it does not fail");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let refused = site.up(&[]).await;
    assert_eq!(refused.code, 2, "{refused}");
    assert!(
        in_order(
            &refused.stderr,
            &[
                "acme-drops-staging is ROLLBACK_COMPLETE",
                "Taken CREATE_FAILED",
                "--recreate deletes"
            ]
        ),
        "{refused}"
    );
    let anew = site.up(&["--recreate"]).await;
    assert_eq!(anew.code, 0, "{anew}");
    assert!(
        in_order(
            &anew.stderr,
            &["deleting it", "acme-drops-staging CREATE_COMPLETE"]
        ),
        "{anew}"
    );
}

#[tokio::test]
async fn a_change_set_that_nobody_executed_is_no_obstacle() {
    let site = Site::new("reviewed", "");
    let request = site
        .stacks
        .create_change_set()
        .stack_name(STACK)
        .change_set_name("left-behind")
        .change_set_type(ChangeSetType::Create)
        .capabilities(Capability::CapabilityIam)
        .template_body("Resources: { T: { Type: 'AWS::SNS::Topic' } }");
    request.send().await.expect("a change set");
    assert!(site.stack().await.is_some());
    let run = site.up(&[]).await;
    assert_eq!(run.code, 0, "{run}");
}

#[tokio::test]
async fn what_aws_refuses_is_no_failed_deployment() {
    let site = Site::new("refused", "");
    site.template("  Odd: { Type: 'AWS::No::Such' }");
    let run = site.run(&["plan", "--env", "staging"]).await;
    assert_eq!(run.code, 2, "{run}");
    assert!(run.stderr.contains("AWS::No::Such"), "{run}");
    assert!(site.stack().await.is_none());
}

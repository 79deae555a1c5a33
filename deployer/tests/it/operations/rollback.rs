//! `deployer rollback`: back to the template, the parameters and the image that ran before, and
//! forward again.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use crate::deploy::failures::TAKEN;
use crate::deploy::interrupted::{WAIT, ended, read_until};
use crate::deploy::{Site, in_order};

const OLD: &str = "example.com/drops:1.4.2";
const NEW: &str = "example.com/drops:1.5.0";

impl Site {
    async fn roll_back(&self, more: &[&str]) -> crate::Run {
        self.run(
            &[
                &["rollback", "--env", "staging", "--yes", "--no-probe"],
                more,
            ]
            .concat(),
        )
        .await
    }

    /// The image that the service's tasks run.
    pub(crate) async fn image(&self) -> String {
        let stack = self.stack().await.expect("the stack");
        let mut parameters = stack.parameters().iter();
        let image = parameters.find(|parameter| parameter.parameter_key() == Some("Image"));
        image
            .and_then(|image| image.parameter_value())
            .unwrap_or_default()
            .to_owned()
    }

    async fn deployed(&self) -> String {
        let run = self
            .run(&["status", "--env", "staging", "--output", "json"])
            .await;
        let document: Value =
            serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"));
        let definition = &document["services"][0]["deployments"][0]["task_definition"];
        definition.as_str().expect("an ARN").to_owned()
    }
}

#[tokio::test]
async fn back_and_forth() {
    let site = Site::new("rollback", "");
    let first = site.up(&["--image", OLD]).await;
    assert_eq!(first.code, 0, "{first}");
    let none = site.roll_back(&[]).await;
    assert_eq!(none.code, 2, "{none}");
    assert!(
        none.stderr
            .contains("has no earlier deployment to return to: this is its first"),
        "{none}"
    );

    // Another template, other settings, another image.
    site.template("  Extra: { Type: 'AWS::SNS::Topic' }");
    site.environment("load_balancer: { idle_timeout: 315s }");
    let second = site.up(&["--image", NEW]).await;
    assert_eq!(second.code, 0, "{second}");
    let definition = site.deployed().await;

    let declined = site.run(&["rollback", "--env", "staging"]).await;
    assert_eq!(declined.code, 2, "{declined}");
    assert!(
        in_order(
            &declined.stderr,
            &[
                "rolling back to: example.com/drops:1.4.2, deployed at 20",
                "--yes confirms beforehand"
            ]
        ),
        "{declined}"
    );
    assert!(
        in_order(
            &declined.stdout,
            &[
                "- Extra",
                "Image",
                &format!("{NEW} → {OLD}"),
                "IdleTimeout",
                "315 → 310",
            ]
        ),
        "{declined}"
    );
    assert_eq!(
        (
            site.image().await.as_str(),
            site.attribute("idle_timeout.timeout_seconds")
                .await
                .as_str()
        ),
        (NEW, "315")
    );

    // The environment file and the template of this directory have no say: what was deployed
    // counts.
    site.environment("load_balancer: { idle_timeout: 400s }");
    let back = site.roll_back(&[]).await;
    assert_eq!(back.code, 0, "{back}");
    assert!(
        in_order(
            &back.stderr,
            &[
                "acme-drops-staging UPDATE_COMPLETE",
                "1 of 1 running",
                "nothing differs from the template"
            ]
        ),
        "{back}"
    );
    assert!(
        in_order(
            &back.stdout,
            &["rolled back: acme-drops-staging is UPDATE_COMPLETE", OLD]
        ),
        "{back}"
    );
    assert_eq!(
        (
            site.image().await.as_str(),
            site.attribute("idle_timeout.timeout_seconds")
                .await
                .as_str()
        ),
        (OLD, "310")
    );
    assert_ne!(
        site.deployed().await,
        definition,
        "the service has no other task definition"
    );

    // A pipeline that runs its step again does not go forward to what was left behind.
    let definition = site.deployed().await;
    for _ in 0..2 {
        let again = site.roll_back(&[]).await;
        assert_eq!(again.code, 0, "{again}");
        let told = [
            "nothing to do",
            "rolled back already, and runs",
            OLD,
            NEW,
            "--redo",
        ];
        assert!(in_order(&again.stdout, &told), "{again}");
    }
    let further = site.roll_back(&["--further"]).await;
    assert_eq!(further.code, 2, "{further}");
    assert_eq!(site.deployed().await, definition);
    assert_eq!(site.image().await, OLD);

    let forward = site.roll_back(&["--redo", "--output", "json"]).await;
    assert_eq!(forward.code, 0, "{forward}");
    let last: Value =
        serde_json::from_str(forward.stdout.lines().last().expect("a line")).expect("an object");
    assert_eq!(
        (&last["type"], &last["image"]),
        (&"done".into(), &NEW.into()),
        "{forward}"
    );
    assert_eq!(site.attribute("idle_timeout.timeout_seconds").await, "315");
}

#[tokio::test]
async fn the_first_deployments_second_step_is_no_way_back() {
    // Protection goes on in an update of its own, which nobody wants to go back from.
    let site = Site::new(
        "rollback-protected",
        "load_balancer: { deletion_protection: true }",
    );
    let first = site.up(&["--image", OLD]).await;
    assert_eq!(first.code, 0, "{first}");
    let none = site.roll_back(&[]).await;
    assert!(
        none.code == 2
            && none
                .stderr
                .contains("has no earlier deployment to return to"),
        "{none}"
    );
    site.up(&["--image", NEW]).await;
    let back = site.roll_back(&[]).await;
    assert_eq!(back.code, 0, "{back}");
    assert_eq!(
        (
            site.image().await.as_str(),
            site.attribute("deletion_protection.enabled").await.as_str()
        ),
        (OLD, "true")
    );
}

#[tokio::test]
async fn an_update_that_was_undone_leaves_the_way_back_as_it_was() {
    let site = Site::new("rollback-undone", "");
    site.up(&["--image", OLD]).await;
    site.up(&["--image", NEW]).await;
    site.take_the_name().await;
    site.template(TAKEN);
    let failed = site.up(&["--image", "example.com/drops:1.6.0"]).await;
    assert_eq!(failed.code, 3, "{failed}");
    assert_eq!(site.image().await, NEW);
    let status = site.run(&["status", "--env", "staging"]).await;
    assert!(
        in_order(
            &status.stdout,
            &[
                "is UPDATE_ROLLBACK_COMPLETE",
                NEW,
                &format!("before it   {OLD}"),
                "the last update failed: Taken (AWS::SSM::Parameter) UPDATE_FAILED",
                "AlreadyExists"
            ]
        ),
        "{status}"
    );
    let reflex = site.roll_back(&[]).await;
    assert_eq!(reflex.code, 0, "{reflex}");
    assert!(reflex.stdout.contains("is undone already"), "{reflex}");
    assert_eq!(site.image().await, NEW);
    let further = site.roll_back(&["--further"]).await;
    assert_eq!(further.code, 0, "{further}");
    assert_eq!(site.image().await, OLD);
}

#[tokio::test]
async fn an_update_in_progress_is_cancelled() {
    let site = Site::new("rollback-cancelled", "");
    site.up(&["--image", OLD]).await;
    // CloudFormation looks at a cancellation between two resources.
    let after = "  After: { Type: 'AWS::SNS::Topic', DependsOn: Wait }";
    site.template(&format!("{WAIT}\n{after}"));
    let mut update = site.start(&["--image", NEW]);
    read_until(
        update.stderr.as_mut().expect("it is piped"),
        "Wait UPDATE_IN_PROGRESS",
    )
    .await;
    let down = site.run(&["down", "--env", "staging", "--yes"]).await;
    assert!(
        down.code == 2
            && down.stderr.contains(
                "is UPDATE_IN_PROGRESS, and CloudFormation cannot delete a stack during an \
                 operation"
            ),
        "{down}"
    );
    let declined = site.run(&["rollback", "--env", "staging"]).await;
    assert!(
        declined.code == 2 && declined.stderr.contains("nothing was changed"),
        "{declined}"
    );
    let status = site.run(&["status", "--env", "staging"]).await;
    assert!(status.stdout.contains("is UPDATE_IN_PROGRESS"), "{status}");

    let mut command = site.command(&["rollback", "--env", "staging", "--yes"]);
    let mut rollback = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    read_until(
        rollback.stderr.as_mut().expect("it is piped"),
        "the update is cancelled",
    )
    .await;
    site.release().await;
    let mut stdout = rollback.stdout.take().expect("it is piped");
    let (code, said) = ended(rollback).await;
    assert_eq!(code, 0, "{said}");
    let mut result = String::new();
    stdout
        .read_to_string(&mut result)
        .await
        .expect("it is text");
    assert!(
        result.starts_with("rolled back: acme-drops-staging is UPDATE_ROLLBACK_COMPLETE"),
        "{result}{said}"
    );
    assert_eq!(site.image().await, OLD);
    let (code, said) = ended(update).await;
    assert_eq!(code, 3, "{said}");
}

#[tokio::test]
async fn a_roll_back_that_failed_is_gone_on_with() {
    let site = Site::new("rollback-stuck", "");
    // A type of the emulator's own: it can be changed, but not back.
    let stubborn = |back: &str| {
        format!(
            "  Stubborn: {{ Type: 'Test::Stubborn::Resource', Properties: {{ Back: {back} }} }}"
        )
    };
    site.template(&stubborn("refused"));
    site.up(&["--image", OLD]).await;
    site.take_the_name().await;
    let taken = TAKEN.replace("', Prop", "', DependsOn: Stubborn, Prop");
    site.template(&format!("{}\n{taken}", stubborn("allowed")));
    let failed = site.up(&["--image", NEW]).await;
    assert_eq!(failed.code, 3, "{failed}");
    assert!(
        in_order(
            &failed.stderr,
            &[
                "first cause: Taken (AWS::SSM::Parameter)",
                "rollback failed: Stubborn (Test::Stubborn::Resource) UPDATE_FAILED",
                "then run `deployer rollback --stack acme-drops-staging --region eu-west-1`",
                "`--skip Stubborn`"
            ]
        ),
        "{failed}"
    );
    let status = site.run(&["status", "--env", "staging"]).await;
    assert_eq!(status.code, 1, "{status}");
    assert!(
        in_order(
            &status.stdout,
            &[
                "is UPDATE_ROLLBACK_FAILED",
                "what is wrong:",
                "the stack is UPDATE_ROLLBACK_FAILED"
            ]
        ),
        "{status}"
    );

    let declined = site.run(&["rollback", "--env", "staging"]).await;
    assert!(
        declined.code == 2 && declined.stderr.contains("nothing was changed"),
        "{declined}"
    );
    let again = site.roll_back(&[]).await;
    assert_eq!(again.code, 3, "{again}");
    assert!(
        again.stderr.contains("is UPDATE_ROLLBACK_FAILED"),
        "{again}"
    );
    let skipped = site.roll_back(&["--skip", "Stubborn"]).await;
    assert_eq!(skipped.code, 0, "{skipped}");
    assert!(
        in_order(
            &skipped.stdout,
            &[
                "rolled back: acme-drops-staging is UPDATE_ROLLBACK_COMPLETE",
                ", except for Stubborn: skipped, they stay as the failed update left them"
            ]
        ),
        "{skipped}"
    );
    assert_eq!(site.image().await, OLD);

    let nothing = site.roll_back(&["--skip", "Stubborn"]).await;
    assert_eq!(nothing.code, 2, "{nothing}");
    assert!(
        nothing.stderr.contains(
            "nothing was changed: acme-drops-staging is UPDATE_ROLLBACK_COMPLETE, so there is no \
             failed roll-back"
        ),
        "{nothing}"
    );
}

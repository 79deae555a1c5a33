//! What once misled: pages of proxies, calls that hang, a permission that is missing, an environment
//! of the shell's that is odd. What is said is what happened.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use serde_json::Value;
use tokio::process::Child;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::fault_proxy::{Fault, way};
use super::interrupted::{ended, read_until, signal};
use super::{PATIENCE, STACK, Site, in_order};

const UP: [&str; 7] = [
    "up",
    "--env",
    "staging",
    "--yes",
    "--no-probe",
    "--image",
    "drops:2",
];
const DOWN: [&str; 5] = ["down", "--env", "staging", "--yes", "--unprotect"];
const PROTECTED: &str = "load_balancer: { deletion_protection: true }";

impl Site {
    fn start_by(&self, way: &str, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command
            .env("AWS_ENDPOINT_URL", way)
            .env("AWS_MAX_ATTEMPTS", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("the binary runs")
    }

    async fn is_protected(&self) -> bool {
        let stack = self.stack().await.expect("the stack");
        stack.enable_termination_protection() == Some(true)
            && self.attribute("deletion_protection.enabled").await == "true"
    }
}

#[tokio::test]
async fn a_page_of_a_proxy_is_no_matter_of_credentials() {
    let site = Site::new("page", "");
    for status in [403, 503] {
        let page = Fault::Page(
            status,
            "your session token has expired",
            Arc::new(AtomicUsize::new(usize::MAX)),
        );
        let way = way(&site.aws.url, "DescribeStacks", page).await;
        let run = site.run_by(&way, &["plan", "--env", "staging"]).await;
        assert_eq!(run.code, 2, "{run}");
        let told = [
            "cannot describe the stack",
            &format!("HTTP {status} with an answer that is not AWS's"),
            "check that AWS can be reached",
        ];
        assert!(in_order(&run.stderr, &told), "{run}");
        assert!(!run.stderr.contains("log in"), "{run}");
    }
}

#[tokio::test]
async fn pages_of_a_proxy_are_outlasted_once_something_has_begun() {
    let site = Site::new("pages", "");
    let page = Fault::Page(403, "token", Arc::new(AtomicUsize::new(2)));
    let way = way(&site.aws.url, "ListStackResources", page).await;
    let run = site.run_by(&way, &UP).await;
    assert_eq!(run.code, 0, "{run}");
    assert_eq!(run.stderr.matches("HTTP 403").count(), 2, "{run}");
}

#[tokio::test]
async fn a_removal_whose_call_hangs_puts_protection_back() {
    let site = Site::new("hung-removal", PROTECTED);
    assert_eq!(site.up(&[]).await.code, 0);
    let called = Arc::new(Notify::new());
    let way = way(&site.aws.url, "DeleteStack", Fault::Hung(called.clone())).await;
    let down = site.start_by(&way, &DOWN);
    timeout(PATIENCE, called.notified())
        .await
        .expect("it is called");
    assert!(!site.is_protected().await);
    signal(&down, "INT");
    let (code, said) = ended(down).await;
    assert_eq!(code, 130, "{said}");
    assert!(
        said.contains("nothing was deleted so far") && !said.contains("continues"),
        "{said}"
    );
    assert!(site.is_protected().await, "{said}");
}

#[tokio::test]
async fn a_removal_whose_answer_is_lost_is_watched_to_its_end() {
    let site = Site::new("lost-removal", PROTECTED);
    assert_eq!(site.up(&[]).await.code, 0);
    let way = way(&site.aws.url, "DeleteStack", Fault::Lost).await;
    let run = site.run_by(&way, &DOWN).await;
    assert_eq!(run.code, 0, "{run}");
    assert!(
        run.stdout.ends_with("acme-drops-staging is deleted\n"),
        "{run}"
    );
    assert!(!run.stderr.contains("nothing was deleted"), "{run}");
    assert!(site.stack().await.is_none());
}

#[tokio::test]
async fn a_second_ctrl_c_ends_what_tidies_up() {
    let site = Site::new("second-ctrl-c", "");
    assert_eq!(site.up(&[]).await.code, 0);
    let called = Arc::new(Notify::new());
    let hung = Fault::Hung(called.clone());
    let way = way(&site.aws.url, "ExecuteChangeSet|DeleteChangeSet", hung).await;
    let up = site.start_by(&way, &UP);
    for _ in ["ExecuteChangeSet", "DeleteChangeSet"] {
        timeout(PATIENCE, called.notified())
            .await
            .expect("it is called");
        signal(&up, "INT");
    }
    let (code, said) = ended(up).await;
    assert_eq!(code, 130, "{said}");
    assert!(
        said.contains("it is not known whether AWS has begun to execute the change set"),
        "{said}"
    );
}

/// What a change set that was left behind would do, by CloudFormation's own account.
async fn left_behind(site: &Site) -> BTreeSet<(String, String)> {
    let left = site.stacks.list_change_sets().stack_name(STACK).send();
    let left = left.await.expect("change sets");
    let available = Some(&aws_sdk_cloudformation::types::ExecutionStatus::Available);
    let mut found = left.summaries().iter();
    let one = found.find(|one| one.execution_status() == available);
    let one = one.unwrap_or_else(|| panic!("no change set is left: {left:?}"));
    let id = one.change_set_id().expect("an ARN");
    let described = site.stacks.describe_change_set().change_set_name(id).send();
    let described = described.await.expect("the change set");
    let change = |change: &aws_sdk_cloudformation::types::Change| {
        let change = change.resource_change().expect("a resource");
        // The emulator lists resources that the stack does not have, by their condition.
        change.physical_resource_id().filter(|id| !id.is_empty())?;
        let action = change.action().expect("an action").as_str().to_owned();
        let name = change.logical_resource_id().expect("a name").to_owned();
        Some((action, name))
    };
    described.changes().iter().filter_map(change).collect()
}

#[tokio::test]
async fn another_image_is_two_resources_and_a_plan_that_stays_is_shown() {
    let site = Site::new("two-resources", "");
    assert_eq!(site.up(&[]).await.code, 0);
    let way = way(&site.aws.url, "DeleteChangeSet", Fault::Denied).await;
    let plan = ["plan", "--env", "staging", "--image", "drops:2"];
    let run = site.run_by(&way, &plan).await;
    assert_eq!(run.code, 0, "{run}");
    assert!(run.stdout.contains("TaskDefinition"), "{run}");
    assert!(
        in_order(
            &run.stderr,
            &["left behind, and changes nothing", "AccessDenied"]
        ),
        "{run}"
    );
    let modify = |name: &str| ("Modify".to_owned(), name.to_owned());
    let expected = BTreeSet::from([modify("Service"), modify("TaskDefinition")]);
    assert_eq!(left_behind(&site).await, expected);
    let stack = site.stack().await.expect("the stack");
    assert_eq!(stack.tags(), []);
}

#[tokio::test]
async fn a_status_with_a_call_that_is_denied_shows_the_rest() {
    let site = Site::new("denied-status", "");
    assert_eq!(site.up(&[]).await.code, 0);
    for (call, what) in [
        ("ListTasks", "cannot list the tasks"),
        ("DescribeTargetHealth", "cannot read the targets' health"),
        ("GetTemplate", "cannot read the stack's template"),
        ("ListStackResources", "cannot list the stack's resources"),
        ("DescribeAlarms", "cannot read the alarms"),
        (
            "GetSecretValue",
            "cannot read the secret with the backends' keys",
        ),
    ] {
        let way = way(&site.aws.url, call, Fault::Denied).await;
        let run = site.run_by(&way, &["status", "--env", "staging"]).await;
        let told = [
            "acme-drops-staging is CREATE_COMPLETE",
            "url",
            "not seen:",
            what,
        ];
        assert!(in_order(&run.stdout, &told), "{call}: {run}");
        // The emulator has no healthy targets, which is a trouble where they are seen.
        assert!(run.code <= 1, "{call}: {run}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_empty_counts_as_none() {
    let site = Site::new("empty-endpoint", "");
    let mut command = site.command(&["plan", "--env", "staging"]);
    command
        .env("AWS_ENDPOINT_URL", "")
        .env("AWS_ENDPOINT_URL_STS", &site.aws.url)
        .env("AWS_ENDPOINT_URL_CLOUDFORMATION", &site.aws.url);
    let output = timeout(PATIENCE, command.output()).await.expect("it ends");
    let output = output.expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

/// As CloudFormation writes them since it validates templates early.
fn early_validation(call: &str) -> String {
    let result = match call {
        "DescribeChangeSet" => {
            "<ChangeSetId>arn:aws:cloudformation:eu-west-1:1:changeSet/c/1</ChangeSetId>\
             <Status>FAILED</Status><ExecutionStatus>UNAVAILABLE</ExecutionStatus>\
             <StatusReason>The following hook(s)/validation failed: \
             [AWS::EarlyValidation::PropertyValidation]. To troubleshoot Early Validation errors, \
             use the DescribeEvents API for detailed failure information.</StatusReason>"
        }
        _ => {
            "<OperationEvents><member><EventId>1</EventId>\
             <EventType>VALIDATION_ERROR</EventType><LogicalResourceId>ECSTG</LogicalResourceId>\
             <ResourceType>AWS::ElasticLoadBalancingV2::TargetGroup</ResourceType>\
             <ValidationStatus>FAILED</ValidationStatus><ValidationPath>/Properties/Port</ValidationPath>\
             <ValidationStatusReason>the value 0 is below 1</ValidationStatusReason></member>\
             </OperationEvents>"
        }
    };
    format!(
        "<{call}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <{call}Result>{result}</{call}Result></{call}Response>"
    )
}

#[tokio::test]
async fn what_early_validation_found_is_the_first_cause() {
    let site = Site::new("early-validation", "");
    let says = Fault::Says(early_validation);
    let way = way(&site.aws.url, "DescribeChangeSet|DescribeEvents", says).await;
    let run = site.run_by(&way, &["plan", "--env", "staging"]).await;
    assert_eq!(run.code, 2, "{run}");
    let told = [
        "CloudFormation refuses the change",
        "first cause:",
        "ECSTG (AWS::ElasticLoadBalancingV2::TargetGroup) /Properties/Port: the value 0 is below 1",
    ];
    assert!(in_order(&run.stderr, &told), "{run}");
}

fn git(site: &Site, arguments: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(arguments)
        .current_dir(&site.directory)
        .stdout(Stdio::null())
        .status();
    assert!(done.expect("git runs").success(), "{arguments:?}");
}

#[tokio::test]
async fn a_file_that_is_in_no_commit_is_not_recorded_under_one() {
    let site = Site::new("untracked", "");
    git(&site, &["init", "--quiet"]);
    git(
        &site,
        &[
            "add",
            "cloudformation",
            "environments/base.yaml",
            "environments/defaults.yaml",
        ],
    );
    git(&site, &["commit", "--quiet", "-m", "without staging"]);
    let commit = async |image: &str| {
        let up = site.up(&["--image", image]).await;
        assert_eq!(up.code, 0, "{up}");
        let status = ["status", "--env", "staging", "--output", "json"];
        let run = site.run(&status).await;
        let status: Value = serde_json::from_str(&run.stdout).expect("one document");
        status["origin"]["commit"]
            .as_str()
            .expect("a commit")
            .to_owned()
    };
    let untracked = commit("drops:1").await;
    assert!(untracked.ends_with("-dirty"), "{untracked}");
    git(&site, &["add", "environments/staging.yaml"]);
    git(&site, &["commit", "--quiet", "-m", "staging"]);
    let tracked = commit("drops:2").await;
    assert!(!tracked.contains("dirty"), "{tracked}");
}

#[tokio::test]
async fn drift_is_found_and_brought_back() {
    let site = Site::new("drift", "");
    assert_eq!(site.up(&[]).await.code, 0);
    site.set_attribute("idle_timeout.timeout_seconds", "61")
        .await;
    let found = site.run(&["check", "--env", "staging", "--live"]).await;
    assert_eq!(found.code, 1, "{found}");
    assert!(found.stdout.contains("up --revert-drift"), "{found}");
    let plain = site.up(&[]).await;
    assert_eq!(plain.code, 1, "{plain}");
    assert!(plain.stderr.contains("up --revert-drift"), "{plain}");

    let plan = ["plan", "--env", "staging", "--revert-drift", "--exit-code"];
    let plan = site.run(&plan).await;
    assert_eq!(plan.code, 4, "{plan}");
    assert!(plan.stdout.contains("ECSALB"), "{plan}");
    let repaired = site.up(&["--revert-drift"]).await;
    assert_eq!(repaired.code, 0, "{repaired}");
    assert_eq!(site.attribute("idle_timeout.timeout_seconds").await, "310");
    // A repair is no release: there is still nothing to go back to.
    let back = ["rollback", "--env", "staging", "--yes", "--no-probe"];
    let back = site.run(&back).await;
    assert!(back.stderr.contains("no earlier deployment"), "{back}");

    let none = site.up(&["--revert-drift"]).await;
    assert_eq!(none.code, 0, "{none}");
    assert!(none.stderr.contains("sees no drift"), "{none}");
}

#[tokio::test]
async fn a_roll_back_in_progress_is_watched_and_not_cancelled() {
    let site = Site::new("rollback-twice", "");
    site.template(super::interrupted::WAIT);
    let mut first = site.start(&["--image", "drops:old"]);
    let stderr = first.stderr.as_mut().expect("it is piped");
    read_until(stderr, "Wait CREATE_IN_PROGRESS").await;
    site.release().await;
    assert_eq!(ended(first).await.0, 0);
    site.template("");
    assert_eq!(site.up(&["--image", "drops:new"]).await.code, 0);

    let back = ["rollback", "--env", "staging", "--yes", "--no-probe"];
    let mut one = site.start_by(&site.aws.url, &back);
    read_until(
        one.stderr.as_mut().expect("it is piped"),
        "Wait UPDATE_IN_PROGRESS",
    )
    .await;
    let mut two = site.start_by(&site.aws.url, &back);
    let watching = "a roll-back of acme-drops-staging is in progress: watching";
    read_until(two.stderr.as_mut().expect("it is piped"), watching).await;
    site.release().await;
    for child in [one, two] {
        let (code, said) = ended(child).await;
        assert_eq!(code, 0, "{said}");
    }
    assert_eq!(site.image().await, "drops:old");
}

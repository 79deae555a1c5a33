//! The way up: a plan, the first deployment, nothing to do, an update, and what was changed behind
//! the stack's back.

use serde_json::Value;

use super::{STACK, Site, in_order};

#[tokio::test]
async fn a_plan_changes_nothing() {
    let site = Site::new("plan", "");
    let plan = site.run(&["plan", "--env", "staging", "--exit-code"]).await;
    assert_eq!(plan.code, 4, "{plan}");
    assert!(
        in_order(
            &plan.stdout,
            &[
                "acme-drops-staging in eu-west-1: create",
                "+ ECSALB",
                "to add, 0 to change"
            ]
        ),
        "{plan}"
    );
    assert!(
        site.stack().await.is_none(),
        "the plan's own stack is left behind"
    );
    let declined = site.run(&["up", "--env", "staging", "--no-probe"]).await;
    assert_eq!(declined.code, 2, "{declined}");
    assert!(
        declined.stderr.contains("--yes confirms beforehand"),
        "{declined}"
    );
    assert!(
        site.stack().await.is_none(),
        "the stack of a plan that was not confirmed is left behind"
    );
    let local = site
        .run(&["plan", "--env", "staging", "--output", "json"])
        .await;
    let document: Value = serde_json::from_str(&local.stdout).expect("one document");
    assert_eq!(
        (&document["schema"], &document["type"], &document["action"]),
        (&1.into(), &"plan".into(), &"create".into())
    );
}

#[tokio::test]
async fn first_then_nothing_then_an_update() {
    let site = Site::new("way-up", "load_balancer: { deletion_protection: true }");
    let first = site.up(&[]).await;
    assert_eq!(first.code, 0, "{first}");
    assert!(
        in_order(
            &first.stderr,
            &[
                "rules hold",
                "ECSALB CREATE_COMPLETE",
                "acme-drops-staging CREATE_COMPLETE",
                "1 of 1 running",
                "switching its deletion protection on",
                "acme-drops-staging UPDATE_COMPLETE",
                "nothing differs from the template",
            ]
        ),
        "{first}"
    );
    assert!(
        in_order(
            &first.stdout,
            &[
                "deletion protection is switched on once the stack exists",
                "deployed: acme-drops-staging"
            ]
        ),
        "{first}"
    );
    let stack = site.stack().await.expect("the stack");
    // Tags would be passed on to every resource, and each deployment would change all of them.
    assert_eq!(stack.tags(), []);
    let status = site
        .run(&["status", "--env", "staging", "--output", "json"])
        .await;
    let status: Value = serde_json::from_str(&status.stdout).expect("one document");
    let origin = |name: &str| status["origin"][name].as_str().unwrap_or_default();
    assert!(origin("by").starts_with("arn:aws:"), "{status:#}");
    assert!(humantime::parse_rfc3339(origin("at")).is_ok(), "{status:#}");
    assert_eq!(stack.enable_termination_protection(), Some(true));
    assert_eq!(site.attribute("deletion_protection.enabled").await, "true");

    let again = site.up(&[]).await;
    assert_eq!(again.code, 0, "{again}");
    assert!(
        in_order(&again.stdout, &["no changes", "nothing to do"]),
        "{again}"
    );
    assert!(!again.stderr.contains("IN_PROGRESS"), "{again}");

    site.environment("load_balancer: { deletion_protection: true, idle_timeout: 315s }");
    let plan = site.run(&["plan", "--env", "staging", "--exit-code"]).await;
    assert_eq!(plan.code, 4, "{plan}");
    assert!(
        in_order(
            &plan.stdout,
            &[
                "~ ECSALB",
                "LoadBalancerAttributes by IdleTimeout",
                "another revision",
                "IdleTimeout  310 → 315",
                "0 to replace"
            ]
        ),
        "{plan}"
    );
    assert!(!plan.stdout.contains("REPLACED"), "{plan}");
    assert_eq!(
        site.attribute("idle_timeout.timeout_seconds").await,
        "310",
        "a plan has changed something"
    );
    let update = site.up(&["--image", "example.com/drops:1.5.0"]).await;
    assert_eq!(update.code, 0, "{update}");
    assert_eq!(site.attribute("idle_timeout.timeout_seconds").await, "315");
    assert!(
        update.stdout.contains("image  example.com/drops:1.5.0"),
        "{update}"
    );

    site.aws.set_idle_timeout("60").await;
    let drifted = site.up(&["--image", "example.com/drops:1.5.0"]).await;
    assert_eq!(drifted.code, 1, "{drifted}");
    assert!(drifted.stdout.contains("no changes"), "{drifted}");
    assert!(
        drifted
            .stderr
            .contains("load_balancer.idle_timeout is 60s on AWS, and 315s in the template"),
        "{drifted}"
    );
}

#[tokio::test]
async fn programs_read_an_object_a_line() {
    let site = Site::new("json", "");
    let run = site.up(&["--output", "json"]).await;
    assert_eq!(run.code, 0, "{run}");
    let objects: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object a line"))
        .collect();
    let of = |kind: &str| {
        objects
            .iter()
            .filter(|object| object["type"] == kind)
            .count()
    };
    assert_eq!((of("plan"), of("check"), of("done")), (1, 2, 1), "{run}");
    assert!(
        of("resource") > 20 && of("service") == 1 && of("stack") == 2,
        "{run}"
    );
    let done = objects.last().expect("a last one");
    assert_eq!(
        (&done["type"], &done["stack"], &done["well"]),
        (&"done".into(), &STACK.into(), &true.into())
    );
}

#[tokio::test]
async fn a_violated_rule_stops_it() {
    let site = Site::new("violated", "load_balancer: { idle_timeout: 60s }");
    let run = site.up(&[]).await;
    assert_eq!(run.code, 1, "{run}");
    assert!(
        in_order(
            &run.stderr,
            &[
                "error[idle-timeout-not-above-ping-interval]",
                "nothing was changed"
            ]
        ),
        "{run}"
    );
    assert!(site.stack().await.is_none());
}

#[tokio::test]
async fn a_plan_says_that_up_would_refuse() {
    let site = Site::new("refused", "load_balancer: { idle_timeout: 55s }");
    let plan = site.run(&["plan", "--env", "staging"]).await;
    assert_eq!(plan.code, 0, "{plan}");
    let last = plan.stderr.lines().last().unwrap_or_default();
    assert_eq!(last, "`deployer up` would refuse: 1 rule is violated");
    assert!(
        plan.stderr
            .starts_with("template: cloudformation/service.yaml\n"),
        "{plan}"
    );
    let up = site.up(&[]).await;
    assert_eq!(up.code, 1, "{up}");
}

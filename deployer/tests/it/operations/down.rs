//! `deployer down`: what goes is shown, the name is asked for, and protection holds until it is
//! switched off knowingly.

use serde_json::Value;

use crate::deploy::{STACK, Site, in_order};

#[tokio::test]
async fn an_unprotected_stack_goes_with_all_that_it_holds() {
    let site = Site::new("down", "");
    site.up(&[]).await;
    let asked = site.run(&["down", "--env", "staging"]).await;
    assert_eq!(asked.code, 2, "{asked}");
    assert!(
        in_order(
            &asked.stdout,
            &[
                "acme-drops-staging (CREATE_COMPLETE) would be deleted: arn:aws:",
                "deployed by arn:aws",
                "AWS::ECS::Service: Service",
                "lost for good:",
                "every connection",
                "backend keys"
            ]
        ),
        "{asked}"
    );
    assert!(
        asked
            .stderr
            .contains("nothing was changed: there is no terminal to confirm on"),
        "{asked}"
    );
    assert!(site.stack().await.is_some());

    let gone = site.run(&["down", "--env", "staging", "--yes"]).await;
    assert_eq!(gone.code, 0, "{gone}");
    assert!(
        in_order(
            &gone.stderr,
            &[
                "Service DELETE_COMPLETE",
                "acme-drops-staging DELETE_COMPLETE"
            ]
        ),
        "{gone}"
    );
    assert!(
        gone.stdout.ends_with("acme-drops-staging is deleted\n"),
        "{gone}"
    );
    assert!(site.stack().await.is_none());

    let again = site.run(&["down", "--env", "staging", "--yes"]).await;
    assert_eq!(again.code, 0, "{again}");
    assert!(
        again.stderr.contains(
            "there is no stack `acme-drops-staging` in eu-west-1 in this account: nothing to remove"
        ),
        "{again}"
    );
}

#[tokio::test]
async fn a_protected_stack_stays_until_its_protection_is_switched_off() {
    let site = Site::new(
        "down-protected",
        "load_balancer: { deletion_protection: true }",
    );
    site.up(&[]).await;
    let refused = site.run(&["down", "--env", "staging", "--yes"]).await;
    assert_eq!(refused.code, 2, "{refused}");
    assert!(
        in_order(
            &refused.stderr,
            &[
                "nothing was changed: protected against deletion: the stack acme-drops-staging \
                 (termination protection), the load balancer arn:",
                "--unprotect"
            ]
        ),
        "{refused}"
    );
    let stack = site.stack().await.expect("the stack");
    assert_eq!(stack.enable_termination_protection(), Some(true));
    assert_eq!(site.attribute("deletion_protection.enabled").await, "true");

    let asked = site.run(&["down", "--env", "staging", "--unprotect"]).await;
    assert_eq!(asked.code, 2, "{asked}");
    assert_eq!(
        site.attribute("deletion_protection.enabled").await,
        "true",
        "switched off before anybody agreed"
    );

    let gone = site
        .run(&[
            "down",
            "--env",
            "staging",
            "--unprotect",
            "--yes",
            "--output",
            "json",
        ])
        .await;
    assert_eq!(gone.code, 0, "{gone}");
    assert!(
        in_order(
            &gone.stderr,
            &[
                "switched the termination protection of acme-drops-staging off",
                "switched the deletion protection of arn:"
            ]
        ),
        "{gone}"
    );
    let objects: Vec<Value> = gone
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object a line"))
        .collect();
    assert_eq!(objects[0]["type"], "removal");
    assert_eq!(objects[0]["protected"].as_array().map(Vec::len), Some(2));
    let last = objects.last().expect("a last one");
    assert_eq!(
        (&last["type"], &last["stack"], &last["status"]),
        (&"done".into(), &STACK.into(), &"DELETE_COMPLETE".into())
    );
    assert!(site.stack().await.is_none());
}

#[tokio::test]
async fn what_the_template_keeps_is_said_to_stay() {
    let site = Site::new("down-kept", "");
    site.template("  Kept: { Type: 'AWS::SNS::Topic', DeletionPolicy: Retain }");
    site.up(&[]).await;
    let asked = site.run(&["down", "--env", "staging"]).await;
    assert!(
        asked
            .stdout
            .contains("kept by its DeletionPolicy: Kept arn:aws:sns:"),
        "{asked}"
    );
    assert!(!asked.stdout.contains("AWS::SNS::Topic: Kept"), "{asked}");
    let gone = site.run(&["down", "--env", "staging", "--yes"]).await;
    assert_eq!(gone.code, 0, "{gone}");
}

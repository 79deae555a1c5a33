//! A console of a stack on AWS, against the emulator: it shows what `status` does.

use http::Method;
use serde_json::Value;

use super::Page;
use crate::deploy::Site;
use crate::write;

/// Credentials that the emulator takes, as it takes any.
const CREDENTIALS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEOFSOMEONE"),
    (
        "AWS_SECRET_ACCESS_KEY",
        "a-secret-of-someone-with-credentials",
    ),
];

#[tokio::test]
async fn a_stack_on_aws_stands_as_status_says() {
    let site = Site::new("console", "");
    let keys = site.directory.join("keys");
    write(&keys, &"k".repeat(32));
    let file = keys.to_str().unwrap();
    let args = [
        "console",
        "--no-open",
        "--env",
        "staging",
        "--backend-key-file",
        file,
    ];
    let none = site.run(&args).await;
    assert_eq!(none.code, 2, "{none}");
    assert!(
        none.stderr
            .contains("there is no stack `acme-drops-staging`"),
        "{none}"
    );

    site.up(&["--image", "example.com/drops:1.4.2"]).await;
    let mut command = site.command(&args);
    command.envs(CREDENTIALS);
    let page = Page::start(command).await;
    let about = page.get("/api/about").await;
    assert_eq!(about["server"], "https://drops.staging.example.com");
    assert_eq!(
        (&about["aws"], &about["local"]),
        (&"acme-drops-staging".into(), &false.into())
    );
    assert_eq!(
        about["namespaces"],
        serde_json::json!(["dropcodes", "donations"])
    );
    let told: Value = {
        let ran = site
            .run(&["status", "--env", "staging", "--output", "json"])
            .await;
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let live = page.get("/api/live").await;
    for name in [
        "ok",
        "troubles",
        "stack",
        "services",
        "alarms",
        "deployments",
    ] {
        assert_eq!(live[name], told[name], "{name}");
    }
    assert_eq!(page.get("/api/rules").await["errors"], 0);
    // Nobody has changed anything behind the stack's back.
    let drift = page.get("/api/drift").await;
    assert_eq!(drift["drifts"], serde_json::json!([]), "{drift}");
    for path in ["/api/about", "/api/live", "/api/rules", "/api/drift"] {
        let told = page.get(path).await.to_string();
        assert!(
            !told.contains(CREDENTIALS[0].1) && !told.contains(CREDENTIALS[1].1),
            "{path}"
        );
    }
    let reply = page
        .call(
            Method::POST,
            "/api/local",
            r#"{"do":"kill","node":"node-1"}"#,
        )
        .await;
    assert_eq!(reply.status, 404);
}

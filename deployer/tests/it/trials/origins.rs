//! `deployer probe --origin`: whether a page may read the answers, of servers that let it and of
//! some that do not.

use serde_json::{Value, json};

use super::participants::{BACKEND_KEY, Server, Target};
use super::probe::probe_url;
use crate::directory;

const STUDIO: &str = "https://studio.example.com";

/// The outcome of the step and what it says, of a server of the official kind.
async fn judged(target: &Target, more: &[&str]) -> (i32, Value) {
    let url = format!("http://{}", target.address);
    let args = [&["--origin", STUDIO, "--quiet-for", "100ms"], more].concat();
    let (code, _, report) = probe_url(&url, &args).await;
    let steps = report["steps"].as_array().unwrap().iter();
    let found = steps.clone().find(|step| step["name"] == "cross-origin");
    (code, found.unwrap_or_else(|| panic!("{report:#}")).clone())
}

#[tokio::test]
async fn an_official_server_lets_an_origin_read_with_cookies_without_or_not_at_all() {
    for (config, outcome, code) in [
        (json!({ "origins": [STUDIO] }), "passed", 0),
        (json!({ "origins": "*", "credentials": false }), "noted", 0),
        (
            json!({ "origins": "https://other.example.com" }),
            "failed",
            1,
        ),
        (json!({}), "failed", 1),
    ] {
        let target = Target::start("a", config.clone()).await;
        let (got, step) = judged(&target, &[]).await;
        assert_eq!(step["outcome"], outcome, "{config}: {step:#}");
        assert_eq!(got, code, "{config}: {step:#}");
    }
}

#[tokio::test]
async fn a_python_server_that_knows_the_origin_passes() {
    let target = Target::python(&json!({ "origins": [STUDIO] })).await;
    let (code, step) = judged(&target, &[]).await;
    assert_eq!((code, &step["outcome"]), (0, &json!("passed")), "{step:#}");
}

#[tokio::test]
async fn our_own_server_lets_the_listed_origin_read_and_the_setting_is_named_for_others() {
    let settings = [("CORS_ORIGINS", STUDIO), ("PING_INTERVAL", "300ms")];
    let server = Server::start(&settings).await;
    let api = deployer::local::api::Api {
        address: format!("http://{}", server.address).parse().unwrap(),
        backend_key: BACKEND_KEY.to_owned(),
    };
    let key = api.create_key("probe", &["dropcodes".to_owned()]).await;
    let file = directory("probe-origin").join("key");
    std::fs::write(&file, format!("{}\n", key.unwrap())).unwrap();
    for (origin, outcome) in [(STUDIO, "passed"), ("https://other.example.com", "failed")] {
        let url = format!("http://{}", server.address);
        let args = [
            "--origin",
            origin,
            "--key-file",
            file.to_str().unwrap(),
            "--path",
            "/websockets",
            "--namespace",
            "dropcodes",
            "--quiet-for",
            "800ms",
        ];
        let (code, steps, report) = probe_url(&url, &args).await;
        let step = ("cross-origin".to_owned(), outcome.to_owned());
        assert!(steps.contains(&step), "{report:#}");
        assert_eq!(code == 0, outcome == "passed", "{report:#}");
        assert_eq!(
            report.to_string().contains("CORS_ORIGINS"),
            code != 0,
            "{report:#}"
        );
    }
}

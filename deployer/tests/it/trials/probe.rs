//! `deployer probe` where all is well, and for each failure that it is for: on the official server
//! library.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::balancers::{BalancerSettings, Front};
use super::participants::{Server, Target};
use crate::{deployer, directory};

/// Probes `front`; the exit code and each step's outcome by name, with all of its text.
async fn probe(front: &Front, more: &[&str]) -> (i32, Vec<(String, String)>, Value) {
    probe_url(&front.url(), more).await
}

/// The same of any URL, of a server in the root namespace and at the usual path unless told.
pub(super) async fn probe_url(url: &str, more: &[&str]) -> (i32, Vec<(String, String)>, Value) {
    let mut args = vec!["probe", url, "--output", "json"];
    if !more.contains(&"--namespace") {
        args.extend(["--namespace", "/"]);
    }
    if !more.contains(&"--path") {
        args.extend(["--path", "/socket.io"]);
    }
    args.extend(more);
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    // A directory of its own: tests that run side by side would empty each other's.
    let place = format!("probe-{}", url.rsplit(':').next().unwrap_or_default());
    let run = tokio::task::spawn_blocking(move || {
        deployer(
            &directory(&place),
            &args.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    });
    let run = run.await.unwrap();
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run}"));
    let step = |step: &Value| {
        (
            step["name"].as_str().unwrap().to_owned(),
            step["outcome"].as_str().unwrap().to_owned(),
        )
    };
    let steps = report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(step)
        .collect();
    (run.code, steps, report)
}

pub(super) fn steps(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter()
        .map(|(name, outcome)| ((*name).to_owned(), (*outcome).to_owned()))
        .collect()
}

async fn front(idle: Duration, sticky: bool, targets: &[&Target]) -> Front {
    let addresses: Vec<SocketAddr> = targets.iter().map(|target| target.address).collect();
    Front::model(&BalancerSettings { idle, sticky }, &addresses).await
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_sound_server_passes_every_step() {
    let target = Target::start("a", json!({ "pingInterval": 500 })).await;
    let front = front(LONG, true, &[&target]).await;
    let (code, got, report) = probe(&front, &["--quiet-for", "1200ms"]).await;
    let names = [
        "polling handshake",
        "join by polling",
        "stickiness",
        "without the cookie",
        "upgrade",
        "websocket only",
        "heartbeat",
        "quiet websocket",
        "quiet poll",
    ];
    assert_eq!(
        got,
        steps(&names.map(|name| (name, "passed"))),
        "{report:#}"
    );
    assert_eq!((code, &report["ok"]), (0, &json!(true)));
    assert!(
        report["steps"][2]["saw"]
            .as_str()
            .unwrap()
            .contains("AWSALB"),
        "{report:#}"
    );
}

#[tokio::test]
async fn an_idle_timeout_below_the_ping_interval_is_found_and_named() {
    let target = Target::start("a", json!({ "pingInterval": 5000 })).await;
    let front = front(Duration::from_millis(700), false, &[&target]).await;
    let (code, got, report) = probe(&front, &["--quiet-for", "3s"]).await;
    assert_eq!(code, 1);
    assert_eq!(
        got[got.len() - 2..],
        steps(&[("quiet websocket", "failed"), ("quiet poll", "failed")]),
        "{report:#}"
    );
    for step in &report["steps"].as_array().unwrap()[got.len() - 2..] {
        assert!(
            step["means"]
                .as_str()
                .unwrap()
                .contains("below the ping interval of 5.0 s"),
            "{step}"
        );
        assert!(
            step["change"]
                .as_str()
                .unwrap()
                .contains("idle timeout to 10.0 s"),
            "{step}"
        );
    }
}

#[tokio::test]
async fn two_nodes_without_stickiness_are_found() {
    let (a, b) = (
        Target::start("a", json!({})).await,
        Target::start("b", json!({})).await,
    );
    let front = front(LONG, false, &[&a, &b]).await;
    let (code, got, report) = probe(&front, &["--quiet-for", "100ms"]).await;
    assert_eq!(code, 1);
    assert_eq!(
        got[..2],
        steps(&[("polling handshake", "passed"), ("stickiness", "failed")]),
        "{report:#}"
    );
    assert!(
        report["steps"][1]["change"]
            .as_str()
            .unwrap()
            .contains("switch stickiness on")
    );
}

#[tokio::test]
async fn two_sticky_nodes_pass_and_the_need_for_the_cookie_is_noted() {
    let (a, b) = (
        Target::start("a", json!({})).await,
        Target::start("b", json!({})).await,
    );
    let front = front(LONG, true, &[&a, &b]).await;
    let (code, got, report) = probe(&front, &["--quiet-for", "100ms"]).await;
    assert_eq!(code, 0, "{report:#}");
    assert!(
        got.contains(&("without the cookie".into(), "noted".into())),
        "{report:#}"
    );
}

#[tokio::test]
async fn a_server_of_one_transport_is_probed_on_that() {
    let target = Target::start(
        "a",
        json!({ "transports": ["websocket"], "pingInterval": 300 }),
    )
    .await;
    let front = front(LONG, false, &[&target]).await;
    let (code, got, report) = probe(&front, &["--quiet-for", "800ms"]).await;
    let expected = [
        ("polling handshake", "skipped"),
        ("websocket only", "passed"),
        ("heartbeat", "passed"),
        ("quiet websocket", "passed"),
    ];
    assert_eq!((code, got), (0, steps(&expected)), "{report:#}");
}

#[tokio::test]
async fn a_wrong_path_and_an_empty_target_group_are_told_apart() {
    let target = Target::start("a", json!({})).await;
    let served = front(LONG, false, &[&target]).await;
    let (code, _, report) = probe(&served, &["--path", "/elsewhere"]).await;
    // The target answers any other path with its name.
    assert_eq!(code, 1);
    assert!(
        report["steps"][0]["saw"]
            .as_str()
            .unwrap()
            .contains("not Engine.IO"),
        "{report:#}"
    );
    let empty = front(LONG, false, &[]).await;
    let (code, _, report) = probe(&empty, &[]).await;
    assert_eq!(code, 1);
    assert!(
        report["steps"][0]["means"]
            .as_str()
            .unwrap()
            .contains("no target in use"),
        "{report:#}"
    );
}

#[tokio::test]
async fn an_official_server_that_only_polls_is_probed_on_that() {
    let target = Target::start(
        "a",
        json!({ "transports": ["polling"], "pingInterval": 300 }),
    )
    .await;
    let front = front(LONG, true, &[&target]).await;
    let (code, got, report) = probe(&front, &["--quiet-for", "800ms"]).await;
    let expected = [
        ("polling handshake", "passed"),
        ("join by polling", "passed"),
        ("stickiness", "passed"),
        ("without the cookie", "passed"),
        ("upgrade", "skipped"),
        ("websocket only", "skipped"),
        ("heartbeat", "passed"),
        ("quiet poll", "passed"),
    ];
    assert_eq!((code, got), (0, steps(&expected)), "{report:#}");
}

#[tokio::test]
async fn our_own_server_passes_on_each_setting_of_its_transports() {
    let key = "0123456789abcdef0123456789abcdef";
    for (transports, skipped) in [
        ("polling,websocket", &[][..]),
        ("websocket", &["polling handshake"][..]),
        ("polling", &["upgrade", "websocket only"][..]),
    ] {
        let settings = [
            ("TRANSPORTS", transports),
            ("PING_INTERVAL", "500ms"),
            ("S2S_KEYS", key),
        ];
        let server = Server::start(&settings).await;
        let api = deployer::local::api::Api {
            address: format!("http://{}", server.address).parse().unwrap(),
            backend_key: key.to_owned(),
        };
        let lives = Duration::from_secs(600);
        let issued = api.create_passing_key("probe", "dropcodes", lives).await;
        let (_, plugin) = issued.expect("a key");
        let url = format!("http://{}", server.address);
        let run = tokio::task::spawn_blocking(move || {
            let arguments = ["probe", &url, "--path", "/websockets", "--key", &plugin];
            let more = [
                "--namespace",
                "dropcodes",
                "--quiet-for",
                "1200ms",
                "--output",
                "json",
            ];
            deployer(&directory("probe-own"), &[&arguments[..], &more].concat())
        });
        let run = run.await.unwrap();
        let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run}"));
        let of = |outcome: &str| -> Vec<String> {
            let steps = report["steps"].as_array().unwrap().iter();
            steps
                .filter(|step| step["outcome"] == outcome)
                .map(|step| step["name"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(run.code, 0, "{report:#}");
        assert_eq!(of("skipped"), skipped, "{transports}: {report:#}");
        let quiet = of("passed").iter().any(|name| name.starts_with("quiet"));
        assert!(quiet, "{transports}: {report:#}");
    }
}

#[tokio::test]
async fn a_python_server_passes_on_each_setting_of_its_transports() {
    for (transports, skipped) in [
        (&["polling", "websocket"][..], &[][..]),
        (&["websocket"], &["polling handshake"]),
        (&["polling"], &["websocket only"]),
    ] {
        // It tells whole seconds.
        let config = json!({ "transports": transports, "pingInterval": 1000 });
        let target = Target::python(&config).await;
        let url = format!("http://{}", target.address);
        let (code, got, report) = probe_url(&url, &["--quiet-for", "2500ms"]).await;
        assert_eq!(code, 0, "{report:#}");
        let left = got.iter().filter(|(_, outcome)| outcome == "skipped");
        let left: Vec<_> = left.map(|(name, _)| name.as_str()).collect();
        assert_eq!(left, skipped, "{transports:?}: {report:#}");
    }
}

//! The timeout rules at the server's start.

use std::process::Command;

use crate::harness::{BACKEND_KEY, Server, eventually};

#[test]
fn a_violated_rule_stops_the_start_and_says_what_to_change() {
    let output = Command::new(env!("CARGO_BIN_EXE_server"))
        .env_clear()
        .envs([
            ("S2S_KEYS", BACKEND_KEY),
            ("IDLE_TIMEOUT", "60s"),
            ("PING_INTERVAL", "60s"),
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    for part in [
        "error[idle-timeout-not-above-ping-interval]",
        "load_balancer.idle_timeout = 60s at environment variable IDLE_TIMEOUT",
        "server.ping_interval = 60s at environment variable PING_INTERVAL",
        "needs idle timeout 60s ≥ ping interval 60s + 5s",
        "ALLOW_RULE_VIOLATIONS=true",
    ] {
        assert!(text.contains(part), "{part} in:\n{text}");
    }
}

#[tokio::test]
async fn a_roll_back_may_start_all_the_same() {
    let settings = [
        ("IDLE_TIMEOUT", "60s"),
        ("PING_INTERVAL", "60s"),
        ("ALLOW_RULE_VIOLATIONS", "true"),
    ];
    let server = Server::start(&settings).await;
    eventually("the violation is logged", async || {
        let rule = "idle-timeout-not-above-ping-interval";
        server
            .log()
            .iter()
            .any(|e| e["level"] == "ERROR" && e["rule"] == rule)
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_defaults_fit_the_deployer_s_idle_timeout() {
    let server = Server::start(&[("IDLE_TIMEOUT", "310s")]).await;
    assert!(
        server.log().iter().all(|entry| entry["rule"].is_null()),
        "{:?}",
        server.log()
    );
}

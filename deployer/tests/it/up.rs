//! `deployer up --env local` as its user meets it: real processes and signals. What it starts is
//! ready, what it says is clear, and nothing is left behind however it ends.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use crate::running::{Up, command, directory, gone, hasty, pid, runs, script, signal};
use crate::trials::participants::{PATIENCE, server_binary};

#[tokio::test]
async fn ready_says_all_that_a_program_needs() {
    let directory = directory();
    let mut up = Up::start(directory.path(), &[]);
    let ready = up.document().await;
    let keys: Vec<_> = ready
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "type",
            "url",
            "api_url",
            "backend_key",
            "channel",
            "plugin_key",
            "nodes"
        ]
    );
    assert_eq!(
        (&ready["type"], &ready["nodes"][0]["id"]),
        (&"ready".into(), &"node-1".into())
    );
    assert!(runs(pid(&ready)));
    up.signal("INT");
    let (code, said) = up.ended().await;
    assert_eq!(code, 0, "{said}");
    assert!(!runs(pid(&ready)));
    assert!(
        said.contains("node-1   | ") && said.ends_with("nothing is left running\n"),
        "{said}"
    );
}

/// The quick start: listen in one terminal, send in another, a code on time.
#[tokio::test]
async fn listen_and_send_find_the_stack() {
    let directory = directory();
    let mut up = Up::start(directory.path(), &[]);
    up.document().await;
    let mut listen = command(directory.path())
        .args(["listen", "--count", "2", "--output", "json"])
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut arrived = BufReader::new(listen.stdout.take().unwrap()).lines();
    for (args, late_at_most) in [
        (&["{\"code\": \"A\"}"][..], None),
        (&["--in", "700ms", "plain text"], Some(200.0)),
    ] {
        let sent = command(directory.path())
            .arg("send")
            .args(args)
            .output()
            .await
            .unwrap();
        assert!(sent.status.success(), "{sent:?}");
        let line = timeout(PATIENCE, arrived.next_line())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let message: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(message["acknowledged"], true);
        assert_eq!(message["event"], "code");
        match late_at_most {
            None => assert_eq!(message["data"], serde_json::json!({ "code": "A" })),
            Some(most) => {
                assert_eq!(message["data"], "plain text");
                let late = message["late_ms"].as_f64().unwrap();
                assert!((0.0..most).contains(&late), "{late} ms late");
            }
        }
    }
    assert!(
        timeout(PATIENCE, listen.wait())
            .await
            .unwrap()
            .unwrap()
            .success()
    );
}

#[tokio::test]
async fn without_a_stack_listen_and_send_say_what_to_do() {
    let directory = directory();
    for verb in [&["listen"][..], &["send", "x"]] {
        let run = command(directory.path()).args(verb).output().await.unwrap();
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(
            (run.status.code(), said.contains("deployer up --env local")),
            (Some(2), true),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_terminal_that_goes_away_leaves_nothing() {
    let directory = directory();
    let mut up = Up::start(directory.path(), &[]);
    let ready = up.document().await;
    // Nobody reads any more, as when a terminal is closed.
    drop(up.child.stderr.take());
    up.signal("HUP");
    assert_eq!(up.code().await, Some(0));
    gone(pid(&ready)).await;
}

#[tokio::test]
async fn a_deployer_that_is_killed_takes_its_nodes_along() {
    let directory = directory();
    let mut up = Up::start(directory.path(), &[]);
    let ready = up.document().await;
    up.signal("KILL");
    gone(pid(&ready)).await;
}

#[tokio::test]
async fn a_node_that_hangs_is_killed_at_the_stop_timeout() {
    let directory = hasty();
    let mut up = Up::start(directory.path(), &[]);
    let ready = up.document().await;
    signal(pid(&ready).try_into().unwrap(), "STOP");
    let began = Instant::now();
    up.signal("TERM");
    up.wait_for("node_killed").await;
    assert!(began.elapsed() >= Duration::from_secs(2));
    assert_eq!(up.ended().await.0, 0);
    gone(pid(&ready)).await;
}

#[tokio::test]
async fn a_second_ctrl_c_does_not_wait() {
    let directory = directory();
    let mut up = Up::start(directory.path(), &[]);
    let ready = up.document().await;
    signal(pid(&ready).try_into().unwrap(), "STOP");
    let mut stderr = BufReader::new(up.child.stderr.take().unwrap()).lines();
    up.signal("INT");
    while !timeout(PATIENCE, stderr.next_line())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
        .starts_with("stopping")
    {}
    up.signal("INT");
    assert_eq!(up.code().await, Some(0));
    gone(pid(&ready)).await;
}

#[tokio::test]
async fn a_node_that_dies_is_replaced() {
    let directory = directory();
    let mut up = Up::start(directory.path(), &[]);
    let ready = up.document().await;
    signal(pid(&ready).try_into().unwrap(), "KILL");
    let ended = up.wait_for("node_ended").await;
    assert_eq!(
        (&ended["node"], &ended["status"]),
        (&"node-1".into(), &"signal 9".into())
    );
    assert_eq!(up.wait_for("node_started").await["node"], "node-2");
    loop {
        let health = up.wait_for("health").await;
        if health["node"] == "node-2" {
            assert_eq!(health["health"], "healthy");
            break;
        }
    }
}

#[tokio::test]
async fn a_node_that_crashes_at_the_start_ends_it_with_3_and_its_words() {
    let directory = directory();
    let crash = script(
        directory.path(),
        "echo 'error: the settings are wrong' >&2; exit 7",
    );
    let mut up = Up::start(directory.path(), &["--server-bin", crash.to_str().unwrap()]);
    let error = up.document().await;
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("node-1 ended with exit code 7"),
        "{message}"
    );
    assert!(
        message.contains("error: the settings are wrong"),
        "{message}"
    );
    assert_eq!(up.ended().await.0, 3);
}

#[tokio::test]
async fn what_the_user_can_mend_ends_it_with_2() {
    let directory = directory();
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port().to_string();
    let server = server_binary();
    for (args, expected) in [
        (
            ["--port", &port, "--server-bin", server.to_str().unwrap()],
            format!("cannot listen on port {port}"),
        ),
        (
            ["--port", "0", "--server-bin", "/nonexistent"],
            "no server binary at /nonexistent".to_owned(),
        ),
    ] {
        let run = command(directory.path())
            .args(["up", "--env", "local"])
            .args(args)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(
            (run.status.code(), said.contains(&expected)),
            (Some(2), true),
            "{said}"
        );
    }
}

#[tokio::test]
async fn interrupted_before_it_is_ready_it_ends_with_130() {
    let directory = directory();
    let deaf = script(directory.path(), "exec sleep 600");
    let mut up = Up::start(directory.path(), &["--server-bin", deaf.to_str().unwrap()]);
    // Interrupted once the node is there.
    let node = timeout(PATIENCE, async {
        loop {
            let all = std::process::Command::new("pgrep")
                .args(["-P", &up.child.id().unwrap().to_string()])
                .output();
            let pid = String::from_utf8(all.unwrap().stdout).unwrap();
            if let Ok(pid) = pid.trim().parse::<u64>() {
                return pid;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    up.signal("INT");
    assert_eq!(up.document().await["type"], "error");
    assert_eq!(up.ended().await.0, 130);
    gone(node).await;
}

#[tokio::test]
async fn flags_about_a_stack_are_refused_where_there_is_none() {
    for flag in ["--revert-drift", "--recreate"] {
        let directory = directory();
        let mut up = Up::start(directory.path(), &[flag]);
        let refused = up.document().await.to_string();
        assert!(
            refused.contains(&format!("`{flag}` is for a stack on AWS")),
            "{refused}"
        );
        assert_eq!(up.ended().await.0, 2, "{flag}");
    }
}

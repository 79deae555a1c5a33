//! `deployer logs`: every line once, in order, of all nodes or one, also while it goes on.

use std::process::Stdio;
use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::check_live::{Emulator, environment, template};

const GROUP: &str = "/acme/drops/staging";
const PATIENCE: Duration = Duration::from_secs(60);
/// Two tasks, and what their nodes call themselves.
const TASKS: [(&str, &str); 2] = [
    ("0a1b2c3d4e5f60718293a4b5c6d7e8f9", "node-aaaaaaaa"),
    ("f9e8d7c6b5a4392817065f4e3d2c1b0a", "node-bbbbbbbb"),
];

/// The log of a stack, as its tasks write it.
struct Writer(aws_sdk_cloudwatchlogs::Client);

impl Writer {
    async fn new(aws: &Emulator) -> Self {
        let config = aws_sdk_cloudwatchlogs::Config::builder()
            .behavior_version(aws_sdk_cloudwatchlogs::config::BehaviorVersion::latest())
            .region(aws_sdk_cloudwatchlogs::config::Region::new("eu-west-1"))
            .credentials_provider(aws_sdk_cloudwatchlogs::config::Credentials::new(
                "test", "test", None, None, "test",
            ))
            .endpoint_url(&aws.url)
            .build();
        let writer = Self(aws_sdk_cloudwatchlogs::Client::from_conf(config));
        for (task, _) in TASKS {
            let stream = format!("server/server/{task}");
            let made = writer
                .0
                .create_log_stream()
                .log_group_name(GROUP)
                .log_stream_name(stream);
            made.send().await.expect("a stream");
        }
        writer
    }

    /// Writes a line of a node, so many milliseconds ago.
    async fn write(&self, node: usize, ago: u64, text: &str) {
        let (task, _) = TASKS[node];
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("after 1970");
        let time = i64::try_from(since.as_millis()).expect("it fits")
            - i64::try_from(ago).expect("it fits");
        let event = InputLogEvent::builder()
            .timestamp(time)
            .message(text)
            .build()
            .expect("an event");
        let put = self
            .0
            .put_log_events()
            .log_group_name(GROUP)
            .log_stream_name(format!("server/server/{task}"));
        put.log_events(event).send().await.expect("it is written");
    }

    async fn say(&self, node: usize, ago: u64, message: &str) {
        let line = json!({ "timestamp": "2026-01-02T03:04:05.678Z", "level": "INFO", "node": TASKS[node].1, "message": message, "target": "server" });
        self.write(node, ago, &line.to_string()).await;
    }
}

async fn stack() -> (Emulator, String) {
    let aws = Emulator::start();
    let environment = environment();
    aws.create("acme-drops-staging", &template(&aws, &environment))
        .await;
    (aws, environment)
}

#[tokio::test]
async fn lines_come_in_order_of_all_nodes_or_of_one() {
    let (aws, environment) = stack().await;
    let logs = |more: &[&str]| aws.deployer(&[&["logs", "--env", &environment], more].concat());
    let nothing = logs(&[]);
    assert_eq!(
        (nothing.code, nothing.stdout.as_str()),
        (0, ""),
        "{nothing}"
    );

    let log = Writer::new(&aws).await;
    log.say(0, 3_600_000, "ready").await;
    log.say(1, 30_000, "second").await;
    log.say(0, 60_000, "first").await;
    log.write(1, 20_000, "a line that is no JSON \u{1b}[2J")
        .await;

    let all = logs(&[]);
    assert_eq!(all.code, 0, "{all}");
    let shown: Vec<_> = all.stdout.lines().collect();
    assert_eq!(
        shown.len(),
        3,
        "what is older than ten minutes is left out: {all}"
    );
    assert!(
        shown[0].starts_with("node-aaaaaaaa | 20")
            && shown[0].ends_with("03:04:05.678 INFO  first"),
        "{all}"
    );
    assert!(
        shown[1].starts_with("node-bbbbbbbb | 20") && shown[1].ends_with("second"),
        "{all}"
    );
    assert!(
        shown[2].starts_with("f9e8d7c6b5a4  | 20")
            && shown[2].ends_with("a line that is no JSON \\u{1b}[2J"),
        "{all}"
    );

    assert_eq!(logs(&["--since", "2h"]).stdout.lines().count(), 4);
    let moment = humantime::format_rfc3339(SystemTime::now() - Duration::from_secs(40)).to_string();
    assert_eq!(logs(&["--since", &moment]).stdout.lines().count(), 2);

    let by_name = logs(&["--node", "node-bbbbbbbb"]);
    assert_eq!(by_name.stdout.lines().count(), 2, "{by_name}");
    assert!(!by_name.stdout.contains("node-aaaaaaaa"), "{by_name}");
    let by_task = logs(&["--node", "0a1b2c3d", "--since", "1d", "--output", "json"]);
    let documents: Vec<Value> = by_task
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect();
    assert_eq!(documents.len(), 2, "{by_task}");
    assert_eq!(documents[0]["type"], "log");
    assert_eq!(documents[0]["node"], "node-aaaaaaaa");
    assert_eq!(documents[0]["task"], TASKS[0].0);
    assert_eq!(documents[1]["line"]["message"], "first");
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let (aws, environment) = stack().await;
    let log = Writer::new(&aws).await;
    log.say(0, 1_000, "ready").await;
    let run = aws.deployer(&["logs", "--env", &environment, "--node", "node-cccccccc"]);
    assert_eq!(run.code, 2, "{run}");
    assert!(
        run.stderr.contains("no node `node-cccccccc`")
            && run.stderr.contains("node-aaaaaaaa, task 0a1b2c3d"),
        "{run}"
    );
    let run = aws.deployer(&["logs", "--stack", "another", "--output", "json"]);
    assert_eq!(run.code, 2, "{run}");
    assert!(run.stdout.contains("there is no stack `another`"), "{run}");
    let run = aws.deployer(&["logs", "--env", "local"]);
    assert!(
        run.code == 2 && run.stderr.contains("this environment's target is local"),
        "{run}"
    );
    let run = aws.deployer(&["logs", "--env", &environment, "--since", "yesterday"]);
    assert!(
        run.code == 2 && run.stderr.contains("expected how long ago"),
        "{run}"
    );
}

struct Follower(Child);

impl Follower {
    fn start(aws: &Emulator, environment: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deployer"));
        command.args(["logs", "--env", environment, "--follow", "--output", "json"]);
        command
            .current_dir(crate::project())
            .envs(aws.environment());
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        Self(child.expect("the binary runs"))
    }
}

#[tokio::test]
async fn following_loses_and_doubles_nothing() {
    const LINES: usize = 300;
    let (aws, environment) = stack().await;
    let log = Writer::new(&aws).await;
    log.say(0, 1_000, "before").await;
    let mut follower = Follower::start(&aws, &environment);
    let mut lines = BufReader::new(follower.0.stdout.take().expect("it is piped")).lines();
    let mut next = async || {
        let line = timeout(PATIENCE, lines.next_line())
            .await
            .expect("a line in time")
            .expect("it can be read");
        let line: Value = serde_json::from_str(&line.expect("it goes on")).expect("an object");
        line["line"]["message"]
            .as_str()
            .expect("a message")
            .to_owned()
    };
    assert_eq!(next().await, "before");
    // Half of them show late, as if their task had been slow to send: up to 30 s behind what was
    // shown already.
    let write = async {
        for n in 0..LINES {
            let ago = if n % 2 == 0 {
                0
            } else {
                (n as u64 * 97) % 30_000
            };
            log.say(n % 2, ago, &n.to_string()).await;
        }
    };
    let read = async {
        let mut seen = Vec::new();
        while seen.len() < LINES {
            seen.push(next().await);
        }
        seen
    };
    let ((), mut seen) = tokio::join!(write, read);
    seen.sort_by_key(|line| line.parse::<usize>().expect("a number"));
    let all: Vec<_> = (0..LINES).map(|n| n.to_string()).collect();
    assert_eq!(seen, all);
    // Two more looks show nothing twice: the next line is the next that is written.
    log.say(0, 0, "after").await;
    assert_eq!(next().await, "after");
    let pid = follower.0.id().expect("it runs").to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .expect("kill runs")
            .success()
    );
    let status = timeout(PATIENCE, follower.0.wait())
        .await
        .expect("it ends")
        .expect("it can be waited for");
    assert_eq!(status.code(), Some(130));
}

#[tokio::test]
async fn following_ends_when_nobody_reads_on() {
    let (aws, environment) = stack().await;
    let log = Writer::new(&aws).await;
    log.say(0, 1_000, "one").await;
    let mut follower = Follower::start(&aws, &environment);
    let mut lines = BufReader::new(follower.0.stdout.take().expect("it is piped")).lines();
    timeout(PATIENCE, lines.next_line())
        .await
        .expect("a line in time")
        .expect("it can be read");
    drop(lines);
    log.say(0, 0, "two").await;
    let status = timeout(PATIENCE, follower.0.wait())
        .await
        .expect("it ends")
        .expect("it can be waited for");
    assert_eq!(status.code(), Some(0));
}
